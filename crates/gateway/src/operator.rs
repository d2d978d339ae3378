//! The operator interface: metrics, health, status, records, reload and revocation over HTTP.
//!
//! ```text
//!   mutual TLS  ── certificate with URI countersign:operator:NAME ─┐
//!                                                                  ├─▶ OperatorIdentity ─▶ routes ─▶ OperatorBackend
//!   Unix socket ── 0600, same user or root ────────────────────────┘
//! ```
//!
//! | request | answer |
//! |---|---|
//! | `GET /metrics` | OpenMetrics text |
//! | `GET /healthz`, `GET /readyz` | 200, or 503 with the reason |
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/sessions`, `GET /v1/connections?limit=` | open sessions, open connections with their TLS parameters |
//! | `GET /v1/audit?correlation=&limit=` | audit records, latest last |
//! | `GET /v1/config` | the effective configuration |
//! | `POST /v1/reload` | [`ReloadReport`] |
//! | `POST /v1/keys/{id}/revoke` | [`RevokeReport`] |
//! | `GET /v1/halts`, `POST /v1/halts` | what is halted; halt ([`crate::halts::report`]) |
//! | `POST /v1/lifts`, `GET /v1/lifts/{id}`, `POST …/signatures`, `POST …/apply` | lift by quorum |
//! | `POST /v1/drills` | rehearse |
//! | `GET /v1/sessions/{sid}`, `POST /v1/sessions/{sid}/kill` | [`SessionRecord`], [`KillReport`] |
//! | `GET /v1/tokens?limit=`, `POST /v1/tokens/{target}/revoke` | [`TokenRecord`], [`TokenRevokeReport`] |
//!
//! Where `operator.health` says so, health is also told to whoever asks at a plain address ([`health`]), and nothing else there.
//!
//! What is here: transport, who the operator is, the wire form. What is not: what the answers are; the rest of the gateway
//! implements [`OperatorBackend`], and records who did what.
//!
//! # Security
//! There is no request without an [`OperatorIdentity`]: it is made from a verified certificate or from the kernel's word about
//! the peer of the socket. Requests are refused when they carry `Origin` or `Sec-Fetch-Site` (what a user typed in may read): a
//! browser that holds an operator certificate cannot be made to send them by another site, and a name of that site leads to no
//! handshake. The head guard reads before the HTTP library does, and whoever holds places without asking for anything loses them to whoever comes ([`places`], ADR 0049).

mod backend;
mod client;
mod halts;
mod health;
mod listener;
mod places;
mod router;
mod serve;
mod socket;

pub use backend::{
    AuditQuery, BackendError, ConfigLine, ConnectionRecord, FixRecord, FixUpstreamRecord, KillReport, OperatorBackend, ReloadReport,
    RevokeReport, SessionRecord, Status, TokenRecord, TokenRevokeReport,
};
pub use client::{OperatorClient, OperatorClientError};
pub use health::serve_health;
pub use listener::{serve_socket, serve_tls};
pub use socket::OperatorSocket;

use std::fmt;

use countersign_oauth::BY_OPERATOR;
use countersign_pki::CertificateIdentities;

/// Start of the URI (subjectAltName) that makes a certificate an operator's.
const OPERATOR_URI: &str = "countersign:operator:";
/// Longest operator name: it is part of audit records.
const NAME_BYTES_MAX: usize = 64;

/// Who operates. Made only from a verified certificate or a socket peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorIdentity {
    name: String,
    via: OperatorVia,
}

/// How an operator came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorVia {
    /// Mutual TLS.
    Certificate,
    /// The Unix socket.
    Socket,
}

impl OperatorIdentity {
    /// The operator of a certificate that TLS verified on this connection; `None` when it is not an operator's, or names two.
    #[must_use]
    pub fn of_certificate(certificate: &CertificateIdentities) -> Option<Self> {
        let mut names = certificate.uris.iter().filter_map(|uri| uri.strip_prefix(OPERATOR_URI));
        let (Some(name), None) = (names.next(), names.next()) else { return None };
        let fine = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        fine.then(|| Self { name: name.to_owned(), via: OperatorVia::Certificate })
    }

    fn of_socket_peer(uid: u32) -> Self {
        Self { name: format!("uid-{uid}"), via: OperatorVia::Socket }
    }

    /// The name for the audit log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How records say who did it. Revocations are told by it from those of clients.
    #[must_use]
    pub(crate) fn by(&self) -> String {
        format!("{BY_OPERATOR}{}", self.name)
    }

    /// How they came in.
    #[must_use]
    pub const fn via(&self) -> OperatorVia {
        self.via
    }
}

impl fmt::Display for OperatorIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests;
