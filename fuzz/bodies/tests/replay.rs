//! Replays every committed input through its body.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use countersign_fuzz_bodies::BODIES;

/// Every committed byte is downloaded by everybody who clones: keep the corpora small.
const CORPUS_BYTES_MAX: u64 = 1 << 20;

fn fuzz_folder(below: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(below)
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz_folder(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

/// Runs every input of one body and says which one it was when it fails.
fn replay(name: &str) {
    let (_, body) = BODIES.iter().find(|(known, _)| *known == name).unwrap();
    let mut inputs = 0;
    for entry in fs::read_dir(fuzz_folder("corpus").join(name)).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::read(&path).unwrap();
        let outcome = std::panic::catch_unwind(|| body(&data));
        assert!(outcome.is_ok(), "{} breaks the body", path.display());
        inputs += 1;
    }
    assert!(inputs > 0, "no input for {name}");
}

macro_rules! replays {
    ($( $name:ident )*) => {
        $( #[test] fn $name() { replay(stringify!($name)); } )*

        #[test]
        fn every_body_has_its_test_its_target_and_its_corpus() {
            let tested = BTreeSet::from([$( stringify!($name).to_owned(), )*]);
            let bodies: BTreeSet<String> = BODIES.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(bodies, tested);
            assert_eq!(bodies, names("fuzz_targets"));
            assert_eq!(bodies, names("corpus"));
        }
    };
}

replays! {
    audit_evidence audit_log binance_rest binance_ws_api client_jwt configuration credential_file every_dialect fix_session hello http_framing proxy_header public_key resume_reauth_regrant session_frames strict_json token token_request welcome
}

#[test]
fn the_corpora_are_small() {
    let folders = fs::read_dir(fuzz_folder("corpus")).unwrap().map(|entry| entry.unwrap().path());
    let bytes: u64 = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes");
}

/// A corpus of nothing but refusals would fuzz only the first check of each parser.
#[test]
fn the_valid_seeds_are_accepted() {
    let seed = |path: &str| fs::read(fuzz_folder("corpus").join(path)).unwrap();
    let text = |path: &str| String::from_utf8(seed(path)).unwrap();
    for name in ["exp", "sep", "chl", "bare", "every-wish"] {
        assert!(countersign_handshake::Hello::read(&seed(&format!("hello/{name}"))).is_ok(), "{name}");
        assert!(countersign_handshake::Token::parse(&text(&format!("token/hello-{name}"))).is_ok(), "{name}");
    }
    for name in ["resume", "resume-sep", "reauth", "reauth-bare", "reauth-every-wish", "regrant", "regrant-unasked"] {
        let payload = seed(&format!("resume_reauth_regrant/{name}"));
        let accepted = match name.split('-').next() {
            Some("resume") => countersign_handshake::Resume::read(&payload).is_ok(),
            Some("reauth") => countersign_handshake::Reauth::read(&payload).is_ok(),
            Some(_) | None => countersign_handshake::Regrant::read(&payload).is_ok(),
        };
        assert!(accepted, "{name}");
    }
    for name in ["assertion", "assertion-list", "assertion-undated"] {
        let (audience, now) = ("https://127.0.0.1:8443/token", countersign_core::Timestamp::from_secs(1_790_000_000));
        assert!(countersign_oauth::assertion::present(&text(&format!("client_jwt/{name}")), &[audience], now).is_ok(), "{name}");
    }
    for name in ["client-credentials", "jwt-bearer", "refresh", "exchange", "exchange-to-key"] {
        let form = countersign_oauth::Form::read(&seed(&format!("token_request/{name}"))).unwrap();
        assert!(countersign_oauth::TokenRequest::read(&form).is_ok(), "{name}");
    }
    countersign_handshake::Welcome::read(&seed("welcome/granted")).unwrap();
    countersign_handshake::CredentialFile::parse(&text("credential_file/good")).unwrap();
    for name in ["ed25519-pem", "ed25519-der", "ed25519-raw", "ed25519-jwk", "ed25519-openssh", "p256-der", "p256-jwk", "rsa-pem"] {
        assert!(countersign_core::PublicKey::parse(&seed(&format!("public_key/{name}"))).is_ok(), "{name}");
    }
    for version in ["FIX.4.2", "FIX.4.4", "FIXT.1.1"] {
        let stream = seed(&format!("fix_session/logon-{version}-whole"))[1..]
            .iter()
            .map(|byte| if *byte == b'|' { 1 } else { *byte })
            .collect::<Vec<u8>>();
        let mut framer = countersign_fix::Framer::new(4_096);
        framer.push(&stream);
        let frames = std::iter::from_fn(|| framer.next_frame().map(|framed| matches!(framed, countersign_fix::Framed::Frame(_))));
        assert_eq!(frames.collect::<Vec<bool>>(), [true; 3], "{version}");
    }
    for name in ["v1-tcp4", "v1-tcp6", "v1-unknown", "v2-tcp4", "v2-tcp6", "v2-local", "v2-unspec", "v2-checksum", "v2-fields"] {
        let read = countersign_gateway::proxy_protocol::Arriving::default().take(&seed(&format!("proxy_header/{name}")));
        assert!(matches!(read, Ok((_, Some(_)))), "{name}");
    }
    for name in ["empty", "listen", "limits", "route", "builtin"] {
        assert!(countersign_gateway::config::check(&fuzz_folder("corpus/configuration").join(name)).is_ok(), "{name}");
    }
}

/// The seeds are of the dialect that their name says, and what a gateway accepts there is presented here, too.
#[test]
fn the_accepted_requests_of_every_dialect_are_presented() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(fuzz_folder("corpus/every_dialect")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some((family, _)) = name.split_once("-request-accepted-") else { continue };
        if let Some(dialect) = countersign_fuzz_bodies::presented_in(&fs::read(&path).unwrap()) {
            assert_eq!(dialect.replace('-', ""), family, "{name}");
            seen.insert(dialect);
        }
    }
    let all = countersign_dialects::registry::ALL.map(countersign_dialects::Dialect::name);
    assert_eq!(seen, BTreeSet::from(all));
}
