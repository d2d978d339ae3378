//! The session from outside: both ends, and a network that does what it likes.
#![allow(clippy::unwrap_used)]

mod fencing;
mod mirror;
mod model;
