//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Longest body of a signed request. The venue's largest order list is about 1 KiB of form; a body is buffered and hashed whole
/// before the sender is known.
pub const BODY_BYTES_MAX: usize = 64 * 1_024;

/// Longest WebSocket API frame, for the same reason.
pub const FRAME_BYTES_MAX: usize = 64 * 1_024;

/// Most parameters of one signed request, query and body together: the venue's longest order list has 35. Looking for duplicates
/// compares each name with those before it, so the number is also a bound on that work.
pub const PARAMETERS_MAX: usize = 64;

/// Longest signature text: 684 base64 characters of RSA-4096, each percent-encoded.
pub const SIGNATURE_TEXT_BYTES_MAX: usize = 2_052;

/// Longest request id of the WebSocket API that is a string: a UUID.
pub const REQUEST_ID_CHARS_MAX: usize = 36;

/// Longest request id that is a number: a 64-bit integer with its sign.
pub const REQUEST_ID_DIGITS_MAX: usize = 20;

/// `recvWindow` when none is sent (venue, "Timing security").
pub const RECV_WINDOW_DEFAULT: Duration = Duration::from_millis(5_000);

/// Longest `recvWindow` (venue, "Timing security").
pub const RECV_WINDOW_MAX: Duration = Duration::from_millis(60_000);

/// How far ahead of our clock a timestamp may be (venue, "Timing security": strictly less).
pub const TIMESTAMP_AHEAD_MAX: Duration = Duration::from_millis(1_000);

/// Timestamps above this are microseconds: as milliseconds it is the year 5138, as microseconds 1973.
pub const TIMESTAMP_MILLIS_MAX: u64 = 100_000_000_000_000;

/// Longest file of recorded requests that the vector runner reads.
pub const VECTOR_FILE_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// Longest JWT of a CDP key: header, claims and signature of a key name of 128 bytes come to 900 characters; a list of `uris` adds to it.
pub const JWT_BYTES_MAX: usize = 4_096;

/// Longest `nonce` of such a token: clients send 16 or 32 random bytes in hex.
pub const JWT_NONCE_BYTES_MAX: usize = 128;

/// Most `uris` of such a token: clients send one.
pub const JWT_URIS_MAX: usize = 8;

/// How long such a token may live (venue, "Authentication": two minutes).
pub const JWT_LIFETIME_MAX: Duration = Duration::from_secs(120);

/// How far ahead of our clock the start of such a token may be: clocks of clients are not exact.
pub const JWT_LEEWAY: Duration = Duration::from_secs(5);
