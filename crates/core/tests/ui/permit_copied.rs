//! A permit is for one request: it is not copied.
use countersign_core::Permit;

fn copy(permit: &Permit) -> Permit {
    permit.clone()
}

fn main() {}
