//! The gateway's answer: the whole contract, countersigned.

use countersign_core::{SessionId, Timestamp};
use serde_json::json;

use crate::contract::Contract;
use crate::encoding;
use crate::hello::VERSION;
use crate::limits;
use crate::strict_json::{Object, Value};

/// A welcome's payload, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The version chosen.
    pub v: u64,
    /// All versions the gateway speaks.
    pub vers: Vec<u64>,
    /// The session.
    pub sid: SessionId,
    /// The kid of the gateway key that signs this.
    pub gk: String,
    /// Its delegation token.
    pub gkc: String,
    /// The gateway's clock.
    pub time: Timestamp,
    /// The contract.
    pub grant: Contract,
    /// SHA-256 of the secrets text beside it.
    pub sec: [u8; 32],
    /// Pins to add.
    pub next_pins: Vec<String>,
}

impl Welcome {
    /// Writes the payload: once, before it is signed.
    #[must_use]
    pub fn write(&self) -> String {
        // Sorted by name, so that the bytes do not depend on how a JSON library orders members.
        json!({
            "epoch": {"halt": 0, "rev": 0},
            "gap": null,
            "gk": self.gk,
            "gkc": self.gkc,
            "grant": self.grant.to_json(),
            "halts": [],
            "next_pins": self.next_pins,
            "sec": encoding::encode(&self.sec),
            "seq": {"rx": 1, "tx": 1},
            "sid": self.sid.to_string(),
            "time": self.time.as_micros(),
            "v": self.v,
            "vers": self.vers,
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
        let list =
            |name: &'static str| object.member(name).and_then(Value::as_list).filter(|list| list.len() <= limits::OFFERED_MAX).ok_or(name);
        Ok(Self {
            v: number("v")?,
            vers: list("vers")?.iter().map(Value::as_u64).collect::<Option<_>>().ok_or("vers")?,
            sid: SessionId::parse(text("sid")?).ok_or("sid")?,
            gk: text("gk")?.to_owned(),
            gkc: text("gkc")?.to_owned(),
            time: Timestamp::from_micros(number("time")?),
            grant: object.member("grant").and_then(Value::as_object).and_then(Contract::from_object).ok_or("grant")?,
            sec: encoding::decode_array(text("sec")?).ok_or("sec")?,
            next_pins: read_pins(list("next_pins")?).ok_or("next_pins")?,
        })
    }

    /// A welcome of this version.
    pub(crate) const fn versions() -> (u64, [u64; 1]) {
        (VERSION, [VERSION])
    }
}

fn read_pins(list: &[Value]) -> Option<Vec<String>> {
    let pins: Option<Vec<String>> = list.iter().map(|pin| pin.as_text().map(str::to_owned)).collect();
    pins.filter(|pins| pins.len() <= limits::PINS_MAX && pins.iter().all(|pin| encoding::is_kid(pin)))
}
