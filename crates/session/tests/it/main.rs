//! The session from outside: both ends, and a network that does what it likes.
#![allow(clippy::unwrap_used)]

mod asked_twice;
mod busy_feed;
mod fencing;
mod mirror;
mod model;
