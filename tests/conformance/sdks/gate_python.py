"""gate-api: requests of Gate; it has no streams."""

import os

import gate_api as sdk

from sdks.place import AMOUNT, resting

PAIR = "BTC_USDT"


class Client:
    def __init__(self, place):
        settings = sdk.Configuration(host=f"{place.base}/api/v4", key=place.key, secret=place.secret)
        settings.ssl_ca_cert = os.environ["SSL_CERT_FILE"]
        self.api = sdk.ApiClient(settings)
        self.spot = sdk.SpotApi(self.api)

    @staticmethod
    def code(error):
        return getattr(error, "label", "")

    def markets(self):
        return [each.id for each in self.spot.list_currency_pairs()]

    def balance(self):
        return {each.currency: float(each.available) for each in self.spot.list_spot_accounts()}["USDT"]

    def ticker(self):
        return float(self.spot.list_tickers(currency_pair=PAIR)[0].last)

    def book(self):
        book = self.spot.list_order_book(PAIR)
        return float(book.bids[0][0]), float(book.asks[0][0])

    def place_order(self):
        price = f"{resting(self.ticker()):.2f}"
        return self.spot.create_order(sdk.Order(currency_pair=PAIR, side="buy", amount=str(AMOUNT), price=price)).id

    def open_orders(self):
        return [each.id for each in self.spot.list_orders(PAIR, "open")]

    def cancel_order(self, order):
        return self.spot.cancel_order(order, PAIR).status == "cancelled"

    def replay(self):
        """Its pool of connections sends the next order twice."""
        pool = self.api.rest_client.pool_manager
        send = pool.request

        def twice(method, *told, **more):
            first = send(method, *told, **more)
            return send(method, *told, **more) if method == "POST" else first

        pool.request = twice
        try:
            return self.place_order()
        finally:
            pool.request = send
