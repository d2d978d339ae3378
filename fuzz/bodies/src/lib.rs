//! What the fuzz targets do with their bytes.
//!
//! Each body takes any bytes, must never panic on account of them, and asserts what holds for whatever was accepted. The targets
//! under `fuzz/fuzz_targets` call these bodies; the tests of this crate replay the committed corpora through them, so that an
//! input that once was a finding stays tested without a fuzzer.
//!
//! What is not here: the generation of inputs (libFuzzer's) and the seeds (`fuzz/corpus`).

mod audit;
mod binance;
mod dialects;
mod fix;
mod gateway;
mod handshake;
mod oauth;
mod public_key;
mod session;

pub use audit::{audit_evidence, audit_log};
pub use binance::{binance_rest, binance_ws_api};
pub use dialects::{every_dialect, presented_in};
pub use fix::fix_session;
pub use gateway::{configuration, http_framing, proxy_header};
pub use handshake::{credential_file, hello, resume_reauth_regrant, strict_json, token, welcome};
pub use oauth::{client_jwt, token_request};
pub use public_key::public_key;
pub use session::session_frames;

/// A body with the name of its target and of its corpus folder.
pub type Body = (&'static str, fn(&[u8]));

/// All bodies, in the order of their names.
pub const BODIES: &[Body] = &[
    ("audit_evidence", audit_evidence),
    ("audit_log", audit_log),
    ("binance_rest", binance_rest),
    ("binance_ws_api", binance_ws_api),
    ("client_jwt", client_jwt),
    ("configuration", configuration),
    ("credential_file", credential_file),
    ("every_dialect", every_dialect),
    ("fix_session", fix_session),
    ("hello", hello),
    ("http_framing", http_framing),
    ("proxy_header", proxy_header),
    ("public_key", public_key),
    ("resume_reauth_regrant", resume_reauth_regrant),
    ("session_frames", session_frames),
    ("strict_json", strict_json),
    ("token", token),
    ("token_request", token_request),
    ("welcome", welcome),
];
