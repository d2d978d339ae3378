"""A body is of the form that its Content-Type says: one that is JSON to the gateway and a form to the venue passed halts."""

import json
from urllib.parse import quote

import pytest

from harness import raw
from harness.halted import Halted
from harness.limited import made_key
from harness.reading import FORM, JSON
from harness.signing import bitmex, bybit, kraken

ORDER = {"ordertype": "limit", "type": "buy", "price": "1000", "volume": "0.01"}
BATCH = "/0/private/AddOrderBatch"
ORDERS = quote(json.dumps([ORDER, ORDER]))

pytestmark = pytest.mark.usefixtures("lifted", "emptied")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, behind):
    halted = Halted(tmp_path_factory.mktemp("forms"), behind.routes("kraken", "bybit", "bitmex"))
    with halted.server:
        yield halted


@pytest.fixture(scope="module")
def kraken_key(gateway):
    return made_key(gateway.server, purpose="kraken", kind="HS512")


def typed(content_type):
    return [("Content-Type", content_type)] if content_type is not None else []


@pytest.mark.parametrize(
    "content_type",
    [
        FORM,
        "Application/X-WWW-Form-Urlencoded",
        f"{FORM} ; charset=utf-8",
        "text/plain",
        "application/octet-stream",
        "multipart/form-data; boundary=x",
        f"{JSON}, {FORM}",
        f"{JSON}; charset=utf-7",
        f"{JSON}; charset=utf-16",
        None,
    ],
)
def test_an_order_for_a_halted_instrument_does_not_pass_as_one_for_another(gateway, behind, kraken_key, content_type):
    gateway.halt(scope="instrument:XBTUSDT")
    plain = json.dumps({"nonce": "NONCE", "pair": "ETHUSDT", "orders": [ORDER, ORDER]})
    assert kraken(gateway.server, kraken_key, BATCH, plain, *typed(JSON)).status == 200
    assert [read["pair"] for read in behind.taken()] == ["ETHUSDT"]
    hidden = json.dumps({"nonce": "NONCE", "pair": "ETHUSDT", "z": f"&nonce=NONCE&pair=XBTUSDT&orders={ORDERS}&"})
    answer = kraken(gateway.server, kraken_key, BATCH, hidden, *typed(content_type))
    assert json.loads(answer.body)["error"] == ["EGeneral:Invalid arguments"], answer.body
    assert behind.taken() == []


def test_a_mark_before_the_text_hides_nothing(gateway, behind, kraken_key):
    gateway.halt(scope="instrument:XBTUSDT")
    hidden = json.dumps({"nonce": "NONCE", "pair": "XBTUSDT", "z": "&nonce=NONCE&pair=ETHUSDT&"})
    for mark in ("\ufeff", "/**/", "\v"):
        kraken(gateway.server, kraken_key, "/0/private/AddOrder", mark + hidden, *typed(JSON))
        assert behind.taken() == [], mark


def test_an_order_does_not_pass_as_a_reduction(gateway, behind):
    key = made_key(gateway.server, purpose="bybit")
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "100"}
    gateway.halt()
    hidden = json.dumps({"category": "linear", "symbol": "BTCUSDT", "reduceOnly": True, "z": "&category=linear&symbol=BTCUSDT&side=Buy&qty=100&"})
    for kind, body in [(JSON, json.dumps(order)), (FORM, hidden)]:
        assert json.loads(bybit(gateway.server, key, "/v5/order/create", body, *typed(kind)).body)["retCode"] != 0
        assert behind.taken() == [], kind
    bybit(gateway.server, key, "/v5/order/create", json.dumps({**order, "reduceOnly": True}), *typed(JSON))
    assert [read["reduceOnly"] for read in behind.taken()] == [True]


def test_what_clients_send_passes(gateway, behind, kraken_key):
    key = made_key(gateway.server, purpose="bitmex")
    order = json.dumps({"symbol": "XBT_USDT", "side": "Buy", "orderQty": 1})
    # ccxt sends JSON with no type, `curl -d` calls it a form, `fetch` a text, aiohttp bytes.
    for kind in (None, JSON, FORM, f"{FORM}; charset=utf-8", "text/plain;charset=UTF-8", "application/octet-stream"):
        assert bitmex(gateway.server, key, "/api/v1/order", order, *typed(kind)).status == 200, kind
    for kind in (None, FORM, "application/x-www-form-urlencoded; charset=utf-8"):
        form = "nonce=NONCE&pair=XBTUSDT&type=buy&ordertype=limit&price=1000&volume=0.01"
        assert kraken(gateway.server, kraken_key, "/0/private/AddOrder", form, *typed(kind)).status == 200, kind
    assert len(behind.taken()) == 9


def test_a_halt_of_one_instrument_lets_native_orders_for_another_pass(tmp_path, behind):
    halted = Halted(tmp_path, behind.routes("native"))
    with halted.server as server:
        tls = raw.context(server.ca)
        tls.load_cert_chain(str(server.state / "demo" / "client-certificate.pem"))

        def order(text, *fields):
            with raw.Connection(server, tls=tls) as connection:
                connection.send(raw.request(server, "POST", "/native/v1/orders", fields, text.encode()))
                return connection.answer().status

        halted.halt(scope="instrument:BTCUSDT")
        assert order('{"sym":"ETHUSDT","side":"buy"}', *typed(JSON)) == 200
        assert [read["sym"] for read in behind.taken()] == ["ETHUSDT"]
        assert order('{"sym":"BTCUSDT","side":"buy"}', *typed(JSON)) == 503
        hidden = '{"sym":"ETHUSDT","z":"&sym=BTCUSDT&side=buy&qty=1&"}'
        for kind in (FORM, "text/plain", "application/xml"):
            assert order(hidden, *typed(kind)) == 400, kind
        assert order('{"sym":"ETHUSDT","z":"x"}', *typed(JSON), ("Content-Encoding", "gzip")) == 400
        assert order('{"sym":"ETHUSDT","Sym":"BTCUSDT"}', *typed(JSON)) == 503
        assert behind.taken() == []
