//! Every bound of the venue, each with its reason.

use std::time::Duration;

/// Accounts the venue will seed. A paper venue serves a test bench; the cap keeps a
/// misbehaving gateway from growing the map without end.
pub const ACCOUNTS_MAX: usize = 10_000;
/// Open orders per account, all instruments together (Binance filter `MAX_NUM_ORDERS` is 200 per symbol).
pub const OPEN_ORDERS_PER_ACCOUNT_MAX: usize = 200;
/// Finished orders kept per account for `allOrders`; the oldest is forgotten first.
pub const CLOSED_ORDERS_PER_ACCOUNT_MAX: usize = 500;
/// Fills kept per account for `myTrades`.
pub const FILLS_PER_ACCOUNT_MAX: usize = 1_000;
/// Movements of funds kept per account: three for each fill that is kept.
pub const LEDGER_PER_ACCOUNT_MAX: usize = 3 * FILLS_PER_ACCOUNT_MAX;
/// Settlement statements kept per account.
pub const SETTLEMENTS_PER_ACCOUNT_MAX: usize = 200;
/// Public trades kept per instrument (Binance serves at most 1000 in one answer).
pub const TRADES_PER_MARKET_MAX: usize = 1_000;
/// One-minute candles kept per instrument: a day, which the 24-hour ticker needs, and one more hour.
pub const CANDLES_PER_MARKET_MAX: usize = 1_500;
/// Candles in one answer (Binance: 1000).
pub const CANDLES_PER_ANSWER_MAX: usize = 1_000;
/// Rows in one list answer (Binance: 1000).
pub const ROWS_PER_ANSWER_MAX: usize = 1_000;
/// Book levels in one answer (Binance: 5000).
pub const BOOK_LEVELS_MAX: usize = 5_000;
/// Levels per side that a `book` event and the difference stream look at.
pub const BOOK_LEVELS_PUBLISHED: usize = 200;
/// Orders in one `batchOrders` of Binance's futures that places or changes (vendor: 5).
pub const BINANCE_FUTURES_BATCH_MAX: usize = 5;
/// Orders in one `batchOrders` of Binance's futures that cancels (vendor: 10).
pub const BINANCE_FUTURES_CANCEL_BATCH_MAX: usize = 10;
/// Longest countdown of Binance's futures, in milliseconds: a day, as elsewhere.
pub const BINANCE_FUTURES_COUNTDOWN_MS_MAX: u64 = 86_400_000;
/// Trades in one answer of KuCoin's `histories` (vendor: 100).
pub const KUCOIN_HISTORY_ROWS: usize = 100;
/// Rows on a page of KuCoin when the request does not say (vendor: 50).
pub const KUCOIN_PAGE_ROWS: usize = 50;
/// Rows on a page of KuCoin at most (vendor: 500).
pub const KUCOIN_PAGE_ROWS_MAX: usize = 500;
/// Orders placed in one request of Gate (vendor: 10).
pub const GATE_PLACE_BATCH_MAX: usize = 10;
/// Countdowns of Gate, in seconds (vendor: from 5; a day is the venue's own bound).
pub const GATE_COUNTDOWN_SECONDS: std::ops::RangeInclusive<u64> = 5..=86_400;
/// Orders amended in one request of Gate (vendor: 5).
pub const GATE_AMEND_BATCH_MAX: usize = 5;
/// Orders cancelled in one request of Gate (vendor: 20).
pub const GATE_CANCEL_BATCH_MAX: usize = 20;
/// Orders in one `hf/orders/multi` of KuCoin (vendor: 20).
pub const KUCOIN_BATCH_MAX: usize = 20;
/// Orders in one `orders/multi` of KuCoin (vendor: 5).
pub const KUCOIN_OLDER_BATCH_MAX: usize = 5;
/// Longest countdown of KuCoin, in seconds (vendor: a day).
pub const KUCOIN_COUNTDOWN_SECONDS_MAX: u64 = 86_400;
/// Levels per side of a Hyperliquid book (vendor: 20).
pub const HYPERLIQUID_BOOK_LEVELS: u16 = 20;
/// Operations in one `order/multi` of Bitfinex (vendor: 75).
pub const BITFINEX_OPERATIONS_MAX: usize = 75;
/// Trades in one answer of Gemini (vendor: 500).
pub const GEMINI_TRADE_ROWS: usize = 500;
/// Rows in one answer of BitMEX: orders, trades, candles (vendor: 500).
pub const BITMEX_ROWS_MAX: usize = 500;
/// Orders in one `order/bulk` (our choice; the vendor's own limit is that of a body).
pub const BITMEX_BULK_MAX: usize = 100;
/// Longest countdown of BitMEX, in milliseconds: a day, as elsewhere.
pub const BITMEX_COUNTDOWN_MS_MAX: u64 = 86_400_000;
/// Operations in one `batchorder` of Kraken Futures (vendor: 10 by its rate of cost).
pub const KRAKEN_FUTURES_BATCH_MAX: usize = 10;
/// Levels per side of a Kraken Futures book: more than any client here asks for, and a whole book is sent at each tick.
pub const KRAKEN_FUTURES_BOOK_LEVELS: u16 = 100;
/// How far off a scheduled cancel of Hyperliquid must be (vendor: 5 s).
pub const HYPERLIQUID_SCHEDULE_MS_MIN: u64 = 5_000;
/// Trades in one answer of Hyperliquid's `recentTrades`: enough to fill a screen.
pub const HYPERLIQUID_TRADE_ROWS: usize = 100;
/// Candles in one answer of Coinbase Exchange (vendor: 300).
pub const COINBASE_CANDLE_ROWS: usize = 300;
/// Client order id length (Binance: `^[a-zA-Z0-9-_]{1,36}$`).
pub const CLIENT_ORDER_ID_BYTES_MAX: usize = 36;
/// A client's label of an order: Deribit takes 64 bytes, Coinbase clients send up to 41.
pub const ORDER_TAG_BYTES_MAX: usize = 64;
/// Most orders of one `CancelOrderBatch` of the Kraken façade (vendor: 50).
pub const KRAKEN_CANCEL_BATCH_MAX: usize = 50;
/// Most orders of one `AddOrderBatch` of the Kraken façade (vendor: 2 to 15).
pub const KRAKEN_ADD_BATCH_MAX: usize = 15;
/// Longest countdown of the Kraken façade, in seconds (vendor: a day).
pub const KRAKEN_COUNTDOWN_SECONDS_MAX: u64 = 86_400;
/// Orders or trades in one answer of the Kraken façade (vendor: 50).
pub const KRAKEN_ROWS_MAX: usize = 50;
/// Candles in one answer of the Kraken façade (vendor: 720).
pub const KRAKEN_CANDLES_MAX: usize = 720;
/// Levels per side in one book answer of the Kraken façade (vendor: 500).
pub const KRAKEN_BOOK_LEVELS_MAX: usize = 500;
/// Candles in the first message of a candle channel: a chart, in one frame of a few KiB.
pub const CANDLES_FIRST_MAX: usize = 100;
/// Trades in the first message of a trade channel (Kraken: 50).
pub const TRADES_FIRST_MAX: usize = 50;
/// Levels per side in one book answer of the Deribit façade (vendor: 10000; the books here are shorter).
pub const DERIBIT_BOOK_LEVELS_MAX: usize = 1_000;
/// Candles in one answer of the Coinbase façade (vendor: 350).
pub const COINBASE_CANDLES_MAX: usize = 350;
/// Most orders of one `batch_cancel` of the Coinbase façade (vendor: 100).
pub const COINBASE_CANCEL_BATCH_MAX: usize = 100;
/// Account id length accepted from an identity.
pub const ACCOUNT_ID_BYTES_MAX: usize = 128;
/// Longest name of a session that is remembered with an order: the gateway's have 22 bytes.
pub const SESSION_ID_BYTES_MAX: usize = 64;

