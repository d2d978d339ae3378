//! Records as JSON. Strict: a member that is not known, missing or of another form is an error, because a halt that is half
//! understood is not understood.

use countersign_core::{AccountId, ApiKeyId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::error::HaltError;
use crate::halt::{Halt, HaltClass, HaltId, RaisedBy, Reason};
use crate::lift::Lift;
use crate::limits::RECORD_BYTES_MAX;
use crate::notice::{Change, HaltRecord};
use crate::scope::HaltScope;

/// Twelve lower-case hexadecimal digits: a name has one spelling.
pub(crate) fn unhex(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    (hex::encode(bytes) == text).then_some(bytes)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireHalt {
    id: String,
    scope: String,
    action: String,
    reason: String,
    text: String,
    class: String,
    by: WireBy,
    at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    review_by: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum WireBy {
    Client { account: String, key: String },
    Local(String),
    Operator(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLift {
    kind: String,
    gw: String,
    halts: Vec<String>,
    to: Option<String>,
    if_epoch: u64,
    reason: String,
    by: String,
    not_before: u64,
    expires: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRecord {
    epoch: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    raise: Option<WireHalt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower: Option<WireLower>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLower {
    halts: Vec<String>,
    to: Option<String>,
}

impl From<&Halt> for WireHalt {
    fn from(halt: &Halt) -> Self {
        let by = match &halt.by {
            RaisedBy::Client { account, key } => WireBy::Client { account: account.to_string(), key: key.to_string() },
            RaisedBy::Local(node) => WireBy::Local(node.to_string()),
            RaisedBy::Operator(name) => WireBy::Operator(name.to_string()),
        };
        Self {
            id: halt.id.to_string(),
            scope: halt.scope.to_string(),
            action: halt.action.name().to_owned(),
            reason: halt.reason.name().to_owned(),
            text: halt.text.to_string(),
            class: halt.class.name().to_owned(),
            by,
            at: halt.at.as_micros(),
            review_by: halt.review_by.map(Timestamp::as_micros),
        }
    }
}

impl TryFrom<WireHalt> for Halt {
    type Error = HaltError;

    fn try_from(wire: WireHalt) -> Result<Self, HaltError> {
        let by = match wire.by {
            WireBy::Client { account, key } => RaisedBy::Client {
                account: AccountId::parse(&account).map_err(|_| HaltError::Malformed)?,
                key: ApiKeyId::parse(&key).map_err(|_| HaltError::Malformed)?,
            },
            WireBy::Local(node) => RaisedBy::Local(node.into()),
            WireBy::Operator(name) => RaisedBy::Operator(name.into()),
        };
        let halt = Self {
            action: Action::parse(&wire.action).ok_or(HaltError::Malformed)?,
            id: HaltId::parse(&wire.id).ok_or(HaltError::Malformed)?,
            scope: HaltScope::parse(&wire.scope)?,
            reason: Reason::parse(&wire.reason).ok_or(HaltError::Malformed)?,
            text: wire.text.into(),
            class: HaltClass::parse(&wire.class).ok_or(HaltError::Malformed)?,
            by,
            at: Timestamp::from_micros(wire.at),
            review_by: wire.review_by.map(Timestamp::from_micros),
        };
        halt.checked()
    }
}

fn read<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, HaltError> {
    if text.len() > RECORD_BYTES_MAX {
        return Err(HaltError::Malformed);
    }
    serde_json::from_str(text).map_err(|_| HaltError::Malformed)
}

fn written<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("texts and numbers are JSON")
}

fn halts_of(texts: &[String]) -> Result<Vec<HaltId>, HaltError> {
    texts.iter().map(|text| HaltId::parse(text).ok_or(HaltError::Malformed)).collect()
}

fn level_of(text: Option<&str>) -> Result<Option<Action>, HaltError> {
    text.map(|text| Action::parse(text).ok_or(HaltError::Malformed)).transpose()
}

pub(crate) fn halt_to_json(halt: &Halt) -> String {
    written(&WireHalt::from(halt))
}

pub(crate) fn halt_from_json(text: &str) -> Result<Halt, HaltError> {
    read::<WireHalt>(text)?.try_into()
}

pub(crate) fn lift_to_json(lift: &Lift) -> String {
    written(&WireLift {
        kind: "lift".to_owned(),
        gw: lift.gateway.to_string(),
        halts: lift.halts.iter().map(ToString::to_string).collect(),
        to: lift.to.map(|to| to.name().to_owned()),
        if_epoch: lift.if_epoch,
        reason: lift.reason.to_string(),
        by: lift.by.to_string(),
        not_before: lift.not_before.as_micros(),
        expires: lift.expires.as_micros(),
    })
}

pub(crate) fn lift_from_json(text: &str) -> Result<Lift, HaltError> {
    let wire: WireLift = read(text)?;
    if wire.kind != "lift" {
        return Err(HaltError::Malformed);
    }
    Ok(Lift::of_wire(
        wire.gw.into(),
        halts_of(&wire.halts)?,
        level_of(wire.to.as_deref())?,
        wire.if_epoch,
        wire.reason.into(),
        wire.by.into(),
        Timestamp::from_micros(wire.not_before),
        Timestamp::from_micros(wire.expires),
    ))
}

pub(crate) fn record_to_json(record: &HaltRecord) -> String {
    let (raise, lower) = match &record.change {
        Change::Lower { halts, to } => {
            let halts = halts.iter().map(ToString::to_string).collect();
            (None, Some(WireLower { halts, to: to.map(|to| to.name().to_owned()) }))
        }
        Change::Raise(halt) => (Some(WireHalt::from(halt)), None),
    };
    written(&WireRecord { epoch: record.epoch, raise, lower })
}

pub(crate) fn record_from_json(text: &str) -> Result<HaltRecord, HaltError> {
    let WireRecord { epoch, raise, lower } = read(text)?;
    let change = match (raise, lower) {
        (Some(halt), None) => Change::Raise(halt.try_into()?),
        (None, Some(lower)) => Change::Lower { halts: halts_of(&lower.halts)?, to: level_of(lower.to.as_deref())? },
        (None, None) | (Some(_), Some(_)) => return Err(HaltError::Malformed),
    };
    Ok(HaltRecord { epoch, change })
}
