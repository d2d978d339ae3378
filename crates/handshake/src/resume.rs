//! The client's wish to take a session up again: `cs1r`.
//!
//! `rk` is the session secret that came with the ticket. The proof is `HMAC-SHA-256(k, label("resume") || T0 || H(payload))` with
//! `k` derived from it, so it is good on this channel only and for this payload only.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use countersign_core::{Binding, Refusal, Reject, Secret};
use serde_json::json;

use crate::encoding;
use crate::hello::{self, VERSION};
use crate::label;
use crate::limits;
use crate::secret_text::SecretText;
use crate::strict_json::{Object, Value};
use crate::transcript::{Transcript, derive_key};

/// Members of a resume that this version understands: what `crit` may name.
const UNDERSTOOD: [&str; 13] = ["bind", "crit", "gw", "host", "n", "nonce", "pipe", "rx", "tkt", "ts", "tx", "v", "vers"];

/// A resume's payload, understood. Nothing of it is believed yet.
#[derive(Clone, Debug)]
pub struct Resume {
    /// All versions the client speaks.
    pub vers: Vec<u64>,
    /// The gateway root it expects (a pin).
    pub gw: String,
    /// The authority it dialled, `host:port`.
    pub host: String,
    /// Its own nonce.
    pub n: [u8; 16],
    /// The binding it proves with: that of the session.
    pub bind: Binding,
    /// The gateway's nonce, in modes `sep` and `chl`.
    pub nonce: Option<String>,
    /// The ticket.
    pub ticket: SecretText,
    /// The next number it expects from the gateway: what it has received.
    pub rx: u64,
    /// The next number of its own: what it has sent.
    pub tx: u64,
    /// Whether messages follow before the welcome.
    pub pipe: bool,
}

impl Resume {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`Reject::Malformed`], [`Reject::VersionUnsupported`] or [`Reject::Unsupported`].
    pub fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let object = Object::parse(payload).map_err(|error| Refusal::operator(Reject::Malformed, error.to_string()))?;
        let vers = hello::read_versions(&object)?;
        hello::check_critical(&object, &UNDERSTOOD)?;
        let ticket = hello::text(&object, "tkt")?;
        // HS-3: sizes before work.
        if ticket.len() > limits::TICKET_BYTES_MAX {
            return Err(Reject::TooLarge.into());
        }
        let number = |name: &'static str| {
            object.member(name).and_then(Value::as_u64).filter(|number| *number >= 1).ok_or_else(|| hello::malformed(name))
        };
        Ok(Self {
            vers,
            gw: hello::text(&object, "gw").map(str::to_owned)?,
            host: hello::read_host(&object)?,
            n: encoding::decode_array(hello::text(&object, "n")?).ok_or_else(|| hello::malformed("n"))?,
            bind: hello::read_bind(&object)?,
            nonce: hello::optional(&object, "nonce", |value| value.as_text().map(str::to_owned))?,
            ticket: SecretText::new(ticket.to_owned()),
            rx: number("rx")?,
            tx: number("tx")?,
            pipe: hello::optional(&object, "pipe", Value::as_bool)?.unwrap_or(false),
        })
    }

    /// Writes the payload: once, before it is proved.
    #[must_use]
    pub fn write(&self) -> String {
        let mut object = BTreeMap::from([
            ("bind".to_owned(), json!(self.bind.name())),
            ("gw".to_owned(), json!(self.gw)),
            ("host".to_owned(), json!(self.host)),
            ("n".to_owned(), json!(encoding::encode(&self.n))),
            ("pipe".to_owned(), json!(self.pipe)),
            ("rx".to_owned(), json!(self.rx)),
            ("tkt".to_owned(), json!(self.ticket.expose())),
            ("tx".to_owned(), json!(self.tx)),
            ("v".to_owned(), json!(VERSION)),
            ("vers".to_owned(), json!(self.vers)),
        ]);
        if let Some(nonce) = &self.nonce {
            object.insert("nonce".to_owned(), json!(nonce));
        }
        encoding::sorted_object(object).to_string()
    }
}

/// The key of resume proofs of one session secret.
#[must_use]
pub fn proof_key(session_secret: &Secret) -> Secret {
    // HS-15
    derive_key(session_secret, &label::KEY_RESUME)
}

/// Proves a payload on a channel.
#[must_use]
pub fn prove(session_secret: &Secret, start: Transcript, payload: &[u8]) -> Vec<u8> {
    // HS-81
    let key = hmac::Key::new(hmac::HMAC_SHA256, proof_key(session_secret).expose());
    hmac::sign(&key, &start.proof_input(&label::RESUME, payload)).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn resume() -> Resume {
        Resume {
            vers: vec![1],
            gw: "pin".to_owned(),
            host: "127.0.0.1:8443".to_owned(),
            n: [3; 16],
            bind: Binding::Exp,
            nonce: None,
            ticket: SecretText::new("ticket".to_owned()),
            rx: 5,
            tx: 9,
            pipe: true,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        for nonce in [None, Some("cs1n.AA.AA".to_owned())] {
            let written = Resume { nonce, ..resume() }.write();
            assert_eq!(Resume::read(written.as_bytes()).unwrap().write(), written);
        }
    }

    #[test]
    fn every_member_is_judged() {
        // HS-8
        let written = resume().write();
        for (from, to, reject) in [
            ("\"rx\":5", "\"rx\":0", Reject::Malformed),
            ("\"tx\":9", "\"tx\":-1", Reject::Malformed),
            ("\"tx\":9,", "", Reject::Malformed),
            ("\"tkt\":\"ticket\"", "\"tkt\":\"\"", Reject::Malformed),
            ("\"bind\":\"exp\"", "\"bind\":\"fwd\"", Reject::Unsupported),
            ("\"bind\":\"exp\"", "\"bind\":\"none\"", Reject::Malformed),
            ("\"v\":1,", "\"v\":2,", Reject::VersionUnsupported),
            ("\"pipe\":true", "\"pipe\":1", Reject::Malformed),
            ("\"gw\"", "\"crit\":[\"more\"],\"gw\"", Reject::Unsupported),
        ] {
            let changed = written.replace(from, to);
            assert_ne!(changed, written, "{from}");
            assert_eq!(Resume::read(changed.as_bytes()).unwrap_err().reject, reject, "{to}");
        }
        let long = Resume { ticket: SecretText::new("t".repeat(limits::TICKET_BYTES_MAX + 1)), ..resume() };
        assert_eq!(Resume::read(long.write().as_bytes()).unwrap_err().reject, Reject::TooLarge);
    }
}
