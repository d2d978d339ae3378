#![allow(clippy::unwrap_used)]

use super::*;

/// A throwaway key: `openssl genpkey -algorithm ed25519` with the seed of RFC 8032, 7.1, TEST 1.
const PEM: &str =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

fn file() -> CredentialFile {
    let key = SigningKey::from_pkcs8_pem(Algorithm::Ed25519, PEM).unwrap();
    CredentialFile {
        url: "https://127.0.0.1:8443".to_owned(),
        account: AccountId::parse("demo").unwrap(),
        kid: key.kid().clone(),
        alg: Algorithm::Ed25519,
        private_key_pem: SecretText::new(PEM.to_owned()),
        gateway_pins: vec![key.kid().to_string()],
        min_bind: Binding::Exp,
        ca_pem: None,
    }
}

#[test]
fn what_is_written_is_read_back() {
    // HS-64
    let text = file().write();
    let read = CredentialFile::parse(text.expose()).unwrap();
    assert_eq!(read.write().expose(), text.expose());
    assert_eq!(read.signing_key().unwrap().kid(), &file().kid);
}

#[test]
fn refuses_other_forms_and_a_foreign_key() {
    // HS-64
    let text = file().write();
    for (from, to, member) in [
        ("\"v\": 1", "\"v\": 2", "v"),
        ("native", "binance", "kind"),
        ("\"demo\"", "\"de mo\"", "account"),
        ("\"Ed25519\"", "\"HS256\"", "alg"),
        ("\"exp\"", "\"best\"", "min_bind"),
    ] {
        let changed = text.expose().replace(from, to);
        assert_eq!(CredentialFile::parse(&changed).unwrap_err(), CredentialFileError::Member(member), "{changed}");
    }
    assert!(matches!(CredentialFile::parse("{"), Err(CredentialFileError::Json(_))));
    let foreign = CredentialFile { kid: ApiKeyId::parse(&"A".repeat(43)).unwrap(), ..file() };
    assert_eq!(foreign.signing_key().unwrap_err(), CredentialFileError::KidMismatch);
    let broken = CredentialFile { private_key_pem: SecretText::new("no key".to_owned()), ..file() };
    assert_eq!(broken.signing_key().unwrap_err(), CredentialFileError::Key(KeyError::Pem));
}

#[test]
fn errors_and_debug_do_not_show_the_key() {
    let shown = format!("{:?} {:?}", file(), CredentialFile::parse(&format!("{{\"private_key_pem\":\"{}\"", "MC4CAQAw")));
    assert!(!shown.contains("MC4CAQAw"), "{shown}");
}
