//! UTCTimestamp: `YYYYMMDD-HH:MM:SS` with up to 12 digits of a second.
//!
//! FIX 4.2 and 4.4 define seconds and milliseconds; the present standard (TagValue encoding, UTCTimestamp) 0, 3, 6, 9 and 12 digits, and
//! others where both sides take them. Venues ask for micro- and nanoseconds in every version, and QuickFIX writes any number of digits
//! that it is told, so all are read everywhere and the literal form is what is signed. A leap second (`:60`) is read as the last moment
//! of its minute.

use std::fmt;

use countersign_core::Timestamp;
use countersign_core::civil::Date;

const SECONDS_PER_DAY: u64 = 86_400;
/// Picoseconds; what is finer than nanoseconds is read and cut off.
const FRACTION_DIGITS_MAX: usize = 12;

/// Digits of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// None.
    Seconds,
    /// Three.
    Millis,
    /// Six.
    Micros,
    /// Nine.
    Nanos,
}

impl Precision {
    /// All, coarsest first.
    pub const ALL: [Self; 4] = [Self::Seconds, Self::Millis, Self::Micros, Self::Nanos];

    const fn digits(self) -> usize {
        match self {
            Self::Seconds => 0,
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }

    /// Nanoseconds in the last digit.
    const fn unit(self) -> u32 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }
}

/// Not a UTCTimestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UTCTimestamp: YYYYMMDD-HH:MM:SS with up to 12 digits of a second, from 1970 on")]
pub struct UtcTimestampError;

/// A moment and the precision it was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcTimestamp {
    seconds: u64,
    nanos: u32,
    precision: Precision,
}

impl UtcTimestamp {
    /// A moment of the wall clock; what the precision cannot hold is cut off.
    #[must_use]
    pub const fn new(at: Timestamp, precision: Precision) -> Self {
        let micros = at.as_micros();
        // The remainder is below a million and fits.
        let nanos = (micros % 1_000_000) as u32 * 1_000;
        Self { seconds: micros / 1_000_000, nanos: nanos - nanos % precision.unit(), precision }
    }

    /// Reads the value of a field.
    ///
    /// # Errors
    /// [`UtcTimestampError`] for any other form, an impossible date, or a year before 1970.
    pub fn parse(value: &[u8]) -> Result<Self, UtcTimestampError> {
        let (date, rest) = value.split_at_checked(8).ok_or(UtcTimestampError)?;
        let (clock, fraction) = rest.split_at_checked(9).ok_or(UtcTimestampError)?;
        let [b'-', clock @ ..] = clock else { return Err(UtcTimestampError) };
        let days = Date::new(number(&date[..4])?, number(&date[4..6])?, number(&date[6..])?).ok_or(UtcTimestampError)?.days();
        let [h1, h2, b':', m1, m2, b':', s1, s2] = clock else { return Err(UtcTimestampError) };
        let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?);
        if hour > 23 || minute > 59 || second > 60 {
            return Err(UtcTimestampError);
        }
        let (mut nanos, precision) = fraction_of(fraction)?;
        if second == 60 {
            nanos = 1_000_000_000 - precision.unit();
        }
        let seconds = days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second.min(59);
        Ok(Self { seconds, nanos: nanos % 1_000_000_000, precision })
    }

    /// The moment in microseconds; nanoseconds are cut off.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        Timestamp::from_micros(self.seconds * 1_000_000 + (self.nanos / 1_000) as u64)
    }

    /// The precision it was written with; of a number of digits that has no name, the next finer one.
    #[must_use]
    pub const fn precision(self) -> Precision {
        self.precision
    }

    /// Whether this moment is after the other, to the nanosecond.
    #[must_use]
    pub fn is_after(self, other: Self) -> bool {
        (self.seconds, self.nanos) > (other.seconds, other.nanos)
    }
}

