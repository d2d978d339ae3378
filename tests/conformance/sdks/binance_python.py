"""python-binance: REST, the ticker stream, and its own orders over the WebSocket API."""

import asyncio

# The package `binance` is shared with binance-connector, whose `__init__` is the one that stays: the modules are named in full.
from binance.async_client import AsyncClient
from binance.client import Client as Rest
from binance.ws.streams import BinanceSocketManager

from sdks import twice
from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

SYMBOL = "BTCUSDT"


def secret(place):
    pem = place.record.get("private_key_pem")
    return {"private_key": pem} if pem else {"api_secret": place.record["secret"]}


class Client:
    def __init__(self, place):
        self.place = place
        self.rest = Rest(place.key, ping=False, **secret(place))
        self.rest.API_URL = f"{place.base}/api"
        self.rest.MARGIN_API_URL = f"{place.base}/sapi"
        twice.mount(self.rest.session)

    @staticmethod
    def code(error):
        return getattr(error, "code", "")

    def markets(self):
        return [each["symbol"] for each in self.rest.get_exchange_info()["symbols"]]

    def balance(self):
        return {each["asset"]: float(each["free"]) for each in self.rest.get_account()["balances"]}["USDT"]

    def ticker(self):
        return float(self.rest.get_ticker(symbol=SYMBOL)["lastPrice"])

    def book(self):
        book = self.rest.get_order_book(symbol=SYMBOL, limit=5)
        return float(book["bids"][0][0]), float(book["asks"][0][0])

    def _order(self):
        return dict(symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=str(AMOUNT), price=f"{resting(self.ticker()):.2f}")

    def place_order(self):
        return self.rest.create_order(**self._order())["orderId"]

    def open_orders(self):
        return [each["orderId"] for each in self.rest.get_open_orders(symbol=SYMBOL)]

    def cancel_order(self, order):
        return self.rest.cancel_order(symbol=SYMBOL, orderId=order)["status"] == "CANCELED"

    def replay(self):
        order = self._order()
        twice.arm()
        return self.rest.create_order(**order)

    async def _streams(self):
        place = self.place

        class Here(AsyncClient):
            # The WebSocket API has no other setting.
            WS_API_URL = f"{place.ws_base}/ws-api/v3"

        client = Here(place.key, **secret(place))
        client.API_URL = f"{place.base}/api"
        manager = BinanceSocketManager(client)
        manager.STREAM_URL = f"{place.ws_base}/"
        return client, manager

    def ticker_stream(self):
        async def story():
            client, manager = await self._streams()
            try:
                async with manager.symbol_ticker_socket(SYMBOL) as told:
                    return float((await asyncio.wait_for(told.recv(), WAIT_SECONDS))["c"])
            finally:
                await client.close_connection()

        return asyncio.run(story())

    def order_stream(self):
        async def story():
            client, manager = await self._streams()
            try:
                async with manager.user_socket() as told:
                    placed = await asyncio.to_thread(self.place_order)
                    try:
                        for _ in range(20):
                            event = await asyncio.wait_for(told.recv(), WAIT_SECONDS)
                            event = event.get("event", event)
                            if event.get("e") == "executionReport" and event["i"] == placed:
                                return True
                        raise Returned("other events only")
                    finally:
                        await asyncio.to_thread(self.cancel_order, placed)
            finally:
                await client.close_connection()

        return asyncio.run(story())
