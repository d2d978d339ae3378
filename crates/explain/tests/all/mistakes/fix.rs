//! Logons of FIX.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::{PublicKey, Secret, Timestamp};
use countersign_explain::{Mistake, Options};

use crate::client::*;

/// 2026-11-21T00:53:20Z.
const SENT: &str = "20261121-00:53:20.000";

fn sealed(body: &str) -> String {
    let bytes = body.replace('|', "\u{1}");
    let front = format!("8=FIX.4.4\u{1}9={}\u{1}{bytes}", bytes.len());
    let sum = front.bytes().fold(0_u8, u8::wrapping_add);
    format!("{front}10={sum:03}\u{1}").replace('\u{1}', "|")
}

/// The same message with the right checksum.
fn summed(message: &str) -> String {
    let front = &message[..message.rfind("10=").unwrap()];
    let sum = front.replace('|', "\u{1}").bytes().fold(0_u8, u8::wrapping_add);
    format!("{front}10={sum:03}|")
}

fn coinbase(signed: &str) -> String {
    let signature = coinbase_exchange().sign(signed.replace('|', "\u{1}"));
    sealed(&format!("35=A|49={KEY}|56=Coinbase|34=1|52={SENT}|98=0|108=30|95={}|96={signature}|554={PASSPHRASE}|8013=S|", signature.len()))
}

fn right() -> String {
    format!("{SENT}|A|1|{KEY}|Coinbase|{PASSPHRASE}")
}

#[test]
pub(crate) fn signed_texts() {
    assert!(faults(coinbase(&right())).is_empty());
    named(Mistake::FixFieldOrder, coinbase(&format!("{SENT}|A|1|Coinbase|{KEY}|{PASSPHRASE}")));
    named(Mistake::FixTrailingSoh, coinbase(&format!("{}|", right())));
    named(Mistake::FixSeqNum, coinbase(&right().replace("|1|", "|7|")));
    named(Mistake::FixSendingTime, coinbase(&right().replace("20.000", "19.988")));
    named(Mistake::FixSendingTime, coinbase(&right().replace(".000", "")));
    named(Mistake::FixSendingTime, coinbase(&right().replace(SENT, "2026-11-21T00:53:20.000Z")));
    for local in ["20261121-01:53:20.000", "20261120-19:53:20.000", "20261121-06:23:20.000", "20261121-09:53:20"] {
        named(Mistake::FixSendingTime, coinbase(&right().replace(SENT, local)));
    }
    named(Mistake::FixSendingTime, coinbase(&right().replace(SENT, "20261121T00:53:20.000")));
    named(Mistake::FixMsgType, coinbase(&right().replace("|A|", "|Logon|")));
    named(Mistake::FixSeqNum, coinbase(&right().replace("|1|", "|000001|")));
    named(Mistake::FixFieldLeftOut, coinbase(&right().replace(&format!("|{PASSPHRASE}"), "")));
    named(Mistake::FixFieldLeftOut, coinbase(&right().replace("|1|", "|")));
    named(Mistake::FixPipe, coinbase(&right().replace('|', "\\u0001")));
    named(Mistake::LettersChanged, coinbase(&right().replace("Coinbase", "COINBASE")));
    let tags = format!("52={SENT}|35=A|34=1|49={KEY}|56=Coinbase|554={PASSPHRASE}");
    named(Mistake::FixTagsSigned, coinbase(&tags));
    let piped = coinbase_exchange().sign(right());
    let wrong = coinbase(&right());
    let sign = coinbase_exchange().sign(right().replace('|', "\u{1}"));
    let body = wrong.split("35=").nth(1).unwrap().split("10=").next().unwrap().replace(&sign, &piped);
    named(Mistake::FixPipe, sealed(&format!("35={body}")));
}

