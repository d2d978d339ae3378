//! A proposal to make halts weaker, and what operators sign.
//!
//! ```text
//!   signed = "countersign/1 lift" 00 || SHA-256(gateway) || SHA-256(payload)
//! ```
//!
//! The payload names the exact halts and the epoch that its author saw. The first change after that, a halt or another lift, moves
//! the epoch, and the proposal is worth nothing: so it cannot be replayed, and nobody lifts what they did not see.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use countersign_core::Timestamp;

use crate::action::Action;
use crate::error::{HaltError, LiftError};
use crate::halt::HaltId;
use crate::limits::{LIFT_HALTS_MAX, LIFT_LIFE, TEXT_BYTES_MAX};
use crate::set::HaltSet;
use crate::{wire, words};

const LABEL: &[u8] = b"countersign/1 lift\0";

/// The name of a proposal: `P-` and the first twelve hexadecimal digits of its payload's hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LiftId([u8; 6]);

impl LiftId {
    /// Reads the text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        wire::unhex(text.strip_prefix("P-")?).map(Self)
    }
}

impl fmt::Display for LiftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P-")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LiftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One operator's signature under a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorSignature {
    /// Whose.
    pub operator: Box<str>,
    /// Ed25519 (RFC 8032).
    pub signature: Vec<u8>,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lift {
    /// The gateway it is for: the name of its pinned root key.
    pub gateway: Box<str>,
    /// The halts.
    pub halts: Vec<HaltId>,
    /// What is to be left of them; `None` for nothing.
    pub to: Option<Action>,
    /// The epoch that its author saw.
    pub if_epoch: u64,
    /// Why.
    pub reason: Box<str>,
    /// Who proposes.
    pub by: Box<str>,
    /// From when it may be applied.
    pub not_before: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    payload: String,
}

/// What a proposal is made of.
#[derive(Clone, Debug)]
pub struct Proposal<'p> {
    /// See [`Lift::gateway`].
    pub gateway: &'p str,
    /// See [`Lift::halts`].
    pub halts: Vec<HaltId>,
    /// See [`Lift::to`].
    pub to: Option<Action>,
    /// See [`Lift::reason`].
    pub reason: &'p str,
    /// See [`Lift::by`].
    pub by: &'p str,
    /// The time now.
    pub now: Timestamp,
}

impl Lift {
    /// Proposes to lift halts that are in force.
    ///
    /// # Errors
    /// [`LiftError`] when it could not be applied as things are; [`HaltError`] when it has no halts, too many, or bad words.
    pub fn propose(set: &HaltSet, proposal: Proposal<'_>) -> Result<Result<Self, LiftError>, HaltError> {
        let Proposal { gateway, mut halts, to, reason, by, now } = proposal;
        halts.sort_unstable();
        halts.dedup();
        if halts.is_empty() || halts.len() > LIFT_HALTS_MAX {
            return Err(HaltError::Malformed);
        }
        if reason.is_empty() || reason.len() > TEXT_BYTES_MAX || !words::are_plain(reason) {
            return Err(HaltError::Text);
        }
        let mut lift = Self {
            gateway: gateway.into(),
            halts,
            to,
            if_epoch: set.epoch(),
            reason: reason.into(),
            by: by.into(),
            not_before: now,
            expires: now.saturating_add(LIFT_LIFE),
            payload: String::new(),
        };
        lift.payload = wire::lift_to_json(&lift);
        Ok(lift.check_against(set, now).map(|()| lift))
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`HaltError::Malformed`].
    pub fn from_payload(payload: &str) -> Result<Self, HaltError> {
        let mut lift = wire::lift_from_json(payload)?;
        if lift.halts.is_empty() || lift.halts.len() > LIFT_HALTS_MAX {
            return Err(HaltError::Malformed);
        }
        payload.clone_into(&mut lift.payload);
        Ok(lift)
    }

    /// The bytes that name it.
    #[must_use]
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> LiftId {
        let hash = digest(&SHA256, self.payload.as_bytes());
        LiftId(hash.as_ref().first_chunk().copied().unwrap_or_default())
    }

    /// Check words: four groups that two operators can read to each other.
    #[must_use]
    pub fn check_words(&self) -> String {
        let hash = digest(&SHA256, self.payload.as_bytes());
        let groups: Vec<String> = hash.as_ref()[..8].chunks(2).map(|pair| format!("{:02x}{:02x}", pair[0], pair[1])).collect();
        groups.join("-")
    }

    /// What operators sign.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        [LABEL, hash(&self.gateway).as_ref(), hash(&self.payload).as_ref()].concat()
    }

    /// How many different operators must sign, where the wide scopes need `quorum`: the most that any of the halts needs. What a
    /// client stopped for itself, and what concerns one key or session, one operator lifts.
    #[must_use]
    pub fn needed(&self, set: &HaltSet, quorum: usize) -> usize {
        let needs = |id: &HaltId| match set.find(*id).map(|entry| &entry.halt) {
            Some(halt) if halt.scope.is_narrow() || matches!(halt.by, crate::halt::RaisedBy::Client { .. }) => 1,
            Some(_) | None => quorum,
        };
        self.halts.iter().map(needs).max().unwrap_or(quorum).max(1)
    }

    /// Whether it can be applied to what is in force now.
    ///
    /// # Errors
    /// [`LiftError`].
    pub fn check_against(&self, set: &HaltSet, now: Timestamp) -> Result<(), LiftError> {
        if set.epoch() != self.if_epoch {
            return Err(LiftError::EpochMoved { signed: self.if_epoch, now: set.epoch() });
        }
        if now < self.not_before {
            return Err(LiftError::NotYet);
        }
        if now >= self.expires {
            return Err(LiftError::Expired);
        }
        for id in &self.halts {
            let entry = set.find(*id).ok_or(LiftError::NotInForce(*id))?;
            let level = entry.level().ok_or(LiftError::NotInForce(*id))?;
            if entry.halt.is_for_ever() {
                return Err(LiftError::ForEver(*id));
            }
            if self.to >= Some(level) {
                return Err(LiftError::NotWeaker { halt: *id, level });
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the codec's own constructor, one field each")]
    pub(crate) fn of_wire(
        gateway: Box<str>,
        halts: Vec<HaltId>,
        to: Option<Action>,
        if_epoch: u64,
        reason: Box<str>,
        by: Box<str>,
        not_before: Timestamp,
        expires: Timestamp,
    ) -> Self {
        Self { gateway, halts, to, if_epoch, reason, by, not_before, expires, payload: String::new() }
    }
}
