//! The ways in which a text may have become a signature: secret and hash, or algorithm of a public key.

use aws_lc_rs::signature::{UnparsedPublicKey, VerificationAlgorithm};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{PublicKey, Secret};

use crate::catalogue::Mistake;
use crate::draft::{Hash, Scheme};
use crate::keys::{Named, Variant};
use crate::signature::Reading;

use super::budget::Budget;
use super::public::{ProofForm, algorithms, raw};
use super::rare::{Rare, rare};

#[expect(clippy::large_enum_variant, reason = "a few dozen in one search")]
enum Kind {
    Hash {
        hash: Hash,
        secret: Vec<u8>,
        secret_first: bool,
    },
    Mac {
        key: hmac::Key,
        bytes: usize,
    },
    /// What few make, with the right secret.
    Rare {
        rare: Rare,
        hash: Hash,
        secret: Vec<u8>,
    },
    /// HMAC over the secret, keyed with the text.
    Swapped {
        hash: Hash,
        secret: Vec<u8>,
    },
    Public {
        algorithm: &'static dyn VerificationAlgorithm,
        form: ProofForm,
        key: Vec<u8>,
    },
}

struct Way {
    named: Vec<Named>,
    kind: Kind,
    /// Whether it does not matter how the result is written: the way as such is the mistake.
    in_any_writing: bool,
}

/// All ways.
pub(crate) struct Ways(Vec<Way>);

impl Ways {
    /// Those of a shared secret.
    pub(crate) fn shared(secrets: &[Variant], right: Scheme) -> Self {
        let mut ways = Vec::new();
        for (secret_mistake, secret) in secrets {
            for (scheme_mistake, scheme) in schemes(right) {
                let named = secret_mistake.iter().cloned().chain(scheme_mistake).collect();
                let secret = secret.clone();
                let kind = match scheme {
                    Scheme::Bare => continue,
                    Scheme::Hmac(hash) => Kind::Mac { key: hmac::Key::new(hmac_of(hash), &secret), bytes: hash.bytes() },
                    Scheme::SecretThenText(hash) => Kind::Hash { hash, secret, secret_first: true },
                    Scheme::TextThenSecret(hash) => Kind::Hash { hash, secret, secret_first: false },
                };
                ways.push(Way { named, kind, in_any_writing: false });
            }
            if let Scheme::Hmac(hash) = right {
                let named = secret_mistake.iter().cloned().chain([Named::new(Mistake::HmacSwapped, "")]).collect();
                ways.push(Way { named, kind: Kind::Swapped { hash, secret: secret.clone() }, in_any_writing: false });
            }
        }
        if let Some((_, secret)) = secrets.iter().find(|(mistake, _)| mistake.is_none()) {
            ways.extend(rare(right).into_iter().map(|(named, rare, hash)| {
                let kind = Kind::Rare { rare, hash, secret: secret.clone() };
                Way { named: vec![named], kind, in_any_writing: false }
            }));
        }
        Self(ways)
    }

    /// Those of a public key; `texts` are what HMAC may have been keyed with instead.
    pub(crate) fn public(key: &PublicKey, texts: &[Variant]) -> Self {
        let mut ways: Vec<Way> = algorithms(key.key_type())
            .into_iter()
            .map(|(named, algorithm, form)| {
                let kind = Kind::Public { algorithm, form, key: raw(key) };
                Way { named: named.into_iter().collect(), kind, in_any_writing: false }
            })
            .collect();
        for (named, text) in texts {
            for hash in [Hash::Sha256, Hash::Sha512, Hash::Sha384] {
                let key = hmac::Key::new(hmac_of(hash), text);
                let kind = Kind::Mac { key, bytes: hash.bytes() };
                ways.push(Way { named: named.iter().cloned().collect(), kind, in_any_writing: true });
            }
        }
        Self(ways)
    }

    /// Whether some way makes results as long as one of the readings. Where none does, no text at all is worth being made.
    pub(crate) fn may_make(&self, readings: &[Reading]) -> bool {
        self.0.iter().any(|way| readings.iter().any(|(_, bytes)| way.kind.is_as_long_as(bytes)))
    }

    /// The ways with so many mistakes that make one of the readings of this text, each with the mistake of the reading.
    pub(crate) fn hits<'w>(
        &'w self,
        text: &[u8],
        mistakes: usize,
        readings: &[Reading],
        budget: &Budget,
    ) -> Vec<(&'w [Named], Option<Named>)> {
        let mut hits = Vec::new();
        for way in self.0.iter().filter(|way| way.named.len() == mistakes) {
            for (named, bytes) in readings {
                if budget.is_spent() {
                    return hits;
                }
                if way.kind.makes(text, bytes, budget) {
                    hits.push((way.named.as_slice(), named.clone().filter(|_| !way.in_any_writing)));
                }
            }
        }
        hits
    }

    /// Whether the right way makes something that begins with a reading, eight bytes at least.
    pub(crate) fn begins_with(&self, text: &[u8], readings: &[Reading]) -> bool {
        self.right_tag(text)
            .is_some_and(|tag| readings.iter().any(|(_, bytes)| bytes.len() >= 8 && bytes.len() < tag.len() && tag.starts_with(bytes)))
    }

    /// In which other way the right MAC was written, if this is it.
    pub(crate) fn written_otherwise(&self, text: &[u8], signature: &str) -> Option<&'static str> {
        let tag = self.right_tag(text)?;
        // A writing may happen to be the plain one, which has a name of its own.
        let plain = [hex::encode(&tag), STANDARD.encode(&tag)];
        // Each is compared in a time that does not tell how much of it is right.
        let same = |written: String| Secret::new(written.into_bytes()).ct_eq(signature.as_bytes());
        writings(&tag).into_iter().filter(|(_, written)| !plain.contains(written)).find_map(|(how, written)| same(written).then_some(how))
    }

    /// The MAC or hash that is right; none where a public key verifies.
    fn right_tag(&self, text: &[u8]) -> Option<Vec<u8>> {
        self.0.iter().filter(|way| way.named.is_empty()).find_map(|way| match &way.kind {
            Kind::Hash { hash, secret, secret_first } => Some(hashed(*hash, secret, *secret_first, text)),
            Kind::Mac { key, .. } => Some(hmac::sign(key, text).as_ref().to_vec()),
            Kind::Public { .. } | Kind::Rare { .. } | Kind::Swapped { .. } => None,
        })
    }
}

