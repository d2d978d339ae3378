"""coinbase-advanced-py: Coinbase's own SDK, with ES256 and Ed25519 keys."""

import json
import queue
import uuid

from coinbase.rest import RESTClient
from coinbase.websocket import WSClient, WSUserClient

from sdks import twice
from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

PRODUCT = "BTC-USDT"


class Client:
    def __init__(self, place):
        self.place = place
        self.rest = RESTClient(api_key=place.key, api_secret=place.secret, base_url=place.host, timeout=20)
        twice.mount(self.rest.session)

    @staticmethod
    def code(error):
        return getattr(getattr(error, "response", None), "status_code", "")

    def markets(self):
        return [each["product_id"] for each in self.rest.get_products()["products"]]

    def balance(self):
        accounts = self.rest.get_accounts()["accounts"]
        return {each["currency"]: float(each["available_balance"]["value"]) for each in accounts}["USDT"]

    def ticker(self):
        return float(self.rest.get_market_trades(PRODUCT, limit=1)["trades"][0]["price"])

    def book(self):
        book = self.rest.get_product_book(PRODUCT, limit=5)["pricebook"]
        return float(book["bids"][0]["price"]), float(book["asks"][0]["price"])

    def _order(self):
        price = f"{resting(self.ticker()):.2f}"
        return dict(client_order_id=str(uuid.uuid4()), product_id=PRODUCT, base_size=str(AMOUNT), limit_price=price)

    @staticmethod
    def _placed(answer):
        if not answer["success"]:
            raise Returned(answer["error_response"]["error"])
        return answer["success_response"]["order_id"]

    def place_order(self):
        return self._placed(self.rest.limit_order_gtc_buy(**self._order()))

    def open_orders(self):
        return [each["order_id"] for each in self.rest.list_orders(order_status=["OPEN"])["orders"]]

    def cancel_order(self, order):
        return self.rest.cancel_orders([order])["results"][0]["success"]

    def replay(self):
        order = self._order()
        twice.arm()
        return self._placed(self.rest.limit_order_gtc_buy(**order))

    def _keys(self):
        return {"api_key": self.place.key, "api_secret": self.place.secret}

    def ticker_stream(self):
        told = queue.Queue()
        client = WSClient(**self._keys(), base_url=self.place.ws_base, on_message=told.put, retry=False)
        client.open()
        try:
            client.ticker([PRODUCT])
            while True:
                message = json.loads(told.get(timeout=WAIT_SECONDS))
                if message.get("type") == "error":
                    raise Returned(message["message"])
                if message.get("channel") == "ticker":
                    return float(message["events"][0]["tickers"][0]["price"])
        finally:
            client.close()

    def order_stream(self):
        told = queue.Queue()
        client = WSUserClient(**self._keys(), base_url=self.place.ws_base, on_message=told.put, retry=False)
        client.open()
        placed = None
        try:
            client.user([PRODUCT])
            while True:
                message = json.loads(told.get(timeout=WAIT_SECONDS))
                if message.get("type") == "error":
                    raise Returned(message["message"])
                if placed is None and message.get("channel") in ("subscriptions", "user"):
                    placed = self.place_order()
                orders = [each["order_id"] for event in message.get("events") or [] for each in event.get("orders") or []]
                if placed in orders:
                    return True
        finally:
            if placed:
                self.cancel_order(placed)
            client.close()
