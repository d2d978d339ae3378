"""hyperliquid-python-sdk. It raises nothing for a refused action: the body is handed to the caller."""

import queue

from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info

from sdks import twice
from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

COIN = "BTC/USDT"


class Client:
    def __init__(self, place):
        self.place = place
        self.wallet = Account.from_key(place.secret)
        self.info = Info(place.base, skip_ws=True)
        self.exchange = Exchange(self.wallet, place.base)
        twice.mount(self.exchange.session)

    @staticmethod
    def code(error):
        return getattr(error, "error_code", "")

    def markets(self):
        return [each["name"] for each in self.info.spot_meta()["universe"]]

    def balance(self):
        state = self.info.spot_user_state(self.wallet.address)
        return {each["coin"]: float(each["total"]) for each in state["balances"]}["USDT"]

    def ticker(self):
        return float(self.info.all_mids()[self.info.name_to_coin[COIN]])

    def book(self):
        bids, asks = self.info.l2_snapshot(COIN)["levels"]
        return float(bids[0]["px"]), float(asks[0]["px"])

    def _order(self):
        return COIN, True, AMOUNT, resting(self.ticker(), 10), {"limit": {"tif": "Gtc"}}

    @staticmethod
    def _placed(answer):
        if answer["status"] != "ok":
            raise Returned(answer["response"])
        status = answer["response"]["data"]["statuses"][0]
        if "error" in status:
            raise Returned(status["error"])
        return status["resting"]["oid"]

    def place_order(self):
        return self._placed(self.exchange.order(*self._order()))

    def open_orders(self):
        return [each["oid"] for each in self.info.open_orders(self.wallet.address)]

    def cancel_order(self, order):
        answer = self.exchange.cancel(COIN, order)
        if answer["status"] != "ok":
            raise Returned(answer["response"])
        return answer["response"]["data"]["statuses"][0]

    def replay(self):
        order = self._order()
        twice.arm()
        return self._placed(self.exchange.order(*order))

    def _streams(self):
        return Info(self.place.base, meta=self.info.meta(), spot_meta=self.info.spot_meta())

    def ticker_stream(self):
        told = queue.Queue()
        streams = self._streams()
        streams.subscribe({"type": "allMids"}, told.put)
        try:
            return float(told.get(timeout=WAIT_SECONDS)["data"]["mids"][self.info.name_to_coin[COIN]])
        finally:
            streams.disconnect_websocket()

    def order_stream(self):
        told = queue.Queue()
        streams = self._streams()
        streams.subscribe({"type": "orderUpdates", "user": self.wallet.address}, told.put)
        placed = []
        try:
            for _ in range(5):
                placed.append(self.place_order())
                try:
                    seen = {each["order"]["oid"] for each in told.get(timeout=WAIT_SECONDS / 5)["data"]}
                    if seen & set(placed):
                        return True
                except queue.Empty:
                    continue
            raise Returned("no order was told")
        finally:
            for order in placed:
                self.cancel_order(order)
            streams.disconnect_websocket()
