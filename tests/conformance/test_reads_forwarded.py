"""What ccxt reads of Gate, OKX and Binance reaches the service behind, as itself and with who asks; what has no route does not."""

import contextlib

import ccxt
import jwt
import pytest

from harness.counted import Counted
from harness.venues import VENUES, Auth, Venue

BINANCE = Venue("binance", "binance", "HS256", "binance-hmac", Auth, Auth, Auth, Auth)
GATE = next(venue for venue in VENUES if venue.name == "gate")
OKX = next(venue for venue in VENUES if venue.name == "okx")

USDT, CONTRACT = {"settle": "usdt"}, {"contract": "BTC_USDT"}

#: The method of the class, what it is called with, and the path that arrives.
OPEN = [
    (GATE, "publicDeliveryGetSettleTickers", USDT, "/api/v4/delivery/usdt/tickers"),
    (GATE, "publicDeliveryGetSettleOrderBook", {**USDT, **CONTRACT}, "/api/v4/delivery/usdt/order_book"),
    (GATE, "publicDeliveryGetSettleTrades", {**USDT, **CONTRACT}, "/api/v4/delivery/usdt/trades"),
    (GATE, "publicDeliveryGetSettleCandlesticks", {**USDT, **CONTRACT}, "/api/v4/delivery/usdt/candlesticks"),
    (GATE, "publicMarginGetUniCurrencyPairs", {}, "/api/v4/margin/uni/currency_pairs"),
    (GATE, "publicMarginGetUniCurrencyPairsCurrencyPair", {"currency_pair": "BTC_USDT"}, "/api/v4/margin/uni/currency_pairs/BTC_USDT"),
    (GATE, "publicOptionsGetTickers", {"underlying": "BTC_USDT"}, "/api/v4/options/tickers"),
    (GATE, "publicOptionsGetContractsContract", CONTRACT, "/api/v4/options/contracts/BTC_USDT"),
    (GATE, "publicOptionsGetOrderBook", CONTRACT, "/api/v4/options/order_book"),
    (GATE, "publicOptionsGetTrades", {}, "/api/v4/options/trades"),
    (GATE, "publicOptionsGetCandlesticks", CONTRACT, "/api/v4/options/candlesticks"),
    (OKX, "publicGetMarketBooksRpi", {"instId": "BTC-USDT"}, "/api/v5/market/books-rpi"),
    (BINANCE, "fapiPublicGetRpiDepth", {"symbol": "BTCUSDT"}, "/fapi/v1/rpiDepth"),
]
SIGNED = [
    (GATE, "privateDeliveryGetSettleAccounts", USDT, "/api/v4/delivery/usdt/accounts"),
    (GATE, "privateDeliveryGetSettleAccountBook", USDT, "/api/v4/delivery/usdt/account_book"),
    (GATE, "privateDeliveryGetSettlePositions", USDT, "/api/v4/delivery/usdt/positions"),
    (GATE, "privateDeliveryGetSettlePositionsContract", {**USDT, **CONTRACT}, "/api/v4/delivery/usdt/positions/BTC_USDT"),
    (GATE, "privateDeliveryGetSettleOrders", {**USDT, "status": "open"}, "/api/v4/delivery/usdt/orders"),
    (GATE, "privateDeliveryGetSettleOrdersOrderId", {**USDT, "order_id": "7"}, "/api/v4/delivery/usdt/orders/7"),
    (GATE, "privateDeliveryGetSettleMyTrades", USDT, "/api/v4/delivery/usdt/my_trades"),
    (GATE, "privateDeliveryGetSettlePositionClose", USDT, "/api/v4/delivery/usdt/position_close"),
    (GATE, "privateDeliveryGetSettleLiquidates", USDT, "/api/v4/delivery/usdt/liquidates"),
    (GATE, "privateDeliveryGetSettlePriceOrders", {**USDT, "status": "open"}, "/api/v4/delivery/usdt/price_orders"),
    (GATE, "privateDeliveryGetSettlePriceOrdersOrderId", {**USDT, "order_id": "7"}, "/api/v4/delivery/usdt/price_orders/7"),
    (GATE, "privateMarginGetAccountBook", {}, "/api/v4/margin/account_book"),
    (GATE, "privateMarginGetFundingAccounts", {}, "/api/v4/margin/funding_accounts"),
    (GATE, "privateMarginGetUniInterestRecords", {}, "/api/v4/margin/uni/interest_records"),
    (GATE, "privateOptionsGetAccounts", {}, "/api/v4/options/accounts"),
    (GATE, "privateOptionsGetAccountBook", {}, "/api/v4/options/account_book"),
    (GATE, "privateOptionsGetPositions", {}, "/api/v4/options/positions"),
    (GATE, "privateOptionsGetPositionsContract", CONTRACT, "/api/v4/options/positions/BTC_USDT"),
    (GATE, "privateOptionsGetPositionClose", {"underlying": "BTC_USDT"}, "/api/v4/options/position_close"),
    (GATE, "privateOptionsGetOrders", {"status": "open"}, "/api/v4/options/orders"),
    (GATE, "privateOptionsGetOrdersOrderId", {"order_id": "7"}, "/api/v4/options/orders/7"),
    (GATE, "privateOptionsGetMyTrades", {"underlying": "BTC_USDT"}, "/api/v4/options/my_trades"),
    (GATE, "privateUnifiedGetInterestRecords", {}, "/api/v4/unified/interest_records"),
]
MARGIN = {"instId": "BTC-USDT-SWAP", "posSide": "net", "type": "add", "amt": "1"}

