"""krakenex: the oldest Kraken client. It raises nothing for a refusal: the body is handed to the caller. It has no streams."""

import krakenex

from sdks import twice
from sdks.place import AMOUNT, Returned, resting

PAIR = "XBTUSDT"


def result(answer):
    if answer["error"]:
        raise Returned(answer["error"][0])
    return answer["result"]


class Client:
    def __init__(self, place):
        self.api = krakenex.API(place.key, place.secret)
        self.api.uri = place.base
        twice.mount(self.api.session)

    @staticmethod
    def code(error):
        return getattr(getattr(error, "response", None), "status_code", "")

    def _private(self, method, **data):
        return result(self.api.query_private(method, data, timeout=20))

    def _public(self, method, **data):
        return result(self.api.query_public(method, data, timeout=20))

    def markets(self):
        return [each["altname"] for each in self._public("AssetPairs").values()]

    def balance(self):
        return float(self._private("Balance")["USDT"])

    def ticker(self):
        return float(next(iter(self._public("Ticker", pair=PAIR).values()))["c"][0])

    def book(self):
        book = next(iter(self._public("Depth", pair=PAIR, count=5).values()))
        return float(book["bids"][0][0]), float(book["asks"][0][0])

    def _order(self):
        return dict(pair=PAIR, type="buy", ordertype="limit", volume=str(AMOUNT), price=f"{resting(self.ticker()):.1f}")

    def place_order(self):
        return self._private("AddOrder", **self._order())["txid"][0]

    def open_orders(self):
        return list(self._private("OpenOrders")["open"])

    def cancel_order(self, order):
        return self._private("CancelOrder", txid=order)["count"]

    def replay(self):
        order = self._order()
        twice.arm()
        return self._private("AddOrder", **order)
