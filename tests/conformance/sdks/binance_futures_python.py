"""python-binance with USD-M futures: its `futures_*` methods, and the ticker stream of a future."""

import asyncio

from binance.async_client import AsyncClient
from binance.client import Client as Rest
from binance.ws.streams import BinanceSocketManager

from sdks import twice
from sdks.binance_python import secret
from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting


class Client:
    def __init__(self, place):
        self.place = place
        self.rest = Rest(place.key, ping=False, **secret(place))
        self.rest.FUTURES_URL = f"{place.base}/fapi"
        twice.mount(self.rest.session)
        self.symbol = self.markets()[0]

    @staticmethod
    def code(error):
        return getattr(error, "code", "")

    def markets(self):
        return [each["symbol"] for each in self.rest.futures_exchange_info()["symbols"]]

    def balance(self):
        return {each["asset"]: float(each["availableBalance"]) for each in self.rest.futures_account_balance()}["USDT"]

    def ticker(self):
        return float(self.rest.futures_ticker(symbol=self.symbol)["lastPrice"])

    def book(self):
        book = self.rest.futures_order_book(symbol=self.symbol, limit=5)
        return float(book["bids"][0][0]), float(book["asks"][0][0])

    def _order(self):
        return dict(symbol=self.symbol, side="BUY", type="LIMIT", timeInForce="GTC", quantity=str(AMOUNT), price=f"{resting(self.ticker()):.1f}")

    def place_order(self):
        return self.rest.futures_create_order(**self._order())["orderId"]

    def open_orders(self):
        return [each["orderId"] for each in self.rest.futures_get_open_orders(symbol=self.symbol)]

    def cancel_order(self, order):
        return self.rest.futures_cancel_order(symbol=self.symbol, orderId=order)["status"] == "CANCELED"

    def replay(self):
        order = self._order()
        twice.arm()
        return self.rest.futures_create_order(**order)

    def position(self):
        """Takes a position, reads it, and closes it again: what was held between."""
        self.rest.futures_create_order(symbol=self.symbol, side="BUY", type="MARKET", quantity=str(AMOUNT))
        [held] = [each for each in self.rest.futures_position_information(symbol=self.symbol) if float(each["positionAmt"])]
        self.rest.futures_create_order(symbol=self.symbol, side="SELL", type="MARKET", quantity=held["positionAmt"], reduceOnly="true")
        return float(held["positionAmt"])

    def batch(self):
        """Places two orders at once and cancels both at once: how many were cancelled."""
        orders = [self._order() for _ in range(2)]
        placed = [each["orderId"] for each in self.rest.futures_place_batch_order(batchOrders=orders)]
        canceled = self.rest.futures_cancel_orders(symbol=self.symbol, orderidlist=placed)
        return sum(each["status"] == "CANCELED" for each in canceled)

    def ticker_stream(self):
        async def story():
            client = AsyncClient(self.place.key, **secret(self.place))
            manager = BinanceSocketManager(client)
            manager.FSTREAM_URL = f"{self.place.ws_base}/"
            try:
                async with manager.symbol_ticker_futures_socket(self.symbol) as told:
                    message = await asyncio.wait_for(told.recv(), WAIT_SECONDS)
                    message = message.get("data", message)
                    return float(message.get("c") or message["b"])
            finally:
                await client.close_connection()

        return asyncio.run(story())

    def order_stream(self):
        """Its user socket asks for a listen key by itself."""

        async def story():
            client = AsyncClient(self.place.key, **secret(self.place))
            client.FUTURES_URL = f"{self.place.base}/fapi"
            manager = BinanceSocketManager(client)
            manager.FSTREAM_URL = f"{self.place.ws_base}/"
            try:
                async with manager.futures_user_socket() as told:
                    placed = await asyncio.to_thread(self.place_order)
                    try:
                        for _ in range(20):
                            event = await asyncio.wait_for(told.recv(), WAIT_SECONDS)
                            if event.get("e") == "ORDER_TRADE_UPDATE" and event["o"]["i"] == placed:
                                return event["o"]["X"] == "NEW"
                        raise Returned("other events only")
                    finally:
                        await asyncio.to_thread(self.cancel_order, placed)
            finally:
                await client.close_connection()

        return asyncio.run(story())
