"""A key's limit of orders counts the orders of a list, wherever the list stands and however long it is."""

import asyncio
import json
import ssl
import time
from urllib.parse import quote

import pytest
import websockets

from harness.limited import made_key
from harness.reading import FORM, JSON, length
from harness.server import Server
from harness.signing import bitfinex, bitmex, bybit, kraken, kucoin, mac

BULK = "/api/v1/order/bulk"
TYPE = ("Content-Type", JSON)


@pytest.fixture(scope="module")
def server(tmp_path_factory, behind):
    folder = tmp_path_factory.mktemp("limits")
    config = folder / "gateway.toml"
    config.write_text(behind.routes("bitfinex", "bitmex", "bybit", "kraken", "kucoin"))
    with Server(folder / "state", config=config) as server:
        yield server


def limited(server, purpose, orders=5):
    kinds = {"kraken": "HS512", "bitfinex": "HS384"}
    return made_key(server, "--orders-per-10s", str(orders), purpose=purpose, kind=kinds.get(purpose, "HS256"))


def many(count):
    return json.dumps([{"symbol": "XBTUSD", "side": "Buy", "orderQty": 100, "price": 1000 + number} for number in range(count)])


def test_a_list_in_the_query_is_counted(server, behind):
    target = f"{BULK}?orders={quote(many(40))}"
    for body in ('{"orders":[{}]}', '{"orders":[]}', "{}", "", "orders=[{}]"):
        assert bitmex(server, limited(server, "bitmex"), target, body, TYPE).status == 429, body
    assert behind.taken() == []
    # BitMEX itself takes a hundred.
    assert bitmex(server, limited(server, "bitmex", 40), target, "", TYPE).status == 200
    assert [length(read) for read in behind.taken()] == [40]


def test_a_list_beside_a_form_is_counted(server, behind):
    key = limited(server, "bitmex")
    hidden = '{"orders":[{}],"z":"&orders=%s&"}' % quote(many(100))
    assert bitmex(server, key, BULK, hidden, ("Content-Type", FORM)).status == 400
    assert bitmex(server, key, BULK, f"orders={quote(many(100))}", ("Content-Type", FORM)).status == 429
    assert behind.taken() == []
    assert bitmex(server, key, BULK, f"orders={quote(many(5))}", ("Content-Type", FORM)).status == 200
    assert [length(read) for read in behind.taken()] == [5]


LISTS = [
    ("bitfinex", bitfinex, "/v2/auth/w/order/multi", '{"ops":LIST}'),
    ("bybit", bybit, "/v5/order/create-batch", '{"category":"linear","request":LIST}'),
    ("kraken", kraken, "/0/private/AddOrderBatch", '{"nonce":"NONCE","pair":"XBTUSD","orders":LIST}'),
    ("kucoin", kucoin, "/api/v1/hf/orders/multi", '{"orderList":LIST}'),
]


@pytest.mark.parametrize("purpose, send, target, body", LISTS, ids=[row[0] for row in LISTS])
def test_a_list_costs_what_it_holds(server, behind, purpose, send, target, body):
    """Lists of five hundred passed under a limit of a hundred, and a list of two was charged as the longest."""
    # Bitfinex's are of operations, each with its name.
    listed = lambda count: json.dumps([["on", each] for each in json.loads(many(count))]) if purpose == "bitfinex" else many(count)
    send(server, limited(server, purpose, 100), target, body.replace("LIST", listed(500)), TYPE)
    key = limited(server, purpose, 2)
    send(server, key, target, body.replace("LIST", listed(3)), TYPE)
    assert behind.taken() == []
    assert send(server, key, target, body.replace("LIST", listed(2)), TYPE).status == 200
    assert [length(read) for read in behind.taken()] == [2]


def test_a_list_on_a_websocket_costs_what_it_holds(server):
    """Batches of Bybit cost ten; the service behind has no WebSocket, so what is not refused by the limit fails behind it."""
    key = limited(server, "bybit", 20)

    async def story():
        tls = ssl.create_default_context(cafile=server.ca)
        async with websockets.connect(f"{server.ws_base}/v5/trade", ssl=tls, proxy=None) as connection:

            async def asked(op, args):
                await connection.send(json.dumps({"reqId": "1", "op": op, "args": args}))
                return json.loads(await asyncio.wait_for(connection.recv(), 20))["retCode"]

            expires = str(int(time.time() * 1000) + 10_000)
            assert await asked("auth", [key["api_key"], expires, mac(key, f"GET/realtime{expires}").hexdigest()]) == 0
            batch = lambda count: {"category": "linear", "request": json.loads(many(count))}
            long, several = await asked("order.create-batch", [batch(500)]), await asked("order.create-batch", [batch(7)] * 3)
            return long, several, await asked("order.create-batch", [batch(20)])

    long, several, short = asyncio.run(story())
    assert (long, several) == (10006, 10006) and short != 10006
