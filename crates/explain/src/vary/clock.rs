//! Times and nonces: another one signed than sent, another unit, left out; windows.

use countersign_core::Timestamp;
use countersign_fix::utc_timestamp::{Precision, UtcTimestamp};

use super::Variations;
use super::target::left_out;
use crate::catalogue::Mistake;
use crate::draft::{Name, Unit};
use crate::limits::{SIGNED_TIME_AGE_MAX_S, SIGNED_TIME_SHIFT_MAX_MS};
use crate::moment::read_time;
use countersign_core::civil::iso;

pub(super) fn vary(variations: &mut Variations<'_>) {
    left_out(variations, Name::Time, Mistake::TimestampLeftOut);
    left_out(variations, Name::Nonce, Mistake::NonceLeftOut);
    left_out(variations, Name::Key, Mistake::KeyLeftOut);
    window(variations);
    units(variations);
    nonce_units(variations);
    if variations.are_wide() {
        shifts(variations);
    }
}

/// The windows that programs have by themselves.
const WINDOWS: [&str; 8] = ["5000", "10000", "20000", "60000", "1000", "3000", "15000", "30000"];

fn window(variations: &mut Variations<'_>) {
    let base = variations.base;
    if base.find(Name::Window).is_some() {
        left_out(variations, Name::Window, Mistake::WindowLeftOut);
        for window in WINDOWS {
            variations.add_bytes(Mistake::WindowDiffers, format!("{window} was signed"), Name::Window, window);
        }
    } else if let Some(key) = base.find(Name::Key).cloned() {
        for window in WINDOWS {
            let with = [key.clone(), crate::draft::Part::plain(Name::Window, window)];
            variations.add(Mistake::WindowNotSent, format!("{window} was signed"), base.replaced(Name::Key, &with));
        }
    }
}

/// The time in the other units.
fn units(variations: &mut Variations<'_>) {
    let Some((text, unit)) = variations.draft.time.clone() else { return };
    let Some(at) = read_time(&text).or_else(|| UtcTimestamp::parse(text.as_bytes()).ok().map(UtcTimestamp::timestamp)) else { return };
    if unit == Unit::Fix {
        let tag = countersign_fix::tag::SENDING_TIME;
        for precision in [Precision::Seconds, Precision::Millis, Precision::Micros] {
            let written = UtcTimestamp::new(at, precision).to_string();
            variations.add_bytes(Mistake::FixSendingTime, format!("signed as {written}"), Name::Field(tag), written);
        }
        let divided = |sign: &str| text.replacen('-', sign, 1);
        for written in [iso(at), iso(at).replace('Z', ""), divided("T"), divided(" "), at.as_millis().to_string(), at.as_secs().to_string()]
        {
            variations.add_bytes(Mistake::FixSendingTime, format!("signed as {written}"), Name::Field(tag), written);
        }
        return;
    }
    let nanos = at.as_micros().saturating_mul(1_000);
    let (with_micros, whole) = (iso(at).replace('Z', "000"), iso(Timestamp::from_secs(at.as_secs())).replace(".000Z", ""));
    let mut written_by_others = vec![
        nanos.to_string(),
        with_micros.clone(),
        format!("{with_micros}Z"),
        format!("{with_micros}+00:00"),
        iso(at).replace('Z', ""),
        iso(at).replace('T', " ").replace('Z', ""),
        whole,
        format!("{}.{:06}", at.as_secs(), at.as_micros() % 1_000_000),
        format!("{}.0", at.as_millis()),
        format!("{text}.0"),
        format!("\"{text}\""),
        // As Python prints a float.
        short_fraction(&format!("{}.{:03}", at.as_secs(), at.as_millis() % 1_000)),
    ];
    if unit == Unit::Iso {
        written_by_others.extend(local_times(at));
    }
    for written in written_by_others {
        time(variations, Mistake::TimestampFormat, &format!("signed as {written}"), &text, &written, false);
    }
    let forms = [
        (Mistake::TimestampInSeconds, at.as_secs().to_string()),
        (Mistake::TimestampInMillis, at.as_millis().to_string()),
        (Mistake::TimestampFormat, iso(at)),
        (Mistake::TimestampFormat, iso(at).replace('Z', "+00:00")),
        (Mistake::TimestampFormat, iso(Timestamp::from_secs(at.as_secs())).replace(".000", "")),
        (Mistake::TimestampFormat, at.as_micros().to_string()),
        (Mistake::TimestampInSeconds, format!("{}.{:03}", at.as_secs(), at.as_millis() % 1_000)),
    ];
    for (mistake, written) in forms {
        // Where seconds are right, a signed time in seconds is at most another form of it.
        let mistake = match (mistake, unit) {
            (Mistake::TimestampInSeconds, Unit::Seconds) | (Mistake::TimestampInMillis, Unit::Millis) => Mistake::TimestampFormat,
            (mistake, _) => mistake,
        };
        time(variations, mistake, &format!("signed as {written}"), &text, &written, false);
    }
}

