"""Unmodified ccxt, sync and pro, trades through the gateway and raises what it raises at the venue."""

import asyncio

import ccxt
import pytest

from harness import clients
from harness.interop import class_name
from harness.limited import read_only_key

SYMBOL = "BTC/USDT"
KINDS = ["binance-hmac", "binance-ed25519", "binance-rsa"]
#: The line of the interop table; the other kinds of key have tests here, and no line.
LINE = "ccxt.binance (HS256)", "binance"


def told(interop, operation, raised, expected):
    """On record: the class that was raised."""
    assert type(raised.value) is expected, raised.value
    interop.refused(*LINE, operation, class_name(type(raised.value)), "", class_name(expected))


@pytest.fixture(scope="module")
def exchange(server):
    made = clients.ccxt_sync(server, server.credential("binance-hmac"))
    made.load_markets()
    return made


def test_loads_markets(exchange, interop):
    market = exchange.market(SYMBOL)
    assert market["spot"] and market["id"] == "BTCUSDT"
    assert market["precision"]["price"] and market["precision"]["amount"]
    interop.works(*LINE, "markets")


def test_reads_ticker_and_order_book(exchange, interop):
    ticker = exchange.fetch_ticker(SYMBOL)
    book = exchange.fetch_order_book(SYMBOL, limit=5)
    assert ticker["last"] > 0
    assert book["bids"] and book["asks"]
    assert book["bids"][0][0] < book["asks"][0][0]
    interop.works(*LINE, "ticker", "book")


def test_reads_balance(exchange, interop):
    balance = exchange.fetch_balance()
    assert balance["USDT"]["total"] > 0
    interop.works(*LINE, "balance")


@pytest.mark.parametrize("kind", KINDS)
def test_places_lists_and_cancels_an_order(server, exchange, kind, interop):
    trader = clients.ccxt_sync(server, server.credential(kind))
    trader.set_markets_from_exchange(exchange)
    price = round(trader.fetch_ticker(SYMBOL)["last"] * 0.5, 2)
    placed = trader.create_order(SYMBOL, "limit", "buy", 0.01, price)
    assert placed["status"] == "open"
    assert placed["id"] in [order["id"] for order in trader.fetch_open_orders(SYMBOL)]
    assert trader.fetch_order(placed["id"], SYMBOL)["status"] == "open"
    canceled = trader.cancel_order(placed["id"], SYMBOL)
    assert canceled["status"] == "canceled"
    assert placed["id"] not in [order["id"] for order in trader.fetch_open_orders(SYMBOL)]
    interop.works(*LINE, "orders")


def test_a_market_order_fills(exchange):
    before = exchange.fetch_balance()["BTC"]["total"]
    filled = exchange.create_order(SYMBOL, "market", "buy", 0.01)
    assert filled["status"] == "closed"
    assert filled["filled"] == 0.01
    assert exchange.fetch_balance()["BTC"]["total"] > before


def test_the_accounts_keys_see_the_same_orders(server, exchange):
    placed = exchange.create_order(SYMBOL, "limit", "buy", 0.01, 1000)
    try:
        other = clients.ccxt_sync(server, server.credential("binance-ed25519"))
        other.set_markets_from_exchange(exchange)
        assert placed["id"] in [order["id"] for order in other.fetch_open_orders(SYMBOL)]
    finally:
        exchange.cancel_order(placed["id"], SYMBOL)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_secret_is_an_authentication_error(server, exchange, kind, interop):
    wrong = clients.ccxt_sync(server, clients.with_wrong_secret(server.credential(kind)))
    wrong.set_markets_from_exchange(exchange)
    with pytest.raises(ccxt.AuthenticationError) as raised:
        wrong.fetch_balance()
    told(interop, "wrong secret", raised, ccxt.AuthenticationError)


def test_an_unknown_key_is_an_authentication_error(server, exchange):
    stranger = clients.ccxt_sync(server, clients.unknown(server.credential("binance-hmac")))
    stranger.set_markets_from_exchange(exchange)
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()


@pytest.mark.parametrize("skew_ms", [-120_000, 60_000])
def test_a_wrong_clock_is_an_invalid_nonce(server, exchange, skew_ms, interop):
    skewed = clients.ccxt_sync(server, server.credential("binance-hmac"), timeDifference=-skew_ms)
    skewed.set_markets_from_exchange(exchange)
    with pytest.raises(ccxt.InvalidNonce) as raised:
        skewed.fetch_balance()
    told(interop, "wrong clock", raised, ccxt.InvalidNonce)


def test_a_missing_scope_is_an_authentication_error(server, exchange, interop):
    reader = clients.ccxt_sync(server, read_only_key(server))
    reader.set_markets_from_exchange(exchange)
    with pytest.raises(ccxt.AuthenticationError) as raised:
        reader.create_order(SYMBOL, "limit", "buy", 0.01, 1000)
    told(interop, "missing scope", raised, ccxt.AuthenticationError)


