//! What few make of text and secret: HMAC of SHA-3, hashes without a secret or with it twice, hashes over the right HMAC.

use aws_lc_rs::{digest, hmac};

use super::ways::hmac_of;
use crate::catalogue::Mistake;
use crate::draft::{Hash, Scheme};
use crate::keys::Named;

/// How it is made. The hash is the right one, but for SHA-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rare {
    /// A hash over the right HMAC, or over its hexadecimal text.
    HashOfMac {
        hex: bool,
    },
    HashOfText,
    /// The right HMAC, or its hexadecimal text, under HMAC once more.
    MacOfMac {
        hex: bool,
    },
    SecretAround,
    Sha3(Sha3),
}

/// The functions of FIPS 202 that have names in libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sha3 {
    Bits256,
    Bits384,
    Bits512,
}

impl Sha3 {
    const ALL: [Self; 3] = [Self::Bits256, Self::Bits384, Self::Bits512];

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Bits256 => &digest::SHA3_256,
            Self::Bits384 => &digest::SHA3_384,
            Self::Bits512 => &digest::SHA3_512,
        }
    }
}

impl Rare {
    pub(super) fn bytes(self, hash: Hash) -> usize {
        match self {
            Self::Sha3(sha3) => sha3.algorithm().output_len(),
            Self::HashOfMac { .. } | Self::HashOfText | Self::MacOfMac { .. } | Self::SecretAround => hash.bytes(),
        }
    }

    pub(super) fn make(self, hash: Hash, secret: &[u8], text: &[u8]) -> Vec<u8> {
        let mac = |text: &[u8]| hmac::sign(&hmac::Key::new(hmac_of(hash), secret), text).as_ref().to_vec();
        let own = |hex: bool| if hex { hex::encode(mac(text)).into_bytes() } else { mac(text) };
        match self {
            Self::HashOfMac { hex } => hashed(hash.algorithm(), &[&own(hex)]),
            Self::HashOfText => hashed(hash.algorithm(), &[text]),
            Self::MacOfMac { hex } => mac(&own(hex)),
            Self::SecretAround => hashed(hash.algorithm(), &[secret, text, secret]),
            Self::Sha3(sha3) => hmac_by_hand(sha3.algorithm(), secret, text),
        }
    }
}

fn hashed(hash: &'static digest::Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = digest::Context::new(hash);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().to_vec()
}

/// HMAC by RFC 2104, section 2: the library has none of SHA-3.
fn hmac_by_hand(hash: &'static digest::Algorithm, secret: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = if secret.len() > hash.block_len() { hashed(hash, &[secret]) } else { secret.to_vec() };
    block.resize(hash.block_len(), 0);
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    hashed(hash, &[&padded(0x5c), &hashed(hash, &[&padded(0x36), text])])
}

/// All of them, where an HMAC is right; those of a secret that is hashed with the text, where that is.
pub(super) fn rare(right: Scheme) -> Vec<(Named, Rare, Hash)> {
    let (hash, is_mac) = match right {
        Scheme::Bare => return Vec::new(),
        Scheme::Hmac(hash) => (hash, true),
        Scheme::SecretThenText(hash) | Scheme::TextThenSecret(hash) => (hash, false),
    };
    let name = hash.name();
    let mut all = vec![
        (Named::new(Mistake::PlainHash, format!("{name} over the text alone")), Rare::HashOfText, hash),
        (Named::new(Mistake::PlainHash, format!("{name} over secret, text and secret")), Rare::SecretAround, hash),
    ];
    let sha3 = if is_mac { Mistake::WrongHash } else { Mistake::HmacForHash };
    for bits in Sha3::ALL {
        let detail = format!("HMAC-SHA3-{}", bits.algorithm().output_len() * 8);
        all.push((Named::new(sha3, detail), Rare::Sha3(bits), hash));
    }
    for hex in [false, true].into_iter().filter(|_| is_mac) {
        let of = if hex { "the hexadecimal text of the HMAC" } else { "the HMAC" };
        all.push((Named::new(Mistake::ProofTwice, format!("HMAC over {of}")), Rare::MacOfMac { hex }, hash));
        all.push((Named::new(Mistake::ProofTwice, format!("{name} over {of}")), Rare::HashOfMac { hex }, hash));
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The first case of NIST's HMAC_SHA3-256 examples: a key shorter than a block.
    #[test]
    fn hmac_of_sha3_is_that_of_the_examples() {
        let key: Vec<u8> = (0..32).collect();
        let tag = hmac_by_hand(&digest::SHA3_256, &key, b"Sample message for keylen<blocklen");
        assert_eq!(hex::encode(tag), "4fe8e202c4f058e8dddc23d8c34e467343e23555e24fc2f025d598f558f67205");
    }

    #[test]
    fn by_hand_is_as_the_library_makes_it() {
        for secret in [&b"short"[..], &[7; 200]] {
            let own = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), b"text");
            assert_eq!(hmac_by_hand(&digest::SHA256, secret, b"text"), own.as_ref());
        }
    }
}
