"""Nothing reaches the venue without a permit, and what reaches it says who asked, in our words only."""

import json
import time

import jwt
import pytest

from harness import raw
from harness.binance import ORDER, Key
from harness.clients import unknown, with_wrong_secret
from harness.limited import made_key, read_only_key
from harness.raw import Connection, ask, request
from harness.server import run


@pytest.fixture(scope="module")
def key(guarded):
    return Key(guarded.server.credential("binance-hmac"))


@pytest.fixture(autouse=True)
def nothing_forwarded_unless_said(guarded, request):
    """Every test here counts what the venue saw; only those marked so may have forwarded something."""
    before = len(guarded.venue.seen)
    yield
    if "forwards" not in request.node.name:
        assert guarded.venue.targets[before:] == []


def test_a_permitted_request_forwards_with_a_signed_identity(guarded, key):
    before = len(guarded.venue.seen)
    assert key.ask(guarded.server, "POST", "/api/v3/order", **ORDER, newClientOrderId="permitted").status == 200
    assert len(guarded.venue.seen) == before + 1
    headers = dict(guarded.venue.last_headers())
    token = headers["countersign-identity"]
    keys = json.loads(ask(guarded.server, "GET", "/.well-known/jwks.json").body)
    algorithm = jwt.get_unverified_header(token)["alg"]
    verifying = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, verifying.key, algorithms=[algorithm], audience="venue")
    assert algorithm in ("EdDSA", "ES256")
    assert claims["exp"] - claims["iat"] <= 300
    assert "order:write" in (claims["scope"].split() if isinstance(claims.get("scope"), str) else claims.get("scopes", []))
    assert key.api_key in json.dumps(claims)


def test_an_order_that_forwards_tells_by_which_lease_and_halts_it_passed(guarded, key):
    """An engine that compares them finds what was let through before a halt and sent after it."""

    def fence():
        assert key.ask(guarded.server, "POST", "/api/v3/order", **ORDER).status == 200
        token = dict(guarded.venue.last_headers())["countersign-identity"]
        return token, jwt.decode(token, options={"verify_signature": False})["fence"]

    def goes_on(one, other):
        # A lease that a busy machine did not renew in time is another one.
        return (one["node"], one["run"]) == (other["node"], other["run"]) and 1 <= one["lease"] <= other["lease"]

    (first, before), (second, again) = fence(), fence()
    assert goes_on(before, again) and before["epoch"] == again["epoch"]
    halted = run("halt", "--scope", "account:somebody-else", "--reason", "limit", "--json", "--state", guarded.server.state)
    assert halted.returncode == 0, halted.stderr
    third, after = fence()
    assert goes_on(again, after) and after["epoch"] == json.loads(halted.stdout)["epoch"] > before["epoch"]
    assert third not in (first, second)


def test_the_signed_bytes_forwards_unchanged(guarded, key):
    sent = key.bytes(guarded.server, "POST", "/api/v3/order", **ORDER, newClientOrderId="bytes%C3%A4")
    assert raw.exchange(guarded.server, sent).status == 200
    target = sent.split(b" ")[1].decode()
    assert guarded.venue.targets[-1] == f"POST {target}"


