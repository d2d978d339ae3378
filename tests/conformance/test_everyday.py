"""ccxt's everyday methods on every venue but BitMEX, which needs a ccxt of its own: what the paper venue has is answered, and of what it has not the client says so.

Nothing here may end in an error of Python's own, which is what a client makes of an answer that it cannot read, nor read as a failed login.
"""

import asyncio
import itertools

import ccxt
import pytest

from harness.venues import VENUES, Auth, Venue, symbol

pytestmark = pytest.mark.filterwarnings("ignore")

#: Never the same order twice: where a signed time counts seconds, that would be a replay.
AMOUNTS = (round(0.01 + step * 0.0001, 4) for step in itertools.count())

#: What does not end in an answer. Of most of it the class itself says so and asks nothing; the rest the paper venue has not.
LACKS = {
    "binance": {
        "cancel_all_orders of all": "ArgumentsRequired",
        "cancel_orders": "BadRequest",
        "create_orders": "NotSupported",
        "fetch_deposit_address": "BadRequest",
        "fetch_deposits": "BadRequest",
        "fetch_ledger": "NotSupported",
        "fetch_open_orders of all": "ExchangeError",
        "fetch_position": "NotSupported",
        "fetch_withdrawals": "BadRequest",
        "set_leverage": "NotSupported",
    },
    "binanceusdm": {
        "cancel_all_orders of all": "ArgumentsRequired",
        "fetch_deposit_address": "BadRequest",
        "fetch_deposits": "BadRequest",
        "fetch_ledger": "BadRequest",
        "fetch_open_orders of all": "ExchangeError",
        "fetch_position": "NotSupported",
        "fetch_trading_fees": "BadRequest",
        "fetch_withdrawals": "BadRequest",
        "set_leverage": "BadRequest",
    },
    "bitfinex": {"fetch_deposit_address": "ArgumentsRequired"},
    "bybit": {
        "cancel_all_orders_after": "BadRequest",
        "fetch_deposit_address": "BadRequest",
        "fetch_deposits": "BadRequest",
        "fetch_ledger": "BadRequest",
        "fetch_leverage": "BadRequest",
        "fetch_order": "ArgumentsRequired",
        "fetch_position": "BadRequest",
        "fetch_withdrawals": "BadRequest",
        "set_leverage": "NotSupported",
    },
    "coinbase": {
        "fetch_deposit_address": "ArgumentsRequired",
        "fetch_deposits": "ExchangeError",
        "fetch_ledger": "ExchangeError",
        "fetch_position": "ExchangeError",
        "fetch_withdrawals": "ExchangeError",
    },
    # ccxt names the pair as it does itself, which no venue has.
    "coinbaseexchange": {"cancel_all_orders": "InvalidOrder", "fetch_ledger": "OrderNotFound"},
    "deribit": {
        "fetch_accounts": "BadRequest",
        "fetch_deposit_address": "BadRequest",
        "fetch_deposits": "BadRequest",
        "fetch_tickers of all": "ArgumentsRequired",
        "fetch_withdrawals": "BadRequest",
    },
    "gate": {
        "fetch_deposit_address": "ExchangeError",
        "fetch_leverage": "ExchangeError",
        "fetch_position": "BadRequest",
        "set_leverage": "NotSupported",
    },
    "gemini": {"fetch_deposit_address": "ArgumentsRequired"},
    "hyperliquid": {"set_leverage": "ExchangeError"},
    "kraken": {
        "fetch_deposit_address": "ExchangeError",
        "fetch_deposits": "ExchangeError",
        "fetch_ledger": "ExchangeError",
        "fetch_withdrawals": "ExchangeError",
    },
    "krakenfutures": {"fetch_ledger": "BadRequest", "fetch_leverage": "BadRequest", "set_leverage": "BadRequest"},
    "kucoin": {
        "cancel_orders": "NotSupported",
        "fetch_deposit_address": "NotSupported",
        "fetch_ledger": "NotSupported",
        "fetch_leverage": "NotSupported",
        "fetch_position": "NotSupported",
        "fetch_positions": "NotSupported",
        "set_leverage": "ArgumentsRequired",
    },
    "okx": {
        "fetch_deposit_address": "ExchangeError",
        "fetch_deposits": "ExchangeError",
        "fetch_ledger": "ExchangeError",
        "fetch_leverage": "ExchangeError",
        "fetch_position": "NullResponse",
        "fetch_withdrawals": "ExchangeError",
        "set_leverage": "ExchangeError",
    },
}

BINANCE = Venue("binance", "binance", "HS256", "binance-hmac", Auth, Auth, Auth, Auth)
CLASSES = list({venue.cls: venue for venue in [BINANCE, *VENUES]}.values())


def camel(method):
    first, *rest = method.split("_")
    return first + "".join("OHLCV" if word == "ohlcv" else word.capitalize() for word in rest)


