//! The public port, and the names under which it is reached.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use countersign_pki::{ClientAuth, ProtocolVersions, SniPolicy};

use crate::proxy_protocol::ProxyProtocol;

/// The public port.
#[derive(Clone, Debug)]
pub struct ListenSettings {
    /// Where to listen.
    pub address: SocketAddr,
    /// TLS versions.
    pub tls: ProtocolVersions,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// Whose client certificates are believed.
    pub client_ca: ClientTrust,
    /// The revocation lists of those CAs; `None`: revocation is not checked.
    pub client_crl: Option<PathBuf>,
    /// Where the server certificate comes from.
    pub certificate: CertificateSource,
    /// Which host names requests may name.
    pub authorities: Authorities,
    /// What the host name in a TLS hello is held to.
    pub sni: SniRule,
    /// Whether a load balancer in front names the clients.
    pub proxy_protocol: ProxyProtocol,
}

impl ListenSettings {
    /// Whether it listens for other machines under a certificate that names this one alone: their clients would be refused, by TLS or
    /// as asking for another host.
    #[must_use]
    pub fn is_for_this_machine_only(&self) -> bool {
        self.address.ip().is_unspecified()
            && self.certificate == CertificateSource::PrivateAuthority
            && self.authorities == Authorities::Any
    }

    /// Whether a request may name this authority (`Host` or `:authority`).
    ///
    /// # Security
    /// Without a list every authority passes: the client has checked that the certificate covers the name it dialled, and one
    /// gateway serves one set of routes under all names, so no other name can reach anything else.
    #[must_use]
    pub fn admits_authority(&self, authority: &str) -> bool {
        self.authorities.admits(authority)
    }
}

/// An authority without its port; whole, where what stands behind its last colon is no port.
#[must_use]
pub fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) && (!host.contains(':') || host.ends_with(']')) => host,
        Some(_) | None => authority,
    }
}

/// A port, or none behind its colon (RFC 3986, 3.2.3).
fn is_port(text: &str) -> bool {
    text.is_empty() || (text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0))
}

/// What the host name in a TLS hello (SNI) is held to. A hello without one, as clients of an address send it, is held to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SniRule {
    /// It is ours, and requests on the connection name the same host.
    Same,
    /// It is ours.
    Known,
    /// Nothing.
    Any,
}

impl SniRule {
    /// What a listener does about names that are not ours.
    #[must_use]
    pub const fn policy(self) -> SniPolicy {
        match self {
            Self::Same | Self::Known => SniPolicy::Known,
            Self::Any => SniPolicy::Any,
        }
    }

    /// Whether a request may name `host` on a connection whose hello asked for `sni`. An address names this machine and no other site
    /// that shares its certificate.
    #[must_use]
    pub fn admits(self, sni: Option<&str>, host: &str) -> bool {
        let (Self::Same, Some(sni)) = (self, sni) else { return true };
        let without_root = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || without_root(sni) == without_root(host)
    }
}

/// Whose client certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientTrust {
    /// The CAs of a PEM file.
    File(PathBuf),
    /// The private CA in the state folder.
    PrivateAuthority,
}

/// Where the server certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// PEM files: chain and key.
    Files {
        /// Certificate chain, leaf first.
        certificate: PathBuf,
        /// Private key.
        key: PathBuf,
    },
    /// Issued by the private CA in the state folder.
    PrivateAuthority,
}

/// Which host names requests may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Any.
    Any,
    /// These, lower case; with a port only that port, without one any.
    Listed(Vec<String>),
}

impl Authorities {
    /// Whether this authority is one of them.
    #[must_use]
    pub fn admits(&self, authority: &str) -> bool {
        let Self::Listed(listed) = self else { return true };
        let host = host_of(authority);
        listed.iter().any(|entry| entry.eq_ignore_ascii_case(authority) || (host_of(entry) == entry && entry.eq_ignore_ascii_case(host)))
    }
}
