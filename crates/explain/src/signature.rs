//! The text of a signature, read in every way that a client may have written it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::catalogue::Mistake;
use crate::draft::Encoding;
use crate::keys::{Named, any_base64};
use crate::vary::encoding::percent_decode;

/// A reading; `None`: as it should be written.
pub(crate) type Reading = (Option<Named>, Vec<u8>);

/// Things that stand before signatures by mistake.
const PREFIXES: [&str; 5] = ["0x", "sha256=", "SHA256=", "hmac ", "Bearer "];

/// All readings of a text, the right one first if there is one. `public`: the key is a public one.
pub(crate) fn readings(text: &str, encoding: Encoding, public: bool) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    let mut add = |named: Option<Named>, bytes: Option<Vec<u8>>| {
        if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty() && readings.iter().all(|(_, known)| known != bytes)) {
            readings.push((named, bytes));
        }
    };
    let hex_is_right = matches!((encoding, public), (Encoding::Hex, _) | (Encoding::HexOrBase64, false));
    if hex_is_right {
        add(None, hex::decode(text).ok());
        add(Some(Named::new(Mistake::SignatureBase64, "")), any_base64(text));
    } else if encoding == Encoding::Base64Url {
        add(None, URL_SAFE_NO_PAD.decode(text).ok());
        add(Some(Named::new(Mistake::SignatureStandardBase64, "")), any_base64(text));
        add(Some(Named::new(Mistake::SignatureHex, "")), hex::decode(text).ok());
    } else {
        add(None, STANDARD.decode(text).ok());
        add(Some(Named::new(Mistake::SignatureBase64Url, "")), any_base64(text));
        add(Some(Named::new(Mistake::SignatureHex, "")), hex::decode(text).ok());
    }
    for (how, again) in twice(text) {
        let bytes = hex::decode(&again).ok().or_else(|| any_base64(&again));
        add(Some(Named::new(Mistake::SignatureHexOfText, how)), bytes);
    }
    let undivided = text.replace([' ', ':', '-', ','], "");
    if undivided != text {
        add(Some(Named::new(Mistake::SignatureDigits, "in hexadecimal with a sign between bytes")), hex::decode(undivided).ok());
    }
    let trimmed = bare(text);
    if trimmed != text {
        let (hex, base64) = (hex::decode(&trimmed).ok(), any_base64(&trimmed));
        for bytes in if hex_is_right { [hex, base64] } else { [base64, hex] } {
            add(Some(Named::new(Mistake::SignatureDecorated, "")), bytes);
        }
    }
    readings
}

/// Texts that were encoded once more.
fn twice(text: &str) -> Vec<(&'static str, String)> {
    let ascii =
        |bytes: Vec<u8>| String::from_utf8(bytes).ok().filter(|text| text.len() > 16 && text.bytes().all(|byte| byte.is_ascii_graphic()));
    let mut found = Vec::new();
    if text.contains('%') {
        found.extend(ascii(percent_decode(text.as_bytes())).map(|text| ("it is still percent-encoded", text)));
    }
    found.extend(any_base64(text).and_then(ascii).map(|text| ("base64 of its text", text)));
    found.extend(hex::decode(text).ok().and_then(ascii).map(|text| ("hexadecimal of its text", text)));
    found
}

fn bare(text: &str) -> String {
    let mut bare = text.trim().trim_matches(['"', '\'', '`', '<', '>']).trim();
    // What Python prints of bytes.
    bare = bare.strip_prefix("b'").unwrap_or(bare);
    for prefix in PREFIXES {
        bare = bare.strip_prefix(prefix).unwrap_or(bare);
    }
    // A plus that was read as a blank.
    bare.replace(' ', "+")
}

/// Whether a text has the form of a signature by a private key: base64 of 64 bytes, or of an RSA modulus.
pub(crate) fn looks_public(text: &str) -> bool {
    hex::decode(text).is_err() && any_base64(text).is_some_and(|bytes| bytes.len() == 64 || bytes.len() >= 256)
}

/// Whether a text has the form of a MAC.
pub(crate) fn looks_mac(text: &str) -> bool {
    let length = hex::decode(text).ok().or_else(|| any_base64(text)).map_or(0, |bytes| bytes.len());
    matches!(length, 20 | 32 | 48)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, encoding: Encoding) -> (Option<Mistake>, Vec<u8>) {
        let (named, bytes) = readings(text, encoding, false).remove(0);
        (named.map(|named| named.mistake), bytes)
    }

    #[test]
    fn every_writing_of_a_signature_is_read_and_named() {
        let bytes: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(83) ^ 0xff).collect();
        let (hex, base64) = (hex::encode(&bytes), STANDARD.encode(&bytes));
        assert_eq!(first(&hex, Encoding::Hex), (None, bytes.clone()));
        assert_eq!(first(&base64, Encoding::Base64), (None, bytes.clone()));
        let named = |text: &str, encoding| {
            let all = readings(text, encoding, false);
            all.into_iter().find(|(_, read)| *read == bytes).and_then(|(named, _)| named).map(|named| named.mistake)
        };
        assert_eq!(named(&base64, Encoding::Hex), Some(Mistake::SignatureBase64));
        assert_eq!(named(&hex, Encoding::Base64), Some(Mistake::SignatureHex));
        assert_eq!(named(&URL_SAFE_NO_PAD.encode(&bytes), Encoding::Base64), Some(Mistake::SignatureBase64Url));
        assert_eq!(named(&base64, Encoding::Base64Url), Some(Mistake::SignatureStandardBase64));
        assert_eq!(named(&STANDARD.encode(&hex), Encoding::Base64), Some(Mistake::SignatureHexOfText));
        assert_eq!(named(&base64.replace('=', "%3D"), Encoding::Base64), Some(Mistake::SignatureHexOfText));
        assert_eq!(named(&format!("\"{hex}\""), Encoding::Hex), Some(Mistake::SignatureDecorated));
        assert_eq!(named(&format!("0x{hex}"), Encoding::Hex), Some(Mistake::SignatureDecorated));
    }
}
