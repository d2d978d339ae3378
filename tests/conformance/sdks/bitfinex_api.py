"""bitfinex-api-py: requests and channels of Bitfinex, by Bitfinex."""

import asyncio

from bfxapi import Client as Bitfinex

from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

SYMBOL = "tBTCUST"


class Client:
    def __init__(self, place):
        self.place = place
        self.sdk = self._made()

    def _made(self):
        place = self.place
        return Bitfinex(api_key=place.key, api_secret=place.secret, rest_host=f"{place.base}/v2", wss_host=f"{place.ws_base}/ws/2")

    @staticmethod
    def code(error):
        return ""

    def markets(self):
        return [name.removeprefix("t") for name in self.sdk.rest.public.get_t_tickers(["ALL"])]

    def balance(self):
        # What a typed client asks for first: every field of a user has its place.
        assert self.sdk.rest.auth.get_user_info().id
        return next(each.available_balance for each in self.sdk.rest.auth.get_wallets() if each.currency == "UST")

    def ticker(self):
        return self.sdk.rest.public.get_t_ticker(SYMBOL).last_price

    def book(self):
        levels = self.sdk.rest.public.get_t_book(SYMBOL, "P0", len="25")
        bids, asks = [each.price for each in levels if each.amount > 0], [each.price for each in levels if each.amount < 0]
        return max(bids), min(asks)

    def place_order(self):
        price = str(resting(self.ticker()))
        return self.sdk.rest.auth.submit_order(type="EXCHANGE LIMIT", symbol=SYMBOL, amount=str(AMOUNT), price=price).data.id

    def open_orders(self):
        return [each.id for each in self.sdk.rest.auth.get_orders(symbol=SYMBOL)]

    def cancel_order(self, order):
        return self.sdk.rest.auth.cancel_order(id=order).status == "SUCCESS"

    def ticker_stream(self):
        async def ask(sockets, told):
            @sockets.on("t_ticker_update")
            def heard(_, ticker):
                told.set_result(ticker.last_price)

            @sockets.on("open")
            async def opened():
                await sockets.subscribe("ticker", symbol=SYMBOL)

        return asyncio.run(self._stream(ask)) > 0

    def order_stream(self):
        price = str(resting(self.ticker()))

        async def ask(sockets, told):
            @sockets.on("order_cancel")
            def heard(order):
                told.set_result(order.id)

            @sockets.on("order_new")
            async def placed(order):
                await sockets.inputs.cancel_order(id=order.id)

            @sockets.on("authenticated")
            async def known(_):
                await sockets.inputs.submit_order(type="EXCHANGE LIMIT", symbol=SYMBOL, amount=str(AMOUNT), price=price)

        return bool(asyncio.run(self._stream(ask)))

    async def _stream(self, ask):
        """What the first news of one connection is. It would reconnect for ever: who is told ends it."""
        sockets, told = self._made().wss, asyncio.get_running_loop().create_future()
        await ask(sockets, told)
        running = asyncio.ensure_future(sockets.start())
        try:
            await asyncio.wait([told, running], timeout=WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not told.done():
                raise Returned("nothing told")
            return told.result()
        finally:
            running.cancel()
