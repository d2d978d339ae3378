//! Only the policy makes a permit.
use countersign_core::{Permit, VerifiedIdentity};

fn forge(identity: VerifiedIdentity) -> Permit {
    Permit { identity: Some(identity), route: "orders".into(), upstream: 0 }
}

fn main() {}
