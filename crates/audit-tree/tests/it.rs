//! The tree against a naive one and against known vectors; the judge against every way to tamper; proofs against every change.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod it {
    mod evidence;
    mod judge;
    mod support;
    mod tree;
}