/// Without zeros at the end of the fraction, but one digit.
fn short_fraction(text: &str) -> String {
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

/// The time of other zones, called UTC or by its offset.
fn local_times(at: Timestamp) -> impl Iterator<Item = String> {
    zones(at).flat_map(|(offset, at)| {
        let local = iso(at);
        [local.replace('Z', &offset), local.replace('Z', ""), local]
    })
}

/// Offsets of zones in quarters of an hour that are no whole hours (the IANA database has these in use).
const ODD_QUARTERS: [i64; 13] = [-38, -14, -10, 14, 18, 22, 23, 26, 35, 38, 42, 51, 55];

/// What clocks of the zones show at a time, with their offsets.
fn zones(at: Timestamp) -> impl Iterator<Item = (String, Timestamp)> {
    const QUARTER_MS: i64 = 15 * 60 * 1_000;
    let quarters = (-12..=14).filter(|hours| *hours != 0).map(|hours| hours * 4).chain(ODD_QUARTERS);
    quarters.filter_map(move |quarters| {
        let local = at.as_millis().checked_add_signed(quarters * QUARTER_MS)?;
        let sign = if quarters < 0 { '-' } else { '+' };
        let minutes = quarters.unsigned_abs() * 15;
        Some((format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60), Timestamp::from_millis(local)))
    })
}

/// The time of a zone, written as if it were UTC: what `mktime` makes of it, or a clock without a zone.
fn local(variations: &mut Variations<'_>, text: &str, unit: Unit) {
    let Some(at) = read_time(text) else { return };
    for (offset, local) in zones(at) {
        let written = match unit {
            Unit::Millis => local.as_millis().to_string(),
            Unit::Seconds => local.as_secs().to_string(),
            // Those are told with all their other writings.
            Unit::Fix | Unit::Iso => return,
        };
        let detail = format!("{written} was signed, the time of UTC{offset}; {text} was sent");
        time(variations, Mistake::TimestampDiffers, &detail, text, &written, true);
    }
}

/// A nonce that was signed in another unit than it was sent in.
fn nonce_units(variations: &mut Variations<'_>) {
    let Some(text) = variations.base.find(Name::Nonce).and_then(|part| String::from_utf8(part.bytes.clone()).ok()) else { return };
    let Ok(nonce) = text.parse::<u64>() else { return };
    let mut others: Vec<String> = [1_000, 1_000_000].iter().filter_map(|unit| Some(nonce.checked_mul(*unit)?.to_string())).collect();
    others.extend([1_000, 1_000_000].iter().map(|unit| (nonce / unit).to_string()));
    others.push(format!("{text}.0"));
    for written in others.into_iter().filter(|written| written != "0") {
        let signed = variations.base.with_bytes(Name::Nonce, written.clone());
        variations.add(Mistake::TimestampDiffers, format!("{written} was signed, {text} was sent"), signed);
    }
}

/// Puts another time into every place that has this one; where a nonce is the same number, also into the time alone.
fn time(variations: &mut Variations<'_>, mistake: Mistake, detail: &str, from: &str, to: &str, wide: bool) {
    let has_same = |name| variations.base.find(name).is_some_and(|part| part.bytes == from.as_bytes());
    if has_same(Name::Time) && has_same(Name::Nonce) {
        let alone = variations.base.with_bytes(Name::Time, to);
        if wide { variations.add_wide(mistake, detail, alone) } else { variations.add(mistake, detail, alone) }
    }
    let mut text = variations.base.clone();
    for part in &mut text.parts {
        if part.name == Name::Time || part.name == Name::Nonce {
            if part.bytes == from.as_bytes() {
                part.bytes = to.as_bytes().to_vec();
            }
        } else if part.name == Name::Query || part.name == Name::Body {
            let Ok(written) = str::from_utf8(&part.bytes) else { continue };
            for name in ["timestamp=", "nonce=", "\"nonce\":", "\"nonce\": "] {
                let (old, new) = (format!("{name}{from}"), format!("{name}{to}"));
                if written.contains(&old) {
                    part.bytes = written.replacen(&old, &new, 1).into_bytes();
                    break;
                }
            }
        }
    }
    if wide { variations.add_wide(mistake, detail, text) } else { variations.add(mistake, detail, text) }
}

