//! The gateway itself: the release binary, with everything it does for a real client switched on.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::certificates::Certificates;
use super::machine::Machine;
use super::server::{Server, free_address};

/// A gateway process: its state folder and addresses.
pub(super) struct Gateway {
    name: &'static str,
    folder: PathBuf,
    /// Where clients connect.
    pub(super) address: SocketAddr,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    Off,
    Required,
}

impl ClientAuth {
    const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Required => "required",
        }
    }
}

impl Gateway {
    /// Writes the configuration.
    ///
    /// Against the defaults it changes three things: caps on connections, because all clients come from a few addresses; the
    /// size of the upstream pool, as for the peers; and the level of the log.
    pub(super) fn new(
        name: &'static str,
        folder: &Path,
        certificates: &Certificates,
        client_auth: ClientAuth,
        upstreams: (SocketAddr, SocketAddr),
    ) -> Result<Self> {
        let folder = folder.join(name);
        std::fs::create_dir(&folder)?;
        let (address, operator) = (free_address()?, free_address()?);
        let (state, ca) = (folder.join("state"), certificates.ca.display());
        let (server, server_key) = (certificates.server.display(), certificates.server_key.display());
        let (trivial, paper) = upstreams;
        let config = format!(
            r#"state_dir = "{state}"
workers = 1

[listen]
address = "{address}"
client_auth = "{client_auth}"
client_ca = "{ca}"
certificate = "{server}"
key = "{server_key}"

[operator]
address = "{operator}"

[limits]
connections_max = 100000
connections_per_source_max = 100000
public_weight_per_minute = 4000000000
upstream_idle_connections = 128

[log]
level = "error"

[upstream.trivial]
url = "http://{trivial}"

[upstream.paper]
url = "http://{paper}"

[[route]]
name = "public"
path = "/public"
public = true
upstream = "trivial"

[[route]]
name = "account"
path = "/api/v3/account"
scope = "account:read"
dialect = "binance"
upstream = "trivial"

[[route]]
name = "echo"
path = "/echo"
public = true
websocket = "relay"
upstream = "trivial"

[[route]]
builtin = "native"
upstream = "paper"
"#,
            state = state.display(),
            client_auth = client_auth.word(),
        );
        std::fs::write(folder.join("gateway.toml"), config)?;
        Ok(Self { name, folder, address })
    }

    /// Starts it on the server core.
    pub(super) fn start(&self, machine: &Machine) -> Result<Server> {
        let mut command = machine.on_server_core(&binary()?);
        command.args(["serve", "--workers", "1", "--config"]).arg(self.folder.join("gateway.toml"));
        Server::start(self.name, command, &[self.address], &self.folder)
    }

    /// Makes the account that all credentials belong to.
    pub(super) fn account(&self) -> Result<()> {
        self.command(&["account", "new", ACCOUNT])
    }

    /// Makes a credential whose rate limits are out of the way; they are still counted.
    pub(super) fn key(&self, purpose: &str, kind: &str, name: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        let out = file.to_str().context("the temporary folder has a strange name")?;
        let mut words = vec!["key", "new", "--account", ACCOUNT, "--purpose", purpose, "--kind", kind];
        words.extend(["--weight-per-minute", RATE, "--orders-per-10s", RATE, "--out", out]);
        self.command(&words)?;
        Ok(file)
    }

    fn command(&self, words: &[&str]) -> Result<()> {
        let mut command = Command::new(binary()?);
        let output = command.args(words).arg("--state").arg(self.folder.join("state")).output();
        let output = output.context("the gateway's binary could not be started")?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        bail!("countersign {} {}: {}", words[0], words[1], String::from_utf8_lossy(&said));
    }
}

const ACCOUNT: &str = "bench";
/// Above anything that one core can do in a minute.
const RATE: &str = "4000000000";

/// The paper venue as an upstream of its own, on the client core.
pub(super) fn start_venue(machine: &Machine, folder: &Path, address: SocketAddr, jwks: &Path) -> Result<Server> {
    let mut command = machine.on_client_core(&binary()?);
    command.args(["venue", "--audience", "paper", "--listen", &address.to_string(), "--jwks"]).arg(jwks);
    Server::start("venue", command, &[address], folder)
}

/// The release binary lies beside this one.
pub(crate) fn binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own.parent().context("no folder of its own")?.join("countersign");
    if binary.exists() { Ok(binary) } else { bail!("{} is not there: start the rig with cargo xtask bench", binary.display()) }
}
