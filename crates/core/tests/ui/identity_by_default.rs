//! There is no identity to start from.
use countersign_core::VerifiedIdentity;

fn forge() -> VerifiedIdentity {
    VerifiedIdentity::default()
}

fn main() {}
