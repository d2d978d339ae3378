"""Unmodified clients of Binance's USD-M futures do what there is for contracts alone: positions, orders that only reduce, batches, their WebSocket API."""

import asyncio

import ccxt
import pytest

from harness.sdk_table import FUTURES, VENDORS
from harness.server import Server
from harness.venues import VENUES, symbol

VENUE = next(each for each in VENUES if each.cls == "binanceusdm")
AMOUNT = 0.02


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A gateway whose venue lists the perpetual."""
    with Server(tmp_path_factory.mktemp("usdm") / "state", COUNTERSIGN_UPSTREAM__VENUE__PERPETUAL="true") as running:
        yield running


@pytest.fixture(scope="module")
def record(server):
    return server.credential(VENUE.credential)


@pytest.fixture(scope="module")
def exchange(server, record):
    made = VENUE.sync(server, record)
    made.load_markets()
    return made


@pytest.fixture(scope="module", params=["swap", "future"])
def pair(exchange, request):
    """The perpetual and the dated future."""
    return next(name for name, market in exchange.markets.items() if market[request.param])


def held(exchange, pair):
    """The position, signed; nought when there is none."""
    positions = exchange.fetch_positions([pair])
    return sum(each["contracts"] * (1 if each["side"] == "long" else -1) for each in positions)


def low(exchange, pair):
    return float(exchange.price_to_precision(pair, exchange.fetch_ticker(pair)["last"] * 0.9))


def test_a_contract_is_linear_and_only_the_dated_one_expires(exchange, pair):
    market = exchange.market(pair)
    assert market["contract"] and market["linear"] and market["settle"] == "USDT"
    assert market["expiry"] > exchange.milliseconds() if market["future"] else market["expiry"] is None
    assert exchange.fetch_ohlcv(pair, "1m", limit=3)[-1][4] > 0
    assert exchange.fetch_trades(pair, limit=3)


def test_a_position_is_taken_and_closed(exchange, pair):
    before = held(exchange, pair)
    bought = exchange.create_order(pair, "market", "buy", AMOUNT)
    assert bought["status"] == "closed" and bought["filled"] == AMOUNT
    assert held(exchange, pair) == pytest.approx(before + AMOUNT)
    position = next(each for each in exchange.fetch_positions([pair]) if each["contracts"])
    assert position["entryPrice"] > 0 and position["markPrice"] > 0
    sold = exchange.create_order(pair, "market", "sell", AMOUNT, params={"reduceOnly": True})
    assert sold["reduceOnly"] is True and sold["status"] == "closed"
    assert held(exchange, pair) == pytest.approx(before)
    trades = [each for each in exchange.fetch_my_trades(pair) if each["order"] in (bought["id"], sold["id"])]
    assert sum(each["amount"] for each in trades) == pytest.approx(2 * AMOUNT)


def test_what_would_not_reduce_is_refused(exchange, pair):
    with pytest.raises(ccxt.ExchangeError, match="-2022"):
        exchange.create_order(pair, "market", "buy", AMOUNT, params={"reduceOnly": True})


def test_what_only_reduces_never_takes_the_other_side(exchange, pair):
    """A reduceOnly order of more than is held closes that and no more."""
    before = held(exchange, pair)
    exchange.create_order(pair, "market", "buy", AMOUNT)
    closed = exchange.create_order(pair, "market", "sell", before + 3 * AMOUNT, params={"reduceOnly": True})
    assert closed["status"] == "closed" and closed["amount"] == pytest.approx(before + AMOUNT)
    assert held(exchange, pair) == pytest.approx(0)


def test_a_perpetual_is_marked_and_its_funding_is_nought(server, record, exchange):
    pair = symbol(exchange)
    rate = exchange.fetch_funding_rate(pair)
    assert exchange.market(pair)["swap"] and rate["fundingRate"] == 0 and rate["markPrice"] > 0

    async def story():
        client = VENUE.pro(server, record)
        try:
            await client.load_markets()
            told = await asyncio.wait_for(client.watch_mark_price(pair), 20)
            assert told["symbol"] == pair and told["markPrice"] > 0
        finally:
            await client.close()

    asyncio.run(story())


def test_an_order_that_only_makes_is_refused_when_it_would_take(exchange, pair):
    price = low(exchange, pair)
    placed = exchange.create_order(pair, "limit", "buy", AMOUNT, price, {"postOnly": True})
    assert placed["postOnly"] is True and placed["status"] == "open"
    exchange.cancel_order(placed["id"], pair)
    high = float(exchange.price_to_precision(pair, price * 1.2))
    with pytest.raises(ccxt.InvalidOrder, match="-5022"):
        exchange.create_order(pair, "limit", "buy", AMOUNT, high, {"postOnly": True})


def test_an_order_is_known_by_the_clients_name(exchange, pair):
    placed = exchange.create_order(pair, "limit", "buy", AMOUNT, low(exchange, pair), {"clientOrderId": "my-name"})
    assert placed["clientOrderId"] == "my-name"
    found = exchange.fetch_order(None, pair, {"clientOrderId": "my-name"})
    assert found["id"] == placed["id"] and found["status"] == "open"
    assert exchange.cancel_order(None, pair, {"clientOrderId": "my-name"})["status"] == "canceled"
    assert [each["status"] for each in exchange.fetch_orders(pair) if each["id"] == placed["id"]] == ["canceled"]


def test_a_batch_is_judged_order_by_order(exchange, pair):
    """One order that is wrong leaves the other, and both are cancelled at once."""
    price = low(exchange, pair)
    terms = {"symbol": pair, "type": "limit", "side": "buy", "amount": AMOUNT}
    placed = exchange.create_orders([{**terms, "price": price}, {**terms, "price": price - 100}])
    canceled = exchange.cancel_orders([each["id"] for each in placed], pair)
    assert [each["status"] for each in canceled] == ["canceled", "canceled"]


def test_orders_over_the_websocket_api(server, record):
    async def story():
        client = VENUE.pro(server, record)
        try:
            await client.load_markets()
            pair = symbol(client)
            price = float(client.price_to_precision(pair, (await client.fetch_ticker(pair))["last"] * 0.9))
            placed = await asyncio.wait_for(client.create_order_ws(pair, "limit", "buy", AMOUNT, price), 20)
            assert placed["status"] == "open"
            canceled = await asyncio.wait_for(client.cancel_order_ws(placed["id"], pair), 20)
            assert canceled["status"] == "canceled"
            balance = await asyncio.wait_for(client.fetch_balance_ws(), 20)
            assert balance["USDT"]["total"] > 0
        finally:
            await client.close()

    asyncio.run(story())


@pytest.fixture(scope="module", params=[each[0] for each in FUTURES])
def sdk(server, request):
    vendor = next(each for each in VENDORS if each.module == request.param)
    with vendor.start(server, vendor.key(server)) as running:
        yield vendor, running


def test_an_sdk_takes_and_closes_a_position(sdk):
    assert sdk[1].ask("position") == pytest.approx(0.01)


def test_an_sdk_does_several_at_once(sdk):
    vendor, running = sdk
    if vendor.module == "binance_futures_sdk":
        # Its batches are models of their own; its WebSocket API is what the others do not have.
        assert running.ask("over_the_websocket") == "CANCELED"
    else:
        assert running.ask("batch") == 2
