//! Times as clients write them, whatever the unit.

use std::time::Duration;

use countersign_core::Timestamp;
use countersign_core::civil::iso;
use countersign_fix::utc_timestamp::{Precision, UtcTimestamp};

use crate::draft::Unit;

/// A time written in any of the usual forms: seconds (with decimals), milli-, micro- or nanoseconds since 1970 by the number of digits,
/// or ISO 8601 in UTC.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    match unit_of(text)? {
        Written::Iso => read_iso(text),
        Written::Seconds => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
            let whole: u64 = whole.parse().ok()?;
            Some(Timestamp::from_micros(whole.checked_mul(1_000_000)?.checked_add(micros.parse().ok()?)?))
        }
        Written::Millis => text.split('.').next()?.parse().ok().map(Timestamp::from_millis),
        Written::Micros => text.parse().ok().map(Timestamp::from_micros),
        Written::Nanos => text.parse::<u64>().ok().map(|nanos| Timestamp::from_micros(nanos / 1_000)),
    }
}

/// How a time is written, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Iso,
    Micros,
    Millis,
    Nanos,
    Seconds,
}

impl Written {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Iso => "ISO 8601",
            Self::Micros => "microseconds",
            Self::Millis => "milliseconds",
            Self::Nanos => "nanoseconds",
            Self::Seconds => "seconds",
        }
    }

    /// Whether this is how a venue wants it.
    pub(crate) fn fits(self, unit: Unit) -> bool {
        matches!((self, unit), (Self::Iso, Unit::Iso) | (Self::Millis, Unit::Millis) | (Self::Seconds, Unit::Seconds))
    }
}

/// How a text is written, if it is a time of our age.
pub(crate) fn unit_of(text: &str) -> Option<Written> {
    let whole = text.split('.').next().unwrap_or_default();
    if text.contains('T') && text.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(Written::Iso);
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(text.split_once('.').map_or("", |(_, fraction)| fraction)) {
        return None;
    }
    match whole.len() {
        9..=10 => Some(Written::Seconds),
        12..=13 => Some(Written::Millis),
        15..=16 => Some(Written::Micros),
        18..=19 => Some(Written::Nanos),
        _ => None,
    }
}

fn read_iso(text: &str) -> Option<Timestamp> {
    let text = text.trim_end_matches('Z').trim_end_matches("+00:00");
    let (date, clock) = text.split_once('T')?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    let fix = format!("{}-{clock}.{millis}", date.replace('-', ""));
    UtcTimestamp::parse(fix.as_bytes()).ok().map(UtcTimestamp::timestamp)
}

/// The text of a time in the unit that a venue wants.
pub(crate) fn written(at: Timestamp, unit: Unit) -> String {
    match unit {
        Unit::Fix => UtcTimestamp::new(at, Precision::Millis).to_string(),
        Unit::Iso => iso(at),
        Unit::Millis => at.as_millis().to_string(),
        Unit::Seconds => at.as_secs().to_string(),
    }
}

/// `12.4 s`, `350 ms`, `3 h 20 min`, `2 days`.
pub(crate) fn span(span: Duration) -> String {
    let millis = span.as_millis();
    match millis {
        0..=999 => format!("{millis} ms"),
        1_000..=119_999 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        120_000..=7_199_999 => format!("{} min {} s", millis / 60_000, millis / 1_000 % 60),
        7_200_000..=172_799_999 => format!("{} h {} min", millis / 3_600_000, millis / 60_000 % 60),
        _ => format!("{} days", millis / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_unit_is_told_by_its_form() {
        let at = Timestamp::from_millis(1_795_222_311_840);
        for text in ["1795222311.840", "1795222311840", "1795222311840000", "1795222311840000000", "2026-11-21T00:51:51.840Z"] {
            assert_eq!(read_time(text), Some(at), "{text}");
        }
        assert_eq!(iso(at), "2026-11-21T00:51:51.840Z");
        assert_eq!(read_time("2026-11-21T00:51:51+00:00"), Some(Timestamp::from_secs(1_795_222_311)));
        for text in ["", "12", "1e12", "-1795222311", "T", "2026", "1795222311.x", "17952223118400000000000"] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }

    #[test]
    fn spans_are_written_for_people() {
        for (millis, text) in
            [(350, "350 ms"), (12_400, "12.4 s"), (180_000, "3 min 0 s"), (10_800_000, "3 h 0 min"), (864_000_000, "10 days")]
        {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }
}
