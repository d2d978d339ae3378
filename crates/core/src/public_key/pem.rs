//! PEM text (RFC 7468), read leniently about white space and strictly about labels.
//!
//! Private labels are looked for in the whole text before anything is decoded, so that no private byte is ever decoded.

use base64::Engine as _;

use super::raw::STANDARD_LENIENT;
use super::{KeyFormat, KeyParts, PublicKeyError, der};

const FORMAT: KeyFormat = KeyFormat::Pem;

const fn malformed(why: &'static str) -> PublicKeyError {
    PublicKeyError::Malformed { format: FORMAT, why }
}

/// Reads the one public key of a PEM text. Text around the block is skipped, as openssl does.
pub(super) fn read(text: &str) -> Result<KeyParts, PublicKeyError> {
    if text.contains("PRIVATE KEY") || text.contains("PRIVATE MAC") || text.starts_with("PuTTY-User-Key-File") {
        return Err(PublicKeyError::PrivateKey { format: FORMAT });
    }
    if text.contains("BEGIN SSH2 PUBLIC KEY") {
        return Err(PublicKeyError::Unsupported { format: FORMAT, what: "the SSH2 file format (use ssh-keygen -i to convert it)" });
    }
    let (label, body, rest) = block(text)?;
    if rest.contains("-----BEGIN ") {
        return Err(malformed("more than one block; send the public key alone"));
    }
    match label {
        "PUBLIC KEY" => der::read_spki(FORMAT, &decode(body)?),
        "RSA PUBLIC KEY" => der::read_rsa(FORMAT, &decode(body)?),
        "CERTIFICATE" | "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => {
            Err(PublicKeyError::Certificate { format: FORMAT })
        }
        _ => Err(malformed("the label is neither PUBLIC KEY nor RSA PUBLIC KEY")),
    }
}

/// Label, body and what follows of the first block.
fn block(text: &str) -> Result<(&str, &str, &str), PublicKeyError> {
    let (_, after) = text.split_once("-----BEGIN ").ok_or(malformed("no block"))?;
    let (label, after) = after.split_once("-----").ok_or(malformed("the first line is cut off"))?;
    let (body, after) = after.split_once("-----END ").ok_or(malformed("the END line is missing: the text is cut off"))?;
    let (end_label, rest) = after.split_once("-----").ok_or(malformed("the END line is cut off"))?;
    if end_label != label {
        return Err(malformed("the BEGIN and END lines do not match"));
    }
    Ok((label, body, rest))
}

fn decode(body: &str) -> Result<Vec<u8>, PublicKeyError> {
    let compact: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    if compact.is_empty() {
        return Err(malformed("the block is empty"));
    }
    STANDARD_LENIENT.decode(compact).map_err(|_| malformed("the base64 is garbled or cut off"))
}
