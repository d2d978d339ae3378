//! A JWT that somebody else signed, in compact form (RFC 7515, 7519), as far as it can be read before its key is known.
//!
//! ```text
//!   base64url(header) "." base64url(payload) "." base64url(signature)      no padding, no other alphabet, no spare bits
//! ```
//!
//! # Security
//! The header is read for three things only: the algorithm it claims, its type, and (for DPoP) the key inside. Headers that point
//! to keys elsewhere (`jku`, `x5u`) or carry certificates are refused, never followed; `kid` chooses nothing (RFC 8725, 3.10).
//! Numbers are whole seconds: a float, a text or a number no calendar has is not a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{Algorithm, Refusal, Reject, Timestamp};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::limits::{JWT_BYTES_MAX, NUMERIC_DATE_MAX};

/// The members of a header that matter. A member that comes twice is an error of the reader.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    jwk: Option<serde_json::Value>,
    b64: Option<IgnoredAny>,
    crit: Option<IgnoredAny>,
    enc: Option<IgnoredAny>,
    jku: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    zip: Option<IgnoredAny>,
}

/// A JWT, taken apart.
#[derive(Debug)]
pub struct Jws<'t> {
    /// The algorithm its header claims.
    pub algorithm: Algorithm,
    /// Its type, lower case, without `application/`.
    pub typ: Option<String>,
    /// The key inside the header, as JSON.
    pub jwk: Option<serde_json::Value>,
    /// What was signed.
    pub signed: &'t str,
    /// The signature.
    pub signature: Vec<u8>,
    payload: Vec<u8>,
}

fn malformed(sentence: &'static str) -> Refusal {
    Refusal::operator(Reject::Malformed, sentence)
}

impl<'t> Jws<'t> {
    /// Takes a text apart.
    ///
    /// # Errors
    /// [`Reject::Malformed`], or [`Reject::WrongAlgorithm`] for `none`, a MAC, and what else no registered key has.
    pub fn read(text: &'t str) -> Result<Self, Refusal> {
        if text.len() > JWT_BYTES_MAX {
            return Err(malformed("a JWT longer than any of a client"));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| malformed("not a JWT"))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| malformed("not a JWT"))?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("a part of a JWT is not base64url"));
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed("the header of a JWT is not one"))?;
        let Header { alg, typ, jwk, b64, crit, enc, jku, x5c, x5u, zip } = header;
        if [b64, crit, enc, jku, x5c, x5u, zip].iter().any(Option::is_some) {
            return Err(malformed("the header of a JWT has a member that is not allowed here"));
        }
        Ok(Self {
            algorithm: algorithm(&alg).ok_or_else(|| Refusal::operator(Reject::WrongAlgorithm, "a JWT with an algorithm of no key"))?,
            typ: typ.map(|typ| typ.to_ascii_lowercase().trim_start_matches("application/").to_owned()),
            jwk,
            signed,
            signature: decode(signature)?,
            payload: decode(payload)?,
        })
    }

    /// The claims.
    ///
    /// # Errors
    /// [`Reject::Malformed`]: a claim is missing, comes twice, or has another form.
    pub fn claims<C: DeserializeOwned>(&self) -> Result<C, Refusal> {
        serde_json::from_slice(&self.payload).map_err(|_| malformed("the claims of a JWT are not those needed here"))
    }
}

/// Public-key algorithms by their names in JOSE (RFC 7518, 8037, 9864, 9964).
fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "ES256" => Some(Algorithm::EcdsaP256Sha256),
        "EdDSA" | "Ed25519" => Some(Algorithm::Ed25519),
        "ML-DSA-65" => Some(Algorithm::MlDsa65),
        "PS256" => Some(Algorithm::RsaPssSha256),
        _ => None,
    }
}

