//! Faults of time, nonce and the fields of a Logon.

use countersign_core::Timestamp;
use countersign_core::civil::iso;
use countersign_explain::Mistake::*;
use countersign_fix::utc_timestamp::{Precision, UtcTimestamp};

use super::signing::{Piece, Signing, Slot};
use super::{Fault, fault};

/// Milliseconds of a time in any of the units of the venues.
fn millis(text: &str) -> Option<u64> {
    if let Ok(number) = text.parse::<u64>() {
        return Some(if text.len() < 12 { number * 1_000 } else { number });
    }
    let digits: Vec<u64> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    let [year, month, day, hour, minute, second, milli] = digits.try_into().ok()?;
    let compact = format!("{year:04}{month:02}{day:02}-{hour:02}:{minute:02}:{second:02}.{milli:03}");
    UtcTimestamp::parse(compact.as_bytes()).ok().map(|time| time.timestamp().as_millis())
}

/// Writes another time wherever the own one is.
fn retimed(signing: &mut Signing, write: impl Fn(u64, &str) -> String) {
    let change = |text: &str| millis(text).map_or_else(|| text.to_owned(), |at| write(at, text));
    signing.change(Slot::Time, change);
    signing.change_parameters(|text| {
        let each = text.split('&').map(|pair| match pair.split_once('=') {
            Some(("timestamp", time)) => format!("timestamp={}", change(time)),
            Some(_) | None => pair.to_owned(),
        });
        each.collect::<Vec<_>>().join("&")
    });
}

/// The time moved, in the form that it has.
fn moved(signing: &mut Signing, by_ms: i64) {
    retimed(signing, |at, text| {
        let at = at.checked_add_signed(by_ms).unwrap();
        match (text.contains('T'), text.len() < 12) {
            (true, _) => iso(Timestamp::from_millis(at)),
            (_, true) => (at / 1_000).to_string(),
            (_, false) => at.to_string(),
        }
    });
}

fn renonced(signing: &mut Signing, change: impl Fn(u64) -> u64) {
    let own = signing.find(Slot::Nonce).map(Piece::text).unwrap_or_default();
    if let Ok(number) = own.parse::<u64>() {
        signing.change(Slot::Nonce, |_| change(number).to_string());
    }
}

const HOUR_MS: i64 = 3_600_000;

pub(super) const TIMES: &[Fault] = &[
    fault("without the time", &[TimestampLeftOut, FixFieldLeftOut], |s| s.change(Slot::Time, |_| String::new())),
    fault("time in seconds", &[TimestampInSeconds, TimestampFormat], |s| retimed(s, |at, _| (at / 1_000).to_string())),
    fault("time in milliseconds", &[TimestampInMillis, TimestampFormat], |s| retimed(s, |at, _| at.to_string())),
    fault("time in microseconds", &[TimestampFormat], |s| retimed(s, |at, _| (at * 1_000).to_string())),
    fault("time in nanoseconds", &[TimestampFormat], |s| retimed(s, |at, _| (at * 1_000_000).to_string())),
    fault("time in ISO 8601", &[TimestampFormat], |s| retimed(s, |at, _| iso(Timestamp::from_millis(at)))),
    fault("time in ISO 8601 without Z", &[TimestampFormat], |s| retimed(s, |at, _| iso(Timestamp::from_millis(at)).replace('Z', ""))),
    fault("time as a float of seconds", &[TimestampFormat, TimestampInSeconds], |s| {
        retimed(s, |at, _| format!("{}.{:03}", at / 1_000, at % 1_000))
    }),
    fault("time with .0", &[TimestampFormat], |s| {
        retimed(s, |_, text| if text.contains('T') { text.to_owned() } else { format!("{text}.0") })
    }),
    fault("time in quotes", &[TimestampFormat], |s| s.change(Slot::Time, |text| format!("\"{text}\""))),
    fault("a millisecond earlier", &[TimestampDiffers], |s| moved(s, -1)),
    fault("three milliseconds later", &[TimestampDiffers], |s| moved(s, 3)),
    fault("a second earlier", &[TimestampDiffers], |s| moved(s, -1_000)),
    fault("a minute earlier", &[TimestampDiffers], |s| moved(s, -60_000)),
    fault("local time, UTC+1", &[TimestampDiffers, TimestampFormat], |s| moved(s, HOUR_MS)),
    fault("local time, UTC-5", &[TimestampDiffers, TimestampFormat], |s| moved(s, -5 * HOUR_MS)),
    fault("local time, UTC+8", &[TimestampDiffers, TimestampFormat], |s| moved(s, 8 * HOUR_MS)),
    fault("local time, UTC+5:30", &[TimestampDiffers, TimestampFormat], |s| moved(s, 5 * HOUR_MS + HOUR_MS / 2)),
    fault("without the nonce", &[NonceLeftOut, FixFieldLeftOut], |s| s.change(Slot::Nonce, |_| String::new())),
    fault("another nonce, one higher", &[TimestampDiffers], |s| renonced(s, |nonce| nonce + 1)),
    fault("another nonce, ten higher", &[TimestampDiffers], |s| renonced(s, |nonce| nonce + 10)),
    fault("nonce in milliseconds", &[TimestampDiffers], |s| {
        renonced(s, |nonce| if nonce > 10_u64.pow(14) { nonce / 1_000 } else { nonce })
    }),
    fault("nonce in seconds", &[TimestampDiffers, TimestampInSeconds], |s| {
        renonced(s, |nonce| if nonce > 10_u64.pow(14) { nonce / 1_000_000 } else { nonce / 1_000 })
    }),
    fault("nonce in microseconds", &[TimestampDiffers, TimestampFormat], |s| {
        renonced(s, |nonce| if nonce < 10_u64.pow(14) { nonce * 1_000 } else { nonce })
    }),
];

