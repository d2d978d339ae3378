//! Every bound of explanations, with its reason.

use std::time::Duration;

/// How long an explanation is there: somebody reads the answer, opens the link, mends the program and compares once more.
pub(crate) const LIFE: Duration = Duration::from_secs(600);

/// Explanations held at once. With the longest message and page each is below 200 KiB, so all are below 25 MiB.
pub(super) const HELD_MAX: usize = 128;

/// Explanations held of one key: whoever floods with the name of one key takes no room from the others.
pub(super) const HELD_PER_KEY_MAX: usize = 8;

/// Explanations offered for one key in a minute: a person who tries, not a program that fails in a loop.
pub(super) const OFFERS_PER_KEY_AND_MINUTE_MAX: u32 = 10;

/// Explanations worked out in a minute by the whole gateway: each may cost a second of one core.
pub(super) const WORKED_OUT_PER_MINUTE_MAX: u32 = 60;

/// Explanations worked out at once: of all cores one at most is not with the market.
pub(super) const AT_ONCE_MAX: usize = 1;

/// How long a reader waits for their turn to have theirs worked out.
pub(super) const TURN_WAIT_MAX: Duration = Duration::from_secs(10);

/// Times a minute that the memory which nodes share is asked for an explanation: people open links. Names that no node
/// drew do not count.
pub(super) const FETCHED_PER_MINUTE_MAX: u32 = 600;
