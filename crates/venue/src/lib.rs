//! The paper exchange: order book, market data, native and Binance façades.
