//! Every bound of a header, with its reason.

use std::time::Duration;

/// Longest header of version 1 with its line end: the longest that the specification allows (2.1).
pub const TEXT_BYTES_MAX: usize = 107;

/// Longest header of version 2, fields and all. Those of balancers that end no TLS have below 150 bytes; nginx takes as many as this.
pub const BINARY_BYTES_MAX: usize = 4_096;

/// Time from accept to the end of the header. A balancer sends it first and by itself, from nearby: three seconds are two packets that
/// were lost. It is part of `limits.handshake_deadline`.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(3);
