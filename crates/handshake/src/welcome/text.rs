//! A welcome's payload as text: written once, straight into the bytes that are signed.

use countersign_core::{SessionId, Timestamp};
use serde::Serialize;

use super::{Gap, Numbers};
use crate::contract::Contract;
use crate::encoding;

/// What a welcome says, borrowed from where it is. The members are those of [`super::Welcome`].
pub(crate) struct WelcomeText<'w> {
    pub(crate) v: u64,
    pub(crate) vers: &'w [u64],
    pub(crate) sid: SessionId,
    pub(crate) gk: &'w str,
    pub(crate) gkc: &'w str,
    pub(crate) time: Timestamp,
    pub(crate) grant: &'w Contract,
    pub(crate) seq: Numbers,
    pub(crate) gap: Option<Gap>,
    pub(crate) sec: &'w [u8; 32],
    pub(crate) next_pins: &'w [String],
}

/// Sorted by name, here and in all that is below: the bytes do not depend on how a JSON library orders members.
#[derive(Serialize)]
struct Payload<'w> {
    epoch: Epoch,
    gap: Option<GapText>,
    gk: &'w str,
    gkc: &'w str,
    grant: &'w Contract,
    halts: [u64; 0],
    next_pins: &'w [String],
    sec: String,
    seq: NumbersText,
    sid: String,
    time: u64,
    v: u64,
    vers: &'w [u64],
}

#[derive(Serialize)]
struct Epoch {
    halt: u64,
    rev: u64,
}

#[derive(Serialize)]
struct GapText {
    count: u64,
    from: u64,
    how: &'static str,
}

#[derive(Serialize)]
struct NumbersText {
    rx: u64,
    tx: u64,
}

impl WelcomeText<'_> {
    /// Writes the payload: once, before it is signed.
    #[must_use]
    pub(crate) fn write(&self) -> String {
        let payload = Payload {
            epoch: Epoch { halt: 0, rev: 0 },
            gap: self.gap.map(|gap| GapText { count: gap.count, from: gap.from, how: gap.how.name() }),
            gk: self.gk,
            gkc: self.gkc,
            grant: self.grant,
            halts: [],
            next_pins: self.next_pins,
            sec: encoding::encode(self.sec),
            seq: NumbersText { rx: self.seq.rx, tx: self.seq.tx },
            sid: self.sid.to_string(),
            time: self.time.as_micros(),
            v: self.v,
            vers: self.vers,
        };
        serde_json::to_string(&payload).expect("texts, numbers and lists are JSON")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_core::{Binding, Scopes};

    use super::*;
    use crate::contract::{Choice, Quantity};
    use crate::welcome::{GapHow, Welcome};

    #[test]
    fn members_are_sorted_and_read_as_they_were_written() {
        let quantities: [u64; Quantity::ALL.len()] = std::array::from_fn(|index| index as u64 * 1_000);
        let mut choices: [String; Choice::ALL.len()] = std::array::from_fn(|_| "none".to_owned());
        choices[Choice::CodOnLogout as usize] = "true".to_owned();
        let scopes = Scopes::parse("order:write md:read").unwrap();
        let grant = Contract::new(scopes, Binding::Exp, quantities, choices);
        for gap in [None, Some(Gap { from: 3, count: 9, how: GapHow::Lost })] {
            let text = WelcomeText {
                v: 1,
                vers: &[1],
                sid: SessionId::from_bytes([7; 16]),
                gk: "a \"key\"",
                gkc: "a delegation",
                time: Timestamp::from_micros(1_800_000_000_000_001),
                grant: &grant,
                seq: Numbers { rx: 4, tx: 12 },
                gap,
                sec: &[9; 32],
                next_pins: &[],
            }
            .write();
            // A JSON tree with sorted members writes the same bytes, at every depth.
            let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(sorted(&tree), text);
            let read = Welcome::read(text.as_bytes()).unwrap();
            assert_eq!((read.grant, read.gap, read.seq), (grant.clone(), gap, Numbers { rx: 4, tx: 12 }));
            assert_eq!((read.gk.as_str(), read.sec, read.time.as_micros()), ("a \"key\"", [9; 32], 1_800_000_000_000_001));
        }
    }

    fn sorted(value: &serde_json::Value) -> String {
        use serde_json::Value;
        match value {
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(name, _)| name.as_str());
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), sorted(value))).collect();
                format!("{{{}}}", members.join(","))
            }
            Value::Array(list) => format!("[{}]", list.iter().map(sorted).collect::<Vec<_>>().join(",")),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        }
    }
}
