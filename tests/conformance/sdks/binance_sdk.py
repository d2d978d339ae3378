"""binance-sdk-spot: the vendor's present SDK."""

import asyncio
import ssl

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI, ConfigurationWebSocketStreams
from binance_sdk_spot.spot import Spot

from sdks import twice
from sdks.place import AMOUNT, WAIT_SECONDS, Returned, resting

SYMBOL = "BTCUSDT"


class Client:
    def __init__(self, place):
        pem = place.record.get("private_key_pem")
        keys = {"private_key": pem} if pem else {"api_secret": place.record["secret"]}
        tls = ssl.create_default_context(cafile=place.record["ca"])
        self.spot = Spot(
            config_rest_api=ConfigurationRestAPI(api_key=place.key, base_path=place.base, https_agent=tls, retries=0, **keys),
            config_ws_api=ConfigurationWebSocketAPI(api_key=place.key, stream_url=f"{place.ws_base}/ws-api/v3", https_agent=tls, timeout=10000, **keys),
            config_ws_streams=ConfigurationWebSocketStreams(stream_url=f"{place.ws_base}/stream", https_agent=tls),
        )
        self.rest = self.spot.rest_api
        twice.mount(self.rest._session)

    @staticmethod
    def code(error):
        return getattr(error, "status_code", "")

    def markets(self):
        return [each.symbol for each in self.rest.exchange_info().data().symbols]

    def balance(self):
        return {each.asset: float(each.free) for each in self.rest.get_account().data().balances}["USDT"]

    def ticker(self):
        return float(self.rest.get_trades(symbol=SYMBOL, limit=1).data()[0].price)

    def book(self):
        book = self.rest.depth(symbol=SYMBOL, limit=5).data()
        return float(book.bids[0][0]), float(book.asks[0][0])

    def _order(self):
        return dict(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=AMOUNT, price=resting(self.ticker()))

    def place_order(self):
        return self.rest.new_order(**self._order()).data().order_id

    def open_orders(self):
        return [each.order_id for each in self.rest.get_open_orders(symbol=SYMBOL).data()]

    def cancel_order(self, order):
        return self.rest.delete_order(symbol=SYMBOL, order_id=order).data().status == "CANCELED"

    def replay(self):
        order = self._order()
        twice.arm()
        return self.rest.new_order(**order).data().order_id

    def ticker_stream(self):
        async def story():
            connection = await self.spot.websocket_streams.create_connection()
            told = asyncio.Queue()
            try:
                stream = await connection.ticker(symbol=SYMBOL)
                stream.on("message", told.put_nowait)
                return float((await asyncio.wait_for(told.get(), WAIT_SECONDS)).c)
            finally:
                await connection.close_connection(close_session=True)

        return asyncio.run(story())

    def order_stream(self):
        async def story():
            connection = await self.spot.websocket_api.create_connection()
            told = asyncio.Queue()
            try:
                answer = await connection.user_data_stream_subscribe_signature()
                answer.stream.on("message", told.put_nowait)
                placed = await asyncio.to_thread(self.place_order)
                try:
                    for _ in range(20):
                        event = await asyncio.wait_for(told.get(), WAIT_SECONDS)
                        event = getattr(event, "actual_instance", event)
                        if getattr(event, "i", None) == placed:
                            return True
                    raise Returned("other events only")
                finally:
                    await asyncio.to_thread(self.cancel_order, placed)
            finally:
                await connection.close_connection(close_session=True)

        return asyncio.run(story())
