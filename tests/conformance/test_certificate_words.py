"""What a client is told whose certificate, which everybody needs, ended or was revoked on its open connection: the words of its venue for a
login that is not good, and of none for what failed."""

import contextlib
import json
import time

import pytest

from harness.raw import Connection, context, request
from harness.server import Server
from harness.waiting import until
from test_client_certificates import ASKS_EVERYBODY, lists_it, reload, write_list
from test_open_ends import Authority

FAMILIES = {
    "binance": ("GET /api/v3/ping", 400, {"code": -1022}),
    "bitfinex": ("GET /v2/platform/status", 500, ["error", 10100, "apikey: invalid"]),
    "bitmex": ("GET /api/v1/instrument", 401, {"error": {"message": "Signature not valid.", "name": "HTTPError"}}),
    "bybit": ("GET /v5/market/time", 200, {"retCode": 10004}),
    "coinbase": ("GET /api/v3/brokerage/time", 401, {"error": "unauthorized"}),
    "coinbase-exchange": ("GET /products", 401, {"message": "invalid signature"}),
    "deribit": ("GET /api/v2/public/get_time", 400, {"error": {"code": 13009, "message": "unauthorized"}}),
    "gate": ("GET /api/v4/spot/time", 401, {"label": "INVALID_SIGNATURE"}),
    "gemini": ("GET /v1/symbols", 400, {"reason": "InvalidSignature"}),
    "hyperliquid": ("POST /info", 200, {"status": "err", "response": "User or API Wallet does not exist."}),
    "kraken": ("GET /0/public/Time", 200, {"error": ["EAPI:Invalid key"]}),
    "kraken-futures": ("GET /derivatives/api/v3/instruments", 401, {"error": "authenticationError"}),
    "kucoin": ("GET /api/v1/timestamp", 401, {"code": "400005"}),
    "native": ("GET /native/v1/ticker?sym=BTCUSDT", 401, {"error": {"code": "auth.failed"}}),
    "okx": ("GET /api/v5/public/time", 401, {"code": "50113"}),
}
META = b'{"type":"meta"}'


def revoked(folder):
    """A gateway that reads a list of revoked certificates, and how one comes to stand on it."""
    write_list(folder)
    with gateway(folder, ASKS_EVERYBODY.format(lists=folder / "crl.pem")) as server:

        def ends():
            lists_it(folder)
            reload(server)

        yield server, server.state / "demo" / "client-certificate.pem", ends


def ended(folder):
    """A gateway that knows the issuer of a certificate, which lives for a few seconds."""
    authority = Authority(folder)
    with gateway(folder, f'[listen]\nclient_auth = "required"\nclient_ca = "{folder}/clients.pem"\n') as server:
        yield server, authority.client(server.state, "client"), lambda: until(lambda: time.time() > authority.end + 1)


@contextlib.contextmanager
def gateway(folder, text):
    config = folder / "gateway.toml"
    config.write_text(text)
    with Server(folder / "state", config=config) as server:
        yield server


@pytest.fixture(params=[ended, revoked])
def story(request, tmp_path):
    # What is there from the first start on: a CA of our own, and the demo client's certificate.
    with Server(tmp_path / "state"):
        pass
    yield from request.param(tmp_path)


def holds(expected, said):
    """Whether an answer has what is expected of it, and perhaps more: times, texts for people."""
    if isinstance(expected, dict) and isinstance(said, dict):
        return all(name in said and holds(value, said[name]) for name, value in expected.items())
    return expected == said


def test_each_family_is_told_in_its_own_words_that_the_certificate_is_no_good_any_more(story):
    server, certificate, end = story
    tls = context(server.ca)
    tls.load_cert_chain(certificate)
    with contextlib.ExitStack() as open_ones:
        connections = {family: open_ones.enter_context(Connection(server, tls=tls)) for family in FAMILIES}

        def asked(family):
            method, target = FAMILIES[family][0].split(" ")
            body, headers = (META, [("Content-Type", "application/json")]) if method == "POST" else (b"", [])
            connections[family].send(request(server, method, target, headers, body))
            answer = connections[family].answer()
            return answer.status, json.loads(answer.body)

        before = {family: asked(family) for family in FAMILIES}
        for family, (_, status, words) in FAMILIES.items():
            told, said = before[family]
            assert told == 200 and not holds(words, said), (family, before[family])
        end()
        wrong = {}
        for family, (_, status, words) in FAMILIES.items():
            told, said = asked(family)
            if told != status or not holds(words, said):
                wrong[family] = (told, said)
        assert not wrong
