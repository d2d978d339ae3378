//! JSON Web Keys: RFC 7517 and 7518 (EC, RSA), RFC 8037 (OKP), RFC 9964 (AKP, for ML-DSA).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{KeyFormat, KeyParts, PublicKeyError};

const FORMAT: KeyFormat = KeyFormat::Jwk;

const fn malformed(why: &'static str) -> PublicKeyError {
    PublicKeyError::Malformed { format: FORMAT, why }
}

/// The members that matter. Private members are noticed, never copied.
#[derive(Deserialize)]
struct Jwk<'t> {
    kty: Option<&'t str>,
    crv: Option<&'t str>,
    alg: Option<&'t str>,
    x: Option<&'t str>,
    y: Option<&'t str>,
    n: Option<&'t str>,
    e: Option<&'t str>,
    r#pub: Option<&'t str>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
    r#priv: Option<IgnoredAny>,
    seed: Option<IgnoredAny>,
    keys: Option<IgnoredAny>,
}

/// Reads one public JWK.
pub(super) fn read(text: &str) -> Result<KeyParts, PublicKeyError> {
    let jwk: Jwk<'_> = serde_json::from_str(text).map_err(|_| malformed("not one JSON object with text members, or cut off"))?;
    if jwk.keys.is_some() {
        return Err(malformed("this is a key set; send the one key"));
    }
    if [&jwk.d, &jwk.p, &jwk.q, &jwk.k, &jwk.r#priv, &jwk.seed].into_iter().any(Option::is_some) {
        return Err(PublicKeyError::PrivateKey { format: FORMAT });
    }
    match jwk.kty {
        Some("AKP") => akp(&jwk),
        Some("EC") => ec(&jwk),
        Some("OKP") => okp(&jwk),
        Some("RSA") => rsa(&jwk),
        Some("oct") => Err(PublicKeyError::PrivateKey { format: FORMAT }),
        Some(_) => Err(PublicKeyError::Unsupported { format: FORMAT, what: "this kty" }),
        None => Err(malformed("kty is missing")),
    }
}

fn akp(jwk: &Jwk<'_>) -> Result<KeyParts, PublicKeyError> {
    match jwk.alg {
        Some("ML-DSA-65") => {
            let bytes = member(jwk.r#pub, "pub is missing", "pub is not base64url")?;
            let key: [u8; 1_952] = bytes.try_into().map_err(|_| malformed("pub is not 1952 bytes"))?;
            Ok(KeyParts::MlDsa65(Box::new(key)))
        }
        Some(_) => Err(PublicKeyError::Unsupported { format: FORMAT, what: "this alg of an AKP key" }),
        None => Err(malformed("alg is missing; an AKP key needs it")),
    }
}

fn ec(jwk: &Jwk<'_>) -> Result<KeyParts, PublicKeyError> {
    match jwk.crv {
        Some("P-256") => {}
        Some("P-384") => return Err(PublicKeyError::Unsupported { format: FORMAT, what: "the curve P-384" }),
        Some("P-521") => return Err(PublicKeyError::Unsupported { format: FORMAT, what: "the curve P-521" }),
        Some("secp256k1") => return Err(PublicKeyError::Unsupported { format: FORMAT, what: "the curve secp256k1" }),
        Some(_) => return Err(PublicKeyError::Unsupported { format: FORMAT, what: "this curve" }),
        None => return Err(malformed("crv is missing")),
    }
    let x = member(jwk.x, "x is missing", "x is not base64url")?;
    let y = member(jwk.y, "y is missing", "y is not base64url")?;
    if x.len() != 32 || y.len() != 32 {
        return Err(malformed("x and y are not 32 bytes each"));
    }
    let mut point = [4; 65];
    point[1..33].copy_from_slice(&x);
    point[33..].copy_from_slice(&y);
    Ok(KeyParts::EcP256(point))
}

fn okp(jwk: &Jwk<'_>) -> Result<KeyParts, PublicKeyError> {
    match jwk.crv {
        Some("Ed25519") => {
            let bytes = member(jwk.x, "x is missing", "x is not base64url")?;
            Ok(KeyParts::Ed25519(bytes.try_into().map_err(|_| malformed("x is not 32 bytes"))?))
        }
        Some("Ed448") => Err(PublicKeyError::Unsupported { format: FORMAT, what: "Ed448" }),
        Some("X25519" | "X448") => Err(PublicKeyError::Unsupported { format: FORMAT, what: "a key-agreement key" }),
        Some(_) => Err(PublicKeyError::Unsupported { format: FORMAT, what: "this curve" }),
        None => Err(malformed("crv is missing")),
    }
}

fn rsa(jwk: &Jwk<'_>) -> Result<KeyParts, PublicKeyError> {
    let modulus = member(jwk.n, "n is missing", "n is not base64url")?;
    let exponent = member(jwk.e, "e is missing", "e is not base64url")?;
    Ok(KeyParts::Rsa { modulus, exponent })
}

fn member(text: Option<&str>, missing: &'static str, garbled: &'static str) -> Result<Vec<u8>, PublicKeyError> {
    URL_SAFE_NO_PAD.decode(text.ok_or_else(|| malformed(missing))?).map_err(|_| malformed(garbled))
}
