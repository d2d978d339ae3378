"""gemini-python: requests and order events of Gemini. It raises nothing for a refusal: the body is handed to the caller."""

import time

from gemini import OrderEventsWS, PrivateClient

from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

SYMBOL = "btcusdt"


def result(answer):
    if isinstance(answer, dict) and answer.get("result") == "error":
        raise Returned(answer["reason"])
    return answer


class Client:
    def __init__(self, place):
        self.place = place
        self.rest = PrivateClient(place.key, place.secret)
        self.rest._base_url, self.rest.public_base_url = place.base, f"{place.base}/v1"

    @staticmethod
    def code(error):
        return ""

    def markets(self):
        return [name.upper() for name in self.rest.symbols()]

    def balance(self):
        return {each["currency"]: float(each["available"]) for each in result(self.rest.get_balance())}["USDT"]

    def ticker(self):
        return float(self.rest.get_ticker(SYMBOL)["last"])

    def book(self):
        book = self.rest.get_current_order_book(SYMBOL)
        return float(book["bids"][0]["price"]), float(book["asks"][0]["price"])

    def place_order(self):
        price = f"{resting(self.ticker()):.2f}"
        return str(result(self.rest.new_order(SYMBOL, str(AMOUNT), price, "buy", []))["order_id"])

    def open_orders(self):
        return [str(each["order_id"]) for each in result(self.rest.active_orders())]

    def cancel_order(self, order):
        return result(self.rest.cancel_order(order))["is_cancelled"]

    def order_stream(self):
        """Its handshake is signed as its requests are."""
        events = OrderEventsWS(self.place.key, self.place.secret)
        events.base_url = f"{self.place.ws_base}/v1/order/events"
        events.start()
        try:
            # Both count nonces by the clock: the handshake comes first.
            self._until(lambda: events.order_book["subscription_ack"])
            order = self.place_order()
            try:
                return self._until(lambda: order in [str(each["order_id"]) for each in events.order_book["accepted"]])
            finally:
                self.cancel_order(order)
        finally:
            # Its thread reads until something comes.
            events.stop = True
            events.ws.shutdown()

    @staticmethod
    def _until(seen):
        deadline = time.monotonic() + WAIT_SECONDS
        while not seen():
            if time.monotonic() > deadline:
                raise Returned("nothing told")
            time.sleep(0.05)
        return True
