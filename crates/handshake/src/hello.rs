//! The client's offer.

use std::collections::BTreeMap;

use countersign_core::{Algorithm, ApiKeyId, Binding, Detail, Entropy, Refusal, Reject};
use serde_json::{Value as Json, json};

use crate::encoding;
use crate::limits;
use crate::need::{Need, Offer, Want};
use crate::strict_json::{Object, Value};

/// The protocol version of this crate.
pub const VERSION: u64 = 1;

/// Members of a hello that this version understands: what `crit` may name.
const UNDERSTOOD: [&str; 15] =
    ["alg", "algs", "bind", "crit", "gw", "host", "kid", "n", "need", "nonce", "pipe", "ts", "v", "vers", "want"];

/// A hello's payload, understood. Nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// All versions the client speaks.
    pub vers: Vec<u64>,
    /// The key it proves.
    pub kid: ApiKeyId,
    /// The algorithm of that key.
    pub alg: Algorithm,
    /// All algorithms the client could have used, by name; evidence against a downgrade.
    pub algs: Vec<String>,
    /// The gateway root it expects (a pin).
    pub gw: String,
    /// The authority it dialled, `host:port`.
    pub host: String,
    /// Its own nonce.
    pub n: [u8; 16],
    /// The gateway's nonce, in modes `sep` and `chl`.
    pub nonce: Option<String>,
    /// Binding, wishes and hard limits.
    pub offer: Offer,
    /// Whether messages follow before the welcome.
    pub pipe: bool,
    /// The client's clock in microseconds since 1970; for the record only.
    pub ts: Option<u64>,
}

impl Hello {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`Reject::Malformed`], [`Reject::VersionUnsupported`] or [`Reject::Unsupported`].
    pub fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let object = Object::parse(payload).map_err(|error| Refusal::operator(Reject::Malformed, error.to_string()))?;
        let vers = read_versions(&object)?;
        check_reserved(&object)?;
        let bind = read_bind(&object)?;
        let part = |name| object.member(name).map_or(Ok(None), |value| value.as_object().map(Some).ok_or_else(|| malformed(name)));
        let want = part("want")?.map_or_else(|| Ok(Want::default()), Want::from_object).map_err(malformed)?;
        let need = part("need")?.map_or_else(|| Ok(Need::default()), Need::from_object).map_err(malformed)?;
        let alg = text(&object, "alg")?;
        let algs = read_algorithms(&object, alg)?;
        Ok(Self {
            vers,
            kid: ApiKeyId::parse(text(&object, "kid")?).map_err(|_| malformed("kid"))?,
            // An algorithm of another world is no key of ours: same answer as for an unknown key.
            alg: Algorithm::parse(alg).filter(|alg| alg.is_native()).ok_or(Reject::WrongAlgorithm)?,
            algs,
            gw: text(&object, "gw").map(str::to_owned)?,
            host: read_host(&object)?,
            n: encoding::decode_array(text(&object, "n")?).ok_or_else(|| malformed("n"))?,
            nonce: optional(&object, "nonce", |value| value.as_text().map(str::to_owned))?,
            offer: Offer { bind, want, need },
            pipe: optional(&object, "pipe", Value::as_bool)?.unwrap_or(false),
            ts: optional(&object, "ts", Value::as_u64)?,
        })
    }

    /// Writes the payload: once, before it is signed. Nobody writes it again.
    #[must_use]
    pub fn write(&self) -> String {
        let mut object = BTreeMap::new();
        let mut put = |name: &str, value: Json| object.insert(name.to_owned(), value);
        put("v", json!(VERSION));
        put("vers", json!(self.vers));
        put("kid", json!(self.kid.as_str()));
        put("alg", json!(self.alg.name()));
        put("algs", json!(self.algs));
        put("gw", json!(self.gw));
        put("host", json!(self.host));
        put("n", json!(encoding::encode(&self.n)));
        put("bind", json!(self.offer.bind.name()));
        put("want", self.offer.want.to_json());
        put("need", self.offer.need.to_json());
        put("pipe", json!(self.pipe));
        if let Some(nonce) = &self.nonce {
            put("nonce", json!(nonce));
        }
        if let Some(ts) = self.ts {
            put("ts", json!(ts));
        }
        encoding::sorted_object(object).to_string()
    }

    /// A fresh client nonce.
    pub(crate) fn fresh_n(entropy: &mut impl Entropy) -> [u8; 16] {
        entropy.array()
    }
}

