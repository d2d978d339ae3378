//! `timestamp` and `recvWindow`.
//!
//! Numbers are read strictly: digits only, no sign, no exponent, no leading zero. The venue documents whole numbers in
//! milliseconds or microseconds, and a window in milliseconds with at most three decimals.

use std::time::Duration;

use countersign_core::{Freshness, Timestamp};

use super::fault::Fault;
use crate::limits;

/// Reads the signed window; `None` is a parameter that was not sent.
pub(super) fn freshness(timestamp: Option<&[u8]>, recv_window: Option<&[u8]>) -> Result<Freshness, Fault> {
    let timestamp = self::timestamp(timestamp.unwrap_or_default())?;
    let recv_window = recv_window.map_or(Ok(limits::RECV_WINDOW_DEFAULT), self::recv_window)?;
    Ok(Freshness::Window { timestamp, recv_window, ahead_max: limits::TIMESTAMP_AHEAD_MAX })
}

fn timestamp(text: &[u8]) -> Result<Timestamp, Fault> {
    if text.is_empty() {
        return Err(Fault::TimestampMissing);
    }
    let number = whole(text).ok_or(Fault::TimestampMalformed)?;
    Ok(if number > limits::TIMESTAMP_MILLIS_MAX { Timestamp::from_micros(number) } else { Timestamp::from_millis(number) })
}

fn recv_window(text: &[u8]) -> Result<Duration, Fault> {
    let (millis, micros) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], decimals(&text[point + 1..])),
        None => (text, Some(0)),
    };
    let (Some(millis), Some(micros)) = (whole(millis), micros) else { return Err(Fault::RecvWindowMalformed) };
    let window = Duration::from_millis(millis).saturating_add(Duration::from_micros(micros));
    if window > limits::RECV_WINDOW_MAX { Err(Fault::RecvWindowTooLong) } else { Ok(window) }
}

/// A whole number below 2^64 without leading zeros.
fn whole(text: &[u8]) -> Option<u64> {
    let plain = text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text.first().is_some_and(|digit| *digit != b'0'));
    if !plain {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

/// One to three decimals of a millisecond, in microseconds.
fn decimals(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 3 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((0..3).fold(0, |sum, place| sum * 10 + text.get(place).map_or(0, |digit| u64::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(timestamp: &str, recv_window: Option<&str>) -> Result<(u64, u64), Fault> {
        match freshness(Some(timestamp.as_bytes()), recv_window.map(str::as_bytes))? {
            Freshness::Window { timestamp, recv_window, .. } => {
                Ok((timestamp.as_micros(), u64::try_from(recv_window.as_micros()).unwrap_or(u64::MAX)))
            }
            Freshness::Channel | Freshness::Issued { .. } | Freshness::Nonce { .. } | Freshness::Unbound | Freshness::Validity { .. } => {
                unreachable!("a Binance request is fresh by its window")
            }
        }
    }

    #[test]
    fn reads_milliseconds_and_microseconds() {
        assert_eq!(read("1795222309616", None), Ok((1_795_222_309_616_000, 5_000_000)));
        assert_eq!(read("1795222309616123", None), Ok((1_795_222_309_616_123, 5_000_000)));
        assert_eq!(read("100000000000000", None), Ok((100_000_000_000_000_000, 5_000_000)), "the last millisecond");
        assert_eq!(read("100000000000001", None), Ok((100_000_000_000_001, 5_000_000)), "the first microsecond");
        assert_eq!(read("0", None), Ok((0, 5_000_000)));
    }

    #[test]
    fn refuses_every_other_spelling_of_a_timestamp() {
        for text in ["-1", "+1", "1.0", "1e3", "01", " 1", "1 ", "1\n", "0x1", "NaN", "null", "18446744073709551616", "%31", "\u{663}"] {
            assert_eq!(read(text, None), Err(Fault::TimestampMalformed), "{text:?}");
        }
        assert_eq!(read("", None), Err(Fault::TimestampMissing));
        assert_eq!(freshness(None, None), Err(Fault::TimestampMissing));
    }

    #[test]
    fn reads_windows_with_up_to_three_decimals() {
        for (text, micros) in [("0", 0), ("1", 1_000), ("60000", 60_000_000), ("6000.346", 6_000_346), ("0.5", 500), ("5000.0", 5_000_000)]
        {
            assert_eq!(read("1", Some(text)), Ok((1_000, micros)), "{text}");
        }
    }

    #[test]
    fn refuses_windows_too_long_or_ill_formed() {
        for text in ["60000.001", "60001", "99999999999999999999", "18446744073709551615"] {
            let fault = read("1", Some(text)).expect_err("too long");
            assert!(matches!(fault, Fault::RecvWindowTooLong | Fault::RecvWindowMalformed), "{text}");
        }
        for text in ["", "-1", "+1", "5e3", "5000.", ".5", "1.2345", "05000", "1,5", "5000ms", "true", "null"] {
            assert_eq!(read("1", Some(text)), Err(Fault::RecvWindowMalformed), "{text:?}");
        }
    }
}
