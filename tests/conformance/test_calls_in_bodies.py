"""Deribit's JSON-RPC at one path: `POST /api/v2` with the method in the body, as NautilusTrader sends it."""

import hashlib
import hmac
import json
import secrets
import time

import pytest

from harness.authz import AuthzServer
from harness.limited import made_key
from harness.raw import ask
from harness.venue import CountingVenue
from harness.waiting import until

ENDPOINT = "/api/v2"
JSON = ("Content-Type", "application/json")
ORDER = {"instrument_name": "BTC_USDT", "amount": 0.01, "type": "limit", "price": 1000}


@pytest.fixture(scope="module")
def server(gateway):
    return gateway.server


@pytest.fixture(scope="module")
def key(server):
    return server.credential("deribit-hmac")


def body_of(method, params=None):
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}}).encode()


def signed(key, body, verb="POST", target=ENDPOINT):
    now, nonce = int(time.time() * 1000), secrets.token_hex(8)
    text = f"{now}\n{nonce}\n{verb}\n{target}\n".encode() + body + b"\n"
    tag = hmac.new(key["secret"].encode(), text, hashlib.sha256).hexdigest()
    return ("Authorization", f"deri-hmac-sha256 id={key['api_key']},ts={now},sig={tag},nonce={nonce}")


def sent(server, headers, body, target=ENDPOINT, verb="POST"):
    answer = ask(server, verb, target, headers, body)
    return answer.status, json.loads(answer.body)


def call(server, key, method, params=None):
    body = body_of(method, params)
    return sent(server, [JSON, signed(key, body)] if key else [JSON], body)


def code(answer):
    status, reply = answer
    assert reply["id"] == 7, reply
    return status, reply["error"]["code"]


def test_orders_are_placed_read_and_cancelled(server, key):
    status, placed = call(server, key, "private/buy", ORDER)
    assert (status, placed["id"], placed["result"]["order"]["order_state"]) == (200, 7, "open"), placed
    order = placed["result"]["order"]["order_id"]
    status, listed = call(server, key, "private/get_open_orders")
    assert status == 200 and order in [each["order_id"] for each in listed["result"]], listed
    status, cancelled = call(server, key, "private/cancel", {"order_id": order})
    assert (status, cancelled["result"]["order_state"]) == (200, "cancelled"), cancelled


def test_public_methods_need_nobody_and_a_login_makes_tokens(server, key):
    status, ticker = call(server, None, "public/ticker", {"instrument_name": "BTC_USDT"})
    assert (status, ticker["id"], ticker["result"]["instrument_name"]) == (200, 7, "BTC_USDT"), ticker
    status, hello = call(server, None, "public/hello")
    assert (status, hello["id"]) == (200, 7) and hello["result"]["version"], hello
    login = {"grant_type": "client_credentials", "client_id": key["api_key"], "client_secret": key["secret"], "scope": "account:read trade:read"}
    status, granted = call(server, None, "public/auth", login)
    assert (status, granted["id"]) == (200, 7), granted
    bearer = ("Authorization", f"Bearer {granted['result']['access_token']}")
    status, orders = sent(server, [JSON, bearer], body_of("private/get_open_orders"))
    assert (status, orders["id"]) == (200, 7), orders
    assert code(sent(server, [JSON, bearer], body_of("private/buy", ORDER))) == (400, 13021), "the token may read alone"


def test_the_scope_asked_for_is_that_of_the_method(server):
    reader = made_key(server, "--scopes", "account:read,order:read", purpose="deribit")
    assert call(server, reader, "private/get_open_orders")[0] == 200
    assert code(call(server, reader, "private/buy", ORDER)) == (400, 13021)
    assert code(call(server, reader, "private/withdraw")) == (400, 13021)


def test_orders_count_as_orders(server):
    trader = made_key(server, "--scopes", "order:read,order:write", "--orders-per-10s", "2", purpose="deribit")
    while True:
        window = time.time() // 10
        placed = [call(server, trader, "private/buy", ORDER) for _ in range(3)]
        if time.time() // 10 == window:
            break
        # A window ended meanwhile, and the one that began has orders of this round.
        until(lambda begun=window + 1: time.time() // 10 > begun)
    assert [status for status, _ in placed] == [200, 200, 429] and placed[2][1]["error"]["code"] == 10028, placed
    assert call(server, trader, "private/cancel_all")[0] == 200


def test_refusals_repeat_the_id_and_tell_nothing_of_the_key(server, key):
    wrong = {**key, "secret": "x" * 40}
    unknown = {**key, "api_key": "unknown1"}
    assert code(call(server, wrong, "private/buy", ORDER)) == code(call(server, unknown, "private/buy", ORDER)) == (400, 13009)
    assert code(sent(server, [JSON], body_of("private/buy", ORDER))) == (400, 10000)
    assert code(call(server, key, "private/create_api_key")) == (400, -32601)
    body = body_of("private/get_positions")
    header = signed(key, body)
    assert sent(server, [JSON, header], body)[0] == 200
    assert code(sent(server, [JSON, header], body)) == (400, 13009), "accepted once"
    other = signed(key, body, target="/api/v2/private/get_positions")
    assert code(sent(server, [JSON, other], body)) == (400, 13009), "signed for another path"


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":7,"method":"private/get_positions","method":"private/buy","params":{}}',
        b'{"id":7,"method":"private/get_positions","Method":"private/buy","params":{}}',
        b'{"id":7,"method":"private/get_positions","method[]":"private/buy","params":{}}',
        b'{"id":7,"method":"private/get_positions","params":{},"Params":{"method":"private/buy"}}',
        b'{"id":7,"method":["private/get_positions"],"params":{}}',
        b'[{"id":7,"method":"private/get_positions","params":{}}]',
        b'{"id":7,"method":"private/get_positions"}{"id":8,"method":"private/buy"}',
        b"method=private/buy&id=7",
        b"",
    ],
)
def test_a_body_of_two_readings_is_none(server, key, body):
    status, reply = sent(server, [JSON, signed(key, body)], body)
    assert (status, reply["error"]["code"]) == (400, -32602), reply


