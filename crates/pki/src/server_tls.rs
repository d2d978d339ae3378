//! The TLS side of a listener: one immutable snapshot at a time, exchanged whole.
//!
//! An accept takes [`ServerTls::snapshot`] (one atomic load) and keeps it for the life of the connection. A reload builds
//! the next snapshot completely and swaps it in only if everything is sound; connections in flight keep theirs. So
//! there is no moment at which a new certificate meets an old ticket binding or an old trust bundle.
//!
//! What a resumption takes over is checked twice: the ticket opens only under the same demands (`ticketer`), and the
//! gateway calls [`ServerTls::recheck_handshake`] after every handshake, because time passes and lists change.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::time_provider::TimeProvider;
use rustls::{HandshakeKind, NoKeyLog, ServerConnection};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::error::{ClientCertificateError, PkiError};
use crate::keyed_certificate::ServerCertificate;
use crate::limits::LISTENER_CERTIFICATES_MAX;
use crate::listener_policy::{ClientAuth, ListenerPolicy};
use crate::provider::crypto_provider;
use crate::resolver::NamedCertificates;
use crate::revocation::RevocationLists;
use crate::ticket_keys::TicketKeyRing;
use crate::ticketer::BoundTicketer;
use crate::trust::from_optional_files;

/// Files of one certificate; chain and key may be the same file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM, leaf first.
    pub chain: PathBuf,
    /// PEM, for its owner only.
    pub key: PathBuf,
}

/// Files that a listener reads at start and at every reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFiles {
    /// Server certificates; the first is the default.
    pub certificates: Vec<CertificateFiles>,
    /// CAs of client certificates.
    pub client_ca: Vec<PathBuf>,
    /// Their revocation lists; empty means that revocation is not checked.
    pub revocation: Vec<PathBuf>,
}

/// What a reload did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// New connections get the new snapshot.
    Swapped,
    /// The files say what they said before; tickets stay good.
    Unchanged,
}

/// One state of a listener's TLS. Never changes.
#[derive(Debug)]
pub struct ServerTlsSnapshot {
    config: Arc<ServerConfig>,
    certificates: Arc<NamedCertificates>,
    client_verifier: Option<Arc<dyn ClientCertVerifier>>,
    policy: ListenerPolicy,
    generation: u64,
}

/// A listener's TLS, with hot reload.
#[derive(Debug)]
pub struct ServerTls {
    snapshot: ArcSwap<ServerTlsSnapshot>,
    files: Mutex<Option<ListenerFiles>>,
    tickets: Arc<TicketKeyRing>,
    clock: Arc<dyn TimeProvider>,
    generation: AtomicU64,
}

impl ServerTls {
    /// A listener with credentials that are already here.
    ///
    /// `clock` is what rustls verifies certificates with; pass [`rustls::time_provider::DefaultTimeProvider`] outside
    /// tests.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn new(
        policy: ListenerPolicy,
        certificates: Vec<ServerCertificate>,
        tickets: Arc<TicketKeyRing>,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Self, PkiError> {
        let snapshot = ServerTlsSnapshot::build(policy, certificates, &tickets, &clock, 0)?;
        Ok(Self { snapshot: ArcSwap::from_pointee(snapshot), files: Mutex::new(None), tickets, clock, generation: AtomicU64::new(0) })
    }

    /// A listener whose credentials are in files. Trust and revocation of `policy` are replaced by what the files hold.
    ///
    /// # Errors
    /// A file or setting that cannot work; the text names it.
    pub fn from_files(
        policy: ListenerPolicy,
        files: ListenerFiles,
        tickets: Arc<TicketKeyRing>,
        clock: Arc<dyn TimeProvider>,
        now: UnixTime,
    ) -> Result<Self, PkiError> {
        let (policy, certificates) = files.read(policy, now)?;
        let server = Self::new(policy, certificates, tickets, clock)?;
        *server.lock_files() = Some(files);
        Ok(server)
    }

