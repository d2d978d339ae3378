//! The gateway's answer: the whole contract, countersigned.

mod text;

use crate::contract::Contract;
use crate::encoding;
use crate::hello::VERSION;
use crate::limits;
use crate::strict_json::{Object, Value};
use countersign_core::{SessionId, Timestamp};

pub(crate) use text::WelcomeText;

/// The next numbers of both directions, as the writer of the message sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The next number expected from the peer: everything before it was applied or told as not applied.
    pub rx: u64,
    /// The next number of its own.
    pub tx: u64,
}

impl Numbers {
    /// Of a session that begins.
    pub const START: Self = Self { rx: 1, tx: 1 };
}

/// What became of messages that the client missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub from: u64,
    /// How many.
    pub count: u64,
    /// What happens about them.
    pub how: GapHow,
}

/// What happens about messages that the client missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapHow {
    /// They are gone: ask for the state of what they told of. Whatever follows the gap is replayed.
    Lost,
    /// They follow at once, each with its own number and `dup`.
    Replay,
}

impl GapHow {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Replay => "replay",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Lost, Self::Replay].into_iter().find(|how| how.name() == name)
    }
}

impl Gap {
    fn from_object(gap: &Object) -> Option<Self> {
        let number = |name: &str| gap.member(name).and_then(Value::as_u64).filter(|number| *number >= 1);
        Some(Self { from: number("from")?, count: number("count")?, how: GapHow::parse(gap.member("how")?.as_text()?)? })
    }
}

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
    /// Where both sides stand, as the gateway sees it.
    pub seq: Numbers,
    /// What the client missed, when a session comes back.
    pub gap: Option<Gap>,
    /// SHA-256 of the secrets text beside it.
    pub sec: [u8; 32],
    /// Pins to add.
    pub next_pins: Vec<String>,
}

impl Welcome {
    /// Writes the payload, as a gateway does before it signs.
    #[must_use]
    pub fn write(&self) -> String {
        let text = WelcomeText {
            v: self.v,
            vers: &self.vers,
            sid: self.sid,
            gk: &self.gk,
            gkc: &self.gkc,
            time: self.time,
            grant: &self.grant,
            seq: self.seq,
            gap: self.gap,
            sec: &self.sec,
            next_pins: &self.next_pins,
        };
        text.write()
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
            seq: object.member("seq").and_then(Value::as_object).and_then(read_numbers).ok_or("seq")?,
            gap: read_gap(object.member("gap").ok_or("gap")?).ok_or("gap")?,
            sec: encoding::decode_array(text("sec")?).ok_or("sec")?,
            next_pins: read_pins(list("next_pins")?).ok_or("next_pins")?,
        })
    }

    /// A welcome of this version.
    pub(crate) const fn versions() -> (u64, [u64; 1]) {
        (VERSION, [VERSION])
    }
}

fn read_numbers(seq: &Object) -> Option<Numbers> {
    let number = |name: &str| seq.member(name).and_then(Value::as_u64).filter(|number| *number >= 1);
    Some(Numbers { rx: number("rx")?, tx: number("tx")? })
}

/// A gap, or none; `None` when it is malformed.
fn read_gap(value: &Value) -> Option<Option<Gap>> {
    match value {
        Value::Null => Some(None),
        Value::Object(gap) => Gap::from_object(gap).map(Some),
        Value::Bool(_) | Value::Integer(_) | Value::List(_) | Value::Text(_) => None,
    }
}

fn read_pins(list: &[Value]) -> Option<Vec<String>> {
    let pins: Option<Vec<String>> = list.iter().map(|pin| pin.as_text().map(str::to_owned)).collect();
    pins.filter(|pins| pins.len() <= limits::PINS_MAX && pins.iter().all(|pin| encoding::is_kid(pin)))
}
