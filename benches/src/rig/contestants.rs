//! All servers of a run, started once and measured in turn.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::certificates::Certificates;
use super::countersign::{ClientAuth, Gateway, start_venue};
use super::machine::Machine;
use super::server::{Server, free_address};
use super::{haproxy, nginx};
use crate::load::{Dialler, Exchange, Group, Security, Signed};

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Who {
    /// The gateway.
    Countersign,
    /// The upstream itself, without anything in front and without TLS: the floor.
    Direct,
    /// HAProxy.
    Haproxy,
    /// nginx.
    Nginx,
}

impl Who {
    /// Its name in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Countersign => "countersign",
            Self::Direct => "direct",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }
}

/// The credentials that peers check too.
pub(super) struct Keys {
    /// HMAC-SHA256.
    pub(super) hmac: Signed,
    /// Ed25519.
    pub(super) ed25519: Signed,
}

/// Credential files.
pub(super) struct KeyFiles {
    pub(super) hmac: PathBuf,
    pub(super) ed25519: PathBuf,
    pub(super) native: PathBuf,
}

/// A server as the load generator sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Whose CPU time counts.
    pub(super) pid: u32,
}

/// What runs.
pub(super) struct Contestants {
    pub(super) certificates: Certificates,
    pub(super) files: KeyFiles,
    keys: Keys,
    countersign: Target,
    countersign_mutual: Target,
    nginx: Target,
    nginx_mutual: SocketAddr,
    haproxy: Target,
    haproxy_mutual: SocketAddr,
    upstream: Target,
    floor: Target,
    /// Whether the paper venue runs, and why not.
    pub(super) venue: Result<(), String>,
    _servers: Vec<Server>,
}

impl Contestants {
    /// Starts upstream, gateway, nginx and HAProxy.
    pub(super) fn start(machine: &Machine, folder: &Path) -> Result<Self> {
        let certificates = Certificates::make(folder)?;
        let mut servers = Vec::new();
        let upstream = trivial(machine, folder, "upstream", &mut servers)?;
        let floor = trivial(machine, folder, "floor", &mut servers)?;
        let venue_address = free_address()?;
        let upstreams = (upstream.address, venue_address);
        let public = Gateway::new("countersign", folder, &certificates, ClientAuth::Off, upstreams)?;
        // The first start makes the state folder that keys are added to.
        public.start(machine)?.stop()?;
        public.account()?;
        let files = KeyFiles {
            hmac: public.key("binance", "HS256", "hmac.json")?,
            ed25519: public.key("binance", "Ed25519", "ed25519.json")?,
            native: public.key("native", "Ed25519", "native.json")?,
        };
        let keys = Keys { hmac: Signed::from_file(&files.hmac)?, ed25519: Signed::from_file(&files.ed25519)? };
        let countersign = add(&mut servers, public.start(machine)?, public.address);
        let mutual = Gateway::new("countersign-mutual", folder, &certificates, ClientAuth::Required, upstreams)?;
        let countersign_mutual = add(&mut servers, mutual.start(machine)?, mutual.address);
        let [nginx_tls, nginx_mutual, haproxy_tls, haproxy_mutual] = [free_address()?, free_address()?, free_address()?, free_address()?];
        let config = folder.join("nginx.conf");
        std::fs::write(&config, nginx::config(folder, &certificates, &keys, nginx_tls, nginx_mutual, upstream.address))?;
        let mut command = machine.on_server_core(Path::new("/usr/sbin/nginx"));
        command.arg("-p").arg("/usr/share/nginx").arg("-c").arg(&config);
        let nginx = add(&mut servers, Server::start("nginx", command, &[nginx_tls, nginx_mutual], folder)?, nginx_tls);
        let config = folder.join("haproxy.cfg");
        std::fs::write(&config, haproxy::config(&certificates, &keys, haproxy_tls, haproxy_mutual, upstream.address))?;
        let mut command = machine.on_server_core(Path::new("/usr/sbin/haproxy"));
        command.arg("-db").arg("-f").arg(&config);
        let haproxy = add(&mut servers, Server::start("haproxy", command, &[haproxy_tls, haproxy_mutual], folder)?, haproxy_tls);
        let venue = venue(machine, folder, countersign.address, venue_address).map(|server| servers.push(server));
        Ok(Self {
            certificates,
            files,
            keys,
            countersign,
            countersign_mutual,
            nginx,
            nginx_mutual,
            haproxy,
            haproxy_mutual,
            upstream,
            floor,
            venue: venue.map_err(|error| format!("{error:#}")),
            _servers: servers,
        })
    }

