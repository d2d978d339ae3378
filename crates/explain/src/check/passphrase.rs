//! The passphrase beside the signature: clear where its MAC is wanted, the reverse, or another one.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use countersign_core::{PresentedPassphrase, Purpose, Secret};

use crate::catalogue::Mistake;
use crate::keys::Named;

/// Whether a text has the form of a MAC in base64.
fn is_mac(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// What the form of the passphrase shows without any secret.
pub(crate) fn by_form(purpose: Purpose, presented: &PresentedPassphrase, text: &str) -> Option<Named> {
    if purpose != Purpose::Kucoin || text.is_empty() {
        return None;
    }
    match presented {
        PresentedPassphrase::Clear(_) if is_mac(text) => Some(Named::new(Mistake::PassphraseEncrypted, "no key version 2 or 3 is named")),
        PresentedPassphrase::Mac(_) if !is_mac(text) => Some(Named::new(Mistake::PassphraseClear, "")),
        PresentedPassphrase::Clear(_) | PresentedPassphrase::Mac(_) => None,
    }
}

/// How else the passphrase was turned into what was sent.
fn otherwise(text: &str, secret: &[u8], own: &Secret) -> Option<&'static str> {
    let mac = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    let right = mac(secret, own.expose());
    let forms = [
        ("it is hexadecimal", hex::encode(right.as_ref())),
        ("it is base64url", URL_SAFE.encode(right.as_ref())),
        ("it is base64url", URL_SAFE_NO_PAD.encode(right.as_ref())),
        ("its padding is missing", STANDARD_NO_PAD.encode(right.as_ref())),
        ("its hexadecimal text was encoded in base64", STANDARD.encode(hex::encode(right.as_ref()))),
        ("the passphrase was the key and the secret the text", STANDARD.encode(mac(own.expose(), secret).as_ref())),
        ("it is a plain SHA-256", STANDARD.encode(digest::digest(&digest::SHA256, own.expose()).as_ref())),
        ("it is the passphrase in base64", STANDARD.encode(own.expose())),
    ];
    // Each is compared in a time that does not tell how much of it is right.
    forms.iter().find(|(_, form)| Secret::new(form.clone().into_bytes()).ct_eq(text.as_bytes())).map(|(detail, _)| *detail)
}

/// What secret and passphrase of the key show.
pub(crate) fn by_key(presented: &PresentedPassphrase, text: &str, secret: &[u8], own: &Secret) -> Option<Named> {
    let mac = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let is_own_mac = STANDARD.decode(text).is_ok_and(|bytes| hmac::verify(&mac, own.expose(), &bytes).is_ok());
    let is_own = own.ct_eq(text.as_bytes());
    match presented {
        PresentedPassphrase::Clear(_) if is_own => None,
        PresentedPassphrase::Clear(_) if is_own_mac => Some(Named::new(Mistake::PassphraseEncrypted, "")),
        PresentedPassphrase::Mac(_) if is_own_mac => None,
        PresentedPassphrase::Mac(_) if is_own => Some(Named::new(Mistake::PassphraseClear, "")),
        PresentedPassphrase::Mac(_) if otherwise(text, secret, own).is_some() => {
            otherwise(text, secret, own).map(|detail| Named::new(Mistake::PassphraseEncoding, detail))
        }
        PresentedPassphrase::Clear(_) if text.trim().trim_matches(['"', '\'']).as_bytes() == own.expose() => {
            Some(Named::new(Mistake::PassphraseWrong, "it has blanks or quotes around it"))
        }
        PresentedPassphrase::Clear(_) | PresentedPassphrase::Mac(_) => Some(Named::new(Mistake::PassphraseWrong, "")),
    }
}
