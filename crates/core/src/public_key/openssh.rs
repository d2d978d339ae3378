//! The one-line format of OpenSSH: `ssh-ed25519 AAAA... comment`.

use ssh_key::public::KeyData;

use super::{KeyFormat, KeyParts, PublicKeyError};

const FORMAT: KeyFormat = KeyFormat::OpenSsh;

/// What an OpenSSH line starts with, and what it is.
const KINDS: [(&str, Result<(), &str>); 9] = [
    ("ssh-ed25519", Ok(())),
    ("ecdsa-sha2-nistp256", Ok(())),
    ("ssh-rsa", Ok(())),
    ("ecdsa-sha2-nistp384", Err("the curve P-384")),
    ("ecdsa-sha2-nistp521", Err("the curve P-521")),
    ("ssh-dss", Err("DSA")),
    ("ssh-ed448", Err("Ed448")),
    ("sk-ssh-ed25519@openssh.com", Err("a key of a security token, which signs more than the message,")),
    ("sk-ecdsa-sha2-nistp256@openssh.com", Err("a key of a security token, which signs more than the message,")),
];

const fn malformed(why: &'static str) -> PublicKeyError {
    PublicKeyError::Malformed { format: FORMAT, why }
}

/// Whether the first word is a key type of OpenSSH.
pub(super) fn looks_like(text: &str) -> bool {
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    word.starts_with("ssh-") || word.starts_with("sk-") || word.starts_with("ecdsa-sha2-")
}

/// Reads one line.
pub(super) fn read(text: &str) -> Result<KeyParts, PublicKeyError> {
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    match KINDS.iter().find(|(name, _)| *name == word) {
        Some((_, Ok(()))) => {}
        Some((_, Err(what))) => return Err(PublicKeyError::Unsupported { format: FORMAT, what }),
        None => return Err(PublicKeyError::Unsupported { format: FORMAT, what: "this key type" }),
    }
    if text.lines().count() > 1 {
        return Err(malformed("more than one line; send the one key, unbroken"));
    }
    let key =
        ssh_key::PublicKey::from_openssh(text).map_err(|_| malformed("the base64 is garbled or cut off, or says another key type"))?;
    // `KeyData` may grow; what the table above does not let in ends in the last arm.
    match key.key_data() {
        KeyData::Ecdsa(key) => {
            let point = key.as_sec1_bytes().try_into().map_err(|_| malformed("the point is not in uncompressed form"))?;
            Ok(KeyParts::EcP256(point))
        }
        KeyData::Ed25519(key) => Ok(KeyParts::Ed25519(key.0)),
        KeyData::Rsa(key) => Ok(KeyParts::Rsa {
            modulus: key.n.as_positive_bytes().ok_or(malformed("the modulus is negative"))?.to_vec(),
            exponent: key.e.as_positive_bytes().ok_or(malformed("the exponent is negative"))?.to_vec(),
        }),
        KeyData::Dsa(_) | KeyData::SkEcdsaSha2NistP256(_) | KeyData::SkEd25519(_) | KeyData::Other(_) | _ => {
            Err(PublicKeyError::Unsupported { format: FORMAT, what: "this key type" })
        }
    }
}