def test_a_missing_scope_after_a_success_is_what_ccxt_makes_of_it_at_the_venue(server, exchange):
    """Once a key has worked, ccxt reads the venue's -2015 as a temporary ban."""
    reader = clients.ccxt_sync(server, read_only_key(server))
    reader.set_markets_from_exchange(exchange)
    assert reader.fetch_balance()["USDT"]["total"] > 0
    with pytest.raises(ccxt.DDoSProtection, match="-2015"):
        reader.create_order(SYMBOL, "limit", "buy", 0.01, 1000)


def test_the_same_bytes_twice_are_an_invalid_nonce(server, exchange, interop):
    trader = clients.ccxt_sync(server, server.credential("binance-hmac"))
    trader.set_markets_from_exchange(exchange)
    frozen = trader.milliseconds()
    trader.milliseconds = lambda: frozen  # the clock stands still, so the second request is the first one again
    order = {"newClientOrderId": "twice"}
    placed = trader.create_order(SYMBOL, "limit", "buy", 0.01, 1000, order)
    try:
        with pytest.raises(ccxt.InvalidNonce) as raised:
            trader.create_order(SYMBOL, "limit", "buy", 0.01, 1000, order)
        told(interop, "replay", raised, ccxt.InvalidNonce)
    finally:
        exchange.cancel_order(placed["id"], SYMBOL)


def test_an_order_beyond_the_balance_is_told_as_such(exchange):
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(SYMBOL, "limit", "buy", 8_000, 10_000)


def in_loop(server, kind, story, seconds=30):
    """Runs an async story with a ccxt.pro exchange and closes it."""

    async def run():
        exchange = clients.ccxt_pro(server, server.credential(kind) if isinstance(kind, str) else kind)
        try:
            await exchange.load_markets()
            return await asyncio.wait_for(story(exchange), seconds)
        finally:
            await exchange.close()

    return asyncio.run(run())


def test_pro_watches_a_ticker(server, interop):
    async def story(exchange):
        return await exchange.watch_ticker(SYMBOL)

    assert in_loop(server, "binance-hmac", story)["last"] > 0
    interop.works(*LINE, "ticker stream")


def test_pro_watches_an_order_book(server):
    async def story(exchange):
        return await exchange.watch_order_book(SYMBOL, 5)

    book = in_loop(server, "binance-hmac", story)
    assert book["bids"][0][0] < book["asks"][0][0]


def test_pro_watches_more_streams_than_one_connection_has(server):
    """ccxt numbers its connections, `/ws/0` and on; another venue's clients know `/ws/2`."""

    async def story(exchange):
        watches = {
            "ticker": exchange.watch_ticker(SYMBOL),
            "trades": exchange.watch_trades(SYMBOL),
            "book": exchange.watch_order_book(SYMBOL),
            "candles": exchange.watch_ohlcv(SYMBOL, "1m"),
        }
        return dict(zip(watches, await asyncio.gather(*watches.values()), strict=True)), sorted(exchange.clients)

    seen, addresses = in_loop(server, "binance-hmac", story)
    assert any(address.endswith("/ws/2") for address in addresses), addresses
    assert seen["ticker"]["last"] > 0 and seen["trades"] and seen["candles"]
    assert seen["book"]["bids"][0][0] < seen["book"]["asks"][0][0]


@pytest.mark.parametrize("kind", KINDS)
def test_pro_places_and_cancels_over_the_websocket_api(server, kind):
    async def story(exchange):
        placed = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, 1000)
        open_orders = await exchange.fetch_open_orders(SYMBOL)
        canceled = await exchange.cancel_order_ws(placed["id"], SYMBOL)
        return placed, [order["id"] for order in open_orders], canceled

    placed, open_ids, canceled = in_loop(server, kind, story)
    assert placed["status"] == "open" and placed["id"] in open_ids
    assert canceled["status"] == "canceled"


def test_pro_watches_its_own_orders(server, interop):
    async def story(exchange):
        watching = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
        # The subscription is confirmed before the order is placed: watch_orders subscribes on the same connection that
        # create_order_ws uses, and the gateway answers in order.
        while not exchange.clients or not any("ws-api" in url for url in exchange.clients):
            await asyncio.sleep(0)
        placed = None
        while not watching.done():
            placed = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, 1000)
            await exchange.cancel_order_ws(placed["id"], SYMBOL)
        return placed, await watching

    placed, seen = in_loop(server, "binance-hmac", story)
    assert seen[0]["symbol"] == SYMBOL
    assert seen[0]["status"] in ("open", "canceled")
    interop.works(*LINE, "order stream")


def test_pro_raises_an_authentication_error_for_a_wrong_secret(server):
    async def story(exchange):
        with pytest.raises(ccxt.AuthenticationError):
            await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, 1000)

    record = server.credential("binance-hmac")

    async def run():
        good = clients.ccxt_pro(server, record)
        wrong = clients.ccxt_pro(server, clients.with_wrong_secret(record))
        try:
            await good.load_markets()
            wrong.set_markets_from_exchange(good)
            await asyncio.wait_for(story(wrong), 30)
        finally:
            await good.close()
            await wrong.close()

    asyncio.run(run())
