//! What a halt may ask of a venue is no permission to forward anything.
use countersign_core::{CancelPermit, Permit};

fn forward(_permit: Permit) {}

fn misuse(cancel: CancelPermit) {
    forward(cancel);
}

fn main() {}
