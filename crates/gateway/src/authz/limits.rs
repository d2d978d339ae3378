//! Every bound of the questions of proxies, with its reason.

use std::time::Duration;

/// Clients remembered per worker, by address: each costs about a kilobyte and saves the signing of one identity assertion per
/// request. Beyond it the one that was silent for longest is forgotten.
pub(crate) const CLIENTS_MAX: usize = 4_096;

/// Connections of proxies per worker: a proxy keeps a few per core. More are a mistake, and wait.
pub(crate) const PROXY_CONNECTIONS_MAX: usize = 1_024;

/// Time for the TLS handshake of a proxy and for the first bytes of its first question.
pub(crate) const OPENING_DEADLINE: Duration = Duration::from_secs(10);

/// Questions under way on one HTTP/2 connection. Envoy puts all its questions on a few connections.
pub(crate) const H2_STREAMS_MAX: u32 = 1_024;

/// Longest refusal that is repeated in a header, for proxies that drop the body of an answer: half of the 4 KiB that nginx reads the
/// head of an answer into. The longest refusal of a venue has 300 bytes.
pub(crate) const REFUSAL_HEADER_BYTES_MAX: usize = 2_048;