def everyday(exchange, venue):
    """The methods with what is asked of each; a second form of one is told apart by a word behind it."""
    pair = symbol(exchange)
    quote = exchange.market(pair)["quote"]
    low = float(exchange.price_to_precision(pair, exchange.fetch_ticker(pair)["last"] * 0.9))

    def placed():
        return exchange.create_order(pair, "limit", "buy", next(AMOUNTS), low)["id"]

    def wanted():
        return {"symbol": pair, "type": "limit", "side": "buy", "amount": next(AMOUNTS), "price": low}

    return {
        "fetch_status": lambda: exchange.fetch_status(),
        "fetch_time": lambda: exchange.fetch_time(),
        "fetch_currencies": lambda: exchange.fetch_currencies(),
        "fetch_ticker": lambda: exchange.fetch_ticker(pair),
        "fetch_tickers": lambda: exchange.fetch_tickers([pair]),
        "fetch_tickers of all": lambda: exchange.fetch_tickers(),
        "fetch_bids_asks": lambda: exchange.fetch_bids_asks([pair]),
        "fetch_trades": lambda: exchange.fetch_trades(pair),
        "fetch_ohlcv": lambda: exchange.fetch_ohlcv(pair),
        "fetch_balance": lambda: exchange.fetch_balance(),
        "fetch_accounts": lambda: exchange.fetch_accounts(),
        "fetch_position": lambda: exchange.fetch_position(pair),
        "fetch_positions": lambda: exchange.fetch_positions(),
        "fetch_order": lambda: exchange.fetch_order(placed(), pair),
        "edit_order": lambda: exchange.edit_order(placed(), pair, "limit", "buy", 0.02, low),
        "cancel_order": lambda: exchange.cancel_order(placed(), pair),
        "create_orders": lambda: exchange.create_orders([wanted(), wanted()]),
        "cancel_orders": lambda: exchange.cancel_orders([placed(), placed()], pair),
        "fetch_open_orders": lambda: exchange.fetch_open_orders(pair),
        "fetch_open_orders of all": lambda: exchange.fetch_open_orders(),
        "cancel_all_orders": lambda: exchange.cancel_all_orders(pair),
        "cancel_all_orders of all": lambda: exchange.cancel_all_orders(),
        "cancel_all_orders_after": lambda: exchange.cancel_all_orders_after(60_000),
        "fetch_closed_orders": lambda: exchange.fetch_closed_orders(pair),
        "fetch_canceled_orders": lambda: exchange.fetch_canceled_orders(pair),
        "fetch_orders": lambda: exchange.fetch_orders(pair),
        "fetch_my_trades": lambda: exchange.fetch_my_trades(pair),
        "fetch_trading_fee": lambda: exchange.fetch_trading_fee(pair),
        "fetch_trading_fees": lambda: exchange.fetch_trading_fees(),
        "fetch_leverage": lambda: exchange.fetch_leverage(pair),
        "set_leverage": lambda: exchange.set_leverage(2, pair),
        "fetch_ledger": lambda: exchange.fetch_ledger(quote),
        "fetch_deposit_address": lambda: exchange.fetch_deposit_address(quote),
        "fetch_deposits": lambda: exchange.fetch_deposits(quote),
        "fetch_withdrawals": lambda: exchange.fetch_withdrawals(quote),
    }


def test_what_has_no_route_is_refused_in_words_that_the_client_reads_also_without_a_key(server):
    """Binance's options are in no table; ccxt asks for them where its options say so, and shows no key."""
    exchange = BINANCE.sync(server, BINANCE.key(server))
    with pytest.raises(ccxt.BadRequest, match="-1020"):
        exchange.eapiPublicGetExchangeInfo()


@pytest.mark.parametrize("venue", CLASSES, ids=lambda venue: venue.cls)
def test_everyday_methods_are_answered_or_refused_as_the_client_understands(server, venue):
    exchange = venue.sync(server, venue.key(server))
    exchange.load_markets()
    lacks = {}
    for name, ask in everyday(exchange, venue).items():
        if not exchange.has.get(camel(name.split(" ")[0])):
            continue
        try:
            ask()
        except Exception as error:
            lacks[name] = type(error).__name__
            assert isinstance(error, ccxt.BaseError) and not isinstance(error, Auth), f"{name}: {type(error)} {error}"
    assert lacks == LACKS[venue.cls]


def watching(server, cls, story):
    """Runs a story with a WebSocket client of ccxt."""
    venue = next(venue for venue in CLASSES if venue.cls == cls)

    async def run():
        client = venue.pro(server, venue.key(server))
        try:
            await client.load_markets()
            await asyncio.wait_for(story(client, symbol(client)), 60)
        finally:
            await client.close()

    asyncio.run(run())


def test_gemini_tells_book_and_trades_of_several_pairs_at_once(server):
    """ccxt asks the first market data API for them."""

    async def story(client, pair):
        book = await client.watch_order_book_for_symbols([pair])
        assert book["bids"][0][0] < book["asks"][0][0]
        trades = await client.watch_trades_for_symbols([pair])
        assert trades[-1]["price"] > 0 and trades[-1]["side"] in ("buy", "sell")

    watching(server, "gemini", story)


def test_krakenfutures_tells_a_position_when_it_is_opened(server):
    async def story(client, pair):
        watched = asyncio.ensure_future(client.watch_positions([pair]))
        await client.create_order(pair, "market", "buy", 0.01)
        while not watched.done():
            # The order may have been filled before the feed was heard; another one is told then.
            done, _ = await asyncio.wait([watched], timeout=2)
            if not done:
                await client.create_order(pair, "market", "buy", 0.01)
        # Other tests trade for the same account, so which side it is, is theirs to say.
        assert [each["symbol"] for each in watched.result()] == [pair] and watched.result()[0]["side"] in ("long", "short")

    watching(server, "krakenfutures", story)
