//! TLS credentials and TLS configuration: the private CA, certificates, hot reload, resumption tickets.
//!
//! What is here: everything that decides *with what* a TLS connection is made and *what is known* about it afterwards.
//! What is not: sockets, accept loops, upstream TLS, the mapping of a certificate to a credential. This crate reads and
//! writes files, never the network; time is always an argument or a [`rustls::time_provider::TimeProvider`].
//!
//! ```text
//!   files ──► PrivateAuthority ──► IssuedCertificate ──► ServerCertificate ─┐
//!                                                    └─► ClientCertificate  │
//!   ca.pem ─► TrustBundle ─┐                                    │           │
//!   *.crl ──► RevocationLists ─► ListenerPolicy ──► ServerTls ◄─┼───────────┘
//!                                                      │        │      TicketKeyRing (shared by all listeners)
//!                                  current() per accept│        └──► ClientTls ──► Arc<ClientConfig>
//!                                                      ▼
//!                              Arc<ServerTlsSnapshot>: immutable config + what belongs to it
//! ```
//!
//! Invariants:
//! 1. The crypto provider is [`crypto_provider`], passed explicitly; the process default is never consulted.
//! 2. A [`ServerTlsSnapshot`] never changes. A reload makes a new one; connections keep theirs.
//! 3. A ticket resumes only under the snapshot parameters it was made under (see [`TicketKeyRing`]).
//! 4. A private key file that others can read is refused, and no private key is ever printed.
//!
//! Start reading at [`ServerTls`], then [`TicketKeyRing`].

mod authority;
mod channel_binding;
mod client_tls;
mod client_verifier;
mod digest;
mod error;
mod files;
mod identities;
mod issue;
mod keyed_certificate;
pub mod limits;
mod listener_policy;
mod negotiated;
mod provider;
mod renewal;
mod resolver;
mod revocation;
mod server_tls;
mod ticket_keys;
mod ticketer;
mod trust;

pub use authority::{AuthorityOrigin, PrivateAuthority};
pub use channel_binding::{EXPORTER_BINDING_LABEL, exporter_binding, leaf_certificate_hash};
pub use client_tls::ClientTls;
pub use error::{ClientCertificateError, PkiError};
pub use identities::CertificateIdentities;
pub use issue::{ClientCertificateRequest, IssuedCertificate, ServerCertificateRequest};
pub use keyed_certificate::{ClientCertificate, ServerCertificate};
pub use listener_policy::{ClientAuth, ListenerPolicy, ProtocolVersions, SniPolicy};
pub use negotiated::{HandshakeMode, NegotiatedParameters, TlsVersion};
pub use provider::crypto_provider;
pub use renewal::{Renewal, ensure_client_certificate, ensure_server_certificate};
pub use revocation::{RevocationLists, RevokedCertificate};
pub use rustls_pki_types::UnixTime;
pub use server_tls::{CertificateFiles, ListenerFiles, Reload, ServerTls, ServerTlsSnapshot};
pub use ticket_keys::{TicketKey, TicketKeyRing};
pub use trust::TrustBundle;
