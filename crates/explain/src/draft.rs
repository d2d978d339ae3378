//! A signed text in its parts, so that it can be shown, compared and varied.
//!
//! ```text
//!   request ──http, frame, logon──▶ Draft { text: parts in signing order, signature, key, time, … }
//!                                     │
//!                                     ├─ compose ──▶ the bytes that are signed; equal to `Presented::signed` of the dialect
//!                                     └─ preimage ─▶ the bytes that a person compares: before any inner hash
//! ```
//!
//! The dialect decides what is right. A draft only adds the seams between the parts; where its text is not the dialect's, the dialect's
//! is shown without seams, and the search begins from both.

pub(crate) mod frame;
pub(crate) mod http;
pub(crate) mod logon;
mod names;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Purpose;

pub(crate) use names::Name;

use crate::vary::encoding::{is_unreserved, percent_encode};

/// A hash function, for inner hashes and for MACs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(crate) const ALL: [Self; 5] = [Self::Sha256, Self::Sha512, Self::Sha384, Self::Sha1, Self::Sha224];

    pub(crate) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &digest::SHA224,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    pub(crate) fn bytes(self) -> usize {
        self.algorithm().output_len()
    }
}

/// How a part enters the text. Neighbours with the same digest are hashed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Plain,
    /// Its hash, as bytes.
    Digest(Hash),
    /// Its hash, in hexadecimal.
    HexDigest(Hash),
    /// Its hash, written in another way by mistake.
    Miswritten(Hash, Writing),
}

/// How an inner hash is written by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Base64,
    /// In hexadecimal with capitals.
    HexUpper,
    /// Each byte became a character, which is written in UTF-8.
    Latin,
    /// What is no UTF-8 in it was replaced.
    Lossy,
}

impl Writing {
    fn write(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Base64 => STANDARD.encode(bytes).into_bytes(),
            Self::HexUpper => hex::encode_upper(bytes).into_bytes(),
            Self::Latin => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes(),
            Self::Lossy => String::from_utf8_lossy(bytes).into_owned().into_bytes(),
        }
    }
}

fn utf16(text: &[u8], big: bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

/// What is done with the whole text before it is signed: nothing, unless by mistake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Whole {
    #[default]
    AsIs,
    Digest(Hash),
    HexDigest(Hash),
    Base64,
    Hex,
    /// In UTF-16, the lower byte first or last.
    Utf16 {
        big: bool,
    },
    /// As JSON writes a string.
    Quoted,
    /// As Python prints bytes.
    Printed,
    /// As a part of a URL.
    PercentEncoded,
    /// Without its last byte.
    Cut,
    /// And once more.
    Twice,
    /// In upper case, what is hexadecimal in it, too.
    Upper,
}

/// A part of a signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: Name,
    pub(crate) bytes: Vec<u8>,
    pub(crate) form: Form,
}

impl Part {
    pub(crate) fn plain(name: Name, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name, bytes: bytes.into(), form: Form::Plain }
    }

    pub(crate) fn hashed(name: Name, bytes: impl Into<Vec<u8>>, hash: Hash) -> Self {
        Self { name, bytes: bytes.into(), form: Form::Digest(hash) }
    }
}

/// A signed text in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) parts: Vec<Part>,
    pub(crate) whole: Whole,
}

impl Text {
    pub(crate) const fn new(parts: Vec<Part>) -> Self {
        Self { parts, whole: Whole::AsIs }
    }

    /// The bytes that are signed.
    pub(crate) fn compose(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            let hash = match part.form {
                Form::Plain => {
                    text.extend_from_slice(&part.bytes);
                    continue;
                }
                Form::Digest(hash) | Form::HexDigest(hash) | Form::Miswritten(hash, _) => hash,
            };
            let mut context = digest::Context::new(hash.algorithm());
            context.update(&part.bytes);
            while let Some(next) = parts.next_if(|next| next.form == part.form) {
                context.update(&next.bytes);
            }
            let digest = context.finish();
            match part.form {
                Form::HexDigest(_) => text.extend_from_slice(hex::encode(digest).as_bytes()),
                Form::Miswritten(_, writing) => text.extend_from_slice(&writing.write(digest.as_ref())),
                Form::Plain | Form::Digest(_) => text.extend_from_slice(digest.as_ref()),
            }
        }
        match self.whole {
            Whole::AsIs => text,
            Whole::Base64 => STANDARD.encode(text).into_bytes(),
            Whole::PercentEncoded => percent_encode(&text, &is_unreserved).into_bytes(),
            Whole::Hex => hex::encode(text).into_bytes(),
            Whole::Cut => text[..text.len().saturating_sub(1)].to_vec(),
            Whole::Twice => text.repeat(2),
            Whole::Upper => text.to_ascii_uppercase(),
            Whole::Utf16 { big } => utf16(&text, big),
            Whole::Quoted => serde_json::to_vec(&String::from_utf8_lossy(&text)).unwrap_or_default(),
            Whole::Printed => format!("b'{}'", text.escape_ascii()).replace("\\\"", "\"").into_bytes(),
            Whole::Digest(hash) => digest::digest(hash.algorithm(), &text).as_ref().to_vec(),
            Whole::HexDigest(hash) => hex::encode(digest::digest(hash.algorithm(), &text)).into_bytes(),
        }
    }

    /// What a person compares: the parts before any hash, secrets as stars.
    pub(crate) fn preimage(&self) -> Vec<u8> {
        self.parts.iter().flat_map(|part| part.name.shown(&part.bytes).into_owned()).collect()
    }

    /// In which part a byte of the preimage is.
    pub(crate) fn part_at(&self, place: usize) -> Option<Name> {
        let mut end = 0;
        self.parts
            .iter()
            .find(|part| {
                end += part.bytes.len();
                place < end
            })
            .map(|part| part.name)
    }

    /// The first part of this name.
    pub(crate) fn find(&self, name: Name) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The text with each part of this name replaced by others.
    pub(crate) fn replaced(&self, name: Name, with: &[Part]) -> Self {
        let parts = self.parts.iter().flat_map(|part| if part.name == name { with.to_vec() } else { vec![part.clone()] }).collect();
        Self { parts, whole: self.whole }
    }

    /// The text with other bytes in each part of this name.
    pub(crate) fn with_bytes(&self, name: Name, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let mut text = self.clone();
        text.parts.iter_mut().filter(|part| part.name == name).for_each(|part| part.bytes.clone_from(&bytes));
        text
    }
}

