//! Faults of hash, HMAC and secret, and of how the result is written.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use countersign_explain::Mistake::*;

use super::signing::{Signing, hmac_by_hand, hmac_of};
use super::{Fault, fault};

fn hash(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    digest::digest(algorithm, &parts.concat()).as_ref().to_vec()
}

/// HMAC of this function, also where a plain hash is right.
fn with_hmac(signing: &mut Signing, hash: hmac::Algorithm) {
    signing.hash = hash;
    signing.prove = |signing, text| hmac_of(signing.hash, &signing.secret, text);
}

/// Where an HMAC is right.
fn of_hmac(signing: &mut Signing, prove: fn(&Signing, &[u8]) -> Vec<u8>) {
    if signing.is_hmac {
        signing.prove = prove;
    }
}

fn own(signing: &Signing) -> &'static digest::Algorithm {
    signing.hash.digest_algorithm()
}

pub(super) const HASHES: &[Fault] = &[
    // The library has no MD5: as many bytes are of its length.
    fault("HMAC-MD5", &[WrongHash, HmacForHash], |s| {
        s.prove = |s, text| hmac_of(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &s.secret, text)[..16].to_vec();
    }),
    fault("HMAC-SHA-1", &[WrongHash, HmacForHash], |s| with_hmac(s, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY)),
    fault("HMAC-SHA-224", &[WrongHash, HmacForHash], |s| with_hmac(s, hmac::HMAC_SHA224)),
    fault("HMAC-SHA-256", &[WrongHash, HmacForHash], |s| with_hmac(s, hmac::HMAC_SHA256)),
    fault("HMAC-SHA-384", &[WrongHash, HmacForHash], |s| with_hmac(s, hmac::HMAC_SHA384)),
    fault("HMAC-SHA-512", &[WrongHash, HmacForHash], |s| with_hmac(s, hmac::HMAC_SHA512)),
    fault("HMAC-SHA3-256", &[WrongHash, HmacForHash], |s| s.prove = |s, text| hmac_by_hand(&digest::SHA3_256, &s.secret, text)),
    fault("HMAC-SHA3-384", &[WrongHash, HmacForHash], |s| s.prove = |s, text| hmac_by_hand(&digest::SHA3_384, &s.secret, text)),
    fault("HMAC-SHA3-512", &[WrongHash, HmacForHash], |s| s.prove = |s, text| hmac_by_hand(&digest::SHA3_512, &s.secret, text)),
    fault("hash of the text alone", &[PlainHash, SecretEmpty], |s| s.prove = |s, text| hash(own(s), &[text])),
    fault("hash of text and secret", &[PlainHash], |s| s.prove = |s, text| hash(own(s), &[text, &s.secret])),
    fault("hash of secret and text", &[PlainHash], |s| s.prove = |s, text| hash(own(s), &[&s.secret, text])),
    fault("hash of secret, text, secret", &[PlainHash], |s| s.prove = |s, text| hash(own(s), &[&s.secret, text, &s.secret])),
    fault("text and secret swapped", &[HmacSwapped], |s| of_hmac(s, |s, text| hmac_of(s.hash, text, &s.secret))),
    fault("HMAC of the HMAC", &[ProofTwice], |s| {
        of_hmac(s, |s, text| hmac_of(s.hash, &s.secret, &hmac_of(s.hash, &s.secret, text)));
    }),
    fault("HMAC of the HMAC's hex", &[ProofTwice], |s| {
        of_hmac(s, |s, text| hmac_of(s.hash, &s.secret, hex::encode(hmac_of(s.hash, &s.secret, text)).as_bytes()));
    }),
    fault("hash of the HMAC", &[ProofTwice], |s| of_hmac(s, |s, text| hash(own(s), &[&hmac_of(s.hash, &s.secret, text)]))),
    fault("hash of the HMAC's hex", &[ProofTwice], |s| {
        of_hmac(s, |s, text| hash(own(s), &[hex::encode(hmac_of(s.hash, &s.secret, text)).as_bytes()]));
    }),
];

