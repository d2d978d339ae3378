//! Proving oneself again on an open session, and its answer: `cs1a` and `cs1g`.
//!
//! ```text
//!   client                                                       gateway
//!     │ ──── {"nonce":""} ─────────────────────────────────────▶ │
//!     │ ◀──── {"nonce":"cs1n..."} ────────────────────────────── │   fresh, of this session, good once
//!     │ ──── {"reauth":"cs1a..."} ─────────────────────────────▶ │   signed over label ‖ ch ‖ H(reauth)
//!     │ ◀──── {"regrant":"cs1g...","sec":...} ────────────────── │   signed over label ‖ T ‖ H(regrant), T = H(ch ‖ H(reauth))
//!     │                                                          │   ch' = H(T ‖ H(regrant)) names the contract from here on
//!     │ ◀──── {"regrant":"cs1g...","sec":...} ────────────────── │   unasked: T = ch, and scopes only shrink
//! ```
//!
//! A re-grant changes the scopes and the end of the session's life. All else of a contract stays as it was signed first.

use std::collections::BTreeMap;

use countersign_core::{Algorithm, ApiKeyId, Refusal, Reject, Scopes, SessionId, Timestamp};
use serde_json::json;

use crate::contract::{Contract, Quantity};
use crate::encoding;
use crate::hello::{self, VERSION};
use crate::need::Want;
use crate::strict_json::{Object, Value};
use crate::transcript::{Transcript, sha256};

/// Members of a re-authentication that this version understands: what `crit` may name.
const UNDERSTOOD: [&str; 7] = ["alg", "crit", "kid", "nonce", "v", "vers", "want"];

/// A re-authentication's payload, understood. Nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reauth {
    /// The key: that of the session.
    pub kid: ApiKeyId,
    /// Its algorithm, for comparison.
    pub alg: Algorithm,
    /// The gateway's nonce.
    pub nonce: String,
    /// The scopes wished for; those of the contract where none is named.
    pub scopes: Option<Scopes>,
    /// The life wished for, in seconds from the re-grant; as long as before where it is not named.
    pub life_s: Option<u64>,
}

impl Reauth {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`Reject::Malformed`], [`Reject::VersionUnsupported`] or [`Reject::Unsupported`].
    pub fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let object = Object::parse(payload).map_err(|error| Refusal::operator(Reject::Malformed, error.to_string()))?;
        hello::read_versions(&object)?;
        hello::check_critical(&object, &UNDERSTOOD)?;
        let want = match object.member("want") {
            None => Want::default(),
            Some(value) => Want::from_object(value.as_object().ok_or_else(|| hello::malformed("want"))?).map_err(hello::malformed)?,
        };
        Ok(Self {
            kid: ApiKeyId::parse(hello::text(&object, "kid")?).map_err(|_| hello::malformed("kid"))?,
            alg: Algorithm::parse(hello::text(&object, "alg")?).ok_or_else(|| hello::malformed("alg"))?,
            nonce: hello::text(&object, "nonce")?.to_owned(),
            life_s: want.quantities.get(&Quantity::LifeS).copied(),
            scopes: (!want.scopes.is_empty()).then_some(want.scopes),
        })
    }

    /// Writes the payload: once, before it is signed.
    #[must_use]
    pub fn write(&self) -> String {
        let mut want = Want { scopes: self.scopes.clone().unwrap_or_default(), ..Want::default() };
        want.quantities.extend(self.life_s.map(|life| (Quantity::LifeS, life)));
        let object = BTreeMap::from([
            ("alg".to_owned(), json!(self.alg.name())),
            ("kid".to_owned(), json!(self.kid.as_str())),
            ("nonce".to_owned(), json!(self.nonce)),
            ("v".to_owned(), json!(VERSION)),
            ("vers".to_owned(), json!([VERSION])),
            ("want".to_owned(), want.to_json()),
        ]);
        encoding::sorted_object(object).to_string()
    }
}