/// The unit that a time is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Fix,
    Iso,
    Millis,
    Seconds,
}

impl Unit {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fix => "FIX UTCTimestamp",
            Self::Iso => "ISO 8601 with milliseconds",
            Self::Millis => "milliseconds since 1970",
            Self::Seconds => "seconds since 1970",
        }
    }
}

/// In which text form a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Base64,
    Base64Url,
    Hex,
    /// Hex for MACs, base64 for signatures by a private key.
    HexOrBase64,
}

/// How the shared secret proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Hmac(Hash),
    /// Hash over text and secret.
    TextThenSecret(Hash),
    /// Hash over secret and text.
    SecretThenText(Hash),
    /// The secret itself is shown.
    Bare,
}

/// What stands around the signed text, for mistakes that draw on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// `https://host`, where known.
    pub(crate) origin: Option<String>,
    /// What could have been signed as a body: the parameters of the query.
    pub(crate) query: Vec<u8>,
    /// Parameters in the order of the frame, where the rule sorts them.
    pub(crate) unsorted: Option<Vec<u8>>,
    /// The same as the JSON object of the frame.
    pub(crate) object: Option<String>,
    /// What stands before the signature parameter.
    pub(crate) before_signature: Option<Vec<u8>>,
    /// The text with an empty signature parameter in its place.
    pub(crate) with_signature: Option<Vec<u8>>,
    /// What was encoded into the payload.
    pub(crate) payload_plain: Option<Vec<u8>>,
    /// The method of the request.
    pub(crate) method: String,
    /// The path as sent; of a frame at Binance its method.
    pub(crate) path: String,
    /// Channel and event of a subscription at Gate.
    pub(crate) channel: Option<(String, String)>,
    /// The path before it was cut to what is signed.
    pub(crate) whole_path: Option<Vec<u8>>,
    /// Whether the message is a logon of FIX.
    pub(crate) fix: bool,
}

/// What a message says, part by part; nothing of it is verified, and what is missing is empty.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) purpose: Purpose,
    pub(crate) text: Text,
    pub(crate) key: String,
    pub(crate) signature: String,
    pub(crate) encoding: Encoding,
    pub(crate) scheme: Scheme,
    pub(crate) time: Option<(String, Unit)>,
    pub(crate) passphrase: Option<String>,
    pub(crate) around: Around,
}

impl Draft {
    pub(crate) fn new(purpose: Purpose, scheme: Scheme, encoding: Encoding) -> Self {
        Self {
            purpose,
            text: Text::default(),
            key: String::new(),
            signature: String::new(),
            encoding,
            scheme,
            time: None,
            passphrase: None,
            around: Around::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_hashed_together_and_seams_are_found() {
        let text = Text::new(vec![
            Part::plain(Name::Path, "/0/private/X"),
            Part::hashed(Name::Nonce, "1", Hash::Sha256),
            Part::hashed(Name::Body, "nonce=1", Hash::Sha256),
        ]);
        let inner = digest::digest(&digest::SHA256, b"1nonce=1");
        assert_eq!(text.compose(), [b"/0/private/X", inner.as_ref()].concat());
        assert_eq!(text.preimage(), b"/0/private/X1nonce=1");
        assert_eq!((text.part_at(12), text.part_at(13), text.part_at(99)), (Some(Name::Nonce), Some(Name::Body), None));
    }

    #[test]
    fn a_passphrase_is_never_shown() {
        let text = Text::new(vec![Part::plain(Name::Passphrase, "phrase")]);
        assert_eq!((text.preimage(), text.compose()), (b"******".to_vec(), b"phrase".to_vec()));
    }
}