#[test]
pub(crate) fn frames() {
    let good = coinbase(&right());
    let length = good.split("|9=").nth(1).unwrap().split('|').next().unwrap().to_owned();
    let sum = good.split("|10=").nth(1).unwrap().trim_end_matches('|').to_owned();
    named(Mistake::FixCheckSum, good.replace(&format!("|10={sum}"), "|10=999"));
    named(Mistake::FixBodyLength, summed(&good.replace(&format!("|9={length}"), "|9=7")));
    named(Mistake::FixRawDataLength, summed(&good.replace("95=44", "95=43")));
    let moved = good.replacen("8=FIX.4.4|", "", 1).replacen("35=A|", "8=FIX.4.4|35=A|", 1);
    named(Mistake::FixHeaderOrder, summed(&moved));
    // The checksum of a text that was never put on the wire.
    let piped = good[..good.len() - 7].bytes().fold(0_u8, u8::wrapping_add);
    let report = explained(good.replace(&format!("|10={sum}"), &format!("|10={piped:03}")));
    assert!(report.findings[0].saw.contains("`|` for SOH"), "{}", report.findings[0].saw);
    for shown in [good.replace('|', "^A"), good.replace('|', "\u{1}"), good.replace('|', "<SOH>")] {
        assert!(faults(shown).is_empty());
    }
}

#[test]
pub(crate) fn what_a_logon_lacks_is_told_whatever_its_frame() {
    let bare = "8=FIX.4.4|9=5|35=A|34=1|49=FIRM|56=SPOT|52=20261121-00:53:20.000|98=0|108=30|10=000|";
    for shown in [bare.to_owned(), bare.replace('|', " ")] {
        let report = explained_with(shown, &Options { secret: None, ..options() });
        let missing = report.findings.iter().find(|finding| finding.mistake == Mistake::HeaderMissing).unwrap();
        assert!(missing.saw.contains("neither an API key nor a signature"), "{}", missing.saw);
    }
    let iso = coinbase(&right()).replace("52=20261121-00:53:20.000", "52=2026-11-21T00:53:20Z");
    assert!(explained(iso).faults().contains(&Mistake::TimestampFormat));
}

#[test]
pub(crate) fn binance_signs_by_a_private_key() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = PublicKey::parse(pair.public_key().as_ref()).unwrap().to_pem();
    let options = Options { secret: Some(Secret::new(public.into_bytes())), ..options() };
    let logon = |signed: &str| {
        let signature = base64_text(pair.sign(signed.replace('|', "\u{1}").as_bytes()).as_ref());
        sealed(&format!("35=A|49=FIRM|56=SPOT|34=1|52={SENT}|98=0|108=30|95=88|96={signature}|141=Y|553={KEY}|25035=1|"))
    };
    let right = format!("A|FIRM|SPOT|1|{SENT}");
    assert!(explained_with(logon(&right), &options).faults().is_empty());
    named_with(Mistake::FixTrailingSoh, logon(&format!("{right}|")), &options);
    named_with(Mistake::FixFieldOrder, logon(&format!("A|FIRM|SPOT|{SENT}|1")), &options);
    let late = Options { at: Some(Timestamp::from_millis(NOW_MS + 9_000)), ..options };
    named_with(Mistake::ClockBehind, logon(&right), &late);
}

#[test]
pub(crate) fn deribit_wants_a_plain_hash() {
    let data = format!("{NOW_MS}.{}", base64_text(&[5; 32]));
    let logon = |password: &[u8]| {
        let head = format!("35=A|49=FIRM|56=DERIBITSERVER|34=1|52={SENT}|98=0|108=30");
        sealed(&format!("{head}|95={}|96={data}|553={KEY}|554={}|", data.len(), base64_text(password)))
    };
    assert!(faults(logon(&sha256(format!("{data}{SECRET}").as_bytes()))).is_empty());
    named(Mistake::HmacForHash, logon(&mac(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes(), data.as_bytes())));
    named(Mistake::PlainHash, logon(&sha256(format!("{SECRET}{data}").as_bytes())));
}

#[test]
pub(crate) fn kraken_signs_whole_fields() {
    let logon = |signed: &str| {
        let text = sha256(signed.replace('|', "\u{1}").as_bytes());
        let head = format!("35=A|34=1|49=FIRM|56=KRAKEN-TRD|52={SENT}|553={KEY}|5025={NOW_MS}|98=0|108=30");
        sealed(&format!("{head}|554={}|", kraken().sign(text)))
    };
    let right = format!("35=A|34=1|49=FIRM|56=KRAKEN-TRD|553={KEY}|{NOW_MS}");
    assert!(faults(logon(&right)).is_empty());
    named(Mistake::FixTagsSigned, logon(&format!("A|1|FIRM|KRAKEN-TRD|{KEY}|{NOW_MS}")));
    named(Mistake::FixFieldOrder, logon(&format!("34=1|35=A|49=FIRM|56=KRAKEN-TRD|553={KEY}|{NOW_MS}")));
}
