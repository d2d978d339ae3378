//! Handshakes in memory, credentials in temporary folders: what this crate promises, seen from outside.
#![allow(clippy::result_large_err, clippy::unwrap_in_result, clippy::unwrap_used)]

#[macro_use]
mod harness;

mod chain_validation;
mod client_certificates;
mod credential_files;
mod handshakes;
mod openssl;
mod private_authority;
mod reload;
mod resumption;
