//! Compact JWS with JSON claims (RFC 7515, RFC 7519), read strictly and not yet believed.
//!
//! ```text
//!   text = base64url(header) "." base64url(claims) "." base64url(signature)
//!          └────────── signed bytes, as sent ───┘
//! ```
//!
//! Base64url without padding or stray bits; objects without repeated names; registered members of the type that the RFCs give them, whoever
//! looks at them; times that a calendar has. `alg` is what the signature claims to
//! be, one of a list without `none` and without MACs: the key that was registered or published decides (RFC 8725, 3.1). A key inside the
//! token or behind an address (`jku`, `x5u`, `x5c`) is never looked at; `jwk` only by DPoP, whose proofs are about the key itself.
//! Extensions that must be understood (`crit`, `b64`) are refused.
//!
//! Access tokens of issuers, DPoP proofs, client assertions and the tokens of Coinbase's clients are all read here.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use smallvec::SmallVec;

use crate::algorithm::Algorithm;
use crate::limits::{JWT_MEMBERS_MAX, JWT_TEXT_BYTES_MAX, NUMERIC_DATE_MAX};
use crate::presented::{PresentedSignature, SignatureForm};
use crate::reject::{Refusal, Reject};
use crate::time::Timestamp;

/// A token as it came. Nothing in it is verified.
#[derive(Clone, Debug)]
pub struct Jwt<'m> {
    /// What the header says.
    pub header: Members,
    /// What the claims say.
    pub claims: Members,
    /// The bytes that the signature covers.
    pub signed: &'m str,
    /// The signature, with the algorithm it claims to be of.
    pub signature: PresentedSignature,
}

/// The members of a JSON object, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members(BTreeMap<String, Value>);

/// Why a text is no token that could be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtError {
    /// An `alg` that no key here has, `none` among them.
    Algorithm,
    /// It breaks the grammar; the word says where: `jwt` for the three parts, or the name of a part or member.
    Grammar(&'static str),
    /// Longer than [`JWT_TEXT_BYTES_MAX`].
    TooLong,
}

impl JwtError {
    /// The refusal of a token with this error.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Algorithm => Refusal::operator(Reject::WrongAlgorithm, "the alg of the token is none that a key here may have"),
            Self::Grammar(place) => Refusal::operator(Reject::TokenInvalid, format!("the token cannot be read: {place}")),
            Self::TooLong => Refusal::operator(Reject::TokenInvalid, "the token is too long"),
        }
    }
}

impl<'m> Jwt<'m> {
    /// Reads a token.
    ///
    /// # Errors
    /// [`JwtError`].
    pub fn read(text: &'m str) -> Result<Self, JwtError> {
        if text.len() > JWT_TEXT_BYTES_MAX {
            return Err(JwtError::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JwtError::Grammar("jwt"))?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Grammar("jwt"))?;
        let header = Members::of_part(header).ok_or(JwtError::Grammar("header"))?;
        let claims = Members::of_part(claims).ok_or(JwtError::Grammar("claims"))?;
        if let Some(name) = ["crit", "b64"].into_iter().find(|name| header.value(name).is_some()) {
            return Err(JwtError::Grammar(name));
        }
        if let Some(name) = header.first_that_is_none_of(&HEADER_TYPES).or_else(|| claims.first_that_is_none_of(&CLAIM_TYPES)) {
            return Err(JwtError::Grammar(name));
        }
        let algorithm = header.text("alg").and_then(algorithm).ok_or(JwtError::Algorithm)?;
        let bytes = URL_SAFE_NO_PAD.decode(signature).ok().map(SmallVec::from_vec);
        Ok(Self { header, claims, signed, signature: PresentedSignature { form: SignatureForm::Explicit(algorithm), bytes } })
    }

    /// Whether the header points to keys elsewhere or wraps the token: what makes a JWT for itself (DPoP, assertions) has no use for it,
    /// and it is refused there, never followed (RFC 8725, 3.10).
    #[must_use]
    pub fn points_elsewhere(&self) -> bool {
        ["enc", "jku", "x5c", "x5u", "zip"].iter().any(|name| self.header.value(name).is_some())
    }

    /// Whether the header's `typ` is this media type; `application/` may be left out (RFC 7515, 4.1.9).
    #[must_use]
    pub fn is_of_type(&self, kind: &str) -> bool {
        let own = self.header.text("typ").unwrap_or_default();
        let short = own
            .get(.."application/".len())
            .filter(|start| start.eq_ignore_ascii_case("application/"))
            .map_or(own, |start| &own[start.len()..]);
        short.eq_ignore_ascii_case(kind)
    }
}

/// A time in a token, in whole seconds since the Unix epoch (RFC 7519, 2). `None` for a second that no calendar has.
#[must_use]
pub fn numeric_date(seconds: u64) -> Option<Timestamp> {
    (seconds <= NUMERIC_DATE_MAX).then(|| Timestamp::from_secs(seconds))
}