impl Kind {
    fn is_as_long_as(&self, signature: &[u8]) -> bool {
        match self {
            Self::Hash { hash, .. } | Self::Swapped { hash, .. } => signature.len() == hash.bytes(),
            Self::Rare { rare, hash, .. } => signature.len() == rare.bytes(*hash),
            Self::Mac { bytes, .. } => signature.len() == *bytes,
            Self::Public { form, .. } => form.fits(signature),
        }
    }

    fn makes(&self, text: &[u8], bytes: &[u8], budget: &Budget) -> bool {
        if !self.is_as_long_as(bytes) {
            return false;
        }
        match self {
            Self::Hash { hash, secret, secret_first } => {
                budget.mac(text.len());
                hashed(*hash, secret, *secret_first, text) == bytes
            }
            Self::Mac { key, .. } => {
                budget.mac(text.len());
                hmac::verify(key, text, bytes).is_ok()
            }
            Self::Rare { rare, hash, secret } => {
                budget.mac(text.len());
                rare.make(*hash, secret, text) == bytes
            }
            Self::Swapped { hash, secret } => {
                budget.mac(text.len());
                hmac::verify(&hmac::Key::new(hmac_of(*hash), text), secret, bytes).is_ok()
            }
            Self::Public { algorithm, form, key } => {
                budget.verification();
                UnparsedPublicKey::new(*algorithm, key).verify(text, &form.rewritten(bytes)).is_ok()
            }
        }
    }
}

/// A hash over text and secret.
fn hashed(hash: Hash, secret: &[u8], secret_first: bool, text: &[u8]) -> Vec<u8> {
    let mut context = digest::Context::new(hash.algorithm());
    let (first, second) = if secret_first { (secret, text) } else { (text, secret) };
    context.update(first);
    context.update(second);
    context.finish().as_ref().to_vec()
}

/// Ways to write bytes that cannot be read back.
fn writings(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let each = |write: fn(u8) -> String| bytes.iter().map(|byte| write(*byte)).collect::<String>();
    let as_text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let lossy = String::from_utf8_lossy(bytes).into_owned();
    let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
    vec![
        ("in hexadecimal, without the zero in front of small bytes", each(|byte| format!("{byte:x}"))),
        ("in hexadecimal of signed numbers", each(|byte| format!("{:x}", i32::from(byte.cast_signed())))),
        ("in hexadecimal of signed numbers", each(|byte| format!("{:02x}", i32::from(byte.cast_signed())))),
        ("in hexadecimal, made text before", hex::encode(&as_text)),
        ("in base64, made text before", STANDARD.encode(&as_text)),
        ("in base64, made text before with what is no UTF-8 replaced", STANDARD.encode(&lossy)),
        ("in hexadecimal, made text before with what is no UTF-8 replaced", hex::encode(&lossy)),
        ("in base64, then in lower case", STANDARD.encode(bytes).to_lowercase()),
        ("in base64, then in upper case", STANDARD.encode(bytes).to_uppercase()),
        ("in hexadecimal, the last byte first", hex::encode(&reversed)),
        ("in base64, the last byte first", STANDARD.encode(&reversed)),
        ("as a list of numbers", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",")),
    ]
}

pub(super) const fn hmac_of(hash: Hash) -> hmac::Algorithm {
    match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha224 => hmac::HMAC_SHA224,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    }
}

/// The right scheme, and those that are taken for it.
fn schemes(right: Scheme) -> Vec<(Option<Named>, Scheme)> {
    let mut all = vec![(None, right)];
    for hash in Hash::ALL {
        let name = hash.name();
        let other = |scheme| scheme != right;
        let hashes = [
            (Scheme::TextThenSecret(hash), format!("{name} over text and secret")),
            (Scheme::SecretThenText(hash), format!("{name} over secret and text")),
        ];
        let plain = |(scheme, detail): (Scheme, String)| other(scheme).then(|| (Some(Named::new(Mistake::PlainHash, detail)), scheme));
        match right {
            Scheme::Hmac(_) => {
                if other(Scheme::Hmac(hash)) {
                    all.push((Some(Named::new(Mistake::WrongHash, format!("HMAC-{name}"))), Scheme::Hmac(hash)));
                }
                all.extend(hashes.into_iter().filter_map(plain));
            }
            Scheme::SecretThenText(_) | Scheme::TextThenSecret(_) => {
                all.push((Some(Named::new(Mistake::HmacForHash, format!("HMAC-{name}"))), Scheme::Hmac(hash)));
                let [same_order, other_order] = hashes;
                if other(same_order.0) {
                    all.push((Some(Named::new(Mistake::WrongHash, same_order.1)), same_order.0));
                }
                all.extend(plain(other_order));
            }
            Scheme::Bare => {}
        }
    }
    all
}
