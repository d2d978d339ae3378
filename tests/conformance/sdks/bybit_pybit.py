"""pybit: Bybit's own SDK.

Its WebSocket classes take no URL, only `domain` and `tld` inside `wss://stream.{domain}.{tld}/…`. What stands before an `@` is a user name to
every URL parser, so these two settings can name a host and a port.
"""

import queue

from pybit.unified_trading import HTTP, WebSocket

from sdks import twice
from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

CATEGORY, SYMBOL = "spot", "BTCUSDT"


class Client:
    def __init__(self, place):
        self.place = place
        # A stale request is told at once, not after three tries.
        self.http = HTTP(api_key=place.key, api_secret=place.secret, retry_codes={10006}, rsa_authentication="private_key_pem" in place.record)
        self.http.endpoint = place.base
        self.http.client.verify = place.record["ca"]
        twice.mount(self.http.client)

    @staticmethod
    def code(error):
        return getattr(error, "status_code", "")

    def markets(self):
        return [each["symbol"] for each in self.http.get_instruments_info(category=CATEGORY)["result"]["list"]]

    def balance(self):
        account = self.http.get_wallet_balance(accountType="UNIFIED")["result"]["list"][0]
        return {each["coin"]: float(each["walletBalance"]) for each in account["coin"]}["USDT"]

    def ticker(self):
        return float(self.http.get_tickers(category=CATEGORY, symbol=SYMBOL)["result"]["list"][0]["lastPrice"])

    def book(self):
        book = self.http.get_orderbook(category=CATEGORY, symbol=SYMBOL)["result"]
        return float(book["b"][0][0]), float(book["a"][0][0])

    def place_order(self):
        price = resting(self.ticker())
        placed = self.http.place_order(category=CATEGORY, symbol=SYMBOL, side="Buy", orderType="Limit", qty=str(AMOUNT), price=str(price), timeInForce="GTC")
        return placed["result"]["orderId"]

    def open_orders(self):
        return [each["orderId"] for each in self.http.get_open_orders(category=CATEGORY, symbol=SYMBOL)["result"]["list"]]

    def cancel_order(self, order):
        return self.http.cancel_order(category=CATEGORY, symbol=SYMBOL, orderId=order)["result"]["orderId"]

    def replay(self):
        price = resting(self.ticker())
        twice.arm()
        return self.http.place_order(category=CATEGORY, symbol=SYMBOL, side="Buy", orderType="Limit", qty=str(AMOUNT), price=str(price), timeInForce="GTC")

    def _socket(self, channel, path, **more):
        # `domain` is also put before a fixed `.com` for public streams; there the rest of the template becomes a query.
        domain = f"x@{self.place.host}{path}?" if channel == "spot" else "x@127.0.0"
        return WebSocket(testnet=False, channel_type=channel, domain=domain, tld=f"1:{self.place.port}", retries=2, **more)

    def ticker_stream(self):
        told = queue.Queue()
        socket = self._socket("spot", "/v5/public/spot")
        socket.ticker_stream(SYMBOL, told.put)
        try:
            return float(told.get(timeout=WAIT_SECONDS)["data"]["lastPrice"])
        finally:
            socket.exit()

    def order_stream(self):
        told = queue.Queue()
        socket = self._socket("private", "", api_key=self.place.key, api_secret=self.place.secret, rsa_authentication="private_key_pem" in self.place.record)
        socket.order_stream(told.put)
        placed = []
        try:
            # Nothing says when the subscription holds: an order before that is not told, a later one is.
            for _ in range(5):
                placed.append(self.place_order())
                try:
                    seen = {each["orderId"] for each in told.get(timeout=WAIT_SECONDS / 5)["data"]}
                    if seen & set(placed):
                        return True
                except queue.Empty:
                    continue
            raise Returned("no order was told")
        finally:
            for order in placed:
                self.cancel_order(order)
            socket.exit()
