//! Durations and sizes as people write them.

use std::time::Duration;

const DURATION_UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZE_UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads `500ms`, `10s`, `5m`, `24h`, `7d`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, millis) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*millis).map(Duration::from_millis)
}

/// Writes a duration of whole milliseconds in its largest whole unit.
pub(super) fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let whole = DURATION_UNITS.iter().find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{millis}ms"), |(name, unit)| format!("{}{name}", millis / unit))
}

/// Reads `512`, `32 KiB`, `1MiB`.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    if let Ok(bytes) = text.parse() {
        return Some(bytes);
    }
    let (number, unit) = split(text)?;
    let (_, bytes) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*bytes)
}

/// Writes a size in its largest whole unit.
pub(super) fn show_size(bytes: u64) -> String {
    let whole = SIZE_UNITS.iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    whole.map_or_else(|| bytes.to_string(), |(name, unit)| format!("{} {name}", bytes / unit))
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.strip_prefix(' ').unwrap_or(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_trip() {
        for text in ["500ms", "3s", "90s", "10m", "24h", "0ms"] {
            let read = parse_duration(text).map(show_duration);
            let expected = if text == "24h" { "1d" } else { text };
            assert_eq!(read.as_deref(), Some(expected), "{text}");
        }
        for text in ["", "3", "s", "-3s", "3 s s", "3S", "1.5s", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_round_trip() {
        assert_eq!(parse_size("32 KiB"), Some(32_768));
        assert_eq!(parse_size("32KiB"), Some(32_768));
        assert_eq!(parse_size("512"), Some(512));
        assert_eq!(show_size(1 << 20), "1 MiB");
        assert_eq!(show_size(1_000), "1000");
        for text in ["", "KiB", "1 kb", "1 KB", "-1", "99999999999999 GiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