SPOOFED = [
    ("Countersign-Identity", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."),
    ("countersign-identity", "root"),
    ("COUNTERSIGN-SESSION", "root"),
    ("Countersign_Identity", "root"),
    ("X-Countersign-Identity", "root"),
]


@pytest.mark.parametrize("name,value", SPOOFED)
@pytest.mark.parametrize("connection", [None, "close, Countersign-Identity", "Countersign-Identity"])
def test_forwards_no_identity_header_of_the_client(guarded, key, name, value, connection):
    extra = [(name, value)] + ([("Connection", connection)] if connection else [])
    sent = key.bytes(guarded.server, "POST", "/api/v3/order", extra_headers=extra, **ORDER, newClientOrderId=f"s{abs(hash((name, connection)))}")
    assert raw.exchange(guarded.server, sent).status == 200
    identities = [each for header, each in guarded.venue.last_headers() if header.replace("_", "-") == "countersign-identity"]
    assert len(identities) == 1 and identities[0].count(".") == 2
    assert value not in identities
    assert not any(header.replace("_", "-").startswith("countersign-") and each == value for header, each in guarded.venue.last_headers())


def test_forwards_no_hop_by_hop_header(guarded):
    hop = [("Connection", "keep-alive, X-Secret"), ("X-Secret", "a"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"), ("Proxy-Authorization", "Basic YTpi")]
    assert raw.exchange(guarded.server, request(guarded.server, "GET", "/open?hop", hop)).status == 200
    names = {name for name, _ in guarded.venue.last_headers()}
    assert names.isdisjoint({"x-secret", "keep-alive", "te", "proxy-authorization"})


def test_a_public_route_forwards_without_a_claimed_identity(guarded):
    assert ask(guarded.server, "GET", "/open?spoof", [("Countersign-Identity", "root")]).status == 200
    assert all(value != "root" for _, value in guarded.venue.last_headers())


def test_without_a_key_nothing_passes(guarded):
    assert ask(guarded.server, "POST", "/api/v3/order?symbol=BTCUSDT").status in (400, 401)
    assert ask(guarded.server, "GET", "/api/v3/account").status in (400, 401)


def test_with_a_wrong_secret_nothing_passes(guarded):
    wrong = Key(with_wrong_secret(guarded.server.credential("binance-hmac")))
    assert wrong.ask(guarded.server, "POST", "/api/v3/order", **ORDER).status in (400, 401)


def test_with_an_unknown_key_nothing_passes(guarded):
    stranger = Key(unknown(guarded.server.credential("binance-hmac")))
    assert stranger.ask(guarded.server, "POST", "/api/v3/order", **ORDER).status in (400, 401)


def test_without_the_scope_nothing_passes(guarded):
    reader = Key(read_only_key(guarded.server))
    assert reader.ask(guarded.server, "POST", "/api/v3/order", **ORDER).status in (401, 403)


def test_from_an_address_that_is_not_allowed_nothing_passes(guarded):
    elsewhere = Key(made_key(guarded.server, "--scopes", "order:write", "--ip", "192.0.2.0/24"))
    assert elsewhere.ask(guarded.server, "POST", "/api/v3/order", **ORDER).status in (401, 403)


def test_an_expired_key_passes_nothing_that_forwards(guarded):
    short = Key(made_key(guarded.server, "--scopes", "order:write", "--expires", "2s", "--orders-per-10s", "100000"))
    deadline = time.monotonic() + 60
    while short.ask(guarded.server, "POST", "/api/v3/order", **ORDER, newClientOrderId=f"expiry{time.monotonic_ns()}").status == 200:
        assert time.monotonic() < deadline, "still accepted after its end"
    before = len(guarded.venue.seen)
    assert short.ask(guarded.server, "POST", "/api/v3/order", **ORDER).status in (401, 403)
    assert len(guarded.venue.seen) == before


TAMPERED = {
    "a parameter": lambda sent: sent.replace(b"quantity=0.01", b"quantity=9.01"),
    "a parameter more": lambda sent: sent.replace(b"&signature", b"&icebergQty=1&signature"),
    "a parameter twice": lambda sent: sent.replace(b"&signature", b"&symbol=ETHUSDT&signature"),
    "two signatures": lambda sent: sent.replace(b" HTTP/1.1", b"&signature=" + b"0" * 64 + b" HTTP/1.1"),
    "the key twice": lambda sent: sent.replace(b"X-MBX-APIKEY", b"X-MBX-APIKEY: other\r\nX-MBX-APIKEY"),
    "the signature in the wrong case and one digit": lambda sent: sent[: sent.index(b" HTTP")][:-1] + b"g" + sent[sent.index(b" HTTP") :],
    "a body": lambda sent: sent.replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 12\r\n\r\nquantity=9.0"),
    "the order of parameters": lambda sent: sent.replace(b"side=BUY&type=LIMIT", b"type=LIMIT&side=BUY"),
    "an encoding": lambda sent: sent.replace(b"side=BUY", b"side=%42UY"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_signed_request_with_another_byte_is_refused(guarded, key, what):
    sent = key.bytes(guarded.server, "POST", "/api/v3/order", **ORDER)
    changed = TAMPERED[what](sent)
    assert changed != sent
    assert raw.exchange(guarded.server, changed).status in (400, 401)


SPELLINGS = """
//api/v3/order /api//v3/order /api/v3//order /api/v3/order/ /api/v3/order// /./api/v3/order /api/./v3/order /api/v3/./order
/api/v3/order/. /api/v3/x/../order /api/v3/order/../order /../api/v3/order /api/v3/account/../order /open/../api/v3/order
/open/..;/api/v3/order /open/..%2fapi/v3/order /open%2f..%2fapi%2fv3%2forder /api/v3/%6frder /api/v3/%6Frder /%61pi/v3/order
/api%2fv3%2forder /api%2Fv3/order /api/v3%2forder /api/v3/orde%72 /api/v3/order%00 /api/v3/order%20 /api/v3/order%09 /api/v3/order%0a
/api/v3/order%0d%0a /api/v3/order%23 /api/v3/order%3f /api/v3/order%3fx=1 /api/v3/order; /api/v3/order;a=b /api/v3;/order
/api/v3/order;/../../open /;/api/v3/order /api/v3/ORDER /API/v3/order /api/V3/order /Api/V3/Order /api/v3/order.json /api/v3/order.html
/api/v3/order~ /api/v3/order* /api/v3/order$ /api/v3/order\\ /api\\v3\\order \\api\\v3\\order /api/v3\\order /api/v3/%252e%252e/order
/%2e/api/v3/order /%2e%2e/api/v3/order /api/%2e/v3/order /api/v3/%2e%2e/v3/order /api/v3/%c0%ae%c0%ae/order /api/v3/%c0%af/order
/api/v3/%ef%bc%8forder /api/v3/order%ef%bc%8f /api/v3/%u006frder /api/v3/+order /api/v3/order+ /api/v3/order%2f /api/v3/order/%2e /api/v3/order%5c
""".split()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_spelling_of_a_path_is_another_path(guarded, spelling):
    """Neither without a key nor with one that may only read: nobody reaches the order route by spelling it differently."""
    with Connection(guarded.server) as connection:
        connection.send(request(guarded.server, "POST", spelling))
        assert connection.answer().status in (400, 401, 404, 405)


def test_another_method_on_a_route_is_refused(guarded, key):
    for method in ("GET", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"):
        with Connection(guarded.server) as connection:
            connection.send(key.bytes(guarded.server, method, "/api/v3/order", **ORDER))
            assert int(connection.read_until(b"\r\n").split(b" ")[1]) in (400, 401, 404, 405, 501), method


def test_a_method_override_header_changes_nothing(guarded):
    reader = Key(read_only_key(guarded.server))
    for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X-Original-URL", "X-Rewrite-URL"):
        sent = reader.bytes(guarded.server, "GET", "/api/v3/order", extra_headers=[(name, "POST" if "ethod" in name else "/open")])
        assert raw.exchange(guarded.server, sent).status in (400, 401, 403, 404, 405)


def test_the_identity_keys_hold_no_private_part(guarded):
    keys = json.loads(ask(guarded.server, "GET", "/.well-known/jwks.json").body)["keys"]
    assert keys
    for each in keys:
        assert set(each).isdisjoint({"d", "p", "q", "dp", "dq", "qi", "k"})