fn sent_at(signing: &mut Signing, write: impl Fn(u64, &str) -> String) {
    signing.change(Slot::Field(52), |text| millis(text).map_or_else(|| text.to_owned(), |at| write(at, text)));
}

fn fix(at: u64, precision: Precision) -> String {
    UtcTimestamp::new(Timestamp::from_millis(at), precision).to_string()
}

fn shifted(signing: &mut Signing, by_ms: i64) {
    sent_at(signing, |at, _| fix(at.checked_add_signed(by_ms).unwrap(), Precision::Millis));
}

fn is_logon(signing: &Signing) -> bool {
    signing.find(Slot::Field(35)).is_some()
}

pub(super) const LOGONS: &[Fault] = &[
    fault("SendingTime in seconds", &[FixSendingTime], |s| sent_at(s, |at, _| fix(at, Precision::Seconds))),
    fault("SendingTime in microseconds", &[FixSendingTime], |s| sent_at(s, |at, _| fix(at, Precision::Micros))),
    fault("SendingTime in ISO 8601", &[FixSendingTime], |s| sent_at(s, |at, _| iso(Timestamp::from_millis(at)))),
    fault("SendingTime in Unix seconds", &[FixSendingTime], |s| sent_at(s, |at, _| (at / 1_000).to_string())),
    fault("SendingTime a few milliseconds earlier", &[FixSendingTime], |s| shifted(s, -7)),
    fault("SendingTime local, UTC+1", &[FixSendingTime], |s| shifted(s, HOUR_MS)),
    fault("SendingTime local, UTC-5", &[FixSendingTime], |s| shifted(s, -5 * HOUR_MS)),
    fault("SendingTime local, UTC+9", &[FixSendingTime], |s| shifted(s, 9 * HOUR_MS)),
    fault("SendingTime local, UTC+5:30", &[FixSendingTime], |s| shifted(s, 5 * HOUR_MS + HOUR_MS / 2)),
    fault("SendingTime with a T", &[FixSendingTime], |s| sent_at(s, |_, text| text.replace('-', "T"))),
    fault("SendingTime with a blank", &[FixSendingTime], |s| sent_at(s, |_, text| text.replace('-', " "))),
    fault("Logon for A", &[FixMsgType], |s| s.change(Slot::Field(35), |_| "Logon".to_owned())),
    fault("MsgType 0", &[FixMsgType], |s| s.change(Slot::Field(35), |_| "0".to_owned())),
    fault("MsgType in lower case", &[LettersChanged], |s| s.change(Slot::Field(35), str::to_lowercase)),
    fault("next MsgSeqNum", &[FixSeqNum], |s| s.change(Slot::Field(34), |text| (text.parse::<u64>().unwrap() + 1).to_string())),
    fault("MsgSeqNum 0", &[FixSeqNum], |s| s.change(Slot::Field(34), |_| "0".to_owned())),
    fault("MsgSeqNum with zeros", &[FixSeqNum], |s| s.change(Slot::Field(34), |text| format!("{text:0>6}"))),
    fault("without MsgSeqNum", &[FixFieldLeftOut], |s| s.change(Slot::Field(34), |_| String::new())),
    fault("CompIDs swapped", &[FixFieldOrder], |s| {
        let [Some(own), Some(target)] = [49, 56].map(|tag| s.find(Slot::Field(tag)).map(Piece::text)) else { return };
        s.change(Slot::Field(49), |_| target.clone());
        s.change(Slot::Field(56), |_| own.clone());
    }),
    fault("TargetCompID in lower case", &[LettersChanged], |s| s.change(Slot::Field(56), str::to_lowercase)),
    fault("without the passphrase", &[FixFieldLeftOut], |s| {
        if s.pieces.last().is_some_and(|piece| piece.slot == Slot::Passphrase) {
            s.pieces.truncate(s.pieces.len() - 2);
        }
    }),
    fault("tags signed", &[FixTagsSigned], |s| {
        if s.find(Slot::Literal).is_none() {
            for piece in &mut s.pieces {
                if let Slot::Field(tag) = piece.slot {
                    piece.bytes = format!("{tag}={}", piece.text()).into_bytes();
                } else if piece.slot == Slot::Passphrase {
                    piece.bytes = format!("554={}", piece.text()).into_bytes();
                }
            }
        }
    }),
    fault("SOH at the end", &[FixTrailingSoh], |s| {
        if is_logon(s) {
            s.pieces.push(Piece { slot: Slot::Separator, bytes: vec![1], inner: s.pieces.last().and_then(|piece| piece.inner) })
        }
    }),
    fault("SOH as ^A", &[FixPipe], |s| {
        if is_logon(s) {
            s.change(Slot::Separator, |_| "^A".to_owned())
        }
    }),
    fault("SOH as \\x01", &[FixPipe], |s| {
        if is_logon(s) {
            s.change(Slot::Separator, |_| "\\x01".to_owned())
        }
    }),
];
