//! The binary from outside: what it prints, how it ends, what it leaves behind.
#![allow(clippy::unwrap_used)]

mod configuration;
mod connect;
mod demo;
mod environment;
mod harness;
mod help;
mod keys;
mod probe;
mod resume;
mod vectors;
mod venue;
