"""python-okx: OKX's own SDK. It raises nothing for a refusal: the body is handed to the caller."""

import asyncio
import json

import okx.Account as Account
import okx.MarketData as MarketData
import okx.PublicData as PublicData
import okx.Trade as Trade
from okx.websocket.WsPrivateAsync import WsPrivateAsync
from okx.websocket.WsPublicAsync import WsPublicAsync

from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

INSTRUMENT = "BTC-USDT"


def data(answer):
    if answer["code"] != "0":
        details = [each["sCode"] for each in answer.get("data") or [] if each.get("sCode", "0") != "0"]
        raise Returned(details[0] if details else answer["code"])
    return answer["data"]


class Client:
    def __init__(self, place):
        self.place = place
        keys = {"api_key": place.key, "api_secret_key": place.secret, "passphrase": place.record["passphrase"], "flag": "0"}
        self.public = PublicData.PublicAPI(flag="0", domain=place.base)
        self.market = MarketData.MarketAPI(flag="0", domain=place.base)
        self.account = Account.AccountAPI(**keys, domain=place.base)
        self.trade = Trade.TradeAPI(**keys, domain=place.base)

    @staticmethod
    def code(error):
        return getattr(error, "code", "")

    def markets(self):
        return [each["instId"] for each in data(self.public.get_instruments(instType="SPOT"))]

    def balance(self):
        details = data(self.account.get_account_balance())[0]["details"]
        return {each["ccy"]: float(each["eq"]) for each in details}["USDT"]

    def ticker(self):
        return float(data(self.market.get_ticker(INSTRUMENT))[0]["last"])

    def book(self):
        book = data(self.market.get_orderbook(INSTRUMENT, sz="5"))[0]
        return float(book["bids"][0][0]), float(book["asks"][0][0])

    def _order(self):
        price = resting(self.ticker())
        return dict(instId=INSTRUMENT, tdMode="cash", side="buy", ordType="limit", sz=str(AMOUNT), px=str(price))

    def place_order(self):
        return data(self.trade.place_order(**self._order()))[0]["ordId"]

    def open_orders(self):
        return [each["ordId"] for each in data(self.trade.get_order_list(instType="SPOT"))]

    def cancel_order(self, order):
        return data(self.trade.cancel_order(INSTRUMENT, ordId=order))[0]["ordId"]

    def replay(self):
        order, transport = self._order(), self.trade._transport
        send = transport.handle_request

        def twice(request):
            body = request.read()
            send(request).read()
            import httpx

            return send(httpx.Request(request.method, request.url, headers=request.headers, content=body))

        transport.handle_request = twice
        try:
            return data(self.trade.place_order(**order))
        finally:
            transport.handle_request = send

    def ticker_stream(self):
        async def story():
            told = asyncio.Queue()
            socket = WsPublicAsync(url=f"{self.place.ws_base}/ws/v5/public")
            reading = await socket.start()
            await socket.subscribe([{"channel": "tickers", "instId": INSTRUMENT}], told.put_nowait)
            try:
                while True:
                    message = json.loads(await asyncio.wait_for(told.get(), WAIT_SECONDS))
                    if message.get("data"):
                        return float(message["data"][0]["last"])
            finally:
                await socket.stop()
                reading.cancel()

        return asyncio.run(story())

    def order_stream(self):
        async def story():
            told = asyncio.Queue()
            socket = WsPrivateAsync(
                apiKey=self.place.key, passphrase=self.place.record["passphrase"], secretKey=self.place.secret, url=f"{self.place.ws_base}/ws/v5/private"
            )
            reading = await socket.start()
            await socket.subscribe([{"channel": "orders", "instType": "SPOT"}], told.put_nowait)
            try:
                placed = None
                while True:
                    message = json.loads(await asyncio.wait_for(told.get(), WAIT_SECONDS))
                    if message.get("event") == "error":
                        raise Returned(message["code"])
                    if message.get("event") == "subscribe":
                        placed = await asyncio.to_thread(self.place_order)
                    if placed and placed in [each["ordId"] for each in message.get("data") or []]:
                        await asyncio.to_thread(self.cancel_order, placed)
                        return True
            finally:
                await socket.stop()
                reading.cancel()

        return asyncio.run(story())
