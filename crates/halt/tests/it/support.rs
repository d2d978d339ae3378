//! Halts for tests.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::{AccountId, ApiKeyId, Timestamp};
use countersign_halt::{Action, Halt, HaltClass, HaltId, HaltScope, Lift, Operator, OperatorSet, OperatorSignature, RaisedBy, Reason};

pub(crate) const GATEWAY: &str = "root-of-the-gateway";
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(crate) fn id(byte: u8) -> HaltId {
    HaltId::from_bytes([byte; 6])
}

pub(crate) fn halt(byte: u8, scope: &str, action: Action) -> Halt {
    Halt {
        action,
        id: id(byte),
        scope: HaltScope::parse(scope).unwrap(),
        reason: Reason::Runaway,
        text: "an algorithm".into(),
        class: HaltClass::Manual,
        by: RaisedBy::Operator("alice".into()),
        at: NOW,
        review_by: None,
    }
}

pub(crate) fn by_client(mut halt: Halt) -> Halt {
    halt.by = RaisedBy::Client { account: AccountId::parse("desk").unwrap(), key: ApiKeyId::parse("k1").unwrap() };
    halt
}

pub(crate) fn pair(name: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[name.as_bytes()[0]; 32]).unwrap()
}

pub(crate) fn operator(name: &str) -> Operator {
    Operator { name: name.into(), key: pair(name).public_key().as_ref().try_into().unwrap() }
}

pub(crate) fn three(quorum: usize) -> OperatorSet {
    OperatorSet::new(GATEWAY, ["alice", "bob", "carol"].map(operator).to_vec(), quorum).unwrap()
}

pub(crate) fn sign(lift: &Lift, name: &str) -> OperatorSignature {
    OperatorSignature { operator: name.into(), signature: pair(name).sign(&lift.signed_bytes()).as_ref().to_vec() }
}
