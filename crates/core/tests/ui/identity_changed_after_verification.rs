//! An identity stays what was verified.
use std::sync::Arc;

use countersign_core::{Credential, VerifiedIdentity};

fn swap(identity: &mut VerifiedIdentity, other: Arc<Credential>) {
    identity.credential = other;
}

fn main() {}
