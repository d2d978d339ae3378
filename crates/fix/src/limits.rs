//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Longest message, from `8=` to the end of CheckSum: a mass quote or a full snapshot of a book, not a file transfer.
pub const MESSAGE_BYTES_MAX: usize = 65_536;

/// Longest message before the Logon was accepted: a Logon with a certificate in RawData still fits.
pub const LOGON_BYTES_MAX: usize = 8_192;

/// Longest BeginString value: `FIXT.1.1` has 8 bytes.
pub const BEGIN_STRING_BYTES_MAX: usize = 12;

/// Digits of a BodyLength: more cannot be meant, with or without leading zeros.
pub const BODY_LENGTH_DIGITS_MAX: usize = 9;

/// Fields in one message: [`MESSAGE_BYTES_MAX`] holds more only of empty ones.
pub const FIELDS_MAX: usize = 8_192;

/// Highest tag: nine digits, far above the user-defined ranges of any venue.
pub const TAG_MAX: u32 = 999_999_999;

/// Highest sequence number: 15 digits, exact in every language's numbers, and not reached in a century of full lines.
pub const SEQ_NUM_MAX: u64 = 999_999_999_999_999;

/// Longest MsgType: standard ones have two characters, user-defined ones (`U...`) a few more.
pub const MSG_TYPE_BYTES_MAX: usize = 8;

/// Longest SenderCompID or TargetCompID; API keys of 64 characters are used as such.
pub const COMP_ID_BYTES_MAX: usize = 128;

/// Longest Text (58) that is passed up in an event; a longer one is cut.
pub const TEXT_BYTES_MAX: usize = 256;

/// Longest TestReqID that is echoed.
pub const TEST_REQ_ID_BYTES_MAX: usize = 256;

/// Bytes held while a Logon is being verified: what an impatient client sends in one round trip.
pub const HELD_BYTES_MAX: usize = 65_536;

/// Messages received ahead of a gap that are kept; what is not kept is asked for again.
pub const QUEUED_MESSAGES_MAX: usize = 1_024;

/// Bytes of those messages.
pub const QUEUED_BYTES_MAX: usize = 1 << 20;

/// Messages waiting to be sent; a peer that provokes more without reading is cut.
pub const TRANSMIT_MESSAGES_MAX: usize = 4_096;

/// Bytes of those messages.
pub const TRANSMIT_BYTES_MAX: usize = 4 << 20;

/// The interval over which the rates below are counted.
pub const RATE_WINDOW: Duration = Duration::from_secs(60);

/// ResendRequests for what was asked for before, answered in one [`RATE_WINDOW`]: a session that loses messages asks once or twice; each
/// may cost a whole day. Going on where the last one ended does not count, in however small pieces.
pub const RESEND_REQUESTS_MAX: u32 = 10;

/// Rejects sent in one [`RATE_WINDOW`] before the session is ended: a client this wrong does not get right by itself.
pub const REJECTS_MAX: u32 = 100;

/// Garbled messages in one [`RATE_WINDOW`] before the connection is cut: TLS delivers bytes intact, so they are a fault or an attack.
pub const GARBLED_MAX: u32 = 20;

/// Bytes that may be skipped between two messages before the connection is cut: two longest messages, the one whose length is a lie and
/// the one it ran into. What never comes back to a message has no second fault to be counted by [`GARBLED_MAX`].
pub const GARBLED_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// ResendRequests sent for one gap before the session is ended as one that cannot be recovered.
pub const RESEND_ATTEMPTS_MAX: u32 = 3;

/// Messages kept by the memory store for resending.
pub const STORED_MESSAGES_MAX: usize = 10_000;

/// Bytes kept by the memory store for resending.
pub const STORED_BYTES_MAX: usize = 16 << 20;

/// Sessions one registry keeps apart.
pub const LIVE_SESSIONS_MAX: usize = 65_536;

/// Longest text of a proof in a Logon: 88 characters of a signature or a MAC of 64 bytes; a longer one is none of these and not decoded.
pub const PROOF_TEXT_BYTES_MAX: usize = 128;

/// RecvWindow of a Logon when none is sent (Binance, "Timing security").
pub const BINANCE_RECV_WINDOW_DEFAULT: Duration = Duration::from_millis(5_000);

/// Longest RecvWindow (Binance, "Timing security").
pub const BINANCE_RECV_WINDOW_MAX: Duration = Duration::from_millis(60_000);

/// How far ahead of our clock a SendingTime may be (Binance, "Timing security": strictly less).
pub const BINANCE_AHEAD_MAX: Duration = Duration::from_millis(1_000);

/// How far the signed SendingTime may be from our clock, to both sides: the venue's window for signed requests.
pub const COINBASE_EXCHANGE_WINDOW: Duration = Duration::from_secs(30);

/// How far the time in RawData may be from our clock, to both sides: the venue's own bound is not published; the same as for requests.
pub const DERIBIT_WINDOW: Duration = Duration::from_secs(60);

/// Shortest nonce in RawData, decoded (Deribit, "Logon").
pub const DERIBIT_NONCE_BYTES_MIN: usize = 32;

/// Longest nonce in RawData, as text: 256 bytes are more randomness than any client has.
pub const DERIBIT_NONCE_TEXT_BYTES_MAX: usize = 344;

/// How far the nonce may be from our clock, to both sides (Kraken, "Logon").
pub const KRAKEN_WINDOW: Duration = Duration::from_secs(5);
