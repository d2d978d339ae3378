"""typed-deribit: JSON-RPC over HTTP, with tokens or a signature per request, and over WebSocket.

`DERIBIT_HTTP_AUTH=hmac` in the record signs each request; otherwise `public/auth` gives a token.
"""

import asyncio

import httpx
from typed_core.http import HttpClient
from typed_deribit import Deribit
from typed_deribit.core.auth import Credentials
from typed_deribit.core.transport.http import HmacHttpRpcClient, OAuthHttpRpcClient
from typed_deribit.core.transport.ws import SocketRpcStreamClient

from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

INSTRUMENT = "BTC_USDT"


class Client:
    def __init__(self, place):
        self.place = place
        self.loop = asyncio.new_event_loop()
        self.twice = False
        self.api = self._run(self._open())

    def _run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, 3 * WAIT_SECONDS))

    async def _open(self):
        place = self.place
        keys = Credentials(place.key, place.secret)
        rpc = HmacHttpRpcClient if place.record.get("http_auth") == "hmac" else OAuthHttpRpcClient
        http = HttpClient()
        self.http = http
        return Deribit(
            rpc_client=rpc(http=http, base_url=f"{place.base}/api/v2", credentials=keys),
            ws_client=SocketRpcStreamClient.new(f"{place.ws_base}/ws/api/v2", credentials=keys),
        )

    @staticmethod
    def code(error):
        return error.args[0] if error.args else ""

    def markets(self):
        return [each["instrument_name"] for each in self._run(self.api.market_data.get_instruments("any"))]

    def balance(self):
        summaries = self._run(self.api.account.get_account_summaries())
        return {each["currency"]: float(each["equity"]) for each in summaries["summaries"]}["USDT"]

    def ticker(self):
        return float(self._run(self.api.market_data.ticker(INSTRUMENT))["last_price"])

    def book(self):
        book = self._run(self.api.market_data.get_order_book(INSTRUMENT, depth=5))
        return book["bids"][0][0], book["asks"][0][0]

    async def _buy(self, price):
        order = {"instrument_name": INSTRUMENT, "amount": AMOUNT, "type": "limit", "price": price}
        return (await self.api.trading.buy(order))["order"]["order_id"]

    def place_order(self):
        return self._run(self._buy(resting(self.ticker())))

    def open_orders(self):
        return [each["order_id"] for each in self._run(self.api.trading.get_open_orders_by_instrument(INSTRUMENT))]

    def cancel_order(self, order):
        return self._run(self.api.trading.cancel(order))["order_id"]

    def replay(self):
        price = resting(self.ticker())
        return self._run(self._twice(price))

    async def _twice(self, price):
        wire = await self.http.client
        send = wire.send

        async def twice(request, **options):
            first = await send(request, **options)
            await first.aread()
            return await send(httpx.Request(request.method, request.url, headers=request.headers, content=request.content), **options)

        wire.send = twice
        try:
            return await self._buy(price)
        finally:
            wire.send = send

    def ticker_stream(self):
        async def story():
            async with self.api.streams.market_data.ticker(INSTRUMENT, interval="100ms") as told:
                async for ticker in told:
                    return float(ticker["last_price"])

        return self._run(story())

    def order_stream(self):
        async def story():
            async with self.api.streams.user.orders_by_instrument_raw(INSTRUMENT) as told:
                price = resting(float((await self.api.market_data.ticker(INSTRUMENT))["last_price"]))
                placed = await self._buy(price)
                try:
                    async for order in told:
                        if order["order_id"] == placed:
                            return True
                    raise Returned("the stream ended")
                finally:
                    await self.api.trading.cancel(placed)

        return self._run(story())
