//! Times and durations as people write them: `15m`, `90d`, `2027-01-01T00:00:00Z`, `2027-01-01`.

use std::time::Duration;

use countersign_core::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo};

use crate::failure::Failure;

/// A duration: `0s`, `15m`, `24h`, `90d`, `1h 30m`, `PT15M`. A day has 24 hours.
pub(super) fn duration(text: &str) -> anyhow::Result<Duration> {
    let wrong = || Failure::usage(format!("{text:?} is not a duration: write it as 30s, 15m, 24h or 90d"));
    let span: Span = text.parse().map_err(|_| wrong())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| wrong())
}

/// A time in the future: a time, a date (its beginning, UTC), or a duration from now.
pub(super) fn end(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let end = point(text).map_or_else(|| duration(text).map(|from_now| now.saturating_add(from_now)), Ok);
    let end = end.map_err(|_| Failure::usage(format!("{text:?} is neither a duration (90d) nor a time (2027-01-01T00:00:00Z)")))?;
    if end <= now { Err(Failure::usage(format!("{text} is over already"))) } else { Ok(end) }
}

/// A time in the past: a time, a date, or a duration before now.
pub(super) fn start(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let start = point(text).map_or_else(|| duration(text).map(|ago| now.saturating_sub(ago)), Ok);
    start.map_err(|_| Failure::usage(format!("{text:?} is neither a duration (15m) nor a time (2027-01-01T00:00:00Z)")))
}

fn point(text: &str) -> Option<Timestamp> {
    let date = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let point: jiff::Timestamp = text.parse().ok().or_else(date)?;
    u64::try_from(point.as_microsecond()).ok().map(Timestamp::from_micros)
}

/// A time for people, to the second, UTC.
pub(crate) fn show(at: Timestamp) -> String {
    let shown = i64::try_from(at.as_secs()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    shown.map_or_else(|| format!("second {}", at.as_secs()), |at| at.to_string())
}

/// A time for people, to the millisecond, UTC.
pub(crate) fn show_precisely(at: Timestamp) -> String {
    let shown = i64::try_from(at.as_millis()).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    shown.map_or_else(|| format!("millisecond {}", at.as_millis()), |at| format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_durations_that_people_write() {
        for (text, seconds) in [("0s", 0), ("15m", 900), ("24h", 86_400), ("90d", 7_776_000), ("1h 30m", 5_400), ("PT15M", 900)] {
            assert_eq!(duration(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        for text in ["", "15", "-5m", "soon", "1 month"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_ends_and_refuses_those_that_are_over() {
        let now = Timestamp::from_secs(1_800_000_000);
        assert_eq!(end("2030-01-01T00:00:00Z", now).unwrap(), Timestamp::from_secs(1_893_456_000));
        assert_eq!(end("2030-01-01", now).unwrap(), Timestamp::from_secs(1_893_456_000));
        assert_eq!(end("1d", now).unwrap(), Timestamp::from_secs(1_800_086_400));
        for text in ["2020-01-01", "0s", "tomorrow"] {
            assert!(end(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn shows_times_in_utc() {
        let at = Timestamp::from_millis(1_893_456_000_042);
        assert_eq!((show(at).as_str(), show_precisely(at).as_str()), ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00.042Z"));
    }
}
