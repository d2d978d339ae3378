//! There is no permit to start from.
use countersign_core::Permit;

fn forge() -> Permit {
    Permit::default()
}

fn main() {}
