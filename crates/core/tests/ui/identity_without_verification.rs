//! Only `verify` and `verify_certificate` make an identity.
use std::sync::Arc;

use countersign_core::{Credential, Timestamp, VerifiedIdentity};

fn forge(credential: Arc<Credential>) -> VerifiedIdentity {
    VerifiedIdentity { credential, verified_at: Timestamp::from_millis(0), narrowed: None }
}

fn main() {}
