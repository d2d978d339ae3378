//! Certificates that the private CA issues, and what each port says in TLS.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_gateway::clock;
use countersign_gateway::config::{Authorities, CertificateSource, ClientTrust, Settings, host_of};
use countersign_pki::{
    CertificateFiles, ClientAuth, ClientCertificateRequest, ListenerFiles, ListenerPolicy, PkiError, PrivateAuthority, ProtocolVersions,
    ServerCertificateRequest, ServerTls, SniPolicy, TicketKeyRing, UnixTime, ensure_client_certificate, ensure_server_certificate,
};
use countersign_store::StateDir;
use rustls::time_provider::TimeProvider;

const SERVER_FILE: &str = "server.pem";
const OPERATOR_SERVER_FILE: &str = "operator-server.pem";

/// Certificates and tickets of TLS are judged by the clock that everything else is judged by: a machine's clock that was set wrong would
/// call them expired.
#[derive(Debug)]
pub(super) struct WallClock;

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(clock::unix_now())
    }
}

/// Issues what the private CA issues, where it is missing or due: certificates of both ports, and the first operator's.
///
/// # Errors
/// A file cannot be read or written; the others stay as they were.
pub(crate) fn issue_certificates(settings: &Settings, dir: &StateDir, authority: &PrivateAuthority) -> Result<(), PkiError> {
    let now = clock::unix_now();
    if settings.listen.certificate == CertificateSource::PrivateAuthority {
        ensure_server_certificate(authority, &dir.path().join(SERVER_FILE), &server_names(settings), now)?;
    }
    let mut names = ServerCertificateRequest::default();
    add_address(&mut names, settings.operator.address.ip());
    ensure_server_certificate(authority, &dir.path().join(OPERATOR_SERVER_FILE), &names, now)?;
    let operator = ClientCertificateRequest::new("operator", "countersign:operator:first");
    ensure_client_certificate(authority, &dir.path().join("operator.pem"), &operator, now)?;
    Ok(())
}

fn combined(path: PathBuf) -> CertificateFiles {
    CertificateFiles { chain: path.clone(), key: path }
}

pub(super) fn public_tls(
    settings: &Settings,
    dir: &StateDir,
    tickets: &Arc<TicketKeyRing>,
    clock: &Arc<dyn TimeProvider>,
) -> anyhow::Result<ServerTls> {
    let files = server_files(settings, dir);
    let client_ca = match (&settings.listen.client_auth, &settings.listen.client_ca) {
        (ClientAuth::Off, _) => Vec::new(),
        (ClientAuth::Optional | ClientAuth::Required, ClientTrust::File(path)) => vec![path.clone()],
        (ClientAuth::Optional | ClientAuth::Required, ClientTrust::PrivateAuthority) => vec![dir.path().join("ca.pem")],
    };
    let mut policy = ListenerPolicy::new("clients");
    policy.versions = settings.listen.tls;
    policy.client_auth = settings.listen.client_auth;
    policy.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"countersign/1".to_vec()];
    policy.sni = settings.listen.sni.policy();
    if let Authorities::Listed(listed) = &settings.listen.authorities {
        policy.names = listed.iter().map(|authority| host_of(authority).to_owned()).collect();
    }
    let revocation = settings.listen.client_crl.iter().filter(|_| !client_ca.is_empty()).cloned().collect();
    let files = ListenerFiles { certificates: vec![files], client_ca, revocation };
    Ok(ServerTls::from_files(policy, files, Arc::clone(tickets), Arc::clone(clock), clock::unix_now())?)
}

fn server_files(settings: &Settings, dir: &StateDir) -> CertificateFiles {
    match &settings.listen.certificate {
        CertificateSource::Files { certificate, key } => CertificateFiles { chain: certificate.clone(), key: key.clone() },
        CertificateSource::PrivateAuthority => combined(dir.path().join(SERVER_FILE)),
    }
}

/// The port for proxies: the certificate of the public port, and a client certificate of a CA that is for proxies only.
pub(super) fn authz_tls(
    settings: &Settings,
    dir: &StateDir,
    tickets: &Arc<TicketKeyRing>,
    clock: &Arc<dyn TimeProvider>,
) -> anyhow::Result<Option<ServerTls>> {
    let Some(client_ca) = settings.authz.client_ca.clone().filter(|_| settings.authz.address.is_some()) else { return Ok(None) };
    let mut policy = ListenerPolicy::new("proxies");
    // nginx of Debian 12 and older Envoys offer 1.3 as well.
    policy.versions = ProtocolVersions::Tls13Only;
    policy.client_auth = ClientAuth::Required;
    policy.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let revocation = settings.authz.client_crl.iter().cloned().collect();
    let files = ListenerFiles { certificates: vec![server_files(settings, dir)], client_ca: vec![client_ca], revocation };
    Ok(Some(ServerTls::from_files(policy, files, Arc::clone(tickets), Arc::clone(clock), clock::unix_now())?))
}

/// The operator port: a client certificate of the private CA, always.
pub(super) fn operator_tls(dir: &StateDir, tickets: &Arc<TicketKeyRing>, clock: &Arc<dyn TimeProvider>) -> anyhow::Result<ServerTls> {
    let certificate = combined(dir.path().join(OPERATOR_SERVER_FILE));
    let mut policy = ListenerPolicy::new("operators");
    policy.versions = ProtocolVersions::Tls13Only;
    policy.client_auth = ClientAuth::Required;
    // By its names and addresses only: a name that a page led a browser here by is none of them.
    policy.sni = SniPolicy::Known;
    // The operators' doors speak this alone (ADR 0049).
    policy.alpn = vec![b"http/1.1".to_vec()];
    let files = ListenerFiles { certificates: vec![certificate], client_ca: vec![dir.path().join("ca.pem")], revocation: Vec::new() };
    Ok(ServerTls::from_files(policy, files, Arc::clone(tickets), Arc::clone(clock), clock::unix_now())?)
}

/// `localhost`, the loopback addresses, the address listened on, and the names that the configuration lists.
fn server_names(settings: &Settings) -> ServerCertificateRequest {
    let mut names = ServerCertificateRequest::default();
    add_address(&mut names, settings.listen.address.ip());
    if let Authorities::Listed(listed) = &settings.listen.authorities {
        for authority in listed {
            let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
            match host.trim_matches(['[', ']']).parse() {
                Ok(address) => add_address(&mut names, address),
                Err(_) if names.dns_names.iter().any(|known| known == host) => {}
                Err(_) => names.dns_names.push(host.to_owned()),
            }
        }
    }
    names
}

fn add_address(names: &mut ServerCertificateRequest, address: std::net::IpAddr) {
    if !address.is_unspecified() && !names.ip_addresses.contains(&address) {
        names.ip_addresses.push(address);
    }
}
