"""Tokens: Authlib gets them, PyJWT verifies them, and nobody uses them who may not."""

import asyncio
import contextlib
import hashlib
import json
import os
import sqlite3
import ssl
import subprocess
import threading
import time

import jwt
import pytest
import websockets
import websockets.sync.server
from authlib.integrations.base_client.errors import OAuthError
from websockets.exceptions import ConnectionClosed, InvalidStatus

from harness.server import BINARY, Server, environment, run
from harness.tokens import ACCESS_TOKEN, JWT_BEARER, TOKEN_EXCHANGE, DpopKey, TokenClient, b64

TICKER = "/native/v1/ticker?sym=BTCUSDT"
ORDERS = "/native/v1/orders"
SECONDS = 60


@pytest.fixture(params=["EdDSA", "ES256"])
def client(server, request):
    return TokenClient(server, key=DpopKey(request.param))


@pytest.fixture
def owner(server):
    return TokenClient(server, key=DpopKey())


def refused(call):
    """The code that Authlib raises."""
    with pytest.raises(OAuthError) as caught:
        call()
    return caught.value.error


def audited(server, event, sid):
    """How many records of this event name the session; waits for the first, because records are written a moment later."""
    deadline = time.monotonic() + SECONDS
    while True:
        lines = run("audit", "--state", server.state, "--event", event, "--json").stdout.splitlines()
        count = [json.loads(line).get("session") for line in lines].count(sid)
        if count or time.monotonic() > deadline:
            return count


def test_authlib_gets_a_token_that_pyjwt_verifies_by_the_published_keys(server, client):
    token = client.fetch("md:read order:read")
    assert token["token_type"] == "DPoP" and token["expires_in"] == 300 and token["scope"].split() == ["md:read", "order:read"]
    metadata = client.session.request("GET", f"{client.issuer}/.well-known/oauth-authorization-server", withhold_token=True).json()
    keys = jwt.PyJWKClient(metadata["jwks_uri"], ssl_context=ssl.create_default_context(cafile=server.ca))
    text = token["access_token"]
    claims = jwt.decode(text, keys.get_signing_key_from_jwt(text).key, algorithms=["EdDSA"], audience=client.issuer, issuer=metadata["issuer"])
    assert jwt.get_unverified_header(text)["typ"] == "at+jwt"
    assert claims["cnf"] == {"jkt": client.key.thumbprint}
    assert claims["client_id"] == client.record["kid"] and claims["scope"] == "md:read order:read"
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(text, keys.get_signing_key_from_jwt(text).key, algorithms=["EdDSA"], audience="https://other")


def test_the_token_trades_on_our_routes_and_says_who_it_is(client):
    token = client.fetch("md:read order:read")["access_token"]
    answer = client.get(TICKER, token)
    assert answer.status_code == 200, answer.text
    assert client.get(ORDERS, token).status_code == 200
    url = f"{client.issuer}{ORDERS}"
    placed = client.session.request("POST", url, json={}, headers=client.key.headers("POST", url, token), withhold_token=True)
    assert placed.status_code == 403 and placed.json()["error"]["code"] == "scope.denied"


def test_a_stolen_token_is_refused(client):
    token = client.fetch()["access_token"]
    url = f"{client.issuer}/native/v1/ticker"
    thief = DpopKey()
    used = client.key.headers("GET", url, token)
    get = lambda headers: client.session.request("GET", f"{client.issuer}{TICKER}", headers=headers, withhold_token=True)
    assert get(used).status_code == 200
    assert get(used).status_code == 400, "a proof is used once"
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"DPoP {token}"},
        thief.headers("GET", url, token),
        {**client.key.headers("GET", url, token), "Authorization": f"Bearer {token}"},
        {"Authorization": f"DPoP {token}", "DPoP": client.key.proof("GET", url)},
        {"Authorization": f"DPoP {token}", "DPoP": client.key.proof("POST", url, token)},
        {"Authorization": f"DPoP {token}", "DPoP": client.key.proof("GET", "https://other/native/v1/ticker", token)},
        {"Authorization": f"DPoP {token}", "DPoP": client.key.proof("GET", url, token, iat=int(time.time()) - 120)},
    ):
        answer = get(headers)
        assert answer.status_code in (400, 401) and answer.json()["error"]["code"] in ("auth.failed", "time.stale"), headers
        assert token not in answer.text


