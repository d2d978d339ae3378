"""binance-sdk-derivatives-trading-usds-futures: the vendor's present SDK for USD-M futures."""

import asyncio
import ssl

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI, ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures as Futures

from sdks import twice
from sdks.place import AMOUNT, WAIT_SECONDS, resting


class Client:
    def __init__(self, place):
        pem = place.record.get("private_key_pem")
        keys = {"private_key": pem} if pem else {"api_secret": place.record["secret"]}
        tls = ssl.create_default_context(cafile=place.record["ca"])
        self.futures = Futures(
            config_rest_api=ConfigurationRestAPI(api_key=place.key, base_path=place.base, https_agent=tls, retries=0, **keys),
            config_ws_api=ConfigurationWebSocketAPI(api_key=place.key, stream_url=f"{place.ws_base}/ws-fapi/v1", https_agent=tls, timeout=10000, **keys),
            config_ws_streams=ConfigurationWebSocketStreams(stream_url=place.ws_base, https_agent=tls),
        )
        self.rest = self.futures.rest_api
        twice.mount(self.rest._session)
        self.symbol = self.markets()[0]

    @staticmethod
    def code(error):
        return getattr(error, "status_code", "")

    def markets(self):
        return [each.symbol for each in self.rest.exchange_information().data().symbols]

    def balance(self):
        return {each.asset: float(each.available_balance) for each in self.rest.futures_account_balance_v3().data()}["USDT"]

    def ticker(self):
        return float(self.rest.recent_trades_list(symbol=self.symbol, limit=1).data()[0].price)

    def book(self):
        book = self.rest.order_book(symbol=self.symbol, limit=5).data()
        return float(book.bids[0][0]), float(book.asks[0][0])

    def _order(self):
        return dict(symbol=self.symbol, side="BUY", type="LIMIT", time_in_force="GTC", quantity=AMOUNT, price=float(round(resting(self.ticker()))))

    def place_order(self):
        return self.rest.new_order(**self._order()).data().order_id

    def open_orders(self):
        return [each.order_id for each in self.rest.current_all_open_orders(symbol=self.symbol).data()]

    def cancel_order(self, order):
        return self.rest.cancel_order(symbol=self.symbol, order_id=order).data().status == "CANCELED"

    def replay(self):
        order = self._order()
        twice.arm()
        return self.rest.new_order(**order).data().order_id

    def position(self):
        """Takes a position, reads it, and closes it again: what was held between."""
        self.rest.new_order(symbol=self.symbol, side="BUY", type="MARKET", quantity=AMOUNT)
        [held] = self.rest.position_information_v3(symbol=self.symbol).data()
        self.rest.new_order(symbol=self.symbol, side="SELL", type="MARKET", quantity=AMOUNT, reduce_only="true")
        return float(held.position_amt)

    def over_the_websocket(self):
        """Places, changes and cancels an order over the WebSocket API: its last status."""

        async def story():
            terms = self._order()
            connection = await self.futures.websocket_api.create_connection()
            try:
                placed = (await connection.new_order(**terms)).data().result
                named = dict(symbol=self.symbol, order_id=placed.order_id)
                await connection.modify_order(**named, side="BUY", quantity=2 * AMOUNT, price=terms["price"])
                return (await connection.cancel_order(**named)).data().result.status
            finally:
                await connection.close_connection(close_session=True)

        return asyncio.run(story())

    def ticker_stream(self):
        async def story():
            connection = await self.futures.websocket_streams.create_connection()
            told = asyncio.Queue()
            try:
                stream = await connection.individual_symbol_ticker_streams(symbol=self.symbol)
                stream.on("message", told.put_nowait)
                return float((await asyncio.wait_for(told.get(), WAIT_SECONDS)).c)
            finally:
                await connection.close_connection(close_session=True)

        return asyncio.run(story())
