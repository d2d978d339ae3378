"""Unmodified ccxt classes read candles, over REST and as a stream; ccxt reads what became of Kraken's futures orders from their history."""

import asyncio

import pytest

from harness.venues import VENUES, symbol

pytestmark = pytest.mark.filterwarnings("ignore")

MINUTE_MS = 60_000
CLASSES = [venue for venue in VENUES if venue.cls in ("bitfinex", "gate", "hyperliquid", "kucoin")]


@pytest.fixture(scope="module", params=CLASSES, ids=lambda venue: venue.name)
def venue(request):
    return request.param


def coherent(candle, now_ms):
    opened, first, high, low, last, volume = candle
    assert opened % MINUTE_MS == 0 and opened <= now_ms
    assert 0 < low <= min(first, last) <= max(first, last) <= high and volume >= 0


def test_candles_are_read(server, venue):
    exchange = venue.sync(server, server.credential(venue.credential))
    exchange.load_markets()
    now_ms = exchange.milliseconds()
    candles = exchange.fetch_ohlcv(symbol(exchange), "1m", now_ms - 5 * MINUTE_MS, 5)
    assert 1 <= len(candles) <= 6
    for candle in candles:
        coherent(candle, now_ms + MINUTE_MS)
    openings = [candle[0] for candle in candles]
    assert openings == sorted(openings) and now_ms - 2 * MINUTE_MS <= openings[-1] <= now_ms
    # The hour's candle holds the minute's.
    last = candles[-1]
    [hour] = exchange.fetch_ohlcv(symbol(exchange), "1h", last[0] - last[0] % (60 * MINUTE_MS), 1)
    assert hour[0] % (60 * MINUTE_MS) == 0 and hour[3] <= last[3] <= hour[2]


def test_candles_are_watched(server, venue):
    async def story():
        client = venue.pro(server, server.credential(venue.credential))
        try:
            await client.load_markets()
            for _ in range(2):
                candles = await asyncio.wait_for(client.watch_ohlcv(symbol(client), "1m"), 20)
                coherent(candles[-1], client.milliseconds() + MINUTE_MS)
        finally:
            await client.close()

    asyncio.run(story())


def test_the_history_of_futures_orders_is_read(server):
    venue = next(each for each in VENUES if each.cls == "krakenfutures")
    exchange = venue.sync(server, server.credential(venue.credential))
    exchange.load_markets()
    pair = symbol(exchange)
    last = exchange.fetch_ticker(pair)["last"]
    low, high = (float(exchange.price_to_precision(pair, last * factor)) for factor in (0.9, 1.01))
    canceled = exchange.create_order(pair, "limit", "buy", 0.017, low)["id"]
    exchange.cancel_order(canceled, pair)
    filled = exchange.create_order(pair, "limit", "buy", 0.018, high, {"timeInForce": "IOC"})["id"]
    [closed] = [order for order in exchange.fetch_closed_orders(pair) if order["id"] == filled]
    assert (closed["status"], closed["amount"], closed["filled"], closed["side"]) == ("closed", 0.018, 0.018, "buy")
    # This class takes every order that was placed for one that was cancelled; of those, this one was.
    gone = [order for order in exchange.fetch_canceled_orders(pair) if order["id"] == canceled]
    assert gone and {(order["status"], order["amount"], order["filled"]) for order in gone} == {("canceled", 0.017, 0)}
    traded = [trade for trade in exchange.fetch_my_trades(pair) if trade["order"] == filled]
    assert sum(trade["amount"] for trade in traded) == pytest.approx(0.018)