def test_a_refresh_token_is_replaced_and_its_second_use_kills_the_family(server, owner):
    first = owner.fetch("md:read offline_access")
    second = owner.refresh(first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    again = owner.refresh(first["refresh_token"])
    assert again["refresh_token"] == second["refresh_token"], "a lost answer is given again"
    third = owner.refresh(second["refresh_token"])
    assert owner.get(TICKER, third["access_token"]).status_code == 200
    assert refused(lambda: owner.refresh(first["refresh_token"])) == "invalid_grant"
    assert refused(lambda: owner.refresh(third["refresh_token"])) == "invalid_grant"
    for token in (first, second, third):
        assert owner.get(TICKER, token["access_token"]).status_code == 401
    sid = jwt.decode(first["access_token"], options={"verify_signature": False})["sid"]
    assert audited(server, "token_reuse", sid) == 1


def test_of_parallel_refreshes_there_is_one_successor(server, owner):
    first = owner.fetch("md:read offline_access")
    answers = []

    def ask():
        other = TokenClient(server, key=owner.key)
        answers.append(other.refresh(first["refresh_token"])["refresh_token"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 and len(set(answers)) == 1


def test_a_stolen_refresh_token_is_worth_nothing_and_ends_nothing(server, owner):
    first = owner.fetch("md:read offline_access")
    second = owner.refresh(first["refresh_token"])
    thief = TokenClient(server, key=DpopKey())
    for token in (first, second):
        answer = thief.post(grant_type="refresh_token", refresh_token=token["refresh_token"], headers=thief.proof())
        assert answer.status_code == 400 and answer.json()["error"] == "invalid_grant"
    assert owner.refresh(second["refresh_token"])["access_token"]


def test_a_family_survives_a_restart_and_so_does_its_end(tmp_path):
    server = Server(tmp_path / "state", "--set", "tokens.issuer=https://gateway.example")
    with server:
        owner = TokenClient(server, key=DpopKey())
        kept, ended = owner.fetch("md:read offline_access"), owner.fetch("md:read offline_access")
        owner.revoke(ended["refresh_token"])
        access = ended["access_token"]
    with server:
        again = TokenClient(server, record=owner.record, key=owner.key)
        assert again.refresh(kept["refresh_token"])["access_token"]
        assert refused(lambda: again.refresh(ended["refresh_token"])) == "invalid_grant"
        assert again.get(TICKER, access).status_code == 401


def test_an_exchange_hands_less_to_another_process(server, owner):
    full = owner.fetch("md:read order:read")["access_token"]
    other = DpopKey()
    form = dict(grant_type=TOKEN_EXCHANGE, subject_token=full, subject_token_type=ACCESS_TOKEN)
    answer = owner.post(**form, scope="md:read", dpop_jkt=other.thumbprint, headers=owner.proof())
    assert answer.status_code == 200 and answer.json()["issued_token_type"] == ACCESS_TOKEN
    narrow = answer.json()["access_token"]
    assert owner.get(TICKER, narrow, key=other).status_code == 200
    assert owner.get(ORDERS, narrow, key=other).status_code == 403
    assert owner.get(TICKER, narrow).status_code == 401
    for changed, error in (({"scope": "order:write"}, "invalid_scope"), ({"audience": "https://evil"}, "invalid_target")):
        answer = owner.post(**{**form, **changed}, headers=owner.proof())
        assert (answer.status_code, answer.json()["error"]) == (400, error)
    sid = jwt.decode(full, options={"verify_signature": False})["sid"]
    done = run("token", "revoke", "--state", server.state, sid)
    assert done.returncode == 1 and "nobody has" in done.stderr, "no list has a session without a refresh token"
    assert owner.get(TICKER, narrow, key=other).status_code == 401, "it is revoked all the same, and of the same session"


def test_what_was_exchanged_ends_with_the_token_it_came_from(owner):
    """Also where another process exchanged it again. The session goes on: it is one token that ends."""
    other, third = DpopKey(), DpopKey()

    def exchanged(token, holder, to):
        form = dict(grant_type=TOKEN_EXCHANGE, subject_token=token, subject_token_type=ACCESS_TOKEN, dpop_jkt=to.thumbprint)
        answer = owner.post(**form, headers={"DPoP": holder.proof("POST", owner.url)})
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    family = owner.fetch("md:read offline_access")
    child = exchanged(family["access_token"], owner.key, other)
    grandchild = exchanged(child, other, third)
    assert owner.get(TICKER, grandchild, key=third).status_code == 200
    owner.revoke(family["access_token"])
    assert [owner.get(TICKER, child, key=other).status_code, owner.get(TICKER, grandchild, key=third).status_code] == [401, 401]
    assert owner.get(TICKER, owner.refresh(family["refresh_token"])["access_token"]).status_code == 200


def test_a_client_certificate_binds_tokens_without_dpop(server):
    certificate = str(server.state / "demo" / "client-certificate.pem")
    owner = TokenClient(server, certificate=certificate)
    token = owner.fetch("md:read")
    assert token["token_type"] == "Bearer"
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    der = ssl.PEM_cert_to_DER_cert(certificate_of(certificate))
    assert claims["cnf"] == {"x5t#S256": b64(hashlib.sha256(der).digest())}
    assert owner.session.get(f"{owner.issuer}{TICKER}").status_code == 200, "Authlib shows it by itself"
    without = TokenClient(server)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert without.session.request("GET", f"{owner.issuer}{TICKER}", headers=headers, withhold_token=True).status_code == 401


@pytest.mark.parametrize("page", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
def test_a_page_of_another_origin_cannot_use_a_client_certificate(server, page, path):
    """A form is a request that a browser sends for any page, with the certificate of whoever looks at it."""
    owner = TokenClient(server, certificate=str(server.state / "demo" / "client-certificate.pem"))
    form = {"grant_type": "client_credentials", "scope": "md:read", "token": "a.b.c"}
    answer = owner.post(path, page, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    own = {"Origin": owner.issuer, "Sec-Fetch-Site": "same-origin"}
    assert owner.post(path, own, **form).status_code == 200


def certificate_of(path):
    text = open(path).read()
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return text[text.index(begin) : text.index(end) + len(end)]


def test_introspection_and_revocation_by_authlib(server, owner):
    token = owner.fetch("md:read offline_access")
    told = owner.introspect(token["access_token"])
    assert told["active"] is True and told["scope"] == "md:read" and told["cnf"] == {"jkt": owner.key.thumbprint}
    assert owner.introspect(token["refresh_token"])["active"] is True
    assert owner.introspect("nonsense") == {"active": False}
    assert owner.revoke(token["access_token"]).status_code == 200
    assert owner.introspect(token["access_token"]) == {"active": False}
    assert owner.get(TICKER, token["access_token"]).status_code == 401
    fresh = owner.refresh(token["refresh_token"])
    assert owner.revoke(fresh["refresh_token"]).status_code == 200
    assert owner.get(TICKER, fresh["access_token"]).status_code == 401
    assert refused(lambda: owner.refresh(fresh["refresh_token"])) == "invalid_grant"
    assert owner.revoke("nonsense").status_code == 200
    stranger = owner.post("/introspect", token=fresh["access_token"])
    assert (stranger.status_code, stranger.json()["error"]) == (401, "invalid_client")


FORGED = [
    ("none", dict(algorithm="none", key=None)),
    ("HS256 under the key's name", dict(algorithm="HS256", key="0" * 64)),
    ("a key of ours that is not registered", dict(algorithm="EdDSA", key=DpopKey().private)),
    ("another algorithm", dict(algorithm="ES256", key=DpopKey("ES256").private)),
    ("a key elsewhere", dict(header={"jku": "http://127.0.0.1:9/jwks.json"})),
    ("a certificate elsewhere", dict(header={"x5u": "http://127.0.0.1:9/x.pem"})),
    ("its own key", dict(algorithm="EdDSA", key=DpopKey().private, header={"jwk": DpopKey().jwk})),
    ("for another server", dict(aud="https://other/token")),
    ("for two servers", dict(aud=["https://other", "https://another"])),
    ("by one about another", dict(iss="somebody")),
    ("an unknown key", dict(iss="nobody", sub="nobody")),
    ("expired", dict(exp=1)),
    ("old", dict(iat=int(time.time()) - 4_000)),
    ("of the future", dict(iat=int(time.time()) + 4_000)),
    ("not yet", dict(nbf=int(time.time()) + 4_000)),
    ("an end that is a text", dict(exp="tomorrow", iat=None)),
    ("an end that no calendar has", dict(exp=1e18)),
    ("an end beyond time", dict(exp=10**18, iat=None)),
]


@pytest.mark.parametrize("name,changed", FORGED, ids=[name for name, _ in FORGED])
def test_a_forged_assertion_is_an_invalid_grant(owner, name, changed):
    if changed.get("algorithm") == "none":
        text = jwt.api_jws.encode(json.dumps({"iss": owner.record["kid"], "sub": owner.record["kid"], "aud": owner.url, "exp": 2**31}).encode(), None, "none")
    else:
        try:
            text = owner.assertion(**changed)
        except TypeError:
            # The library refuses to write what we are to refuse to read.
            text = jwt.api_jws.encode(json.dumps({"iss": owner.record["kid"], "sub": owner.record["kid"], "aud": owner.url, **changed}).encode(), owner.record["private_key_pem"], "EdDSA")
    answer = owner.post(grant_type=JWT_BEARER, assertion=text, headers=owner.proof())
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), answer.text
    assert answer.headers["cache-control"] == "no-store" and text not in answer.text


def test_an_assertion_is_used_once(owner):
    text = owner.assertion()
    ask = lambda: owner.post(grant_type=JWT_BEARER, assertion=text, headers=owner.proof())
    assert [ask().status_code for _ in range(3)] == [200, 400, 400]


def test_a_request_whose_proof_is_refused_does_not_use_up_the_assertion(owner):
    text = owner.assertion()
    ask = lambda proof: owner.post(grant_type=JWT_BEARER, assertion=text, headers=proof)
    elsewhere = {"DPoP": owner.key.proof("POST", "https://other/token")}
    assert [ask(proof).status_code for proof in ({}, elsewhere, owner.proof(), owner.proof())] == [400, 400, 200, 400]


def test_a_refresh_asks_for_no_other_audience(owner):
    token = owner.fetch("md:read offline_access")["refresh_token"]
    form = dict(grant_type="refresh_token", refresh_token=token)
    answer = owner.post(**form, audience="https://other", headers=owner.proof())
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    assert owner.post(**form, audience=owner.issuer, headers=owner.proof()).status_code == 200


def test_parameters_have_one_reading(owner):
    send = lambda body, kind="application/x-www-form-urlencoded": owner.session.request(
        "POST", owner.url, data=body, headers={"Content-Type": kind}, withhold_token=True
    )
    for answer in (
        send("grant_type=client_credentials&grant_type=password"),
        send('{"grant_type":"client_credentials"}', "application/json"),
        send("grant_type=client_credentials&scope=%ff"),
        send("x=" + "a" * 20_000),
        owner.post(grant_type=JWT_BEARER, assertion=owner.assertion(), headers={**owner.proof(), "Content-Encoding": "gzip"}),
        send(""),
    ):
        assert answer.status_code in (400, 413) and answer.json()["error"] == "invalid_request", answer.text
    assert send("grant_type=password&username=a&password=b").json()["error"] == "unsupported_grant_type"
    assert owner.session.request("GET", owner.url, withhold_token=True).status_code == 405


def test_a_store_that_is_out_of_reach_is_never_a_bad_client(tmp_path):
    with Server(tmp_path / "state") as server:
        owner = TokenClient(server, key=DpopKey())
        token = owner.fetch("md:read offline_access")
        with contextlib.closing(sqlite3.connect(server.state / "countersign.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            form = dict(grant_type="refresh_token", refresh_token=token["refresh_token"])
            answer = owner.post(**form, headers=owner.proof())
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
            database.execute("ROLLBACK")
        answer = owner.post(**form, headers=owner.proof())
        assert answer.status_code == 200, "nothing was spent"


def test_without_token_endpoints_there_are_none(tmp_path):
    with Server(tmp_path / "state", "--set", "tokens.enabled=false") as server:
        owner = TokenClient(server, key=DpopKey())
        for path in ("/token", "/introspect", "/revoke"):
            assert owner.post(path).status_code == 404
        assert owner.session.request("GET", f"{owner.issuer}/.well-known/oauth-authorization-server", withhold_token=True).status_code == 404


def test_no_upstream_sees_a_token_of_ours(guarded):
    owner = TokenClient(guarded.server, key=DpopKey())
    token = owner.fetch()["access_token"]
    url = f"{owner.issuer}/open"
    for extra in ({}, {"Transfer-Encoding": "chunked"}):
        body = iter([b"x"]) if extra else b"x"
        answer = owner.session.request("POST", url, data=body, headers=owner.key.headers("POST", url, token), withhold_token=True)
        assert answer.status_code == 200
        assert {"authorization", "dpop"}.isdisjoint(name for name, _ in guarded.venue.last_headers())
    theirs = owner.session.request("GET", url, headers={"Authorization": "Bearer of-somebody-else"}, withhold_token=True)
    assert theirs.status_code == 200 and ("authorization", "Bearer of-somebody-else") in guarded.venue.last_headers()


def test_an_operator_lists_and_ends_tokens(server, owner):
    token = owner.fetch("md:read offline_access")
    sid = jwt.decode(token["access_token"], options={"verify_signature": False})["sid"]
    listed = json.loads(run("token", "list", "--state", server.state, "--json").stdout)
    assert [each["bound_to"] for each in listed if each["sid"] == sid] == ["key"]
    assert token["refresh_token"] not in json.dumps(listed)
    ended = run("token", "revoke", "--state", server.state, "--key", owner.record["kid"])
    assert ended.returncode == 0 and "revoked" in ended.stdout
    assert owner.get(TICKER, token["access_token"]).status_code == 401
    assert sid not in run("token", "list", "--state", server.state).stdout
    assert sid in run("token", "list", "--state", server.state, "--all").stdout
    assert owner.fetch()["access_token"], "the key itself goes on"
    assert run("session", "list", "--state", server.state, "--json").returncode == 0
    assert run("session", "kill", "--state", server.state, "A" * 22).returncode == 1


@pytest.fixture(scope="module")
def streaming(tmp_path_factory):
    """A gateway whose one relay leads to a WebSocket server that says who came and echoes."""

    def serve(connection):
        connection.send(json.dumps(sorted(name.lower() for name in connection.request.headers.keys())))
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                connection.send(message)

    upstream = websockets.sync.server.serve(serve, "127.0.0.1", 0)
    thread = threading.Thread(target=upstream.serve_forever, daemon=True)
    thread.start()
    folder = tmp_path_factory.mktemp("streaming")
    config = folder / "gateway.toml"
    port = upstream.socket.getsockname()[1]
    config.write_text(
        f"""
[upstream.venue]
url = "http://127.0.0.1:{port}"

[[route]]
name = "stream"
path = "/stream"
scope = "md:read"
dialect = "native"
websocket = "relay"
"""
    )
    with Server(folder / "state", config=config) as server:
        yield server
    upstream.shutdown()
    thread.join()


def streamed(client, token, story):
    """Opens the stream with a token and runs a story on it."""
    url = f"{client.issuer}/stream"
    tls = ssl.create_default_context(cafile=client.server.ca)

    async def run_story():
        headers = client.key.headers("GET", url, token)
        async with websockets.connect(url.replace("https", "wss"), ssl=tls, proxy=None, additional_headers=headers) as stream:
            return await asyncio.wait_for(story(stream), SECONDS)

    return asyncio.run(run_story())


ENDS = {
    "by its client": lambda client, token, sid: client.revoke(token["access_token"]),
    "its family, by its client": lambda client, token, sid: client.revoke(token["refresh_token"]),
    "its session, by an operator": lambda client, token, sid: run("session", "kill", "--state", client.server.state, sid),
    "its session's tokens, by an operator": lambda client, token, sid: run("token", "revoke", "--state", client.server.state, sid),
    "all of its key, by an operator": lambda client, token, sid: run("token", "revoke", "--state", client.server.state, "--key", client.record["kid"]),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_revoked_token_cuts_the_stream_that_it_opened(streaming, how):
    client, other = TokenClient(streaming, key=DpopKey()), TokenClient(streaming, key=DpopKey())
    token = client.fetch("md:read offline_access")
    sid = jwt.decode(token["access_token"], options={"verify_signature": False})["sid"]

    async def story(stream):
        headers = json.loads(await stream.recv())
        await stream.send("still here")
        assert await stream.recv() == "still here"
        began = time.monotonic()
        await asyncio.to_thread(ENDS[how], client, token, sid)
        with pytest.raises(ConnectionClosed) as closed:
            await stream.recv()
        return headers, closed.value.rcvd.code, time.monotonic() - began

    headers, code, took = streamed(client, token["access_token"], story)
    assert "authorization" not in headers and "dpop" not in headers, "the upstream never sees a token"
    assert "countersign-identity" in headers
    assert code == 1008
    assert took < (5 if os.environ.get("COUNTERSIGN_STRICT") else 60), "cut at once, not when the token ends"
    with pytest.raises(InvalidStatus) as refusal:
        streamed(client, token["access_token"], story)
    assert refusal.value.response.status_code == 401

    async def lives(stream):
        await stream.recv()
        await stream.send("x")
        return await stream.recv()

    assert streamed(other, other.fetch("md:read")["access_token"], lives) == "x", "others are not touched"


def test_no_token_is_in_logs_audit_metrics_or_database(server, owner):
    token = owner.fetch("md:read offline_access")
    again = owner.refresh(token["refresh_token"])
    owner.get(TICKER, again["access_token"])
    owner.post(grant_type="refresh_token", refresh_token=again["refresh_token"], headers=TokenClient(server, key=DpopKey()).proof())
    assertion = owner.assertion()
    owner.post(grant_type=JWT_BEARER, assertion=assertion, headers=owner.proof())
    secrets = [each[name] for each in (token, again) for name in ("access_token", "refresh_token")] + [assertion]
    run("audit", "--state", server.state)
    found = [server.logs().encode()] + [path.read_bytes() for path in server.state.rglob("*") if path.is_file()]
    for secret in secrets:
        signature = secret[-40:].encode()
        assert not any(signature in each for each in found)


def test_an_operator_ends_a_live_native_session(server):
    command = [str(BINARY), "connect", server.base, "--credential", str(server.state / "demo" / "native-ed25519.json"), "--json"]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        deadline = time.monotonic() + SECONDS
        while not (listed := json.loads(run("session", "list", "--state", server.state, "--json").stdout)):
            assert time.monotonic() < deadline and client.poll() is None, client.stderr.read()
        sid = listed[0]["sid"]
        assert json.loads(run("session", "show", "--state", server.state, sid, "--json").stdout)["sid"] == sid
        killed = run("session", "kill", "--state", server.state, sid)
        assert killed.returncode == 0 and "is ended" in killed.stdout, killed.stderr
        # Its input stays open: nothing ends the client but the gateway.
        client.wait(SECONDS)
        while json.loads(run("session", "list", "--state", server.state, "--json").stdout):
            assert time.monotonic() < deadline, "the session is still there"
    finally:
        client.kill()
        client.wait()
    assert audited(server, "session_kill", sid) == 1