    /// The server of one contestant, without client certificates.
    pub(super) fn target(&self, who: Who) -> Target {
        match who {
            Who::Countersign => self.countersign,
            Who::Direct => self.upstream,
            Who::Haproxy => self.haproxy,
            Who::Nginx => self.nginx,
        }
    }

    /// The server of one contestant that wants a client certificate.
    pub(super) fn mutual(&self, who: Who) -> Target {
        match who {
            Who::Countersign => self.countersign_mutual,
            Who::Direct => self.floor,
            Who::Haproxy => Target { address: self.haproxy_mutual, ..self.haproxy },
            Who::Nginx => Target { address: self.nginx_mutual, ..self.nginx },
        }
    }

    /// The trivial server on the server core: a connection without TLS, and nothing done.
    pub(super) const fn floor(&self) -> Target {
        self.floor
    }

    /// The upstream of all.
    pub(super) const fn upstream_pid(&self) -> u32 {
        self.upstream.pid
    }

    /// Sends everybody a request with a right and one with a wrong signature: who forwards the wrong one does less work than the
    /// others, and may not be compared with them.
    pub(super) fn check(&self) -> Result<()> {
        for (who, path, keys) in [
            (Who::Countersign, "/api/v3/account", &self.keys.hmac),
            (Who::Countersign, "/api/v3/account", &self.keys.ed25519),
            (Who::Haproxy, "/api/v3/account", &self.keys.hmac),
            (Who::Nginx, "/api/v3/account", &self.keys.hmac),
            (Who::Nginx, "/ed25519/account", &self.keys.ed25519),
        ] {
            let target = self.target(who);
            let right = keys.get(target.address, path);
            let (good, bad) = (status(target.address, &right)?, status(target.address, &tampered(right))?);
            if good != 200 || !(400..=403).contains(&bad) {
                bail!("{} answers {path} with {good} when it is signed and with {bad} when it is tampered with", who.name());
            }
        }
        Ok(())
    }
}

/// The same request with another time in it than the signed one.
fn tampered(mut request: Vec<u8>) -> Vec<u8> {
    let field = b"omitZeroBalances=true";
    let at = request.windows(field.len()).position(|window| window == field).expect("every signed request has the field");
    request[at..at + field.len()].copy_from_slice(b"omitZeroBalances=TRUE");
    request
}

fn status(address: SocketAddr, request: &[u8]) -> Result<u16> {
    let security = Security { group: Group::X25519, resume: false, alpn: b"http/1.1" };
    let mut wire = Dialler::with(address, Some(security), None, 0)?.dial()?;
    Exchange::new().status(&mut wire, request)
}

fn add(servers: &mut Vec<Server>, server: Server, address: SocketAddr) -> Target {
    let target = Target { address, pid: server.pid() };
    servers.push(server);
    target
}

/// The trivial server: as upstream on the client core, as floor on the server core.
fn trivial(machine: &Machine, folder: &Path, name: &'static str, servers: &mut Vec<Server>) -> Result<Target> {
    let own = std::env::current_exe()?;
    let address = free_address()?;
    let mut command = if name == "floor" { machine.on_server_core(&own) } else { machine.on_client_core(&own) };
    command.args(["upstream", "--listen", &address.to_string()]);
    Ok(add(servers, Server::start(name, command, &[address], folder)?, address))
}

/// The paper venue, for messages on native sessions. It believes the keys that the gateway publishes.
fn venue(machine: &Machine, folder: &Path, gateway: SocketAddr, address: SocketAddr) -> Result<Server> {
    let security = Security { group: Group::X25519, resume: false, alpn: b"http/1.1" };
    let mut wire = Dialler::with(gateway, Some(security), None, 0)?.dial()?;
    let request = format!("GET {JWKS_PATH} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", gateway.port());
    let mut exchange = Exchange::new();
    let jwks = exchange.body(&mut wire, request.as_bytes()).context("the gateway's keys")?;
    let file = folder.join("jwks.json");
    std::fs::write(&file, jwks)?;
    start_venue(machine, folder, address, &file)
}

/// Where the gateway publishes its keys; also the smallest answer it gives by itself.
pub(super) const JWKS_PATH: &str = "/.well-known/jwks.json";
/// The smallest answer of the peers.
pub(super) const TINY_PATH: &str = "/t";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tampering_keeps_the_signature_and_changes_what_is_signed() {
        let request = b"GET /a?omitZeroBalances=true&timestamp=1&signature=ab HTTP/1.1".to_vec();
        assert_eq!(tampered(request), b"GET /a?omitZeroBalances=TRUE&timestamp=1&signature=ab HTTP/1.1");
    }
}
