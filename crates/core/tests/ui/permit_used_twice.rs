//! A permit is for one request: it is gone when it was used.
use countersign_core::Permit;

fn forward(_: Permit) {}

fn twice(permit: Permit) {
    forward(permit);
    forward(permit);
}

fn main() {}
