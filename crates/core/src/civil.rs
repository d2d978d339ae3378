//! Dates of the Gregorian calendar, in UTC: what ISO 8601 and FIX times are made of.
//!
//! Arithmetic only: a library of civil time brings a clock and time zones along, and here a time is an argument
//! (`cargo xtask arch`). The method is Howard Hinnant's (`days_from_civil`, `civil_from_days`): years are counted from the
//! first of March, so that the leap day is the last of its year, in eras of 400 years, after which the calendar repeats.

use crate::time::Timestamp;

const DAYS_PER_ERA: u64 = 146_097;
/// Days from the first of March of the year 0 to 1970-01-01.
const DAYS_TO_EPOCH: u64 = 719_468;
const MILLIS_PER_DAY: u64 = 86_400_000;

/// A day that exists, from 1970 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u64,
    month: u64,
    day: u64,
}

impl Date {
    /// The day of this year, month (from 1) and day (from 1). `None` when there is none, before 1970, and for years of five digits.
    #[must_use]
    pub fn new(year: u64, month: u64, day: u64) -> Option<Self> {
        let there = (1970..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= month_days(year, month);
        there.then_some(Self { year, month, day })
    }

    /// The day that many days after 1970-01-01.
    #[must_use]
    pub const fn from_days(days: u64) -> Self {
        let shifted = days + DAYS_TO_EPOCH;
        let (era, of_era) = (shifted / DAYS_PER_ERA, shifted % DAYS_PER_ERA);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + (month <= 2) as u64;
        Self { year, month, day: day_of_year - (153 * from_march + 2) / 5 + 1 }
    }

    /// Days from 1970-01-01 to it.
    #[must_use]
    pub const fn days(self) -> u64 {
        let year = self.year - (self.month <= 2) as u64;
        let (era, year_of_era) = (year / 400, year % 400);
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - DAYS_TO_EPOCH
    }

    /// Year, month and day.
    #[must_use]
    pub const fn parts(self) -> (u64, u64, u64) {
        (self.year, self.month, self.day)
    }
}

const fn month_days(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2026-11-21T00:51:51.840Z`: ISO 8601 in UTC with milliseconds, as venues write times.
#[must_use]
pub fn iso(at: Timestamp) -> String {
    let (days, rest) = (at.as_millis() / MILLIS_PER_DAY, at.as_millis() % MILLIS_PER_DAY);
    let (year, month, day) = Date::from_days(days).parts();
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_five_centuries_follow_one_another() {
        let mut before = None;
        for days in 0..=182_621 {
            let date = Date::from_days(days);
            let (year, month, day) = date.parts();
            assert_eq!((Date::new(year, month, day), date.days()), (Some(date), days));
            assert!(before < Some(date), "{date:?}");
            before = Some(date);
        }
        assert_eq!(before.map(Date::parts), Some((2469, 12, 31)));
    }

    #[test]
    fn days_that_do_not_exist_are_none() {
        for (year, month, day) in [(2023, 2, 29), (2100, 2, 29), (2026, 4, 31), (2026, 1, 0), (2026, 0, 1), (2026, 13, 1), (1969, 12, 31)] {
            assert_eq!(Date::new(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!((Date::new(2000, 2, 29).map(Date::days), Date::new(10_000, 1, 1)), (Some(11_016), None));
    }

    #[test]
    fn times_are_written_to_the_millisecond() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
            ("2026-11-21T00:51:51.840Z", 1_795_222_311_840),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] {
            assert_eq!(iso(Timestamp::from_millis(millis)), text);
        }
    }
}
