//! Countersign: the gateway in front of a trading API.
fn main() {}
