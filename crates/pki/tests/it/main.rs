//! Handshakes in memory, credentials in temporary folders: what this crate promises, seen from outside.
#![allow(clippy::unwrap_used, missing_docs)]

#[macro_use]
mod harness;

mod client_certificates;
mod credential_files;
mod handshakes;
mod openssl;
mod private_authority;
mod reload;
mod resumption;
