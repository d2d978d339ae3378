"""Unmodified ccxt classes change orders, place and cancel several, and read what became of them; numbers are compared with what was asked for."""

import asyncio
import itertools

import ccxt
import pytest

from harness import clients
from harness.halted import Halted
from harness.venues import VENUES, Venue, symbol

pytestmark = pytest.mark.filterwarnings("ignore")

#: Some venues sign no more of the time than its second: no amount is used twice, so no two orders are the same bytes.
AMOUNTS = (round(0.01 + 0.001 * step, 3) for step in itertools.count())


class Binance(Venue):
    """The class that has a module of tests of its own, and clients made in another way."""

    def sync(self, server, record):
        return clients.ccxt_sync(server, record)

    def pro(self, server, record):
        return clients.ccxt_pro(server, record)


#: One kind of key for each class: what is signed has tests elsewhere.
CLASSES = [Binance("binance", "binance", "HS256", "binance-hmac", ccxt.AuthenticationError, None, ccxt.AuthenticationError, None)]
CLASSES += [venue for venue in VENUES if venue.kind not in ("RS256", "Ed25519")]


@pytest.fixture(scope="module", params=CLASSES, ids=lambda venue: venue.name)
def venue(request):
    return request.param


@pytest.fixture(scope="module")
def exchange(server, venue):
    made = venue.sync(server, server.credential(venue.credential))
    made.load_markets()
    return made


@pytest.fixture
def price(exchange):
    """A price so many times the last one, on the market's steps."""
    pair = symbol(exchange)
    last = exchange.fetch_ticker(pair)["last"]
    return lambda factor: float(exchange.price_to_precision(pair, last * factor))


def resting(exchange):
    """The open orders, oldest first, as (id, side, price, amount); one class keeps the price to itself."""
    orders = exchange.fetch_open_orders(symbol(exchange))
    return sorted((order["id"], order["side"], order["price"] or order["info"]["limitPrice"], order["amount"]) for order in orders)


def withdraw(exchange, *numbers):
    """Cancels these, in one request where the class can: Binance's can for contracts, KuCoin's for the newest kind of account."""
    pair = symbol(exchange)
    if exchange.has.get("cancelOrders") and exchange.id not in ("binance", "kucoin"):
        exchange.cancel_orders(list(numbers), pair)
        return
    for number in numbers:
        exchange.cancel_order(number, pair)


def limit(exchange, price, amount=None):
    return exchange.create_order(symbol(exchange), "limit", "buy", amount or next(AMOUNTS), price)["id"]


def lacks(interop, venue, exchange, method, operation):
    """On record that this class has no such method."""
    if exchange.has.get(method):
        return False
    interop.none(venue.client, venue.purpose, operation, f"ccxt.{venue.cls} has no {method}")
    return True


def test_changes_an_order(venue, exchange, price, interop):
    if lacks(interop, venue, exchange, "editOrder", "change"):
        assert venue.cls in ("coinbaseexchange", "gemini"), "the others have it"
        return
    pair = symbol(exchange)
    placed, wanted = limit(exchange, price(0.9)), next(AMOUNTS)
    edited = exchange.edit_order(placed, pair, "limit", "buy", wanted, price(0.8))
    [(number, side, at, amount)] = resting(exchange)
    assert (side, at, amount) == ("buy", price(0.8), wanted)
    # Kraken's answer names the amendment, and others nothing; where an order is named, it is the one that rests.
    assert edited["id"] in (number, None) or edited["id"].startswith("A"), edited
    exchange.cancel_order(number, pair)
    assert resting(exchange) == []
    interop.works(venue.client, venue.purpose, "change")


def test_an_order_that_is_gone_is_not_changed(venue, exchange, price):
    if not exchange.has.get("editOrder"):
        assert venue.cls in ("coinbaseexchange", "gemini"), "the others have it"
        return
    pair = symbol(exchange)
    gone = limit(exchange, price(0.9))
    exchange.cancel_order(gone, pair)
    if venue.cls == "coinbase":
        # This class hands the refusal to its caller.
        assert exchange.edit_order(gone, pair, "limit", "buy", next(AMOUNTS), price(0.8))["info"]["success"] is False
    else:
        with pytest.raises(ccxt.ExchangeError):
            exchange.edit_order(gone, pair, "limit", "buy", next(AMOUNTS), price(0.8))
    assert resting(exchange) == []