def test_another_place_for_a_method_or_another_type_of_body_is_refused(server, key):
    body = body_of("private/get_positions", {"currency": "USDT"})
    target = f"{ENDPOINT}?method=private/buy"
    assert code(sent(server, [JSON, signed(key, body, target=target)], body, target)) == (400, -32602)
    form = ("Content-Type", "application/x-www-form-urlencoded")
    assert sent(server, [form, signed(key, body)], body)[0] == 200, "as curl -d sends it"
    twice = body_of("private/get_positions", {"label": "&method=private/buy&x="})
    for headers in ([form], [JSON, form], [JSON, ("Content-Encoding", "gzip")]):
        assert code(sent(server, [*headers, signed(key, twice)], twice)) == (400, -32602), headers
    assert sent(server, [JSON, signed(key, twice)], twice)[0] == 200
    for verb in ("GET", "PUT", "DELETE"):
        assert sent(server, [JSON, signed(key, body, verb=verb)], body, verb=verb)[0] == 405, verb


@pytest.mark.usefixtures("lifted")
def test_a_halt_stops_orders_and_lets_cancels_and_reductions_pass(gateway, server, key):
    _, placed = call(server, key, "private/buy", ORDER)
    gateway.halt(scope="dialect:deribit", reason="market.disorder")
    assert code(call(server, key, "private/buy", ORDER)) == (503, 11051)
    assert call(server, key, "private/get_positions")[0] == 200
    # The venue may refuse it, as there is nothing to reduce; the halt does not.
    assert call(server, key, "private/sell", {**ORDER, "instrument_name": "BTC_USDT-25DEC26", "reduce_only": True})[0] != 503
    assert call(server, key, "private/cancel", {"order_id": placed["result"]["order"]["order_id"]})[0] == 200


def test_a_token_in_a_body_logs_in_and_the_venue_never_sees_it(tmp_path):
    with CountingVenue() as venue, AuthzServer(tmp_path, venue.port) as server:
        key = server.credential("deribit-hmac")
        login = {"grant_type": "client_credentials", "client_id": key["api_key"], "client_secret": key["secret"], "scope": "trade:read"}
        status, granted = sent(server, [JSON], body_of("public/auth", login))
        token = granted["result"]["access_token"]
        params = {"access_token": token, "currency": "BTC", "label": "\u00e9\\"}
        for target in (ENDPOINT, "/api/v2/private/get_open_orders"):
            assert sent(server, [JSON], body_of("private/get_open_orders", params), target)[0] == 200
            method, path, headers, body = venue.seen[-1]
            assert (method, path) == ("POST", target) and token not in str(headers) + body.decode()
            assert json.loads(body) == json.loads(body_of("private/get_open_orders", {"currency": "BTC", "label": "\u00e9\\"}))
            assert "countersign-identity" in dict(venue.last_headers())
            count = len(venue.seen)
            bearer = ("Authorization", f"Bearer {token}")
            assert code(sent(server, [JSON, bearer], body_of("private/get_open_orders", params), target)) == (400, -32602), "two proofs"
            assert len(venue.seen) == count
        for target in (ENDPOINT, "/api/v2/public/ticker"):
            assert sent(server, [JSON], body_of("public/ticker", params), target)[0] == 200
            assert token not in venue.seen[-1][3].decode(), target
        assert code(sent(server, [JSON], body_of("private/buy", params))) == (400, 13021), "the token may read alone"
        count = len(venue.seen)
        for method in ("public/ticker", "private/get_positions"):
            status, refused = sent(server, [], b"", f"/api/v2/{method}?currency=BTC&access_token={token}", "GET")
            assert (status, refused["error"]["code"]) == (400, -32602), refused
        assert len(venue.seen) == count, "tokens do not belong in URLs"
        text = json.dumps(params)
        escaped = text.replace(token[:1], f"\\u{ord(token[0]):04x}")
        for body in (
            body_of("private/get_open_orders", params),
            b"[" + body_of("public/ticker", params) + b"]",
            f'{{"id":7,"method":"public/ticker","params":{{}},"access_token":"{token}"}}'.encode(),
            f'{{"id":7,"method":"public/ticker","params":{{}},"Params":{text}}}'.encode(),
            f'{{"id":7,"method":"public/ticker","params":{{}},"more":{escaped}}}'.encode(),
            f"access_token={token}&method=private/get_open_orders".encode(),
        ):
            for target in ("/api/v2/public/ticker", ENDPOINT):
                status, _ = sent(server, [JSON], body, target)
                assert status != 200 or token not in str(venue.seen[-1]), (target, body)
                assert not any(token in str(seen) or token[1:40] in str(seen) for seen in venue.seen[count:]), (target, body)
