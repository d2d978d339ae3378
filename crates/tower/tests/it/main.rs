//! The layer from outside: with its own clock, and in a whole service.
#![allow(clippy::unwrap_used)]

mod example;
mod gate;