/// Levels per side in one book answer of the Bybit façade (vendor: spot 200).
pub const BYBIT_BOOK_LEVELS_MAX: usize = 200;
/// Public trades in one answer of the Bybit façade (vendor: spot 60).
pub const BYBIT_TRADES_MAX: usize = 60;
/// Orders on one page of the Bybit façade (vendor: 50, by default 20).
pub const BYBIT_ORDERS_MAX: usize = 50;
/// Executions on one page of the Bybit façade (vendor: 100, by default 50).
pub const BYBIT_EXECUTIONS_MAX: usize = 100;
/// Orders in one batch of the Bybit façade (vendor: 10 for spot).
pub const BYBIT_BATCH_MAX: usize = 10;
/// Levels per side in one book answer and in the `books` channel of the OKX façade (vendor: 400).
pub const OKX_BOOK_LEVELS_MAX: usize = 400;
/// Public trades in one answer of the OKX façade (vendor: 500, by default 100).
pub const OKX_TRADES_MAX: usize = 500;
/// Candles in one answer of the OKX façade (vendor: 300, by default 100).
pub const OKX_CANDLES_MAX: usize = 300;
/// Orders or fills on one page of the OKX façade (vendor: 100).
pub const OKX_ROWS_MAX: usize = 100;
/// Orders in one request of the OKX façade (vendor: 20).
pub const OKX_BATCH_MAX: usize = 20;
/// Countdowns of the OKX façade, in seconds (vendor: 10 to 120).
pub const OKX_COUNTDOWN_SECONDS: std::ops::RangeInclusive<u64> = 10..=120;
/// Label of an order in the OKX façade (vendor: 16 characters).
pub const OKX_TAG_BYTES_MAX: usize = 16;
/// Channels of an account one connection may hold in the OKX façade: each is written for
/// itself, and one per instrument and currency listed here is a handful.
pub const OKX_OWN_CHANNELS_MAX: usize = 32;

