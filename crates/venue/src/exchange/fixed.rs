//! Exact decimals: an integer count of 10⁻⁸.
//!
//! Eight places are what the Binance API prints and more than any tick, lot or fee of the
//! listed instruments needs. Products are formed in `i128` from operands whose size is
//! bounded when they are read, and rounded in one named direction, so that no balance ever
//! depends on floating point.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// Units of the last place in one.
const ONE: i128 = 100_000_000;
/// Decimal places carried.
const PLACES: usize = 8;
/// Integer digits accepted in text: ten thousand million is beyond every filter here, and
/// keeps the product of two parsed numbers (10³⁶ units) inside `i128`.
const INTEGER_DIGITS_MAX: usize = 10;

/// A decimal number with eight exact places.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fixed(i128);

/// Why a text is not a decimal of this venue.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FixedError {
    /// Something other than digits and one point.
    #[error("not a decimal number")]
    Malformed,
    /// More than ten integer digits.
    #[error("number too large")]
    TooLarge,
    /// A non-zero digit beyond the eighth place.
    #[error("more than eight decimal places")]
    TooPrecise,
}

impl Fixed {
    /// Nought.
    pub const ZERO: Self = Self(0);

    /// A number from its count of 10⁻⁸.
    #[must_use]
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(value: i64) -> Self {
        Self(value as i128 * ONE)
    }

    /// The count of 10⁻⁸.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Reads an unsigned decimal such as `0.001` or `12`.
    ///
    /// # Errors
    /// [`FixedError`] for signs, exponents, blanks, too many digits.
    pub fn parse(text: &str) -> Result<Self, FixedError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(FixedError::Malformed);
        }
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(FixedError::Malformed);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > INTEGER_DIGITS_MAX {
            return Err(FixedError::TooLarge);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > PLACES {
            return Err(FixedError::TooPrecise);
        }
        let fold = |start: i128, part: &str| part.bytes().fold(start, |sum, byte| sum * 10 + i128::from(byte - b'0'));
        let places = u32::try_from(PLACES - fraction.len()).unwrap_or(0);
        Ok(Self(fold(fold(0, whole), fraction) * 10_i128.pow(places)))
    }

    /// The product, rounded towards zero.
    #[must_use]
    pub const fn mul_down(self, other: Self) -> Self {
        Self(self.0 * other.0 / ONE)
    }

    /// The quotient, rounded towards zero; nought when dividing by nought.
    #[must_use]
    pub const fn div_down(self, other: Self) -> Self {
        if other.0 == 0 {
            return Self::ZERO;
        }
        Self(self.0 * ONE / other.0)
    }

    /// `self × numerator ÷ denominator` in one step, rounded towards zero; nought when
    /// dividing by nought.
    #[must_use]
    pub const fn scale_down(self, numerator: Self, denominator: Self) -> Self {
        if denominator.0 == 0 {
            return Self::ZERO;
        }
        Self(self.0 * numerator.0 / denominator.0)
    }

    /// A share in basis points (1/10000), rounded towards zero.
    #[must_use]
    pub const fn basis_points(self, points: u32) -> Self {
        Self(self.0 * points as i128 / 10_000)
    }

    /// The largest multiple of `step` that is not greater.
    #[must_use]
    pub const fn floor_to(self, step: Self) -> Self {
        if step.0 == 0 {
            return self;
        }
        Self(self.0 - self.0.rem_euclid(step.0))
    }

    /// Whether this is a whole number of `step`s.
    #[must_use]
    pub const fn is_multiple_of(self, step: Self) -> bool {
        step.0 != 0 && self.0 % step.0 == 0
    }

    /// Whether this is greater than nought.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether this is nought.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The distance from nought.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// Text with as many places as needed and no more: `0.5`, `100000`.
    #[must_use]
    pub fn short(self) -> String {
        let long = self.to_string();
        long.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// As [`Self::short`], and nothing for nought: how some venues write a price that is not there.
    #[must_use]
    pub fn short_or_empty(self) -> String {
        if self.is_zero() { String::new() } else { self.short() }
    }
}

/// Always eight places, as the Binance API prints decimals.
impl fmt::Display for Fixed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let one = ONE.unsigned_abs();
        write!(formatter, "{sign}{}.{:08}", magnitude / one, magnitude % one)
    }
}

impl serde::Serialize for Fixed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Add for Fixed {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Fixed {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Fixed {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Fixed {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Fixed {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl std::iter::Sum for Fixed {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_and_prints_what_it_read() {
        for (text, long, short) in [
            ("0", "0.00000000", "0"),
            ("12", "12.00000000", "12"),
            ("0.001", "0.00100000", "0.001"),
            (".5", "0.50000000", "0.5"),
            ("100000.10", "100000.10000000", "100000.1"),
            ("0.000000010000", "0.00000001", "0.00000001"),
        ] {
            let number = Fixed::parse(text).unwrap();
            assert_eq!((number.to_string().as_str(), number.short().as_str()), (long, short));
        }
    }

    #[test]
    fn refuses_what_is_not_a_plain_decimal() {
        for text in ["", ".", "-1", "+1", "1e3", " 1", "1,0", "1.2.3", "٣", "NaN"] {
            assert_eq!(Fixed::parse(text), Err(FixedError::Malformed), "{text}");
        }
        assert_eq!(Fixed::parse("12345678901"), Err(FixedError::TooLarge));
        assert_eq!(Fixed::parse("0.000000001"), Err(FixedError::TooPrecise));
    }

    #[test]
    fn the_largest_numbers_multiply_without_overflow() {
        let largest = Fixed::parse("9999999999.99999999").unwrap();
        assert!(largest.mul_down(largest).is_positive());
    }

    #[test]
    fn rounds_down_in_the_named_direction() {
        let third = Fixed::whole(1).div_down(Fixed::whole(3));
        assert_eq!(third.to_string(), "0.33333333");
        assert_eq!(Fixed::parse("10.07").unwrap().floor_to(Fixed::parse("0.05").unwrap()).short(), "10.05");
        assert_eq!(Fixed::from_units(-1).floor_to(Fixed::from_units(5)).units(), -5);
    }
}
