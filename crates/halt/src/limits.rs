//! Every bound of the emergency shutdown, with its reason.

use std::time::Duration;

/// Halts in force at once that operators raised. One reads them all in one list; a venue with more has halted the wrong scope.
pub const HALTS_MAX: usize = 4_096;

/// Halts in force that clients raised, all accounts together: 128 accounts that use up their own. These are places beside those of
/// operators, so that clients never take them.
pub const CLIENT_HALTS_MAX: usize = 2_048;

/// Halts in force that keys of one account raised: its keys, the account and a few sessions. More is noise for the operators who
/// lift them.
pub const CLIENT_HALTS_PER_ACCOUNT_MAX: usize = 16;

/// Halts in one lift: an operator who signs must be able to read what is lifted.
pub const LIFT_HALTS_MAX: usize = 64;

/// Words of an operator or client about a halt or a lift.
pub const TEXT_BYTES_MAX: usize = 256;

/// Longest name of an instrument or node.
pub const NAME_BYTES_MAX: usize = 64;

/// Most operators in a quorum set: people who know each other's keys.
pub const OPERATORS_MAX: usize = 16;

/// How long a node may forward new orders on what it last read. This is the bound of a stop under partition.
pub const LEASE_LIFE: Duration = Duration::from_millis(1_000);

/// How often a node reads: four tries before the lease is over.
pub const LEASE_RENEW: Duration = Duration::from_millis(250);

/// How much longer than its lease a node must have been silent until it counts as one that passes nothing: from the last look at the lease
/// to the socket is microseconds, and two monotonic clocks run apart by less than a thousandth; the rest is for a machine that stands still
/// in between.
pub const LEASE_MARGIN: Duration = Duration::from_millis(100);

/// How long a node that is gone stays in the list: whoever asks which nodes were waited for sees it.
pub const NODE_FORGOTTEN: Duration = Duration::from_secs(60);

/// Epochs that a process enforces and is not past: one for each halt of a bad minute. Of more, the latest count together.
pub const STEPS_MAX: usize = 64;

/// How long signatures under a lift may be collected: long enough for a telephone call, too short to be forgotten.
pub const LIFT_LIFE: Duration = Duration::from_secs(15 * 60);

/// A record on the wire or in the store: the longest lift names [`LIFT_HALTS_MAX`] halts.
pub const RECORD_BYTES_MAX: usize = 8 * 1_024;
