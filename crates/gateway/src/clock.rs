//! The one place that reads clocks.
//!
//! A node among others has a witness of its wall clock: that of the memory which all share. Time then goes on steadily when the
//! machine's clock is set, until the witness says that it was set right ([`hear_witness`], ADR 0038):
//!
//! ```text
//!   machine's clock          wall()
//!   goes with time      ──▶  the machine's clock
//!   was set             ──▶  goes on as before     until it is set back, or the witness agrees with it: the machine's clock again
//! ```
//!
//! A node alone has nobody to ask, and follows its machine.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign_core::{Monotonic, Now, Timestamp};
use countersign_pki::UnixTime;
use tokio::time::Instant;

/// How far the machine's clock may be from where it was, and the time since: NTP slews it by half a millisecond a second, and is heard
/// of five times a second. What is more was set.
const STEP_MIN: Duration = Duration::from_millis(500);

/// The machine's clock minus the monotonic one, in microseconds, when it was last found right.
static STEADY: AtomicI64 = AtomicI64::new(ALONE);
/// Nobody is asked.
const ALONE: i64 = i64::MIN;
/// How often the machine's clock was followed after it was set.
static FOLLOWED: AtomicU64 = AtomicU64::new(0);

/// Both clocks, now.
#[must_use]
pub fn now() -> Now {
    Now { wall: wall(), mono: mono() }
}

/// Waits until a point on the monotonic clock; without one, for ever.
pub async fn until(deadline: Option<Monotonic>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.saturating_since(mono())).await,
        None => std::future::pending().await,
    }
}

/// Waits until a time on the wall clock, as it stands now; without one, for ever.
pub async fn until_wall(end: Option<Timestamp>) {
    match end {
        Some(end) => tokio::time::sleep(end.saturating_since(wall())).await,
        None => std::future::pending().await,
    }
}

/// The wall clock. A clock before 1970 reads as 1970: every signed window is then refused, which is right.
#[must_use]
pub fn wall() -> Timestamp {
    let machine = machine();
    match STEADY.load(Ordering::Relaxed) {
        ALONE => machine,
        steady => judged(machine, mono(), steady),
    }
}

/// The wall clock, as certificates count it.
#[must_use]
pub fn unix_now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(wall().as_secs()))
}

/// From now on the wall clock goes on steadily, and [`hear_witness`] says when the machine's was set right.
pub fn rely_on_witness() {
    let (machine, mono) = both();
    STEADY.store(offset(machine, mono), Ordering::Relaxed);
}

/// Hears the witness's wall clock, which may be off by `within`; whether the machine's clock is followed anew by that.
pub fn hear_witness(told: Timestamp, within: Duration) -> bool {
    let steady = STEADY.load(Ordering::Relaxed);
    if steady == ALONE {
        return false;
    }
    let (machine, mono) = both();
    let (next, followed) = heard(machine, mono, steady, told, within);
    STEADY.store(next, Ordering::Relaxed);
    FOLLOWED.fetch_add(u64::from(followed), Ordering::Relaxed);
    followed
}

/// How far the machine's clock is ahead of the one in use, in milliseconds: not 0 while it is not followed.
#[must_use]
pub fn machine_ahead_millis() -> i64 {
    let machine = machine();
    match STEADY.load(Ordering::Relaxed) {
        ALONE => 0,
        steady => machine.millis_after(judged(machine, mono(), steady)),
    }
}

/// The machine's clock if it went with time, else where it would be.
fn judged(machine: Timestamp, mono: Monotonic, steady: i64) -> Timestamp {
    let expected = Timestamp::from_micros(mono.as_micros().saturating_add_signed(steady));
    if apart(machine, expected) < STEP_MIN { machine } else { expected }
}

/// The next offset, and whether that follows a clock that was set.
fn heard(machine: Timestamp, mono: Monotonic, steady: i64, told: Timestamp, within: Duration) -> (i64, bool) {
    if judged(machine, mono, steady) == machine {
        // Slewed a little: what is slow adds up to no step.
        (offset(machine, mono), false)
    } else if apart(machine, told) <= within.saturating_add(STEP_MIN) {
        (offset(machine, mono), true)
    } else {
        (steady, false)
    }
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.saturating_since(other).max(other.saturating_since(one))
}

fn offset(machine: Timestamp, mono: Monotonic) -> i64 {
    let micros = i128::from(machine.as_micros()) - i128::from(mono.as_micros());
    i64::try_from(micros).unwrap_or(0)
}

/// Both clocks at one moment: a thread may be stopped between two readings, and then reads again.
fn both() -> (Timestamp, Monotonic) {
    const TRIES: u32 = 8;
    let mut read = (machine(), mono());
    for _ in 0..TRIES {
        let before = mono();
        read = (machine(), mono());
        if read.1.saturating_since(before) < STEP_MIN / 50 {
            break;
        }
    }
    read
}

#[expect(clippy::disallowed_methods, reason = "the one clock module")]
fn machine() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
}

/// The monotonic clock, counted from the first call in this process. It is the runtime's own, so that deadlines and timers agree,
/// also where a test stops it.
#[must_use]
pub fn mono() -> Monotonic {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    Monotonic::from_micros(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;
    const PROMPT: Duration = Duration::from_millis(1);

    /// A node that has run for ten seconds since `T0`.
    const STEADY: i64 = 1_700_000_000_000_000;
    const MONO: Monotonic = Monotonic::from_micros(10_000_000);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_700_000_010 + seconds - HOUR)
    }

    fn true_time() -> Timestamp {
        at(HOUR)
    }

    #[test]
    fn a_clock_that_is_set_changes_nothing_until_the_witness_agrees() {
        for machine in [at(0), at(2 * HOUR), at(HOUR + 1), at(HOUR - 1)] {
            assert_eq!(judged(machine, MONO, STEADY), true_time());
            assert_eq!(heard(machine, MONO, STEADY, true_time(), PROMPT), (STEADY, false), "it was set wrong");
            let (next, followed) = heard(machine, MONO, STEADY, machine, PROMPT);
            assert_eq!((judged(machine, MONO, next), followed), (machine, true), "it was wrong, and set right");
        }
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed_whatever_the_witness_says() {
        let mut steady = STEADY;
        let mut machine = true_time();
        for _ in 0..100 {
            machine = machine.saturating_add(Duration::from_millis(400));
            assert_eq!(judged(machine, MONO, steady), machine);
            steady = heard(machine, MONO, steady, at(0), PROMPT).0;
        }
    }

    #[test]
    fn a_witness_that_is_slow_to_answer_is_believed_less() {
        let machine = true_time().saturating_add(Duration::from_secs(2));
        assert!(!heard(machine, MONO, STEADY, true_time(), PROMPT).1);
        assert!(heard(machine, MONO, STEADY, true_time(), Duration::from_secs(3)).1, "it may have meant this");
    }
}
