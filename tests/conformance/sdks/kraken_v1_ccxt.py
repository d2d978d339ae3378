"""ccxt's class for Kraken in a version that speaks WebSocket v1 for candles, orders and trades of one's own."""

import asyncio

import ccxt.pro

from sdks.place import AMOUNT, REST, WAIT_SECONDS, Returned

SYMBOL = "BTC/USDT"


class Client:
    def __init__(self, place):
        self.place = place

    @staticmethod
    def code(error):
        return ""

    def _run(self, story):
        async def run():
            keys = {"apiKey": self.place.key, "secret": self.place.secret, "cafile": self.place.record["ca"]}
            client = ccxt.pro.kraken({**keys, "enableRateLimit": False, "timeout": 20_000})
            v1, v2 = self.place.ws_base + "/kraken/ws", self.place.ws_base + "/v2"
            sockets = {"public": v1, "private": v1, "publicV2": v2, "privateV2": v2}
            client.urls["api"] = {"public": self.place.base, "private": self.place.base, "ws": sockets}
            try:
                await client.load_markets()
                return await asyncio.wait_for(story(client), 3 * WAIT_SECONDS)
            finally:
                await client.close()

        return asyncio.run(run())

    def candle_stream(self):
        async def story(client):
            candles = await client.watch_ohlcv(SYMBOL, "5m")
            opened, first, high, low, last, volume = candles[-1]
            assert opened % 300_000 == 0 and low <= min(first, last) <= max(first, last) <= high and volume >= 0, candles
            return last

        return self._run(story)

    def heartbeat_stream(self):
        async def story(client):
            await client.watch_ohlcv(SYMBOL)
            return (await client.watch_heartbeat())["event"]

        return self._run(story)

    def order_stream(self):
        """Statuses of an order that rests and is then cancelled."""

        async def story(client):
            price = (await client.fetch_ticker(SYMBOL))["last"] * REST
            # The first answer is the list of those that are open, so one is.
            first = (await client.create_order(SYMBOL, "limit", "buy", AMOUNT, client.price_to_precision(SYMBOL, price)))["id"]
            told = {each["id"]: each["status"] for each in await client.watch_orders(SYMBOL)}
            assert told[first] == "open", told
            await client.cancel_order(first, SYMBOL)
            while told[first] != "canceled":
                told |= {each["id"]: each["status"] for each in await client.watch_orders(SYMBOL)}
            return told[first]

        return self._run(story)

    def trade_stream(self):
        async def story(client):
            bought = (await client.create_order(SYMBOL, "market", "buy", AMOUNT))["id"]
            trades = [each for each in await client.watch_my_trades(SYMBOL) if each["order"] == bought]
            if not trades:
                raise Returned("no trade of the order")
            assert trades[0]["symbol"] == SYMBOL and trades[0]["side"] == "buy" and trades[0]["fee"]["cost"] > 0, trades
            # Waits before it is there: what arrives while nobody waits is not told again.
            coming = asyncio.ensure_future(client.watch_my_trades(SYMBOL))
            await asyncio.sleep(0)
            sold = (await client.create_order(SYMBOL, "market", "sell", AMOUNT))["id"]
            while not [each for each in await coming if each["order"] == sold]:
                coming = asyncio.ensure_future(client.watch_my_trades(SYMBOL))
            return True

        return self._run(story)
