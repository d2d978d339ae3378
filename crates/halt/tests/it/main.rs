//! The emergency shutdown, from outside.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, missing_docs)]

mod agreement;
mod cluster;
mod lattice;
mod model;
mod records;
mod roll_model;
mod room;
mod support;
mod views;
