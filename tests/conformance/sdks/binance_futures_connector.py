"""binance-futures-connector: the vendor's older SDK for USD-M futures."""

import json
import queue

from binance.um_futures import UMFutures
from binance.websocket.um_futures.websocket_client import UMFuturesWebsocketClient

from sdks import twice
from sdks.place import AMOUNT, WAIT_SECONDS, resting


class Client:
    def __init__(self, place):
        self.place = place
        pem = place.record.get("private_key_pem")
        self.rest = UMFutures(place.key, place.record.get("secret"), base_url=place.base, private_key=pem)
        twice.mount(self.rest.session)
        self.symbol = self.markets()[0]

    @staticmethod
    def code(error):
        return getattr(error, "error_code", "")

    def markets(self):
        return [each["symbol"] for each in self.rest.exchange_info()["symbols"]]

    def balance(self):
        return {each["asset"]: float(each["availableBalance"]) for each in self.rest.balance()}["USDT"]

    def ticker(self):
        return float(self.rest.ticker_24hr_price_change(self.symbol)["lastPrice"])

    def book(self):
        book = self.rest.depth(self.symbol, limit=5)
        return float(book["bids"][0][0]), float(book["asks"][0][0])

    def _order(self):
        return dict(symbol=self.symbol, side="BUY", type="LIMIT", timeInForce="GTC", quantity=str(AMOUNT), price=f"{resting(self.ticker()):.1f}")

    def place_order(self):
        return self.rest.new_order(**self._order())["orderId"]

    def open_orders(self):
        return [each["orderId"] for each in self.rest.get_orders(symbol=self.symbol)]

    def cancel_order(self, order):
        return self.rest.cancel_order(self.symbol, orderId=order)["status"] == "CANCELED"

    def replay(self):
        order = self._order()
        twice.arm()
        return self.rest.new_order(**order)

    def position(self):
        """Takes a position, reads it, and closes it again: what was held between."""
        self.rest.new_order(symbol=self.symbol, side="BUY", type="MARKET", quantity=str(AMOUNT))
        [held] = [each for each in self.rest.get_position_risk(symbol=self.symbol) if float(each["positionAmt"])]
        self.rest.new_order(symbol=self.symbol, side="SELL", type="MARKET", quantity=held["positionAmt"], reduceOnly="true")
        return float(held["positionAmt"])

    def batch(self):
        """Places two orders at once and cancels both at once: how many were cancelled."""
        orders = [self._order() for _ in range(2)]
        placed = [each["orderId"] for each in self.rest.new_batch_order(orders)]
        canceled = self.rest.cancel_batch_order(self.symbol, orderIdList=placed, origClientOrderIdList=[])
        return sum(each["status"] == "CANCELED" for each in canceled)

    def ticker_stream(self):
        told = queue.Queue()
        client = UMFuturesWebsocketClient(stream_url=f"{self.place.ws_base}/market", on_message=lambda _, message: told.put(json.loads(message)))
        try:
            client.ticker(symbol=self.symbol)
            while True:
                message = told.get(timeout=WAIT_SECONDS)
                if "c" in message:
                    return float(message["c"])
        finally:
            client.stop()