/// The version first: the rest has meaning only in a version we speak.
pub(crate) fn read_versions(object: &Object) -> Result<Vec<u64>, Refusal> {
    let v = object.member("v").and_then(Value::as_u64).ok_or_else(|| malformed("v"))?;
    // HS-40
    if v != VERSION {
        return Err(Reject::VersionUnsupported.into());
    }
    let list = object.member("vers").and_then(Value::as_list).filter(|list| list.len() <= limits::OFFERED_MAX);
    let vers: Option<Vec<u64>> = list.and_then(|list| list.iter().map(Value::as_u64).collect());
    let vers = vers.ok_or_else(|| malformed("vers"))?;
    if vers.contains(&v) { Ok(vers) } else { Err(malformed("vers")) }
}

/// Members with reserved names, and members that must be understood.
fn check_reserved(object: &Object) -> Result<(), Refusal> {
    check_critical(object, &UNDERSTOOD)?;
    // HS-9: full-proof resumption and a cookie under load have a meaning that must not be dropped silently.
    for name in ["cookie", "rx", "sid", "tx"] {
        if object.member(name).is_some() {
            return Err(Refusal::with(Reject::Unsupported, Detail::Parameter(name)));
        }
    }
    Ok(())
}

/// What `crit` names must be understood and there.
pub(crate) fn check_critical(object: &Object, understood: &[&str]) -> Result<(), Refusal> {
    // HS-8
    let Some(crit) = object.member("crit") else { return Ok(()) };
    let names: Option<Vec<&str>> = crit.as_list().and_then(|list| list.iter().map(Value::as_text).collect());
    for name in names.ok_or_else(|| malformed("crit"))? {
        if !understood.contains(&name) || object.member(name).is_none() {
            return Err(Refusal::with(Reject::Unsupported, Detail::Parameter("crit")));
        }
    }
    Ok(())
}

pub(crate) fn read_bind(object: &Object) -> Result<Binding, Refusal> {
    match text(object, "bind")? {
        // Reserved for a TLS front end of one's own that hands the exporter value on.
        "fwd" => Err(Refusal::with(Reject::Unsupported, Detail::Parameter("bind"))),
        name => Binding::parse(name).ok_or_else(|| malformed("bind")),
    }
}

/// The authority that was dialled, always with its port: a name alone would be good for whatever else listens there.
pub(crate) fn read_host(object: &Object) -> Result<String, Refusal> {
    // HS-36
    let host = text(object, "host")?;
    let (name, port) = host.rsplit_once(':').ok_or_else(|| malformed("host"))?;
    let is_name = !name.is_empty() && (!name.contains(':') || (name.starts_with('[') && name.ends_with(']')));
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0);
    if is_name && is_port { Ok(host.to_owned()) } else { Err(malformed("host")) }
}

fn read_algorithms(object: &Object, alg: &str) -> Result<Vec<String>, Refusal> {
    let list = object.member("algs").and_then(Value::as_list).filter(|list| list.len() <= limits::OFFERED_MAX);
    let names: Option<Vec<String>> = list.and_then(|list| list.iter().map(|name| name.as_text().map(str::to_owned)).collect());
    names.filter(|names| names.iter().any(|name| name == alg)).ok_or_else(|| malformed("algs"))
}

pub(crate) fn text<'o>(object: &'o Object, name: &'static str) -> Result<&'o str, Refusal> {
    object.member(name).and_then(Value::as_text).filter(|text| !text.is_empty()).ok_or_else(|| malformed(name))
}

pub(crate) fn optional<T>(object: &Object, name: &'static str, read: impl FnOnce(&Value) -> Option<T>) -> Result<Option<T>, Refusal> {
    object.member(name).map_or(Ok(None), |value| read(value).map(Some).ok_or_else(|| malformed(name)))
}

pub(crate) fn malformed(name: &'static str) -> Refusal {
    Refusal::with(Reject::Malformed, Detail::Parameter(name))
}

#[cfg(test)]
mod tests;
