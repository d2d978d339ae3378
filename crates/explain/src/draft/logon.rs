//! Logons of FIX, read leniently.

use countersign_core::Purpose;
use countersign_fix::{LogonDialect, tag};

use super::{Around, Draft, Encoding, Hash, Name, Part, Scheme, Text, Unit};
use crate::input::fix::FixLine;

/// The nonce of a Kraken Logon.
const KRAKEN_NONCE: u32 = 5_025;

/// Which venue a Logon is for, and why.
pub(crate) fn recognise(line: &FixLine) -> Option<(LogonDialect, String)> {
    let target = line.text(tag::TARGET_COMP_ID).unwrap_or_default();
    let why = |what: &str| format!("{what} (tag 56 is {target:?})");
    if target.starts_with("SPOT") || line.value(25_000).is_some() || line.value(25_035).is_some() {
        return Some((LogonDialect::Binance, why("a Logon as at Binance")));
    }
    if target.starts_with("KRAKEN") || line.value(KRAKEN_NONCE).is_some() {
        return Some((LogonDialect::Kraken, why("a Logon as at Kraken, with its nonce in 5025")));
    }
    if target.starts_with("DERIBIT") || line.text(tag::RAW_DATA).is_some_and(|data| data.contains('.')) {
        return Some((LogonDialect::Deribit, why("a Logon as at Deribit: RawData is a time and a nonce")));
    }
    if target.eq_ignore_ascii_case("coinbase") || (line.value(tag::PASSWORD).is_some() && line.value(tag::RAW_DATA).is_some()) {
        return Some((LogonDialect::CoinbaseExchange, why("a Logon as at Coinbase Exchange: signature in 96, passphrase in 554")));
    }
    let other = line.value(tag::USERNAME).is_some() && line.value(tag::RAW_DATA).is_some();
    other.then(|| (LogonDialect::Binance, why("a Logon with a key in 553 and a signature in 96")))
}

/// What a Logon says under the rule of a venue.
pub(crate) fn read(dialect: LogonDialect, line: &FixLine) -> Draft {
    let text = |tag: u32| String::from_utf8_lossy(line.value(tag).unwrap_or_default()).into_owned();
    let field = |tag: u32| Part::plain(Name::Field(tag), line.value(tag).unwrap_or_default());
    let purpose = dialect.purpose();
    let mut draft = Draft::new(purpose, Scheme::Hmac(Hash::Sha256), Encoding::Base64);
    draft.around = Around { fix: true, ..Around::default() };
    draft.time = Some((text(tag::SENDING_TIME), Unit::Fix));
    match dialect {
        LogonDialect::Binance => {
            (draft.key, draft.signature) = (text(tag::USERNAME), text(tag::RAW_DATA));
            let tags = [tag::MSG_TYPE, tag::SENDER_COMP_ID, tag::TARGET_COMP_ID, tag::MSG_SEQ_NUM, tag::SENDING_TIME];
            draft.text = joined(tags.map(field));
        }
        LogonDialect::CoinbaseExchange => {
            (draft.key, draft.signature) = (text(tag::SENDER_COMP_ID), text(tag::RAW_DATA));
            draft.passphrase = Some(text(tag::PASSWORD));
            let tags = [tag::SENDING_TIME, tag::MSG_TYPE, tag::MSG_SEQ_NUM, tag::SENDER_COMP_ID, tag::TARGET_COMP_ID];
            let phrase = Part::plain(Name::Passphrase, line.value(tag::PASSWORD).unwrap_or_default());
            draft.text = joined(tags.map(field).into_iter().chain([phrase]));
        }
        LogonDialect::Deribit => {
            (draft.key, draft.signature) = (text(tag::USERNAME), text(tag::PASSWORD));
            draft.scheme = Scheme::TextThenSecret(Hash::Sha256);
            let raw = text(tag::RAW_DATA);
            draft.text = Text::new(match raw.split_once('.') {
                Some((time, _)) => {
                    draft.time = Some((time.to_owned(), Unit::Millis));
                    vec![Part::plain(Name::Time, time), Part::plain(Name::Nonce, &raw.as_bytes()[time.len()..])]
                }
                None => {
                    draft.time = None;
                    vec![Part::plain(Name::Payload, raw)]
                }
            });
        }
        LogonDialect::Kraken => {
            (draft.key, draft.signature) = (text(tag::USERNAME), text(tag::PASSWORD));
            draft.scheme = Scheme::Hmac(Hash::Sha512);
            let nonce = text(KRAKEN_NONCE);
            draft.time = Some((nonce.clone(), Unit::Millis));
            draft.text = kraken(line, &nonce);
        }
    }
    draft
}

/// Values with SOH between them.
fn joined(values: impl IntoIterator<Item = Part>) -> Text {
    let mut parts = Vec::new();
    for value in values {
        if !parts.is_empty() {
            parts.push(Part::plain(Name::Separator, "\u{1}"));
        }
        parts.push(value);
    }
    Text::new(parts)
}

fn kraken(line: &FixLine, nonce: &str) -> Text {
    let hashed = |name, bytes: &[u8]| Part::hashed(name, bytes, Hash::Sha256);
    let mut parts = Vec::new();
    for tag in [tag::MSG_TYPE, tag::MSG_SEQ_NUM, tag::SENDER_COMP_ID, tag::TARGET_COMP_ID, tag::USERNAME] {
        parts.push(hashed(Name::Literal, format!("{tag}=").as_bytes()));
        parts.push(hashed(Name::Field(tag), line.value(tag).unwrap_or_default()));
        parts.push(hashed(Name::Separator, b"\x01"));
    }
    parts.push(hashed(Name::Nonce, nonce.as_bytes()));
    Text::new(parts)
}

/// The dialect of Logons that a name stands for.
pub(crate) fn of_purpose(purpose: Purpose) -> Option<LogonDialect> {
    LogonDialect::ALL.iter().copied().find(|dialect| dialect.purpose() == purpose)
}
