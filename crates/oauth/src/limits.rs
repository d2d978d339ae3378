//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Longest body of a request: an assertion, a subject token and a page of scopes together are below half of it.
pub const FORM_BYTES_MAX: usize = 16 * 1_024;

/// Most parameters of a request: all standards together define fewer; the rest are strangers that are ignored.
pub const FORM_PARAMETERS_MAX: usize = 32;

/// Longest `jti`: a UUID has 36 characters, libraries use up to 64.
pub const JTI_BYTES_MAX: usize = 256;

/// How old a client assertion or a DPoP proof may be. They are made for one request; a minute is the worst clock of a client that
/// uses NTP and its slowest network. The replay guard remembers longer than that.
pub const PROOF_AGE_MAX: Duration = Duration::from_secs(60);

/// How far ahead of our clock such a proof may be dated.
pub const PROOF_AHEAD_MAX: Duration = Duration::from_secs(5);

/// How far away the end of an assertion without `iat` may be: then its end is all that is known of its age.
pub const ASSERTION_LIFE_MAX: Duration = Duration::from_secs(120);

/// Access tokens: shorter is a signature per request, longer is a revocation that offline verifiers do not hear of for too long.
pub const ACCESS_LIFE: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(300);

/// Exchanges behind one token: a service that hands less on to a service that does the same. Each makes the token 24 bytes longer.
pub const EXCHANGES_MAX: usize = 8;

/// How long the answer to a refresh may be asked for again: the client's timeout and one retry. Within it the same client gets the
/// same successor, so that a lost answer does not end a session; after it a second use is theft.
pub const LOST_REPLY_WINDOW: Duration = Duration::from_secs(30);

/// A refresh token that is not used for so long is given up: over a night, not over a weekend.
pub const REFRESH_IDLE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Generations of one family: one each minute for a week, and ten times that. A counter that runs further is a loop of a client.
pub const GENERATIONS_MAX: u32 = 100_000;
