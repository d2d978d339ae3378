"""The signature doctor on requests that the gateway really refused: by the tool, and by the link in the refusal."""

import asyncio
import base64
import hashlib
import hmac
import json
import shlex
import ssl
import time

import ccxt
import pytest
import websockets

from harness import clients, raw
from harness.binance import Key, now_ms
from harness.fix import FixClient, coinbase_logon
from harness.limited import made_key
from harness.server import run

HEADER = "countersign-explain"
PATH = "/.well-known/countersign/explain/"


def explained(credential, tmp_path, request, *arguments):
    """What `countersign explain` makes of a request with the key of a credential file."""
    file = tmp_path / "credential.json"
    file.write_text(json.dumps(credential))
    done = run("explain", request, "--credential", file, "--json", *arguments)
    assert done.stdout, done.stderr
    for name in ("secret", "private_key_pem", "passphrase"):
        assert not credential.get(name) or credential[name] not in done.stdout
    report = json.loads(done.stdout)
    assert done.returncode == (1 if report["verdict"] == "wrong" else 0)
    return report


def faults(report):
    return [finding["id"] for finding in report["findings"] if finding["weight"] == "fault"]


def unsorted_query(key):
    """Sent in one order, signed in another."""
    sent = f"omitZeroBalances=true&a=1&timestamp={now_ms()}"
    return f"{sent}&signature={key.sign('&'.join(sorted(sent.split('&'))))}"


def unsorted_frame(key):
    parameters = {"symbol": "BTCUSDT", "apiKey": key.api_key, "timestamp": now_ms()}
    text = "&".join(f"{name}={value}" for name, value in parameters.items())
    return json.dumps({"id": 1, "method": "openOrders.status", "params": {**parameters, "signature": key.sign(text)}})


def socket_answer(server, frame, path="/ws-api/v3"):
    async def story():
        tls = ssl.create_default_context(cafile=server.ca)
        async with websockets.connect(f"{server.ws_base}{path}", ssl=tls, proxy=None) as connection:
            await connection.send(frame)
            return json.loads(await asyncio.wait_for(connection.recv(), 20))

    return asyncio.run(story())


def curl_of(exchange):
    """The last request of ccxt as a command line, from what ccxt says of it."""
    words = ["curl", "-X", "GET", exchange.last_request_url]
    for name, value in exchange.last_request_headers.items():
        words += ["-H", f"{name}: {value}"]
    if exchange.last_request_body:
        words += ["--data-raw", exchange.last_request_body]
    return shlex.join(words)


# The tool


def test_a_raw_request_that_was_refused(server, hmac_key, tmp_path):
    sent = raw.request(server, "GET", f"/api/v3/account?{unsorted_query(hmac_key)}", [("X-MBX-APIKEY", hmac_key.api_key)])
    assert raw.exchange(server, sent).status == 400
    (tmp_path / "request.txt").write_bytes(sent)
    report = explained(server.credential("binance-hmac"), tmp_path, tmp_path / "request.txt", "--at", now_ms())
    assert (report["input"], faults(report), report["gateway"]) == ("HTTP request", ["parameters-sorted"], "bad_signature")
    assert report["difference"]["at"] == 0


def test_a_request_of_ccxt_as_a_curl_command(server, tmp_path):
    record = server.credential("binance-hmac")
    exchange = clients.ccxt_sync(server, clients.with_wrong_secret(record))
    with pytest.raises(ccxt.AuthenticationError):
        exchange.private_get_account()
    report = explained(record, tmp_path, curl_of(exchange), "--at", now_ms())
    assert (report["input"], report["dialect"]["name"], faults(report)) == ("curl command", "binance", ["wrong-secret"])
    right = clients.ccxt_sync(server, record)
    right.private_get_account()
    report = explained(record, tmp_path, curl_of(right), "--at", now_ms())
    assert (report["verdict"], report["gateway"]) == ("correct", "accept")


def test_a_request_of_ccxt_with_a_clock_that_is_behind(server, tmp_path):
    record = server.credential("binance-hmac")
    exchange = clients.ccxt_sync(server, record, timeDifference=60_000, adjustForTimeDifference=False)
    with pytest.raises(ccxt.InvalidNonce):
        exchange.private_get_account()
    report = explained(record, tmp_path, curl_of(exchange), "--at", now_ms())
    assert faults(report) == ["clock-behind"]
    assert -120_000 < report["clock"]["skew_ms"] <= -60_000