    /// The configuration for the next accept.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.snapshot.load().config)
    }

    /// The snapshot for the next accept: configuration and what belongs to it.
    pub fn snapshot(&self) -> Arc<ServerTlsSnapshot> {
        self.snapshot.load_full()
    }

    /// Reads the files again. On an error the last good snapshot stays.
    ///
    /// # Errors
    /// As [`from_files`](Self::from_files).
    pub fn reload(&self, now: UnixTime) -> Result<Reload, PkiError> {
        let files = self.lock_files();
        let Some(files) = files.as_ref() else {
            return Ok(Reload::Unchanged);
        };
        let before = self.snapshot();
        let (policy, certificates) = files.read(before.policy.clone(), now)?;
        if before.has_same_credentials(&policy, &certificates) {
            return Ok(Reload::Unchanged);
        }
        self.swap(policy, certificates)
    }

    /// Exchanges policy and credentials. On an error the last good snapshot stays.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn replace(&self, policy: ListenerPolicy, certificates: Vec<ServerCertificate>) -> Result<(), PkiError> {
        let mut files = self.lock_files();
        self.swap(policy, certificates)?;
        // What was put in by hand is not to be undone by the next reload.
        *files = None;
        Ok(())
    }

    /// To be called once after every handshake: is the client's certificate acceptable under the policy in force now?
    ///
    /// A full handshake under the snapshot that is still in force has just answered that, and costs nothing here. After a
    /// resumption, which restores the certificate without looking at it, or a reload during the handshake, the
    /// chain is verified.
    ///
    /// # Errors
    /// Why it is not; the connection is then to be closed.
    pub fn recheck_handshake(
        &self,
        connection: &ServerConnection,
        accepted_under: &ServerTlsSnapshot,
        now: UnixTime,
    ) -> Result<(), ClientCertificateError> {
        let current = self.snapshot.load();
        let is_full = matches!(connection.handshake_kind(), Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest));
        if is_full && !connection.is_handshaking() && std::ptr::eq(&raw const **current, accepted_under) {
            return Ok(());
        }
        current.recheck_client_certificate(connection.peer_certificates(), now)
    }

    /// Is this client certificate acceptable *now*, under the policy that is in force *now*?
    ///
    /// For connections that stay open: after a reload, and when the certificate's validity ends. `chain` is
    /// `peer_certificates()` of the connection. Right after a handshake see [`recheck_handshake`](Self::recheck_handshake).
    ///
    /// # Errors
    /// Why it is not; the connection is then to be closed.
    pub fn recheck_client_certificate(&self, chain: Option<&[CertificateDer<'_>]>, now: UnixTime) -> Result<(), ClientCertificateError> {
        self.snapshot.load().recheck_client_certificate(chain, now)
    }

    fn swap(&self, policy: ListenerPolicy, certificates: Vec<ServerCertificate>) -> Result<Reload, PkiError> {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let next = ServerTlsSnapshot::build(policy, certificates, &self.tickets, &self.clock, generation)?;
        self.snapshot.store(Arc::new(next));
        Ok(Reload::Swapped)
    }

    /// Held during a reload, so that two of them cannot put an older state over a newer one.
    fn lock_files(&self) -> std::sync::MutexGuard<'_, Option<ListenerFiles>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerTlsSnapshot {
    fn build(
        policy: ListenerPolicy,
        certificates: Vec<ServerCertificate>,
        tickets: &Arc<TicketKeyRing>,
        clock: &Arc<dyn TimeProvider>,
        generation: u64,
    ) -> Result<Self, PkiError> {
        policy.check()?;
        if certificates.is_empty() || certificates.len() > LISTENER_CERTIFICATES_MAX {
            return Err(policy.invalid("a listener has 1 to 32 server certificates"));
        }
        let client_verifier = policy.client_verifier()?;
        let ticketer = BoundTicketer::new(Arc::clone(tickets), &policy, &certificates);
        let certificates = Arc::new(NamedCertificates::new(certificates, policy.sni, policy.names.clone()));
        let mut config = bare_config(&policy, client_verifier.as_ref(), &certificates, clock)?;
        config.ticketer = Arc::new(ticketer);
        Ok(Self { config: Arc::new(config), certificates, client_verifier, policy, generation })
    }

    /// The rustls configuration.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The policy in force.
    pub fn policy(&self) -> &ListenerPolicy {
        &self.policy
    }

    /// Counts the snapshots of a listener from 0.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a hello with this SNI is answered, under [`SniPolicy`](crate::SniPolicy).
    pub fn serves(&self, server_name: Option<&str>) -> bool {
        self.certificates.serves(server_name)
    }

    /// The server certificate that a connection with this SNI got, or gets.
    pub fn certificate_for(&self, server_name: Option<&str>) -> Option<&ServerCertificate> {
        self.certificates.select(server_name)
    }

    /// When the first of the listener's certificates ends, in Unix seconds.
    pub fn certificates_end(&self) -> u64 {
        self.certificates.certificates().iter().map(|certificate| certificate.identities().not_after).min().unwrap_or_default()
    }

    /// SHA-256 of that certificate: the server's side of a binding to the server certificate. Right for resumed
    /// connections too, because a ticket does not outlive the certificates it was made under.
    pub fn leaf_certificate_hash(&self, server_name: Option<&str>) -> Option<[u8; 32]> {
        self.certificate_for(server_name).map(ServerCertificate::leaf_hash)
    }

    /// As [`ServerTls::recheck_client_certificate`], under this snapshot.
    ///
    /// # Errors
    /// Why the certificate is not acceptable.
    pub fn recheck_client_certificate(&self, chain: Option<&[CertificateDer<'_>]>, now: UnixTime) -> Result<(), ClientCertificateError> {
        match (chain.and_then(<[_]>::split_first), &self.client_verifier) {
            (None, _) if self.policy.client_auth == ClientAuth::Required => Err(ClientCertificateError::Missing),
            (None, _) => Ok(()),
            // Nobody is trusted here any more.
            (Some(_), None) => Err(ClientCertificateError::UnknownIssuer),
            (Some((leaf, intermediates)), Some(verifier)) => {
                verifier.verify_client_cert(leaf, intermediates, now).map(|_| ()).map_err(ClientCertificateError::from)
            }
        }
    }

    fn has_same_credentials(&self, policy: &ListenerPolicy, certificates: &[ServerCertificate]) -> bool {
        let chains = |list: &[ServerCertificate]| -> Vec<_> { list.iter().map(|one| one.chain().to_vec()).collect() };
        self.policy.client_trust.hash() == policy.client_trust.hash()
            && self.policy.revocation.hash() == policy.revocation.hash()
            && chains(self.certificates.certificates()) == chains(certificates)
    }
}

/// Everything but the tickets. Each line that repeats a default of rustls does so on purpose.
fn bare_config(
    policy: &ListenerPolicy,
    client_verifier: Option<&Arc<dyn ClientCertVerifier>>,
    certificates: &Arc<NamedCertificates>,
    clock: &Arc<dyn TimeProvider>,
) -> Result<ServerConfig, PkiError> {
    let builder = ServerConfig::builder_with_details(crypto_provider(), Arc::clone(clock))
        .with_protocol_versions(policy.versions.supported())
        .map_err(PkiError::Tls)?;
    let builder = match client_verifier {
        Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::clone(certificates) as Arc<_>);
    config.alpn_protocols.clone_from(&policy.alpn);
    // Our order of suites counts: AES-128-GCM first.
    config.ignore_client_order = true;
    // No early data, in either direction: it can be replayed.
    config.max_early_data_size = 0;
    config.send_half_rtt_data = false;
    // One ticket per handshake, however many a client asks for (RFC 9149): each costs a seal and bytes.
    config.send_tls13_tickets = 1;
    config.max_tls13_tickets = 0;
    // TLS 1.2 without extended master secret is open to the triple handshake (RFC 7627); and its session ids would
    // be a second way to resume, past the tickets' binding.
    config.require_ems = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.key_log = Arc::new(NoKeyLog {});
    config.enable_secret_extraction = false;
    Ok(config)
}

impl ListenerFiles {
    fn read(&self, policy: ListenerPolicy, now: UnixTime) -> Result<(ListenerPolicy, Vec<ServerCertificate>), PkiError> {
        let certificates =
            self.certificates.iter().map(|files| ServerCertificate::load(&files.chain, &files.key, now)).collect::<Result<_, _>>()?;
        let policy = ListenerPolicy {
            client_trust: from_optional_files(&self.client_ca)?,
            revocation: RevocationLists::from_files(&self.revocation)?,
            ..policy
        };
        Ok((policy, certificates))
    }
}
