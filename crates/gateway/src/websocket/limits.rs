//! Every bound of WebSockets that is not a setting, with its reason.

use std::time::Duration;

/// How often we ping: what exchanges do, and below the 60 s after which NAT boxes forget.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long a peer may be silent, pongs included: three pings.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How long a peer may take for [`WRITE_PROGRESS_BYTES`], or for less if that is all. Prices that are older are of no use, and
/// nothing else is read for it meanwhile.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// See [`WRITE_DEADLINE`]: 1.6 KiB/s, slower than any link that trading is possible on, faster than a drip.
pub(crate) const WRITE_PROGRESS_BYTES: usize = 8 * 1_024;

/// How long a peer may take to answer our close frame and the end of TLS.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// Longest life of a connection to the WebSocket API, as at the venue.
pub(crate) const WS_API_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// Connections to upstreams behind one client connection: the public one, the key logged on, and two more that sign single
/// messages. Further keys take the place of an idle one.
pub(crate) const LINKS_MAX: usize = 4;

/// Messages of one connection that wait for an answer: an order every 10 ms while the upstream takes its full time.
pub(crate) const PENDING_MAX: usize = 1_024;

/// Longest message while nobody has proved anything on a WebSocket API connection: a logon with an RSA signature is 1 KiB, the
/// longest signed order list below 4 KiB.
pub(crate) const UNPROVED_MESSAGE_BYTES_MAX: usize = 8 * 1_024;

/// The same on the WebSockets of other venues, whose public clients never prove anything: one frame subscribes to the whole market, 500
/// channels at Deribit, 21,000 characters at Bybit, all pairs at Kraken. Less than a request may send before it is verified.
pub(crate) const UNPROVED_SUBSCRIPTION_BYTES_MAX: usize = 32 * 1_024;

/// Longest message from an upstream: exchange information with all symbols.
pub(crate) const UPSTREAM_MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Longest head of an upstream's answer to an upgrade.
pub(crate) const UPSTREAM_HEAD_BYTES_MAX: usize = 16 * 1_024;

/// Most header fields in it.
pub(crate) const UPSTREAM_HEADER_FIELDS_MAX: usize = 64;

/// Refusals on one connection in a minute: each costs a verification or an audit record, and a program that is refused ten times
/// a second learns nothing from it.
pub(crate) const REFUSALS_PER_MINUTE_MAX: u32 = 600;

/// How often open connections look whether credentials changed: a revoked key is cut off within a second.
pub(crate) const STANDING_POLL: Duration = Duration::from_millis(100);

/// How long a draining connection waits for answers under way.
pub(crate) const DRAIN_GRACE: Duration = Duration::from_secs(5);

/// The same where answers cannot be told from news: how long after the latest question. Venues answer within a few milliseconds, far
/// ones within a third of a second.
pub(crate) const ANSWER_GRACE: Duration = Duration::from_secs(1);

/// Messages from upstreams passed on before the client's side is flushed and looked at again.
pub(crate) const BATCH_MAX: usize = 64;
