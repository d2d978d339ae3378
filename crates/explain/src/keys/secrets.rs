//! What a shared secret becomes by mistake.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Purpose, Secret, SecretEncoding};

use super::{Named, Variant, any_base64, bare, right_secret, text_of};
use crate::catalogue::Mistake;
use crate::vary::encoding::{is_unreserved, percent_encode};

/// What comes around a secret from files and forms.
const BLANKS: [(&str, &str, &str); 9] = [
    ("", "\n", "a line feed at its end"),
    ("", "\r\n", "carriage return and line feed at its end"),
    ("", "\r", "a carriage return at its end"),
    ("", "\n\n", "two line feeds at its end"),
    ("", " ", "a blank at its end"),
    ("", "\t", "a tab at its end"),
    ("", "\0", "a zero byte at its end"),
    (" ", "", "a blank at its beginning"),
    (" ", " ", "a blank at both ends"),
];

/// Signs of the languages that secrets are written down in.
const SIGNS: [(&str, &str); 10] =
    [("\"", "\""), ("'", "'"), ("`", "`"), ("b'", "'"), ("<", ">"), ("", "\""), ("", ","), ("", ";"), ("=", ""), ("", "&")];

/// What programs have for a secret that is not set.
const UNSET: [&str; 17] = [
    "undefined",
    "null",
    "None",
    "nil",
    "false",
    "API_SECRET",
    "$API_SECRET",
    "${API_SECRET}",
    "YOUR_API_SECRET",
    "your_api_secret",
    "your-api-secret",
    "your_secret_key",
    "YOUR_SECRET_KEY",
    "your_secret",
    "API_SECRET_KEY",
    "SECRET",
    "secret",
];

/// How many characters are missed where a secret is copied by hand.
const SECRET_CUT_MAX: usize = 4;

/// To how many bytes keys of ciphers are cut.
const KEY_BYTES: [usize; 2] = [16, 32];

/// The secret as it should be used, and as it is by mistake.
pub(crate) fn secret_variants(purpose: Purpose, secret: &Secret, passphrase: Option<&Secret>, key: &str) -> Vec<Variant> {
    let text = bare(text_of(secret));
    let encoding = purpose.secret_encoding();
    let mut variants = SecretVariants(vec![(None, right_secret(purpose, secret))]);
    match encoding {
        SecretEncoding::Base64 => variants.add(Mistake::SecretNotDecoded, "", text.into()),
        SecretEncoding::Text => {
            if let Some(bytes) = any_base64(text) {
                variants.add(Mistake::SecretDecoded, "", bytes);
            }
        }
    }
    variants.add_quoted(text, secret.expose());
    variants.add_encoded(text);
    variants.add_right_ones_cut();
    if encoding == SecretEncoding::Base64 {
        variants.add_decoded(text);
    }
    variants.add(Mistake::SecretLetters, "in lower case", text.to_lowercase().into_bytes());
    variants.add(Mistake::SecretLetters, "in upper case", text.to_uppercase().into_bytes());
    variants.add_others(passphrase, key);
    variants.add_miscopied(text);
    variants.0
}

/// What a secret becomes, the right one first; of two mistakes that come to the same, the first.
struct SecretVariants(Vec<Variant>);

impl SecretVariants {
    fn add(&mut self, mistake: Mistake, detail: &str, bytes: Vec<u8>) {
        if self.0.iter().all(|(_, known)| *known != bytes) {
            self.0.push((Some(Named::new(mistake, detail)), bytes));
        }
    }

    fn right(&self) -> Vec<u8> {
        self.0[0].1.clone()
    }

    fn add_quoted(&mut self, text: &str, given: &[u8]) {
        for (front, end, detail) in BLANKS {
            self.add(Mistake::SecretNewline, detail, format!("{front}{text}{end}").into_bytes());
        }
        self.add(Mistake::SecretNewline, "as it was given", given.to_vec());
        for (front, end) in SIGNS {
            self.add(Mistake::SecretQuoted, &format!("{front} ... {end}"), format!("{front}{text}{end}").into_bytes());
        }
        self.add(Mistake::SecretQuoted, "a byte order mark at its beginning", format!("\u{feff}{text}").into_bytes());
    }

    fn add_encoded(&mut self, text: &str) {
        if let Ok(bytes) = hex::decode(text.replace('-', "")) {
            self.add(Mistake::SecretHexDecoded, "", bytes);
        }
        self.add(Mistake::SecretEncoded, "in base64", STANDARD.encode(text).into_bytes());
        self.add(Mistake::SecretEncoded, "in hexadecimal", hex::encode(text).into_bytes());
        self.add(Mistake::SecretEncoded, "in UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        self.add(Mistake::SecretEncoded, "its SHA-256", hash.as_ref().to_vec());
        self.add(Mistake::SecretEncoded, "its SHA-256 in hexadecimal", hex::encode(hash).into_bytes());
        self.add(Mistake::SecretEncoded, "percent-encoded", percent_encode(text.as_bytes(), &is_unreserved).into_bytes());
    }

    fn add_right_ones_cut(&mut self) {
        let right = self.right();
        for bytes in KEY_BYTES {
            if let Some(start) = right.get(..bytes) {
                self.add(Mistake::SecretCut, &format!("its first {bytes} bytes, as ciphers want them"), start.to_vec());
            }
        }
        // Half of a short one could be guessed.
        if right.len() >= 32 {
            self.add(Mistake::SecretCut, "its first half", right[..right.len() / 2].to_vec());
        }
    }

    /// Of one that is base64: what was made of its bytes.
    fn add_decoded(&mut self, text: &str) {
        let right = self.right();
        let as_text: String = right.iter().map(|byte| char::from(*byte)).collect();
        self.add(Mistake::SecretEncoded, "decoded, each byte as a character, written in UTF-8", as_text.into_bytes());
        let lossy = String::from_utf8_lossy(&right).into_owned();
        self.add(Mistake::SecretEncoded, "decoded, with what is no UTF-8 replaced, as toString() does", lossy.into_bytes());
        self.add(Mistake::SecretEncoded, "decoded, and written in hexadecimal", hex::encode(&right).into_bytes());
        self.add(Mistake::SecretNotDecoded, "with a line feed at its end", format!("{text}\n").into_bytes());
    }

    fn add_others(&mut self, passphrase: Option<&Secret>, key: &str) {
        if let Some(passphrase) = passphrase {
            self.add(Mistake::SecretIsPassphrase, "", passphrase.expose().to_vec());
        }
        if !key.is_empty() {
            self.add(Mistake::SecretIsKey, "", key.as_bytes().to_vec());
        }
        self.add(Mistake::SecretEmpty, "", Vec::new());
        for word in UNSET {
            self.add(Mistake::SecretEmpty, &format!("{word} was the secret"), word.into());
        }
    }

    fn add_miscopied(&mut self, text: &str) {
        for cut in 1..=SECRET_CUT_MAX.min(text.len() / 4) {
            let characters = if cut == 1 { "character".to_owned() } else { format!("{cut} characters") };
            if let (Some(start), Some(end)) = (text.get(..text.len() - cut), text.get(cut..)) {
                self.add(Mistake::SecretCut, &format!("without its last {characters}"), start.into());
                self.add(Mistake::SecretCut, &format!("without its first {characters}"), end.into());
            }
        }
        self.add(Mistake::SecretCut, "twice", text.repeat(2).into_bytes());
    }
}
