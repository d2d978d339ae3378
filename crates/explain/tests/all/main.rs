//! The whole way from an input to a report.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, missing_docs)]

mod catalogue;
mod client;
mod faults;
mod mistakes;
mod other;
mod vectors;
