"""Envoy's own binary with the documented configuration, asking over HTTP and over gRPC."""

import json

import jwt
import pytest

from harness import raw
from harness.authz import AuthzServer
from harness.binance import ORDER, Key, code
from harness.clients import with_wrong_secret
from harness.envoy import Envoy
from harness.limited import made_key, read_only_key
from harness.venue import CountingVenue

FORGED = [
    ("Countersign-Identity", "forged"),
    ("X-Countersign-Account", "forged"),
    ("x-countersign-key-id", "forged"),
    ("X-Countersign-Scopes", "forged"),
]


@pytest.fixture(scope="module")
def venue():
    with CountingVenue() as counting:
        yield counting


@pytest.fixture(scope="module")
def server(tmp_path_factory, venue):
    with AuthzServer(tmp_path_factory.mktemp("authz"), venue.port, 'envoy_bodies = "passed-on"') as running:
        yield running


@pytest.fixture(scope="module", params=["http", "grpc"])
def envoy(request, tmp_path_factory, server, venue):
    with Envoy(tmp_path_factory.mktemp(f"envoy-{request.param}"), server, server.authz_port, venue.port, request.param) as running:
        yield running


@pytest.fixture(scope="module")
def key(server):
    return Key(server.credential("binance-hmac"))


def seen_by(venue, ask_for):
    """What one request was answered, and what the venue saw of it."""
    before = len(venue.seen)
    answer = ask_for()
    return answer, venue.seen[before:]


def form(envoy, key, body, framing=None):
    """An order with its parameters in the body."""
    framing = [("Content-Length", str(len(body)))] if framing is None else framing
    headers = [("X-MBX-APIKEY", key.api_key), ("Content-Type", "application/x-www-form-urlencoded"), *framing]
    lines = ["POST /api/v3/order HTTP/1.1", f"Host: 127.0.0.1:{envoy.port}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_a_signed_request_passes_with_its_identity(envoy, venue, server, key):
    answer, seen = seen_by(venue, lambda: key.ask(envoy, "GET", "/api/v3/account"))
    assert answer.status == 200, (answer.body, envoy.said())
    [(method, target, headers, _)] = seen
    headers = {name.lower(): value for name, value in headers}
    assert method == "GET" and target.startswith("/api/v3/account?")
    assert headers["x-countersign-account"] == "demo" and headers["x-countersign-key-id"] == key.api_key
    keys = json.loads(raw.ask(server, "GET", "/.well-known/jwks.json").body)
    token = headers["countersign-identity"]
    verifying = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, verifying.key, algorithms=["EdDSA"], audience="venue")
    assert (claims["sub"], claims["client_id"]) == ("demo", key.api_key)


@pytest.mark.parametrize("path", ["/api/v3/account", "/api/v3/time"])
def test_no_identity_of_the_client_passes(envoy, venue, key, path):
    answer, [(_, _, headers, _)] = seen_by(venue, lambda: raw.exchange(envoy, key.bytes(envoy, "GET", path, extra_headers=FORGED)))
    assert answer.status == 200
    assert [(name, value) for name, value in headers if value == "forged"] == []


def test_an_order_passes_once(envoy, venue, key):
    order = key.bytes(envoy, "POST", "/api/v3/order", **ORDER, newClientOrderId=f"by-envoy-{envoy.port}")
    first, seen = seen_by(venue, lambda: raw.exchange(envoy, order))
    assert first.status == 200 and len(seen) == 1, first.body
    again, seen = seen_by(venue, lambda: raw.exchange(envoy, order))
    assert (again.status, code(again), seen) == (400, -1021, [])


def test_a_signed_body_passes_whole_and_no_other(envoy, venue, key):
    body = key.signed(**ORDER, newClientOrderId=f"in-the-body-{envoy.port}").encode()
    changed = body.replace(b"BUY", b"buy")
    answer, seen = seen_by(venue, lambda: raw.exchange(envoy, form(envoy, key, changed) + changed))
    assert (answer.status, code(answer), seen) == (400, -1022, [])
    answer, seen = seen_by(venue, lambda: raw.exchange(envoy, form(envoy, key, body) + body))
    assert answer.status == 200, answer.body
    assert [received for _, _, _, received in seen] == [body]


def test_a_signed_body_in_chunks_is_verified_as_it_came(envoy, venue, key):
    body = key.signed(**ORDER, newClientOrderId=f"in-chunks-{envoy.port}").encode()
    head = form(envoy, key, body, [("Transfer-Encoding", "chunked")])
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:20], body[20:])) + b"0\r\n\r\n"
    answer, seen = seen_by(venue, lambda: raw.exchange(envoy, head + chunks))
    assert answer.status == 200, answer.body
    assert [received for _, _, _, received in seen] == [body]


def test_a_bad_key_is_told_in_the_venues_words(envoy, venue, server):
    wrong = Key(with_wrong_secret(server.credential("binance-hmac")))
    answer, seen = seen_by(venue, lambda: wrong.ask(envoy, "GET", "/api/v3/account"))
    assert (answer.status, code(answer), seen) == (400, -1022, [])
    assert answer.header("content-type") == "application/json" and answer.header("countersign-correlation")


def test_it_is_passed_on_where_a_refusal_is_explained(envoy, server):
    wrong = Key(with_wrong_secret(made_key(server, "--explain")))
    link = wrong.ask(envoy, "GET", "/api/v3/account").header("countersign-explain")
    assert link.startswith(f"https://127.0.0.1:{envoy.port}/.well-known/countersign/explain/")
    assert b"WRONG: wrong-secret" in raw.ask(server, "GET", link[link.index("/.well-known") :]).body


def test_a_missing_scope_is_told_in_the_venues_words(envoy, venue, server):
    reader = Key(read_only_key(server))
    request = reader.bytes(envoy, "POST", "/api/v3/order", **ORDER)
    answer, seen = seen_by(venue, lambda: raw.exchange(envoy, request))
    assert (answer.status, code(answer), seen) == (401, -2015, [])


def test_a_path_is_decided_about_as_it_goes_on(envoy, venue, key):
    for path in ("/api/v3/../v3/account", "/api/v3//account", "/api/v3/%61ccount"):
        answer, seen = seen_by(venue, lambda: key.ask(envoy, "GET", path))
        assert answer.status in (400, 404) and seen == [], path


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_when_the_gateway_is_out_of_reach_nothing_passes(tmp_path, server, venue, key, protocol):
    with Envoy(tmp_path, server, 1, venue.port, protocol) as alone:
        answer, seen = seen_by(venue, lambda: key.ask(alone, "GET", "/api/v3/account"))
    assert (answer.status, seen) == (503, [])
