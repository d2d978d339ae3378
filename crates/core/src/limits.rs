//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Longest message that is verified: a venue's largest batch order is far below, and verification hashes all of it.
pub const SIGNED_BYTES_MAX: usize = 1 << 20;

/// Longest signature text: base64url of an ML-DSA-65 signature (3309 bytes) is 4412 characters.
pub const SIGNATURE_TEXT_BYTES_MAX: usize = 4_416;

/// How far ahead of our clock any dialect may let a signed timestamp be. Most venues accept 1 s; Gate and Deribit are served with a
/// window of a minute on both sides.
pub const TIMESTAMP_AHEAD_MAX: Duration = Duration::from_secs(60);

/// How far away the end of a signed validity may be: Coinbase's JWTs live two minutes, and clients' clocks may run 5 s ahead.
pub const VALIDITY_MAX: Duration = Duration::from_secs(125);

/// Most nonces that are remembered one by one for a key: Hyperliquid keeps 100, and 200 requests under way at once are more than any
/// client has.
pub const NONCE_WINDOW_MAX: u16 = 200;

/// Longest receive window that any dialect may grant (Binance: 60 s). The replay guard remembers this long.
pub const RECV_WINDOW_MAX: Duration = Duration::from_secs(60);

/// How long one generation of the replay guard lives: the longest window plus the part of it that may lie ahead, or the longest
/// validity, whichever is more; 5 s on top.
pub const REPLAY_GENERATION: Duration = Duration::from_secs(130);

/// Replay records of all keys together: 130 s at 30,000 signed requests a second is 3.9 million; 24 bytes each.
pub const REPLAY_RECORDS_MAX: usize = 4_000_000;

/// Replay records of one key in one generation: 3,000 signed requests a second for 130 s. Beyond it the key is refused, so that
/// one key cannot use up the memory of all.
pub const REPLAY_RECORDS_PER_KEY_MAX: u32 = 390_000;

/// Longest text of a token of ours: all its names at their longest, and 32 scopes of 48 bytes, sealed and in base64url.
pub const TOKEN_TEXT_BYTES_MAX: usize = 4_096;

/// RSA moduli accepted at registration, in bits. Below 2048 is breakable, above 4096 is a way to burn our CPU.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// Smallest RSA exponent accepted at registration: smaller ones turn sloppy padding checks into forgeries (CVE-2006-4339).
pub const RSA_EXPONENT_MIN: u32 = 65_537;

/// Longest public key text accepted at registration: a PEM of an ML-DSA-65 key is 2.7 KB, an RSA-4096 JWK 0.8 KB.
pub const PUBLIC_KEY_TEXT_BYTES_MAX: usize = 16_384;

/// Longest JWT that is looked at: headers of common proxies end at 8 KiB, access tokens with groups and claims of their own at 4 KiB, an
/// assertion signed with ML-DSA-65 has 4.4 KB of signature.
pub const JWT_TEXT_BYTES_MAX: usize = 8_192;

/// Most members of a JWT's header or claims: identity providers write 10 to 40.
pub const JWT_MEMBERS_MAX: usize = 128;

/// Last second that a time in a JWT may name: the end of the year 9999. Later ones are no times but attempts to overflow one.
pub const NUMERIC_DATE_MAX: u64 = 253_402_300_799;

/// Longest key set of an issuer: sixteen RSA keys with their certificates are 60 KiB.
pub const JWKS_BYTES_MAX: usize = 256 * 1_024;

/// Most keys of an issuer: it has two or three, more while it changes them.
pub const JWKS_KEYS_MAX: usize = 64;

/// How far ahead of our clock `iat` and `nbf` of a token or proof may be: clocks of issuers and clients are not exact.
pub const JWT_LEEWAY: Duration = Duration::from_secs(5);

/// How old a DPoP proof may be (RFC 9449, 11.1: seconds or minutes). The replay guard remembers it longer.
pub const DPOP_AGE_MAX: Duration = Duration::from_secs(60);

/// Longest `jti` of a DPoP proof: a UUID is 36 characters, 32 random bytes in base64url 43.
pub const DPOP_JTI_BYTES_MAX: usize = 128;

/// How long one server nonce for DPoP is given out; it is taken for as long again. A client asks for a new one at most so often.
pub const DPOP_NONCE_PERIOD: Duration = Duration::from_secs(60);
