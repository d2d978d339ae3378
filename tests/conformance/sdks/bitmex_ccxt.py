"""ccxt's class for BitMEX, in the last version that has one, REST and WebSocket."""

import asyncio

import ccxt
import ccxt.pro

from sdks import twice
from sdks.place import AMOUNT, REST, WAIT_SECONDS, Returned

SYMBOL = "BTC/USDT"


class Client:
    def __init__(self, place):
        self.place = place
        self.exchange = ccxt.bitmex(self._settings())
        self.exchange.urls["api"] = {"public": place.base, "private": place.base}
        self.exchange.validateServerSsl = place.record["ca"]
        twice.mount(self.exchange.session)

    def _settings(self, **more):
        return {"apiKey": self.place.key, "secret": self.place.secret, "enableRateLimit": False, "timeout": 20_000, **more}

    @staticmethod
    def code(error):
        return ""

    def markets(self):
        return list(self.exchange.load_markets())

    def balance(self):
        return self.exchange.fetch_balance()["USDT"]["free"]

    def ticker(self):
        return self.exchange.fetch_ticker(SYMBOL)["last"]

    def book(self):
        book = self.exchange.fetch_order_book(SYMBOL, 5)
        return book["bids"][0][0], book["asks"][0][0]

    def _price(self):
        return float(self.exchange.price_to_precision(SYMBOL, self.ticker() * REST))

    def place_order(self):
        # The end of a signature is told in whole seconds: an order of its own says something of its own.
        return self.exchange.create_order(SYMBOL, "limit", "buy", AMOUNT, self._price())["id"]

    def open_orders(self):
        return [order["id"] for order in self.exchange.fetch_open_orders(SYMBOL)]

    def cancel_order(self, order):
        return self.exchange.cancel_order(order, SYMBOL)["status"] == "canceled"

    def replay(self):
        price = self._price() - 1
        twice.arm()
        return self.exchange.create_order(SYMBOL, "limit", "buy", AMOUNT * 2, price)["id"]

    def _watch(self, story):
        async def run():
            client = ccxt.pro.bitmex(self._settings(cafile=self.place.record["ca"]))
            client.urls["api"] = {"public": self.place.base, "private": self.place.base, "ws": self.place.ws_base + "/realtime"}
            try:
                await client.load_markets()
                return await asyncio.wait_for(story(client), 3 * WAIT_SECONDS)
            finally:
                await client.close()

        return asyncio.run(run())

    def ticker_stream(self):
        async def story(client):
            book = await client.watch_order_book(SYMBOL)
            assert book["bids"][0][0] < book["asks"][0][0]
            return (await client.watch_ticker(SYMBOL))["last"]

        return self._watch(story)

    def order_stream(self):
        async def story(client):
            price = self._price() - 2
            watching = asyncio.ensure_future(client.watch_orders(SYMBOL))
            placed, told = [], set()
            # Nothing says when the venue has taken the subscription: an order before that is told with the first table, or after it.
            for turn in range(6):
                placed.append((await client.create_order(SYMBOL, "limit", "buy", AMOUNT * (3 + turn), price))["id"])
                try:
                    told |= {each["id"] for each in await asyncio.wait_for(asyncio.shield(watching), 4)}
                except asyncio.TimeoutError:
                    continue
                if told & set(placed):
                    break
                watching = asyncio.ensure_future(client.watch_orders(SYMBOL))
            watching.cancel()
            for each in placed:
                await client.cancel_order(each, SYMBOL)
            if not told & set(placed):
                raise Returned("other orders only")
            return True

        return self._watch(story)