/// HTTP request body: the longest legal order form is well under 2 KiB.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// WebSocket request frame: a SUBSCRIBE with its maximum of streams fits.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Streams one connection may hold (Binance: 1024).
pub const STREAMS_PER_CONNECTION_MAX: usize = 1_024;
/// Replies and own events that may wait for one connection; one more closes it, because
/// an order event must never be lost silently.
pub const OWN_QUEUE_MAX: usize = 1_024;
/// Market-data messages that may wait for one connection; the oldest is dropped, because
/// market data is worth less the older it is.
pub const MARKET_QUEUE_MAX: usize = 2_048;
/// Connections accepted at once.
pub const CONNECTIONS_MAX: usize = 4_096;
/// A connection without a complete request head for so long is closed. Idle time between two
/// requests counts too, and the gateway keeps idle connections in a pool: closing one under
/// its hands could lose an order, so this is longer than any pool waits.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(300);
/// Time for one request body.
pub const BODY_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Server ping on WebSockets, as Binance does it.
pub const PING_INTERVAL: Duration = Duration::from_secs(20);
/// A WebSocket peer that is silent for this long is closed.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(60);
/// One write to a WebSocket peer; a peer that takes nothing for this long is gone.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long `shutdown` lets open connections finish.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Longest identity token read: claims of a session are a few hundred bytes.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Longest life of an identity token, in seconds; the gateway mints short ones.
pub const TOKEN_LIFE_SECONDS_MAX: u64 = 60;
/// Clock difference allowed between gateway and venue, in seconds.
pub const TOKEN_LEEWAY_SECONDS: u64 = 2;
/// Verified tokens remembered until they expire; about 1 MiB at the usual token size.
pub const VERIFIED_TOKENS_MAX: usize = 1_024;
/// Keys accepted from one key set: current and next, with room for several gateways.
pub const JWKS_KEYS_MAX: usize = 64;
/// Size of a fetched key set.
pub const JWKS_BYTES_MAX: usize = 64 * 1024;
/// A key set is fetched at most this often, however many unknown key ids arrive.
pub const JWKS_REFETCH_INTERVAL: Duration = Duration::from_secs(5);
/// Time for one key set fetch.
pub const JWKS_FETCH_TIMEOUT: Duration = Duration::from_secs(3);
