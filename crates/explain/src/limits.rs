//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Longest input. The largest signed request is a 64 KiB body; a curl command with its quoting is at most a few times that.
pub const INPUT_BYTES_MAX: usize = 1 << 20;

/// Longest message that a gateway keeps to explain it later: orders are a few hundred bytes, batches of twenty a few thousand.
pub const KEPT_BYTES_MAX: usize = 16 * 1_024;

/// Longest secret: an RSA private key of 4096 bits in PEM is about 3.3 KiB.
pub const SECRET_BYTES_MAX: usize = 16 * 1_024;

/// Most MACs of one explanation: pairs of four hundred mistakes, and each of them under eighty readings of the secret: a second of
/// one core.
pub const MACS_MAX: usize = 400_000;

/// Most texts that one explanation makes: pairs of four hundred mistakes and more. One that is not tried costs, too.
pub const VARIATIONS_MAX: usize = 400_000;

/// Most bytes that one explanation writes into texts and hashes: a 64 KiB body a few thousand times.
pub const TEXT_BYTES_MAX: usize = 512 * 1_024 * 1_024;

/// Most public-key verifications of one explanation: each costs about fifty MACs.
pub const VERIFICATIONS_MAX: usize = 4_000;

/// Most parameters that are varied one by one: orders have a dozen, and what each costs grows with how many there are.
pub const VARIED_PARAMETERS_MAX: usize = 64;

/// Most segments of a path that are left out one by one: paths of venues have up to eight.
pub const VARIED_SEGMENTS_MAX: usize = 16;

/// Most parameters whose every order is tried: 6! is 720.
pub const PERMUTED_PARAMETERS_MAX: usize = 6;

/// Most parts of a signed text whose every order is tried.
pub const PERMUTED_PARTS_MAX: usize = 6;

/// How far from the time in the request a signed time is looked for: two calls of the clock in one client are milliseconds apart, a
/// queue in between makes it seconds.
pub const SIGNED_TIME_SHIFT_MAX_MS: u64 = 5_000;

/// How many whole seconds an older time is looked for: a program that keeps one for as long as requests live, and counts from it.
pub const SIGNED_TIME_AGE_MAX_S: u64 = 120;

/// How far from the MsgSeqNum in a Logon a signed one is looked for: an engine counts its Logon, a signer counts its messages.
pub const SIGNED_NUMBER_SHIFT_MAX: u64 = 100;

/// Bytes shown to each side of the first difference: a parameter and its neighbours.
pub const CONTEXT_BYTES: usize = 24;

/// Longest piece of a signed text that is shown whole; of longer ones both ends are.
pub const SHOWN_BYTES_MAX: usize = 2_048;

/// A timestamp further away than this is in another unit, not by another clock.
pub const CLOCK_ERROR_MAX: Duration = Duration::from_secs(400 * 86_400);

/// The window that venues apply when a request names none, and that clients rarely need to exceed: a request older than its own window
/// but younger than this one has a window that is too small.
pub const ORDINARY_WINDOW: Duration = Duration::from_millis(5_000);

/// Most words of a command line: curl commands have a few dozen.
pub const WORDS_MAX: usize = 1_024;

/// Most members of an object that are left out one by one: orders have a dozen.
pub const MEMBERS_LEFT_OUT_MAX: usize = 64;

/// Deepest JSON that is written again in other styles.
pub const JSON_DEPTH_MAX: usize = 32;
