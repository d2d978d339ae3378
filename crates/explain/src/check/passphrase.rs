//! The passphrase beside the signature: clear where its MAC is wanted, the reverse, or another one.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
        PresentedPassphrase::Clear(_) if text.trim().trim_matches(['"', '\'']).as_bytes() == own.expose() => {
            Some(Named::new(Mistake::PassphraseWrong, "it has blanks or quotes around it"))
        }
        PresentedPassphrase::Clear(_) | PresentedPassphrase::Mac(_) => Some(Named::new(Mistake::PassphraseWrong, "")),
    }
}