/// A time in a token: whole seconds since the Unix epoch.
///
/// # Errors
/// [`Reject::Malformed`] for a second that no calendar has.
pub fn numeric_date(seconds: u64) -> Result<Timestamp, Refusal> {
    if seconds > NUMERIC_DATE_MAX { Err(malformed("a time that no calendar has")) } else { Ok(Timestamp::from_secs(seconds)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn jwt(header: &str, payload: &str) -> String {
        format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode([1; 64]))
    }

    #[test]
    fn reads_the_parts() {
        let text = jwt(r#"{"alg":"ES256","typ":"application/JWT","kid":"../../etc/passwd"}"#, r#"{"a":1}"#);
        let jws = Jws::read(&text).unwrap();
        assert_eq!((jws.algorithm, jws.typ.as_deref()), (Algorithm::EcdsaP256Sha256, Some("jwt")));
        assert_eq!(jws.signed.len() + 1 + 86, text.len());
        assert_eq!(jws.claims::<serde_json::Value>().unwrap()["a"], 1);
    }

    #[test]
    fn refuses_forged_headers() {
        for (header, reject) in [
            (r#"{"alg":"none"}"#, Reject::WrongAlgorithm),
            (r#"{"alg":"NoNe"}"#, Reject::WrongAlgorithm),
            (r#"{"alg":"HS256"}"#, Reject::WrongAlgorithm),
            (r#"{"alg":"RS256"}"#, Reject::WrongAlgorithm),
            (r#"{"alg":""}"#, Reject::WrongAlgorithm),
            (r#"{"alg":"EdDSA","alg":"none"}"#, Reject::Malformed),
            (r#"{"alg":"EdDSA","jku":"http://127.0.0.1:9/keys"}"#, Reject::Malformed),
            (r#"{"alg":"EdDSA","x5u":"http://127.0.0.1:9/cert"}"#, Reject::Malformed),
            (r#"{"alg":"EdDSA","x5c":[]}"#, Reject::Malformed),
            (r#"{"alg":"EdDSA","crit":["exp"]}"#, Reject::Malformed),
            (r#"{"alg":"EdDSA","b64":false}"#, Reject::Malformed),
            (r#"{"alg":"dir","enc":"A256GCM","p2c":2147483647}"#, Reject::Malformed),
            (r#"{"typ":"JWT"}"#, Reject::Malformed),
            ("", Reject::Malformed),
        ] {
            assert_eq!(Jws::read(&jwt(header, "{}")).unwrap_err().reject, reject, "{header}");
        }
    }

    #[test]
    fn refuses_other_spellings() {
        let good = jwt(r#"{"alg":"EdDSA"}"#, "{}");
        for text in [format!("{good}=="), format!("{good}.x"), good.replace('.', ".."), format!(" {good}"), String::new(), "..".to_owned()]
        {
            assert!(Jws::read(&text).is_err(), "{text}");
        }
        // 64 bytes end in a character with four spare bits: only zeros are read.
        let spare = format!("{}B", &good[..good.len() - 1]);
        assert!(Jws::read(&spare).is_err());
    }

    #[test]
    fn a_time_is_whole_seconds_of_a_calendar() {
        #[derive(Deserialize)]
        struct Exp {
            exp: u64,
        }
        for payload in
            [r#"{"exp":1.5}"#, r#"{"exp":"1790000000"}"#, r#"{"exp":-1}"#, r#"{"exp":1e400}"#, r#"{"exp":1e18}"#, r#"{"exp":null}"#]
        {
            assert!(Jws::read(&jwt(r#"{"alg":"EdDSA"}"#, payload)).unwrap().claims::<Exp>().is_err(), "{payload}");
        }
        let text = jwt(r#"{"alg":"EdDSA"}"#, r#"{"exp":18446744073709551615}"#);
        assert!(numeric_date(Jws::read(&text).unwrap().claims::<Exp>().unwrap().exp).is_err());
        assert_eq!(numeric_date(NUMERIC_DATE_MAX).unwrap().as_secs(), NUMERIC_DATE_MAX);
    }
}