impl fmt::Display for UtcTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = Date::from_days(self.seconds / SECONDS_PER_DAY).parts();
        let clock = self.seconds % SECONDS_PER_DAY;
        write!(f, "{year:04}{month:02}{day:02}-{:02}:{:02}:{:02}", clock / 3_600, clock / 60 % 60, clock % 60)?;
        let width = self.precision.digits();
        if width == 0 { Ok(()) } else { write!(f, ".{:0width$}", self.nanos / self.precision.unit()) }
    }
}

fn number(digits: &[u8]) -> Result<u64, UtcTimestampError> {
    digits
        .iter()
        .try_fold(0, |sum, digit| if digit.is_ascii_digit() { Ok(sum * 10 + u64::from(digit - b'0')) } else { Err(UtcTimestampError) })
}

fn fraction_of(fraction: &[u8]) -> Result<(u32, Precision), UtcTimestampError> {
    let digits = match fraction {
        [] => return Ok((0, Precision::Seconds)),
        [b'.', digits @ ..] => digits,
        _ => return Err(UtcTimestampError),
    };
    let precision = match digits.len() {
        1..=3 => Precision::Millis,
        4..=6 => Precision::Micros,
        7..=FRACTION_DIGITS_MAX => Precision::Nanos,
        _ => return Err(UtcTimestampError),
    };
    // In picoseconds: at most 12 digits, and nothing can overflow.
    let picos = (digits.len()..FRACTION_DIGITS_MAX).fold(number(digits)?, |value, _| value * 10);
    Ok((u32::try_from(picos / 1_000).map_err(|_| UtcTimestampError)?, precision))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_moments() {
        for (text, micros) in [
            ("19700101-00:00:00", 0),
            ("20261121-00:58:39.238", 1_795_222_719_238_000),
            ("20261121-00:58:39.238123", 1_795_222_719_238_123),
            ("20261121-00:58:39.238123999", 1_795_222_719_238_123),
            ("20000229-23:59:59", 951_868_799_000_000),
            ("99991231-23:59:59.999", 253_402_300_799_999_000),
        ] {
            let parsed = UtcTimestamp::parse(text.as_bytes()).unwrap();
            assert_eq!(parsed.timestamp().as_micros(), micros, "{text}");
            assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn any_number_of_digits_is_a_moment() {
        let whole = "20261121-00:58:39.238123999876";
        for (digits, micros) in [(1, 200_000), (2, 230_000), (4, 238_100), (5, 238_120), (7, 238_123), (10, 238_123), (12, 238_123)] {
            let parsed = UtcTimestamp::parse(&whole.as_bytes()[..18 + digits]).unwrap();
            assert_eq!(parsed.timestamp().as_micros(), 1_795_222_719_000_000 + micros, "{digits}");
        }
        assert_eq!(UtcTimestamp::parse(whole.as_bytes()).unwrap().to_string(), "20261121-00:58:39.238123999");
    }

    #[test]
    fn a_leap_second_is_the_last_moment_of_its_minute() {
        let leap = UtcTimestamp::parse(b"20161231-23:59:60.500").unwrap();
        assert_eq!(leap.to_string(), "20161231-23:59:59.999");
    }

    #[test]
    fn refuses_other_forms() {
        for text in [
            "",
            "20261121",
            "20261121-00:58",
            "20261121 00:58:39",
            "2026-11-21-00:58:39",
            "20261121-00:58:39.",
            "20261121-00:58:39.1234567890123",
            "20261121-00:58:39.1 ",
            "20261121-24:00:00",
            "20261121-00:60:00",
            "20261121-00:00:61",
            "20261301-00:00:00",
            "20260229-00:00:00",
            "20260100-00:00:00",
            "19691231-23:59:59",
            "21000229-00:00:00",
            "20261121-00:58:39.238Z",
            "20261121-0a:58:39",
            "20261121-00:58:39,238",
            "+0261121-00:58:39",
        ] {
            assert_eq!(UtcTimestamp::parse(text.as_bytes()), Err(UtcTimestampError), "{text}");
        }
    }
}