/// Times and nonces near the one that was sent.
fn shifts(variations: &mut Variations<'_>) {
    let nonce = variations.base.find(Name::Nonce).and_then(|part| String::from_utf8(part.bytes.clone()).ok());
    if let Some(text) = nonce.filter(|text| !text.is_empty()) {
        near(variations, &text, SIGNED_TIME_SHIFT_MAX_MS);
        asked_twice(variations, &text);
    }
    let Some((text, unit)) = variations.draft.time.clone() else { return };
    match unit {
        Unit::Iso => {
            let Some(at) = read_time(&text).map(Timestamp::as_millis) else { return };
            let kept = (SIGNED_TIME_SHIFT_MAX_MS / 1_000..=SIGNED_TIME_AGE_MAX_S).map(|seconds| seconds * 1_000);
            for shift in (1..=SIGNED_TIME_SHIFT_MAX_MS).chain(kept) {
                for at in [at.saturating_add(shift), at.saturating_sub(shift)] {
                    let written = iso(Timestamp::from_millis(at));
                    time(variations, Mistake::TimestampDiffers, &format!("{written} was signed, {text} was sent"), &text, &written, true);
                }
            }
        }
        Unit::Millis => {
            local(variations, &text, unit);
            cached(variations, &text);
            near(variations, &text, SIGNED_TIME_SHIFT_MAX_MS);
        }
        Unit::Seconds => {
            local(variations, &text, unit);
            near(variations, &text, SIGNED_TIME_SHIFT_MAX_MS / 50);
            within(variations, &text);
        }
        Unit::Fix => sending_time(variations, &text),
    }
}

/// A time that was kept for some seconds, and used again.
fn cached(variations: &mut Variations<'_>, text: &str) {
    let Ok(number) = text.parse::<u64>() else { return };
    for seconds in SIGNED_TIME_SHIFT_MAX_MS / 1_000..=SIGNED_TIME_AGE_MAX_S {
        for other in [number.checked_sub(seconds * 1_000), number.checked_add(seconds * 1_000)].into_iter().flatten() {
            let detail = format!("{other} was signed, {text} was sent");
            time(variations, Mistake::TimestampDiffers, &detail, text, &other.to_string(), true);
        }
    }
}

fn near(variations: &mut Variations<'_>, text: &str, most: u64) {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let Ok(number) = whole.parse::<u64>() else { return };
    if fraction.is_some() {
        let detail = format!("{whole} was signed, {text} was sent");
        time(variations, Mistake::TimestampDiffers, &detail, text, whole, true);
    }
    for shift in 1..=most {
        for other in [number.checked_sub(shift), number.checked_add(shift)].into_iter().flatten() {
            let written = other.to_string();
            time(variations, Mistake::TimestampDiffers, &format!("{written} was signed, {text} was sent"), text, &written, true);
        }
    }
}

/// The nonce beside the body, where the body has it, too: made by another call than the one in the body.
fn asked_twice(variations: &mut Variations<'_>, text: &str) {
    let Ok(number) = text.parse::<u64>() else { return };
    for shift in 1..=SIGNED_TIME_SHIFT_MAX_MS / 50 {
        for other in [number.checked_sub(shift), number.checked_add(shift)].into_iter().flatten() {
            let signed = variations.base.with_bytes(Name::Nonce, other.to_string());
            variations.add_wide(Mistake::TimestampDiffers, format!("{other} was signed in front, {text} was sent"), signed);
        }
    }
}

/// The milliseconds of a second that was sent.
fn within(variations: &mut Variations<'_>, text: &str) {
    let Ok(second) = text.parse::<u64>() else { return };
    for millis in 0..1_000_u64 {
        let written = format!("{second}{millis:03}");
        time(variations, Mistake::TimestampInMillis, &format!("{written} was signed, {text} was sent"), text, &written, true);
    }
}

fn sending_time(variations: &mut Variations<'_>, text: &str) {
    let Ok(sent) = UtcTimestamp::parse(text.as_bytes()) else { return };
    let (at, precision) = (sent.timestamp().as_millis(), sent.precision());
    let name = Name::Field(countersign_fix::tag::SENDING_TIME);
    for (offset, local) in zones(sent.timestamp()) {
        for precision in [precision, Precision::Millis, Precision::Seconds] {
            let written = UtcTimestamp::new(local, precision).to_string();
            let detail = format!("{written} was signed, the time of UTC{offset}; {text} was sent");
            let other = variations.base.with_bytes(name, written);
            variations.add_wide(Mistake::FixSendingTime, detail, other);
        }
    }
    for shift in 1..=SIGNED_TIME_SHIFT_MAX_MS {
        for at in [at.saturating_sub(shift), at.saturating_add(shift)] {
            let written = UtcTimestamp::new(Timestamp::from_millis(at), precision).to_string();
            let other = variations.base.with_bytes(Name::Field(countersign_fix::tag::SENDING_TIME), written.clone());
            variations.add_wide(Mistake::FixSendingTime, format!("{written} was signed, {text} was sent"), other);
        }
    }
}
