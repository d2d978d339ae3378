"""binance-connector: the vendor's older SDK. Its user stream wants a listen key, which the venue has switched off."""

import json
import queue

from binance.spot import Spot
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

from sdks import twice
from sdks.place import AMOUNT, WAIT_SECONDS, resting

SYMBOL = "BTCUSDT"


class Client:
    def __init__(self, place):
        self.place = place
        pem = place.record.get("private_key_pem")
        keys = {"private_key": pem} if pem else {"api_secret": place.record["secret"]}
        self.rest = Spot(place.key, base_url=place.base, **keys)
        twice.mount(self.rest.session)

    @staticmethod
    def code(error):
        return getattr(error, "error_code", "")

    def markets(self):
        return [each["symbol"] for each in self.rest.exchange_info()["symbols"]]

    def balance(self):
        return {each["asset"]: float(each["free"]) for each in self.rest.account()["balances"]}["USDT"]

    def ticker(self):
        return float(self.rest.ticker_24hr(SYMBOL)["lastPrice"])

    def book(self):
        book = self.rest.depth(SYMBOL, limit=5)
        return float(book["bids"][0][0]), float(book["asks"][0][0])

    def _order(self):
        return dict(symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=str(AMOUNT), price=f"{resting(self.ticker()):.2f}")

    def place_order(self):
        return self.rest.new_order(**self._order())["orderId"]

    def open_orders(self):
        return [each["orderId"] for each in self.rest.get_open_orders(SYMBOL)]

    def cancel_order(self, order):
        return self.rest.cancel_order(SYMBOL, orderId=order)["status"] == "CANCELED"

    def replay(self):
        order = self._order()
        twice.arm()
        return self.rest.new_order(**order)

    def ticker_stream(self):
        told = queue.Queue()
        client = SpotWebsocketStreamClient(stream_url=self.place.ws_base, on_message=lambda _, message: told.put(json.loads(message)))
        try:
            client.ticker(symbol=SYMBOL)
            while True:
                message = told.get(timeout=WAIT_SECONDS)
                if "c" in message:
                    return float(message["c"])
        finally:
            client.stop()