def test_places_and_cancels_several(venue, exchange, price, interop):
    pair = symbol(exchange)
    sizes = [next(AMOUNTS), next(AMOUNTS)]
    terms = list(zip(sizes, [price(0.8), price(0.9)], strict=True))
    if venue.cls == "binance" or lacks(interop, venue, exchange, "createOrders", "several"):
        if venue.cls == "binance":
            interop.none(venue.client, venue.purpose, "several", "the venue has batches of contracts only")
        assert venue.cls in ("binance", "coinbase", "coinbaseexchange", "deribit", "gemini"), "the others have it"
        placed = [limit(exchange, at, size) for size, at in terms]
    else:
        wanted = [{"symbol": pair, "type": "limit", "side": "buy", "amount": size, "price": at} for size, at in terms]
        placed = [order["id"] for order in exchange.create_orders(wanted)]
        interop.works(venue.client, venue.purpose, "several")
    rows = resting(exchange)
    assert sorted(row[0] for row in rows) == sorted(placed)
    assert sorted((row[3], row[2]) for row in rows) == sorted(terms)
    withdraw(exchange, *placed)
    assert resting(exchange) == []


def test_cancels_all(venue, exchange, price, interop):
    pair = symbol(exchange)
    placed = [limit(exchange, price(factor)) for factor in (0.8, 0.9)]
    if lacks(interop, venue, exchange, "cancelAllOrders", "cancel all"):
        for number in placed:
            exchange.cancel_order(number, pair)
    else:
        # This class names a pair as the vendor does not.
        exchange.cancel_all_orders(None if venue.cls == "coinbaseexchange" else pair)
        interop.works(venue.client, venue.purpose, "cancel all")
    assert resting(exchange) == []


def test_reads_what_a_taken_order_cost(venue, exchange, price, interop):
    pair = symbol(exchange)
    # Not every venue has market orders: this one takes at once wherever the book is.
    size = next(AMOUNTS)
    taken = exchange.create_order(pair, "limit", "sell", size, price(0.99), {"timeInForce": "IOC"})["id"]
    trades = [trade for trade in exchange.fetch_my_trades(pair) if trade["order"] == taken]
    assert sum(trade["amount"] for trade in trades) == pytest.approx(size)
    for trade in trades:
        assert trade["side"] == "sell" and price(0.99) <= trade["price"] <= price(1.05)
        assert trade["id"] and trade["timestamp"]
        assert trade["fee"]["cost"] is not None and trade["fee"]["currency"]
    interop.works(venue.client, venue.purpose, "own trades")


def test_changes_an_order_over_the_websocket(server, venue, exchange, price):
    if venue.no_pro or not getattr(ccxt.pro, venue.cls)().has.get("editOrderWs"):
        assert venue.cls not in ("binance", "gate", "okx", "kraken", "hyperliquid") or venue.no_pro, "these have it"
        return
    pair, wanted = symbol(exchange), next(AMOUNTS)

    async def story():
        client = venue.pro(server, server.credential(venue.credential))
        try:
            await client.load_markets()
            placed = await asyncio.wait_for(client.create_order_ws(pair, "limit", "buy", next(AMOUNTS), price(0.9)), 20)
            await asyncio.wait_for(client.edit_order_ws(placed["id"], pair, "limit", "buy", wanted, price(0.8)), 20)
        finally:
            await client.close()

    asyncio.run(story())
    [(number, side, at, amount)] = resting(exchange)
    exchange.cancel_order(number, pair)
    assert (side, at, amount) == ("buy", price(0.8), wanted)


def test_a_halt_stops_changes_and_batches_and_lets_cancels_pass(tmp_path):
    """A change may enlarge, and a batch may hold an order: neither passes as a cancel."""
    gateway = Halted(tmp_path)
    with gateway.server as server:
        for cls in ("okx", "bybit", "kraken", "gate", "kucoin", "bitfinex", "hyperliquid", "binanceusdm"):
            venue = next(each for each in CLASSES if each.cls == cls)
            trader = venue.sync(server, server.credential(venue.credential))
            trader.load_markets()
            pair = symbol(trader)
            low = float(trader.price_to_precision(pair, trader.fetch_ticker(pair)["last"] * 0.8))
            size = next(AMOUNTS)
            placed = limit(trader, low, size)
            gateway.halt()
            wanted = [{"symbol": pair, "type": "limit", "side": "buy", "amount": next(AMOUNTS), "price": low} for _ in range(2)]
            with pytest.raises(ccxt.BaseError):
                trader.edit_order(placed, pair, "limit", "buy", next(AMOUNTS), low)
            with pytest.raises(ccxt.BaseError):
                trader.create_orders(wanted)
            assert [(row[0], row[3]) for row in resting(trader)] == [(placed, size)], cls
            withdraw(trader, placed)
            assert resting(trader) == [], cls
            gateway.lift_all()