/// The algorithm of a JOSE name (RFC 7518, 3.1; RFC 8037; RFC 9864; RFC 9964).
fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "ES256" => Some(Algorithm::EcdsaP256Sha256),
        "EdDSA" | "Ed25519" => Some(Algorithm::Ed25519),
        "ML-DSA-65" => Some(Algorithm::MlDsa65),
        "PS256" => Some(Algorithm::RsaPssSha256),
        "PS512" => Some(Algorithm::RsaPssSha512),
        "RS256" => Some(Algorithm::RsaPkcs1Sha256),
        _ => None,
    }
}

/// What a registered member must be, where it is there.
#[derive(Clone, Copy)]
enum Type {
    /// A time, with or without a fraction of a second (`NumericDate` of RFC 7519, 2).
    Date,
    /// A string.
    Text,
    /// A string, or a list of nothing but strings (RFC 7519, 4.1.3).
    Texts,
}

/// RFC 7515, 4.1. Without `alg`, whose refusal has a name of its own, and what is refused or left alone for being there.
const HEADER_TYPES: [(&str, Type); 3] = [("cty", Type::Text), ("kid", Type::Text), ("typ", Type::Text)];
/// RFC 7519, 4.1.
const CLAIM_TYPES: [(&str, Type); 7] = [
    ("aud", Type::Texts),
    ("exp", Type::Date),
    ("iat", Type::Date),
    ("iss", Type::Text),
    ("jti", Type::Text),
    ("nbf", Type::Date),
    ("sub", Type::Text),
];