def test_a_frame_that_was_refused(server, hmac_key, tmp_path):
    frame = unsorted_frame(hmac_key)
    assert socket_answer(server, frame)["error"]["code"] == -1022
    report = explained(server.credential("binance-hmac"), tmp_path, frame)
    assert (report["input"], faults(report)) == ("WebSocket frame", ["parameters-not-sorted"])


def fix_logon(server, credential, passphrase=None):
    """A Logon as at Coinbase, its secret used as text where bytes are wanted; the message and the Logout's Text."""
    secret = base64.b64encode(credential["secret"].encode()).decode()
    with FixClient(server, credential["api_key"], "Coinbase") as client:
        sent = coinbase_logon(client, {**credential, "secret": secret, "passphrase": passphrase or credential["passphrase"]})
        return sent.encode().decode(), client.expect("5").get(58).decode()


def test_a_logon_that_was_refused(server, tmp_path):
    credential = server.credential("coinbase-exchange")
    message, _ = fix_logon(server, credential)
    for shown in (message, message.replace("\x01", "|")):
        report = explained(credential, tmp_path, shown)
        assert (report["input"], faults(report)) == ("FIX message", ["secret-not-decoded"])


# The link


def page(server, url, accept="application/json"):
    """The explanation at a link, or at a path."""
    path = url[url.index(PATH) :]
    answer = raw.ask(server, "GET", path, [("Accept", accept)])
    assert answer.status == 200, answer.body
    assert answer.header("cache-control") == "no-store" and answer.header("x-content-type-options") == "nosniff"
    return json.loads(answer.body) if accept == "application/json" else answer.body.decode()


@pytest.fixture(scope="module")
def sandbox(server):
    """A Binance key whose refused logins are explained."""
    return made_key(server, "--explain")


@pytest.fixture(scope="module")
def silent(server):
    """A key of the same kind without the flag."""
    return made_key(server)


def ask_unsorted(server, record):
    key = Key(record)
    return raw.ask(server, "GET", f"/api/v3/account?{unsorted_query(key)}", [("X-MBX-APIKEY", key.api_key)])


def test_the_link_leads_to_what_the_tool_says(server, sandbox, tmp_path):
    key = Key(sandbox)
    sent = raw.request(server, "GET", f"/api/v3/account?{unsorted_query(key)}", [("X-MBX-APIKEY", key.api_key)])
    refused = raw.exchange(server, sent)
    assert (refused.status, json.loads(refused.body)["code"]) == (400, -1022)
    link = refused.header(HEADER)
    assert link.startswith(f"{server.base}{PATH}")
    online = page(server, link)
    assert online["refused"] == "bad_signature"
    (tmp_path / "request.txt").write_bytes(sent)
    offline = explained(sandbox, tmp_path, tmp_path / "request.txt", "--at", now_ms())
    for part in ("findings", "difference", "text", "verdict", "gateway"):
        assert online["report"][part] == offline[part], part
    text = page(server, link, accept="text/html,*/*")
    assert "WRONG: parameters-sorted" in text
    right = sent.split(b"?")[1].split(b"&signature=")[0].decode()
    for hidden in (sandbox["secret"], key.sign(right)):
        assert hidden not in text and hidden not in json.dumps(online)
    assert page(server, link) == online, "the same for as long as it is there"


def test_a_key_without_the_flag_looks_like_no_key(server, sandbox, silent):
    assert ask_unsorted(server, sandbox).header(HEADER), "another key of the same dialect has the flag"
    answers = [ask_unsorted(server, record) for record in (silent, clients.unknown(silent))]
    names = [[name for name, _ in answer.headers] for answer in answers]
    assert names[0] == names[1] and HEADER not in names[0]
    assert (answers[0].status, answers[0].body) == (answers[1].status, answers[1].body)


def test_ccxt_raises_the_same_with_the_flag_and_has_the_link(server, sandbox):
    exchange = clients.ccxt_sync(server, clients.with_wrong_secret(sandbox))
    with pytest.raises(ccxt.AuthenticationError):
        exchange.private_get_account()
    link = next(value for name, value in exchange.last_response_headers.items() if name.lower() == HEADER)
    assert faults(page(server, link)["report"]) == ["wrong-secret"]


