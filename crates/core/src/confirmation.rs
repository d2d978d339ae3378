//! Whose a token is: the key that must be shown with it (RFC 7800, `cnf`).
//!
//! Two kinds of key are known: one that signs a DPoP proof, named by its thumbprint (`jkt`; RFC 9449, 6.1, RFC 7638), and that of the
//! client certificate of the connection, named by the hash of the certificate (`x5t#S256`; RFC 8705, 3.1).

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A SHA-256 that names a key or certificate, as tokens write it: base64url, 43 characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// From the hash itself.
    #[must_use]
    pub const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads base64url as the standards write it: 43 characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?))
    }

    /// That of a public JWK, by its required members in lexicographic order (RFC 7638, 3.2). `None` for a kind of key that is not known.
    ///
    /// # Security
    /// The members are taken as they are written. Read the key with [`PublicKey::parse`](crate::PublicKey::parse) as well, which takes
    /// only plain base64url, so that one key has few spellings; another spelling is another name, which no token was bound to.
    #[must_use]
    pub fn of_jwk(jwk: &Value) -> Option<Self> {
        let member = |name: &str| jwk.get(name)?.as_str().and_then(|text| serde_json::to_string(text).ok());
        let text = match jwk.get("kty")?.as_str()? {
            "EC" => format!(r#"{{"crv":{},"kty":"EC","x":{},"y":{}}}"#, member("crv")?, member("x")?, member("y")?),
            "OKP" => format!(r#"{{"crv":{},"kty":"OKP","x":{}}}"#, member("crv")?, member("x")?),
            "RSA" => format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, member("e")?, member("n")?),
            _ => return None,
        };
        Some(Self::of(text.as_bytes()))
    }

    /// That of some bytes: of a certificate in DER, for instance.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.to_string()
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a thumbprint")
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// What must be shown with a token; nothing for a bearer token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// The key of a DPoP proof.
    pub jkt: Option<Thumbprint>,
    /// The client certificate of the connection.
    pub certificate: Option<Thumbprint>,
}

impl Confirmation {
    /// Reads a `cnf` claim; no claim is no confirmation. `None` for one that has a member that is not known: a token that is bound in a
    /// way we cannot check is not a bearer token (RFC 7800, 3.1).
    #[must_use]
    pub fn of_claim(claim: Option<&Value>) -> Option<Self> {
        let Some(claim) = claim else { return Some(Self::default()) };
        let mut confirmation = Self::default();
        for (name, value) in claim.as_object().filter(|members| !members.is_empty())? {
            let thumbprint = Some(Thumbprint::parse(value.as_str()?)?);
            match name.as_str() {
                "jkt" => confirmation.jkt = thumbprint,
                "x5t#S256" => confirmation.certificate = thumbprint,
                _ => return None,
            }
        }
        Some(confirmation)
    }

    /// Whether anything must be shown.
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        self.jkt.is_some() || self.certificate.is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn thumbprints_are_those_of_the_standards() {
        let rsa = json!({
            "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        });
        assert_eq!(Thumbprint::of_jwk(&rsa).unwrap().to_string(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "RFC 7638, 3.1");
        let okp = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert_eq!(Thumbprint::of_jwk(&okp).unwrap().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037, A.3");
        let ec = json!({"kty": "EC", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA", "crv": "P-256"});
        assert_eq!(Thumbprint::of_jwk(&ec).unwrap().to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "RFC 9449, 6.1");
        assert_eq!(Thumbprint::of_jwk(&json!({"kty": "oct", "k": "AAAA"})), None);
    }

    #[test]
    fn a_binding_that_is_not_known_is_not_ignored() {
        let print = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        let read = |claim: Value| Confirmation::of_claim(Some(&claim));
        assert!(!Confirmation::of_claim(None).unwrap().is_bound());
        assert_eq!(read(json!({ "jkt": print })).unwrap().jkt, Thumbprint::parse(print));
        assert_eq!(read(json!({ "x5t#S256": print, "jkt": print })).unwrap().certificate, Thumbprint::parse(print));
        for claim in [
            json!({}),
            json!([]),
            json!("x"),
            json!({"jwk": {}}),
            json!({"jkt": "short"}),
            json!({"jkt": 1}),
            json!({"jkt": print, "kid": "a"}),
        ] {
            assert_eq!(read(claim.clone()), None, "{claim}");
        }
    }
}