impl Members {
    /// The first member that is there and not of its type.
    fn first_that_is_none_of(&self, types: &[(&'static str, Type)]) -> Option<&'static str> {
        let is_of = |name: &str, value: &Value, wanted: Type| match (wanted, value) {
            (Type::Date, _) => self.time(name).is_some(),
            (Type::Texts, Value::Array(list)) => list.iter().all(Value::is_string),
            (Type::Text | Type::Texts, value) => value.is_string(),
        };
        types.iter().find(|(name, wanted)| self.value(name).is_some_and(|value| !is_of(name, value, *wanted))).map(|(name, _)| *name)
    }

    fn of_part(part: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    }

    /// A member.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A member that is a string; `None` without it and for another type.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// A member that is a time (`NumericDate` of RFC 7519, 2): seconds, of which clients in Python and JavaScript like to write a
    /// fraction. Read to the microsecond below; `None` without it and for anything else.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        let value = self.value(name)?;
        if let Some(seconds) = value.as_u64() {
            return numeric_date(seconds);
        }
        let since = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
        let second = numeric_date(since.as_secs())?;
        Some(second.saturating_add(Duration::from_micros(since.subsec_micros().into())))
    }

    /// As [`Self::text`], of a member that may be left out.
    ///
    /// # Errors
    /// [`JwtError::Grammar`] with its name, when it is there and no string.
    pub fn text_if_any(&self, name: &'static str) -> Result<Option<&str>, JwtError> {
        self.value(name).map(|value| value.as_str().ok_or(JwtError::Grammar(name))).transpose()
    }

    /// As [`Self::time`], of a member that may be left out.
    ///
    /// # Errors
    /// [`JwtError::Grammar`] with its name, when it is there and no time.
    pub fn time_if_any(&self, name: &'static str) -> Result<Option<Timestamp>, JwtError> {
        self.value(name).map(|_| self.time(name).ok_or(JwtError::Grammar(name))).transpose()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without repeated names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.len() == JWT_MEMBERS_MAX || members.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated or too many names"));
            }
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn text(header: &str, claims: &str) -> String {
        format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn tokens_are_read_strictly() {
        let read = |header: &str, claims: &str| Jwt::read(&text(header, claims)).map(drop);
        assert_eq!(read(r#"{"alg":"EdDSA","jku":"https://elsewhere/"}"#, "{}"), Ok(()));
        for alg in ["none", "None", "HS256", "HS512", "ES384", "eddsa", ""] {
            assert_eq!(read(&format!(r#"{{"alg":"{alg}"}}"#), "{}"), Err(JwtError::Algorithm), "{alg}");
        }
        assert_eq!(read(r#"{"alg":1}"#, "{}"), Err(JwtError::Algorithm));
        assert_eq!(read("{}", "{}"), Err(JwtError::Algorithm));
        assert_eq!(read(r#"{"alg":"EdDSA","alg":"EdDSA"}"#, "{}"), Err(JwtError::Grammar("header")));
        assert_eq!(read(r#"{"alg":"EdDSA","crit":["b64"]}"#, "{}"), Err(JwtError::Grammar("crit")));
        assert_eq!(read(r#"{"alg":"EdDSA"}"#, r#"{"exp":1,"exp":2}"#), Err(JwtError::Grammar("claims")));
        assert_eq!(read(r#"{"alg":"EdDSA"}"#, "[]"), Err(JwtError::Grammar("claims")));
        assert_eq!(Jwt::read("a.b").map(drop), Err(JwtError::Grammar("jwt")));
        assert_eq!(Jwt::read(&"a".repeat(JWT_TEXT_BYTES_MAX + 1)).map(drop), Err(JwtError::TooLong));
    }

    #[test]
    fn registered_members_are_of_their_types() {
        let read =
            |header: &str, claims: &str| Jwt::read(&text(&format!(r#"{{"alg":"EdDSA"{header}}}"#), &format!("{{{claims}}}"))).map(drop);
        for name in ["cty", "kid", "typ"] {
            for wrong in ["5", "null", "true", r#"["a"]"#, r#"{"a":1}"#] {
                assert_eq!(read(&format!(r#","{name}":{wrong}"#), ""), Err(JwtError::Grammar(name)), "{name} {wrong}");
            }
            assert_eq!(read(&format!(r#","{name}":"a""#), ""), Ok(()), "{name}");
        }
        for name in ["iss", "sub", "jti"] {
            for wrong in ["5", "null", "false", r#"["a"]"#, "{}"] {
                assert_eq!(read("", &format!(r#""{name}":{wrong}"#)), Err(JwtError::Grammar(name)), "{name} {wrong}");
            }
        }
        for wrong in ["5", "null", "{}", r#"["a",5]"#, r#"[["a"]]"#] {
            assert_eq!(read("", &format!(r#""aud":{wrong}"#)), Err(JwtError::Grammar("aud")), "{wrong}");
        }
        for name in ["exp", "iat", "nbf"] {
            for wrong in [r#""1700000000""#, "null", "true", "-1", "-0.5", "1e18", "[1700000000]"] {
                assert_eq!(read("", &format!(r#""{name}":{wrong}"#)), Err(JwtError::Grammar(name)), "{name} {wrong}");
            }
            assert_eq!(read("", &format!(r#""{name}":1700000000.25"#)), Ok(()), "{name}");
        }
        assert_eq!(read("", r#""aud":["a","b"],"iss":"i","sub":"s","jti":"j""#), Ok(()));
        assert_eq!(read("", r#""other":5"#), Ok(()), "what is not registered is of any type");
    }

    #[test]
    fn a_text_has_one_spelling() {
        let good = format!("{}{}", text(r#"{"alg":"EdDSA"}"#, "{}").trim_end_matches("AAAA"), URL_SAFE_NO_PAD.encode([1; 64]));
        let jwt = Jwt::read(&good).unwrap();
        assert_eq!((jwt.signed.len() + 1 + 86, jwt.signature.bytes.as_deref()), (good.len(), Some(&[1; 64][..])));
        for other in [format!("{good}.x"), good.replace('.', ".."), format!(" {good}"), String::new(), "..".to_owned()] {
            assert!(Jwt::read(&other).is_err(), "{other}");
        }
        // 64 bytes end in a character with four spare bits: only zeros are read. What is no signature is none, and verifies as none.
        for signature in ["==", "B"] {
            let spare = format!("{}{signature}", &good[..good.len() - 1]);
            assert_eq!(Jwt::read(&spare).unwrap().signature.bytes, None, "{spare}");
        }
    }

    #[test]
    fn times_are_seconds_that_a_calendar_has() {
        let members: Members =
            serde_json::from_str(r#"{"a":1700000000,"b":"1700000000","c":-1.5,"d":-1,"e":1e18,"f":253402300800,"g":253402300800.5,"h":null,"j":1700000000.25,"k":1.7e9}"#)
                .unwrap();
        assert_eq!(members.time("a"), Some(Timestamp::from_secs(1_700_000_000)));
        for name in ["b", "c", "d", "e", "f", "g", "h"] {
            assert_eq!((members.time(name), members.time_if_any(name)), (None, Err(JwtError::Grammar(name))), "{name}");
        }
        assert_eq!(members.time("j"), Some(Timestamp::from_micros(1_700_000_000_250_000)));
        assert_eq!(members.time_if_any("k"), Ok(Some(Timestamp::from_secs(1_700_000_000))));
        assert_eq!((members.time("i"), members.time_if_any("i"), members.text_if_any("i")), (None, Ok(None), Ok(None)));
        assert_eq!((members.text_if_any("b"), members.text_if_any("a")), (Ok(Some("1700000000")), Err(JwtError::Grammar("a"))));
        assert_eq!(numeric_date(NUMERIC_DATE_MAX), Some(Timestamp::from_secs(NUMERIC_DATE_MAX)));
    }

    #[test]
    fn types_may_be_short() {
        let header = |typ: &str| format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#);
        for (typ, same) in [("at+jwt", true), ("AT+JWT", true), ("application/at+jwt", true), ("JWT", false), ("application/", false)] {
            assert_eq!(Jwt::read(&text(&header(typ), "{}")).unwrap().is_of_type("at+jwt"), same, "{typ}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(any in "\\PC{0,60}", header in "\\PC{0,40}", claims in "\\PC{0,40}") {
            let _ = Jwt::read(&any);
            let _ = Jwt::read(&text(&header, &claims));
        }
    }
}