def test_an_id_that_nobody_was_given_is_no_path(server, sandbox):
    link = ask_unsorted(server, sandbox).header(HEADER)
    path = link[link.index(PATH) :]
    other = path[:-22] + ("A" if path[-22] != "A" else "B") + path[-21:]
    nowhere = raw.ask(server, "GET", "/nowhere")
    for target in (other, PATH, path + "A", path[:-1]):
        answer = raw.ask(server, "GET", target)
        assert (answer.status, len(answer.body)) == (nowhere.status, len(nowhere.body)) == (404, len(nowhere.body))
    assert page(server, path)["report"]["verdict"] == "wrong", "guesses take nothing away"


def test_an_operator_takes_it_back_at_once(server):
    record = made_key(server, "--explain")
    link = ask_unsorted(server, record).header(HEADER)
    assert page(server, link)
    assert run("key", "explain", record["api_key"], "off", "--state", server.state).returncode == 0
    deadline = time.monotonic() + 30
    while raw.ask(server, "GET", link[link.index(PATH) :]).status != 404:
        assert time.monotonic() < deadline, "the gateway did not hear of it"
    assert ask_unsorted(server, record).header(HEADER) is None


def test_a_flood_is_not_answered_with_links(server):
    record = made_key(server, "--explain")
    start = time.time()
    answers = [ask_unsorted(server, record) for _ in range(25)]
    assert {answer.status for answer in answers} == {400}
    # Ten in each aligned minute; most often this is within one.
    minutes = int(time.time() // 60) - int(start // 60) + 1
    linked = sum(1 for answer in answers if answer.header(HEADER))
    assert 10 <= linked <= 10 * minutes
    newest = [answer.header(HEADER) for answer in answers if answer.header(HEADER)][-1]
    assert page(server, newest)


def test_a_passphrase_is_judged_only_where_the_signature_is_right(server):
    record = made_key(server, "--explain", purpose="okx")

    def ask(secret, passphrase):
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        tag = base64.b64encode(hmac.new(secret.encode(), f"{at}GET/api/v5/account/balance".encode(), hashlib.sha256).digest()).decode()
        headers = [("KEY", record["api_key"]), ("SIGN", tag), ("TIMESTAMP", at), ("PASSPHRASE", passphrase)]
        answer = raw.ask(server, "GET", "/api/v5/account/balance", [(f"OK-ACCESS-{name}", value) for name, value in headers])
        return page(server, answer.header(HEADER))

    assert faults(ask(record["secret"], "guess")["report"]) == ["passphrase-wrong"]
    guess, right = (ask("another secret", passphrase) for passphrase in ("guess", record["passphrase"]))
    assert faults(guess["report"]) == faults(right["report"]) == ["wrong-secret"]
    assert record["passphrase"] not in json.dumps(right)


def test_a_frame_has_the_link_as_its_last_member(server, sandbox, silent):
    answer = socket_answer(server, unsorted_frame(Key(sandbox)))
    assert answer["error"]["code"] == -1022 and list(answer)[-1] == "countersign_explain"
    assert faults(page(server, answer["countersign_explain"])["report"]) == ["parameters-not-sorted"]
    assert "countersign_explain" not in socket_answer(server, unsorted_frame(Key(silent)))


def test_a_login_of_a_socket_has_the_link(server):
    record = made_key(server, "--explain", purpose="okx")
    at = str(int(time.time()))
    tag = base64.b64encode(hmac.new(record["secret"].encode(), f"{at}GET/users/self/verify/".encode(), hashlib.sha256).digest()).decode()
    login = {"apiKey": record["api_key"], "passphrase": record["passphrase"], "timestamp": at, "sign": tag}
    answer = socket_answer(server, json.dumps({"op": "login", "args": [login]}), "/ws/v5/private")
    assert answer["event"] == "error", answer
    report = page(server, answer["countersign_explain"])["report"]
    assert report["verdict"] == "wrong" and report["dialect"]["name"] == "okx"


def test_a_logon_has_the_path_in_its_text(server):
    record = made_key(server, "--explain", purpose="coinbase-exchange")
    _, text = fix_logon(server, record)
    assert f" See {PATH}" in text
    assert faults(page(server, text.split("See ")[1])["report"]) == ["secret-not-decoded"]
    plain = made_key(server, purpose="coinbase-exchange")
    assert PATH not in fix_logon(server, plain)[1]
