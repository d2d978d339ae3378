"""The other unmodified Binance clients: python-binance, binance-connector and binance-sdk-spot."""

import asyncio

import pytest
from binance.error import ClientError
from binance.exceptions import BinanceAPIException
from binance_common.errors import BadRequestError, UnauthorizedError

from harness import clients
from harness.limited import read_only_key

SYMBOL = "BTCUSDT"
ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "1000.00"}
SDK_ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01, "price": 1000.0}
KINDS = ["binance-hmac", "binance-ed25519", "binance-rsa"]

pytestmark = pytest.mark.usefixtures("trust")


@pytest.mark.parametrize("kind", KINDS)
def test_python_binance_trades(server, kind):
    client = clients.python_binance(server, server.credential(kind))
    assert client.get_exchange_info()["symbols"][0]["symbol"] == SYMBOL
    assert float(client.get_ticker(symbol=SYMBOL)["lastPrice"]) > 0
    book = client.get_order_book(symbol=SYMBOL, limit=5)
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])
    assert any(float(balance["free"]) > 0 for balance in client.get_account()["balances"])
    placed = client.create_order(**ORDER)
    assert placed["orderId"] in [order["orderId"] for order in client.get_open_orders(symbol=SYMBOL)]
    canceled = client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    assert canceled["status"] == "CANCELED"


@pytest.mark.parametrize("kind", KINDS)
def test_connector_trades(server, kind):
    client = clients.connector(server, server.credential(kind))
    assert client.exchange_info()["symbols"]
    assert float(client.ticker_24hr(SYMBOL)["lastPrice"]) > 0
    assert client.depth(SYMBOL, limit=5)["bids"]
    assert client.account()["balances"]
    placed = client.new_order(**ORDER)
    assert placed["orderId"] in [order["orderId"] for order in client.get_open_orders(SYMBOL)]
    assert client.cancel_order(SYMBOL, orderId=placed["orderId"])["status"] == "CANCELED"


@pytest.mark.parametrize("kind", KINDS)
def test_sdk_trades_over_rest(server, kind):
    client = clients.sdk(server, server.credential(kind)).rest_api
    assert client.exchange_info().data().symbols
    assert client.depth(symbol=SYMBOL, limit=5).data().bids
    assert client.get_account().data().balances
    placed = client.new_order(**SDK_ORDER).data()
    assert placed.order_id in [order.order_id for order in client.get_open_orders(symbol=SYMBOL).data()]
    assert client.delete_order(symbol=SYMBOL, order_id=placed.order_id).data().status == "CANCELED"


@pytest.mark.parametrize("kind", KINDS)
def test_sdk_trades_over_the_websocket_api(server, kind):
    async def story():
        connection = await clients.sdk(server, server.credential(kind)).websocket_api.create_connection()
        try:
            account = await connection.account_status()
            placed = (await connection.order_place(**SDK_ORDER)).data().result
            open_orders = (await connection.open_orders_status(symbol=SYMBOL)).data().result
            canceled = (await connection.order_cancel(symbol=SYMBOL, order_id=placed.order_id)).data().result
            return account.data().result, placed, open_orders, canceled
        finally:
            await connection.close_connection(close_session=True)

    account, placed, open_orders, canceled = asyncio.run(asyncio.wait_for(story(), 40))
    assert account.balances
    assert placed.order_id in [order.order_id for order in open_orders]
    assert canceled.status == "CANCELED"


def test_sdk_logs_on_to_a_session_and_off_again(server):
    async def story():
        connection = await clients.sdk(server, server.credential("binance-ed25519")).websocket_api.create_connection()
        try:
            await connection.session_logon()
            status = (await connection.session_status()).data().result
            placed = (await connection.order_place(**SDK_ORDER)).data().result
            await connection.order_cancel(symbol=SYMBOL, order_id=placed.order_id)
            await connection.session_logout()
            after = (await connection.session_status()).data().result
            return status, placed, after
        finally:
            await connection.close_connection(close_session=True)

    status, placed, after = asyncio.run(asyncio.wait_for(story(), 40))
    assert status.api_key == server.credential("binance-ed25519")["api_key"]
    assert placed.status == "NEW"
    assert after.api_key is None


def failing(server):
    """Each failure: the record to use, the venue's number and the status. An unknown key is told as a bad signature (ADR 0007)."""
    good = server.credential("binance-hmac")
    return {
        "wrong secret": (clients.with_wrong_secret(good), -1022, 400),
        "unknown key": (clients.unknown(good), -1022, 400),
        "missing scope": (read_only_key(server), -2015, 401),
    }


FAILURES = ["wrong secret", "unknown key", "missing scope"]


@pytest.mark.parametrize("failure", FAILURES)
def test_python_binance_raises_what_it_raises_at_the_venue(server, failure):
    record, code, status = failing(server)[failure]
    with pytest.raises(BinanceAPIException) as raised:
        clients.python_binance(server, record).create_order(**ORDER)
    assert (raised.value.code, raised.value.status_code) == (code, status)


@pytest.mark.parametrize("failure", FAILURES)
def test_connector_raises_what_it_raises_at_the_venue(server, failure):
    record, code, status = failing(server)[failure]
    with pytest.raises(ClientError) as raised:
        clients.connector(server, record).new_order(**ORDER)
    assert (raised.value.error_code, raised.value.status_code) == (code, status)


@pytest.mark.parametrize("failure", FAILURES)
def test_sdk_raises_what_it_raises_at_the_venue(server, failure):
    record, code, status = failing(server)[failure]
    with pytest.raises({400: BadRequestError, 401: UnauthorizedError}[status]) as raised:
        clients.sdk(server, record).rest_api.new_order(**SDK_ORDER)
    # Its name for the number of the venue.
    assert raised.value.status_code == code


def test_a_stale_clock_is_told_with_the_venues_number(server):
    record = server.credential("binance-hmac")
    late = clients.connector(server, record)
    import binance.api

    original = binance.api.get_timestamp
    binance.api.get_timestamp = lambda: original() - 120_000
    try:
        with pytest.raises(ClientError) as raised:
            late.account()
    finally:
        binance.api.get_timestamp = original
    assert raised.value.error_code == -1021
    client = clients.python_binance(server, record)
    client.timestamp_offset = -120_000
    with pytest.raises(BinanceAPIException) as told:
        client.get_account()
    assert told.value.code == -1021