#: Options and portfolio margin of Binance, asked without a key and with one, read and written.
UNROUTED = [
    ("eapiPublicGetExchangeInfo", {}),
    ("eapiPrivateGetAccount", {}),
    ("eapiPrivatePostOrder", {"symbol": "BTC-260925-60000-C", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "1"}),
    ("papiGetPing", {}),
    ("papiGetBalance", {}),
    ("papiPostUmOrder", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}),
    ("papiV2GetUmAccount", {}),
]


class Behind(Counted):
    """The built-in routes of the three venues."""

    configuration = '[upstream.venue]\nurl = "http://127.0.0.1:{port}"\n' + "".join(
        f'[[route]]\nbuiltin = "{name}"\nupstream = "venue"\n' for name in ("binance", "gate", "okx")
    )


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    with Behind(tmp_path_factory.mktemp("reads")) as running:
        yield running


@pytest.fixture(scope="module")
def readers(counted):
    """A client of each class, whose key may read and not trade."""
    return {venue.name: venue.sync(counted.server, venue.read_only(counted.server)) for venue in (BINANCE, GATE, OKX)}


def arrived(counted, ask):
    """The method, the path, and whose it is, of each request that reaches the service for this."""
    before = len(counted.venue.seen)
    # The service answers in nobody's words, which ccxt's class of OKX does not take for a success.
    with contextlib.suppress(ccxt.ExchangeError):
        ask()
    return [(method, target.partition("?")[0], whose(headers)) for method, target, headers, _ in counted.venue.seen[before:]]


def whose(headers):
    """The account in what the gateway says of who asks; none where it says nothing."""
    said = [value for name, value in headers if name.lower() == "countersign-identity"]
    return jwt.decode(said[0], options={"verify_signature": False})["sub"] if said else None


@pytest.mark.parametrize("venue, method, sent, path", OPEN, ids=[row[1] for row in OPEN])
def test_what_is_open_arrives_as_nobodys(counted, readers, venue, method, sent, path):
    assert arrived(counted, lambda: getattr(readers[venue.name], method)(dict(sent))) == [("GET", path, None)]


@pytest.mark.parametrize("venue, method, sent, path", SIGNED, ids=[row[1] for row in SIGNED])
def test_what_is_signed_arrives_as_the_accounts(counted, readers, venue, method, sent, path):
    assert arrived(counted, lambda: getattr(readers[venue.name], method)(dict(sent))) == [("GET", path, "demo")]


def test_margin_of_a_position_at_okx_is_changed_by_who_may_trade(counted, readers):
    method, path = "privatePostAccountPositionMarginBalance", "/api/v5/account/position/margin-balance"

    def denied():
        with pytest.raises(ccxt.AuthenticationError):
            getattr(readers["okx"], method)(dict(MARGIN))

    assert arrived(counted, denied) == []
    trader = OKX.sync(counted.server, OKX.key(counted.server))
    assert arrived(counted, lambda: getattr(trader, method)(dict(MARGIN))) == [("POST", path, "demo")]


@pytest.mark.parametrize("method, sent", UNROUTED, ids=[row[0] for row in UNROUTED])
def test_options_and_portfolio_margin_of_binance_do_not_arrive(counted, method, sent):
    """As a wrong request, not as a venue that is away, where a bot waits and tries again."""
    trader = BINANCE.sync(counted.server, counted.server.credential("binance-hmac"))

    def refused():
        with pytest.raises(ccxt.BadRequest, match="-1020") as raised:
            getattr(trader, method)(dict(sent))
        assert type(raised.value) is ccxt.BadRequest

    assert arrived(counted, refused) == []
