//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Longest message that is verified: a venue's largest batch order is far below, and verification hashes all of it.
pub const SIGNED_BYTES_MAX: usize = 1 << 20;

/// Longest signature text: base64url of an ML-DSA-65 signature (3309 bytes) is 4412 characters.
pub const SIGNATURE_TEXT_BYTES_MAX: usize = 4_416;

/// How far ahead of our clock a signed timestamp may be. Venues accept 1 s: clocks are set by NTP, not by guess.
pub const TIMESTAMP_AHEAD_MAX: Duration = Duration::from_millis(1_000);

/// Longest receive window that any dialect may grant (Binance: 60 s). The replay guard remembers this long.
pub const RECV_WINDOW_MAX: Duration = Duration::from_secs(60);

/// How long one generation of the replay guard lives: window plus the part of it that may lie ahead.
pub const REPLAY_GENERATION: Duration = Duration::from_secs(61);

/// Replay records of all keys together: 61 s at 30,000 signed requests a second is 1.8 million; 24 bytes each.
pub const REPLAY_RECORDS_MAX: usize = 4_000_000;

/// Replay records of one key in one generation: 3,000 signed requests a second for 61 s. Beyond it the key is refused, so that
/// one key cannot use up the memory of all.
pub const REPLAY_RECORDS_PER_KEY_MAX: u32 = 183_000;

/// RSA moduli accepted at registration, in bits. Below 2048 is breakable, above 4096 is a way to burn our CPU.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// Smallest RSA exponent accepted at registration: smaller ones turn sloppy padding checks into forgeries (CVE-2006-4339).
pub const RSA_EXPONENT_MIN: u32 = 65_537;

/// Longest public key text accepted at registration: a PEM of an ML-DSA-65 key is 2.7 KB, an RSA-4096 JWK 0.8 KB.
pub const PUBLIC_KEY_TEXT_BYTES_MAX: usize = 16_384;