/// A re-grant's payload, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regrant {
    /// The session.
    pub sid: SessionId,
    /// SHA-256 of the re-authentication it answers; none where the gateway tightens by itself.
    pub re: Option<[u8; 32]>,
    /// The kid of the gateway key that signs this.
    pub gk: String,
    /// Its delegation token.
    pub gkc: String,
    /// The gateway's clock.
    pub time: Timestamp,
    /// The end of the session's life, by the gateway's clock.
    pub ends: Timestamp,
    /// The contract.
    pub grant: Contract,
    /// SHA-256 of the secrets text beside it.
    pub sec: [u8; 32],
}

impl Regrant {
    /// Writes the payload: once, before it is signed.
    #[must_use]
    pub fn write(&self) -> String {
        json!({
            "ends": self.ends.as_micros(),
            "gk": self.gk,
            "gkc": self.gkc,
            "grant": self.grant,
            "re": self.re.map(|hash| encoding::encode(&hash)),
            "sec": encoding::encode(&self.sec),
            "sid": self.sid.to_string(),
            "time": self.time.as_micros(),
            "v": VERSION,
        })
        .to_string()
    }

    /// Reads a payload; names the member at fault.
    ///
    /// # Errors
    /// The name of the first member that is missing or malformed; `payload` when it is no acceptable JSON object.
    pub fn read(payload: &[u8]) -> Result<Self, &'static str> {
        let object = Object::parse(payload).map_err(|_| "payload")?;
        let number = |name: &'static str| object.member(name).and_then(Value::as_u64).ok_or(name);
        let text = |name: &'static str| object.member(name).and_then(Value::as_text).ok_or(name);
        if number("v")? != VERSION {
            return Err("v");
        }
        let re = match object.member("re").ok_or("re")? {
            Value::Null => None,
            Value::Text(hash) => Some(encoding::decode_array(hash).ok_or("re")?),
            Value::Bool(_) | Value::Integer(_) | Value::List(_) | Value::Object(_) => return Err("re"),
        };
        Ok(Self {
            sid: SessionId::parse(text("sid")?).ok_or("sid")?,
            re,
            gk: text("gk")?.to_owned(),
            gkc: text("gkc")?.to_owned(),
            time: Timestamp::from_micros(number("time")?),
            ends: Timestamp::from_micros(number("ends")?),
            grant: object.member("grant").and_then(Value::as_object).and_then(Contract::from_object).ok_or("grant")?,
            sec: encoding::decode_array(text("sec")?).ok_or("sec")?,
        })
    }
}

/// The link that a re-grant is signed over: behind the re-authentication it answers, or behind the contract itself.
pub(crate) fn link(ch: Transcript, reauth_payload: Option<&[u8]>) -> Transcript {
    // HS-122
    reauth_payload.map_or(ch, |payload| ch.then(payload))
}

/// What a re-grant names the re-authentication by that it answers.
pub(crate) fn name_of(reauth_payload: &[u8]) -> [u8; 32] {
    sha256(&[reauth_payload])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reauth() -> Reauth {
        Reauth {
            kid: ApiKeyId::parse("kid").unwrap(),
            alg: Algorithm::Ed25519,
            nonce: "cs1n.AA.AA".to_owned(),
            scopes: Some(Scopes::parse("md:read order:write").unwrap()),
            life_s: Some(60),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        for reauth in [reauth(), Reauth { scopes: None, ..reauth() }, Reauth { life_s: None, ..reauth() }] {
            assert_eq!(Reauth::read(reauth.write().as_bytes()).unwrap(), reauth);
        }
    }

    #[test]
    fn every_member_is_judged() {
        // HS-8
        let written = reauth().write();
        for (from, to, reject) in [
            ("\"alg\":\"Ed25519\"", "\"alg\":\"none\"", Reject::Malformed),
            ("\"nonce\":\"cs1n.AA.AA\",", "", Reject::Malformed),
            ("\"life_s\":60", "\"life_s\":-1", Reject::Malformed),
            ("\"v\":1,", "\"v\":2,", Reject::VersionUnsupported),
            ("\"alg\"", "\"crit\":[\"more\"],\"alg\"", Reject::Unsupported),
        ] {
            let changed = written.replace(from, to);
            assert_ne!(changed, written, "{from}");
            assert_eq!(Reauth::read(changed.as_bytes()).unwrap_err().reject, reject, "{to}");
        }
    }
}