pub(super) const SECRETS: &[Fault] = &[
    fault("secret with a line feed", &[SecretNewline], |s| s.secret = format!("{}\n", s.given).into()),
    fault("secret with a blank", &[SecretNewline], |s| s.secret = format!("{} ", s.given).into()),
    fault("secret with a blank in front", &[SecretNewline], |s| s.secret = format!(" {}", s.given).into()),
    fault("secret in quotes", &[SecretQuoted], |s| s.secret = format!("\"{}\"", s.given).into()),
    fault("secret as b'...'", &[SecretQuoted], |s| s.secret = format!("b'{}'", s.given).into()),
    fault("secret without its last character", &[SecretCut], |s| s.secret = s.given.as_bytes()[..s.given.len() - 1].into()),
    fault("secret without its first character", &[SecretCut], |s| s.secret = s.given.as_bytes()[1..].into()),
    fault("secret without its =", &[SecretCut, SecretNotDecoded], |s| s.secret = s.given.trim_end_matches('=').into()),
    fault("secret cut to 32 bytes", &[SecretCut], |s| s.secret.truncate(32)),
    // Of short ones it is not looked for.
    fault("first half of the secret", &[SecretCut], |s| s.secret.truncate(if s.secret.len() < 32 { 32 } else { s.secret.len() / 2 })),
    fault("secret in lower case", &[SecretLetters], |s| s.secret = s.given.to_lowercase().into()),
    fault("secret in upper case", &[SecretLetters], |s| s.secret = s.given.to_uppercase().into()),
    fault("secret as text", &[SecretNotDecoded], |s| s.secret = s.given.clone().into()),
    fault("secret base64-decoded", &[SecretDecoded], |s| {
        let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD];
        s.secret = engines.iter().find_map(|engine| engine.decode(&s.given).ok()).unwrap_or_else(|| s.secret.clone());
    }),
    fault("secret hex-decoded", &[SecretHexDecoded], |s| s.secret = hex::decode(&s.given).unwrap_or_else(|_| s.secret.clone())),
    fault("secret in base64", &[SecretEncoded], |s| s.secret = STANDARD.encode(&s.given).into()),
    fault("secret in hexadecimal", &[SecretEncoded], |s| s.secret = hex::encode(&s.given).into()),
    // HMAC itself does so with keys that are longer than its block.
    fault("secret's SHA-256", &[SecretEncoded, SecretNotDecoded], |s| s.secret = hash(&digest::SHA256, &[s.given.as_bytes()])),
    fault("secret's SHA-256 in hexadecimal", &[SecretEncoded], |s| {
        s.secret = hex::encode(hash(&digest::SHA256, &[s.given.as_bytes()])).into();
    }),
    fault("secret's bytes in hexadecimal", &[SecretEncoded], |s| s.secret = hex::encode(&s.secret).into()),
    fault("secret's bytes as UTF-8", &[SecretEncoded], |s| s.secret = String::from_utf8_lossy(&s.secret).into_owned().into()),
    fault("secret's bytes as Latin-1", &[SecretEncoded], |s| {
        s.secret = s.secret.iter().map(|byte| char::from(*byte)).collect::<String>().into()
    }),
    fault("secret percent-encoded", &[SecretEncoded], |s| {
        s.secret = s.given.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").into();
    }),
    fault("secret in UTF-16", &[SecretEncoded], |s| s.secret = s.given.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    fault("secret with & at its end", &[SecretQuoted], |s| s.secret = format!("{}&", s.given).into()),
    fault("secret twice", &[SecretCut], |s| s.secret = s.given.repeat(2).into()),
    fault("API key for the secret", &[SecretIsKey], |s| s.secret = s.key.clone().into()),
    fault("passphrase for the secret", &[SecretIsPassphrase], |s| {
        s.secret = s.passphrase.clone().map_or_else(|| s.secret.clone(), Into::into)
    }),
    fault("no secret", &[SecretEmpty], |s| s.secret = Vec::new()),
    fault("secret is undefined", &[SecretEmpty], |s| s.secret = b"undefined".to_vec()),
    fault("secret is None", &[SecretEmpty], |s| s.secret = b"None".to_vec()),
    fault("secret is your_secret_key", &[SecretEmpty], |s| s.secret = b"your_secret_key".to_vec()),
];

pub(super) const WRITINGS: &[Fault] = &[
    fault("in hexadecimal", &[SignatureHex], |s| s.write = |bytes| hex::encode(bytes)),
    fault("in hexadecimal capitals", &[SignatureHex, SignatureDigits], |s| s.write = |bytes| hex::encode_upper(bytes)),
    fault("in base64", &[SignatureBase64], |s| s.write = |bytes| STANDARD.encode(bytes)),
    fault("in base64 without padding", &[SignatureBase64, SignatureBase64Url], |s| s.write = |bytes| STANDARD_NO_PAD.encode(bytes)),
    fault("in base64url", &[SignatureBase64, SignatureBase64Url], |s| s.write = |bytes| URL_SAFE.encode(bytes)),
    fault("in base64url without padding", &[SignatureBase64, SignatureBase64Url], |s| s.write = |bytes| URL_SAFE_NO_PAD.encode(bytes)),
    fault("base64 of the hexadecimal", &[SignatureHexOfText], |s| s.write = |bytes| STANDARD.encode(hex::encode(bytes))),
    fault("base64 of the base64", &[SignatureHexOfText], |s| s.write = |bytes| STANDARD.encode(STANDARD.encode(bytes))),
    fault("hexadecimal of the base64", &[SignatureHexOfText], |s| s.write = |bytes| hex::encode(STANDARD.encode(bytes))),
    fault("percent-encoded", &[SignatureHexOfText], |s| {
        s.finish = |text| text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    }),
    fault("in quotes", &[SignatureDecorated], |s| s.finish = |text| format!("'{text}'")),
    fault("as b'...'", &[SignatureDecorated], |s| s.finish = |text| format!("b'{text}'")),
    fault("with 0x in front", &[SignatureDecorated], |s| s.finish = |text| format!("0x{text}")),
    fault("with blanks between bytes", &[SignatureDecorated, SignatureDigits], |s| {
        s.write = |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    }),
    fault("with colons between bytes", &[SignatureDecorated, SignatureDigits], |s| {
        s.write = |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    }),
    fault("in lower case", &[SignatureDigits], |s| s.finish = |text| text.to_lowercase()),
    fault("in upper case", &[SignatureDigits], |s| s.finish = |text| text.to_uppercase()),
    fault("bytes reversed", &[SignatureDigits], |s| {
        if s.is_hmac {
            s.prove = |s, text| hmac_of(s.hash, &s.secret, text).into_iter().rev().collect();
        }
    }),
    fault("without its last character", &[SignatureLength, SignatureBase64Url], |s| s.finish = |text| text[..text.len() - 1].to_owned()),
    fault("its first half", &[SignatureLength], |s| s.finish = |text| text[..text.len() / 2].to_owned()),
    fault("its first 32 characters", &[SignatureLength], |s| s.finish = |text| text[..32].to_owned()),
];
