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

/// How far from our clock the time of a signed request of Deribit may be, to both sides: the venue's own bound is not published, and
/// clients send milliseconds of their own clock.
pub const DERIBIT_WINDOW: Duration = Duration::from_secs(60);

/// Longest JSON-RPC id that is a string, with its quotes: a UUID with a prefix.
pub const RPC_ID_CHARS_MAX: usize = 66;

/// Longest nonce of a signed call: clients send 8 to 13 characters.
pub const RPC_NONCE_BYTES_MAX: usize = 128;

/// Longest `data` of a signed login: free text of the client, mostly empty.
pub const RPC_DATA_BYTES_MAX: usize = 1_024;

/// Longest name of a Deribit session: the venue documents none, its console makes names of 22 (`apiconsole-c5i26ds6dsr`), which clients
/// copied, and a name is in every token of its session.
pub const SESSION_NAME_CHARS_MAX: usize = 64;

/// How long an access token of ours lives unless a login asks otherwise: what clients expect of the venue.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(900);

/// Longest life that a login may ask for: a token is all a thief needs, so a day is enough.
pub const ACCESS_TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(86_400);

/// How long a refresh token of ours may wait for its one use.
pub const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// Seconds between heartbeats that a client may ask for: the venue's least is 10; beyond an hour nothing is kept alive.
pub const HEARTBEAT_SECS: std::ops::RangeInclusive<u64> = 10..=3_600;

/// Most calls of one key on one connection whose answers are waited for, to know what they placed: more than a connection may have under
/// way at a time, where the venue answers all of them. What is beyond it counts as placed.
pub const CALLS_UNDER_WAY_MAX: usize = 2_000;

/// Most open orders of one connection that are remembered for cancel on disconnect; with more, all of the account are cancelled. Twice
/// what the venue lets one account have.
pub const OPEN_ORDERS_MAX: usize = 2_000;

/// Most channels of one subscription (venue: 500).
pub const CHANNELS_MAX: usize = 500;

/// How far ahead the end of a signed WebSocket login may lie: clients say one to ten seconds, some up to a minute.
pub const LOGIN_LIFETIME_MAX: Duration = Duration::from_secs(120);

/// The same for BitMEX: the vendor's own WebSocket client signs an hour ahead. No login is remembered, so that it lives long costs no
/// memory of the replay guard, and who captured one may show it again until it ends: to log in, to read what is told of the account, and
/// to arm `cancelAllAfter`, which cancels all its orders where the key has `order:write`. Nothing can be placed under it; requests, which
/// can place, keep [`LOGIN_LIFETIME_MAX`].
pub const BITMEX_LOGIN_LIFETIME_MAX: Duration = Duration::from_secs(3_600);

/// Longest name of a topic that is kept in mind; those of venues have thirty bytes.
pub const TOPIC_BYTES_MAX: usize = 128;

/// Most entries of a list in a login or subscription frame that is looked into: a client that watches all pairs of OKX names six hundred
/// in one frame.
pub const FRAME_LIST_MAX: usize = 1_000;

/// How long a signature of RFC 9421 may be used after it was made, whatever `expires` says: a request is sent when it is signed.
pub const HTTP_SIGNATURE_LIFETIME_MAX: Duration = Duration::from_secs(60);

/// How far ahead of our clock `created` may be: clocks of clients are not exact, and it is in whole seconds.
pub const HTTP_SIGNATURE_LEEWAY: Duration = Duration::from_secs(5);

/// Longest `Signature-Input`: sixteen components with parameters and six parameters of the signature come to about 1 KiB.
pub const SIGNATURE_INPUT_BYTES_MAX: usize = 4_096;

/// Most components of one signature: clients sign five to ten.
pub const SIGNATURE_COMPONENTS_MAX: usize = 32;

/// Longest `nonce` of a signature: clients send 16 or 32 random bytes in some encoding.
pub const SIGNATURE_NONCE_BYTES_MAX: usize = 128;

/// Longest signature base: each component is a part of a head that has 32 KiB, and could be named in five ways.
pub const SIGNATURE_BASE_BYTES_MAX: usize = 64 * 1_024;

/// Most `conf` messages of Bitfinex that wait for the venue's answer: clients send one, and another when they change their mind.
pub const CONFIGURATIONS_MAX: usize = 16;

/// Most options of `Connection` in a head: as many as it may have fields. Each is looked up, before the sender is known.
pub const CONNECTION_OPTIONS_MAX: usize = 96;
