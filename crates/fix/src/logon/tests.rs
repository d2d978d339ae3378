#![allow(clippy::unwrap_used)]
use countersign_core::{ApiKeyId, Freshness, Once, PresentedPassphrase};

use super::*;
use crate::test_support::sealed as frame;

const HEADER: &str = "35=A|49=FIRM|56=SPOT|34=1|52=20261121-00:58:39.238123|98=0|108=30|";

fn presented(dialect: LogonDialect, text: &str, check: impl FnOnce(&Presented<'_>)) {
    let bytes = frame("FIX.4.4", text);
    check(&dialect.present(&Message::parse(&bytes).unwrap()).unwrap());
}

fn refused(dialect: LogonDialect, text: &str) -> Reject {
    let bytes = frame("FIX.4.4", text);
    dialect.present(&Message::parse(&bytes).unwrap()).unwrap_err().reject
}

#[test]
fn binance_signs_literal_values_in_its_own_order() {
    presented(LogonDialect::Binance, &format!("{HEADER}553=key|96=AAAA|25000=1000.5|"), |presented| {
        assert_eq!(presented.signed.contiguous().as_ref(), b"A\x01FIRM\x01SPOT\x011\x0120261121-00:58:39.238123");
        assert_eq!(presented.key_id.as_str(), "key");
        let Freshness::Window { timestamp, recv_window, .. } = presented.freshness else { panic!("it has a window") };
        assert_eq!((timestamp.as_micros(), recv_window.as_micros()), (1_795_222_719_238_123, 1_000_500));
    });
}

#[test]
fn coinbase_exchange_has_its_key_in_sender_comp_id() {
    presented(LogonDialect::CoinbaseExchange, &format!("{HEADER}96=AAAA|554=phrase|"), |presented| {
        assert_eq!(presented.signed.contiguous().as_ref(), b"20261121-00:58:39.238123\x01A\x011\x01FIRM\x01SPOT\x01phrase");
        assert_eq!(presented.key_id.as_str(), "FIRM");
        assert!(matches!(&presented.passphrase, Some(PresentedPassphrase::Clear(clear)) if clear.expose() == b"phrase"));
    });
}

#[test]
fn coinbase_exchange_takes_a_username_for_its_key() {
    presented(LogonDialect::CoinbaseExchange, &format!("{HEADER}96=AAAA|553=key|554=phrase|"), |presented| {
        assert_eq!(presented.key_id.as_str(), "key");
        assert_eq!(presented.signed.contiguous().as_ref(), b"20261121-00:58:39.238123\x01A\x011\x01FIRM\x01SPOT\x01phrase");
    });
}

#[test]
fn binance_knows_two_ways_of_handling_messages() {
    let demands = |dialect: LogonDialect, fields: &str| {
        let bytes = frame("FIX.4.4", &format!("{HEADER}{fields}"));
        dialect.demands(&Message::parse(&bytes).unwrap()).map_err(|refusal| refusal.reject)
    };
    for (fields, expected) in [("25035=1|", Ok(())), ("25035=2|", Ok(())), ("", Ok(())), ("25035=0|", Err(Reject::Malformed))] {
        assert_eq!(demands(LogonDialect::Binance, fields), expected, "{fields}");
    }
    for other in [LogonDialect::CoinbaseExchange, LogonDialect::Deribit, LogonDialect::Kraken] {
        assert_eq!(demands(other, ""), Ok(()));
    }
}

#[test]
fn deribit_remembers_raw_data() {
    let nonce = format!("{}=", "A".repeat(43));
    presented(LogonDialect::Deribit, &format!("{HEADER}96=1795222719238.{nonce}|553=key|554=AAAA|"), |presented| {
        let raw_data = format!("1795222719238.{nonce}");
        assert_eq!(presented.signed.contiguous().as_ref(), raw_data.as_bytes());
        assert_eq!(presented.once, Once::Nonce(format!("fix\n{raw_data}").into_bytes().into()));
    });
}

#[test]
fn deribit_wants_a_time_and_a_nonce_of_32_bytes() {
    let good = format!("{}=", "A".repeat(43));
    let short = "A".repeat(40);
    let long = "A".repeat(348);
    for raw_data in
        [good.clone(), format!("1.{short}"), format!("1.{long}"), format!("01.{good}"), format!("+1.{good}"), format!("1.{good}=")]
    {
        assert_eq!(refused(LogonDialect::Deribit, &format!("{HEADER}96={raw_data}|553=key|554=AAAA|")), Reject::Malformed, "{raw_data}");
    }
}

#[test]
fn kraken_binds_its_nonce_to_the_clock() {
    presented(LogonDialect::Kraken, &format!("{HEADER}553=key|554=AAAA|5025=1795222719238|"), |presented| {
        assert_eq!(presented.signed.len(), 32);
        let Freshness::Nonce { nonce, window_min: 0, clock: Some(clock) } = presented.freshness else { panic!("it has a nonce") };
        assert_eq!((nonce, clock.behind_max, clock.ahead_max), (1_795_222_719_238, clock.ahead_max, std::time::Duration::from_secs(5)));
    });
}

#[test]
fn what_is_missing_or_twice_is_refused() {
    let table = [
        (LogonDialect::Binance, "553=key|", Reject::MissingCredentials),
        (LogonDialect::Binance, "96=AAAA|", Reject::MissingCredentials),
        (LogonDialect::Binance, "553=key|96=AAAA|25000=60001|", Reject::Malformed),
        (LogonDialect::CoinbaseExchange, "96=AAAA|", Reject::MissingCredentials),
        (LogonDialect::CoinbaseExchange, "554=phrase|", Reject::MissingCredentials),
        (LogonDialect::Deribit, "553=key|554=AAAA|", Reject::MissingCredentials),
        (LogonDialect::Kraken, "553=key|554=AAAA|", Reject::MissingParameter),
        (LogonDialect::Kraken, "553=key|554=AAAA|5025=1e12|", Reject::Malformed),
    ];
    for (dialect, fields, reject) in table {
        assert_eq!(refused(dialect, &format!("{HEADER}{fields}")), reject, "{dialect:?} {fields}");
    }
    assert_eq!(refused(LogonDialect::Binance, &format!("{}553=key|96=AAAA|", HEADER.replace("35=A", "35=0"))), Reject::UnexpectedMessage);
}

#[test]
fn a_certificate_answers_for_the_names_in_it_only() {
    let bytes = frame("FIX.4.4", HEADER);
    let logon = Message::parse(&bytes).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| ApiKeyId::parse(name).unwrap()).collect::<Vec<_>>();
    assert_eq!(certificate::claim(&logon, &names(&["OTHER", "FIRM"])).unwrap().key_id.as_str(), "FIRM");
    for other in [&[][..], &["OTHER"], &["firm"], &["FIRM2"]] {
        assert_eq!(certificate::claim(&logon, &names(other)).unwrap_err().reject, Reject::CertificateUnacceptable, "{other:?}");
    }
}

#[test]
fn each_dialect_has_keys_of_its_own() {
    let purposes: std::collections::BTreeSet<_> = LogonDialect::ALL.iter().map(|dialect| dialect.purpose()).collect();
    assert_eq!(purposes.len(), LogonDialect::ALL.len());
}
