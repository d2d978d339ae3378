"""python-kraken-sdk: REST, WebSocket v2, and an order book that checks each update's checksum."""

import asyncio

from kraken.spot import Market, SpotOrderBookClient, SpotWSClient, Trade, User

from sdks import twice
from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

PAIR, SYMBOL = "XBTUSDT", "BTC/USDT"
#: So many updates in a row must check out.
UPDATES = 20


class Client:
    def __init__(self, place):
        self.place = place
        keys = {"key": place.key, "secret": place.secret, "url": place.base}
        self.market, self.user, self.trade = Market(url=place.base), User(**keys), Trade(**keys)
        twice.mount(self.trade._SpotClient__session)

    @staticmethod
    def code(error):
        return str(error).rsplit("'", 2)[-2] if "'error'" in str(error) else ""

    def markets(self):
        return [each["altname"] for each in self.market.get_asset_pairs().values()]

    def balance(self):
        return float(self.user.get_account_balance()["USDT"])

    def ticker(self):
        return float(next(iter(self.market.get_ticker(PAIR).values()))["c"][0])

    def book(self):
        book = next(iter(self.market.get_order_book(PAIR, count=5).values()))
        return float(book["bids"][0][0]), float(book["asks"][0][0])

    def _order(self):
        return dict(ordertype="limit", side="buy", pair=PAIR, volume=AMOUNT, price=resting(self.ticker()))

    def place_order(self):
        return self.trade.create_order(**self._order())["txid"][0]

    def open_orders(self):
        return list(self.user.get_open_orders()["open"])

    def cancel_order(self, order):
        return self.trade.cancel_order(order)["count"]

    def replay(self):
        order = self._order()
        twice.arm()
        return self.trade.create_order(**order)

    def _stream(self, told, **keys):
        place = self.place
        return SpotWSClient(**keys, callback=told, rest_url=place.base, ws_url=place.ws_base, auth_ws_url=place.ws_base)

    def ticker_stream(self):
        async def story():
            told = asyncio.Queue()
            client = self._stream(told.put)
            await client.start()
            try:
                await client.subscribe(params={"channel": "ticker", "symbol": [SYMBOL]})
                while True:
                    message = await asyncio.wait_for(told.get(), WAIT_SECONDS)
                    if message.get("channel") == "ticker":
                        return float(message["data"][0]["last"])
            finally:
                await client.close()

        return asyncio.run(story())

    def order_stream(self):
        async def story():
            told = asyncio.Queue()
            client = self._stream(told.put, key=self.place.key, secret=self.place.secret, no_public=True)
            await client.start()
            try:
                await client.subscribe(params={"channel": "executions"})
                placed = None
                while True:
                    message = await asyncio.wait_for(told.get(), WAIT_SECONDS)
                    if message.get("method") == "subscribe":
                        if not message.get("success"):
                            raise Returned(message.get("error"))
                        placed = await asyncio.to_thread(self.place_order)
                    if placed and placed in [each.get("order_id") for each in message.get("data") or [] if isinstance(each, dict)]:
                        await asyncio.to_thread(self.cancel_order, placed)
                        return True
            finally:
                await client.close()

        return asyncio.run(story())

    def book_checksum(self):
        """Every update of the book checks out for the SDK's own `SpotOrderBookClient`."""
        place = self.place

        class Book(SpotOrderBookClient):
            # The class takes no URL; the addresses are attributes of the classes.
            WS_URL = place.ws_base

        Market.URL = place.base

        async def story():
            told = asyncio.Queue()

            async def update(pair, message):
                await told.put((message, book.get(pair)))

            book = Book(depth=10, callback=update)
            await book.start()
            try:
                await book.add_book(pairs=[SYMBOL])
                checked = 0
                while checked < UPDATES:
                    message, state = await asyncio.wait_for(told.get(), WAIT_SECONDS)
                    if "error" in message or not state["valid"]:
                        raise Returned("checksum mismatch")
                    checked += message.get("type") == "update"
                return checked
            finally:
                await book.close()

        return asyncio.run(story())
