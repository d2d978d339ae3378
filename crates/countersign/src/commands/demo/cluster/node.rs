//! One node: the gateway as a process of its own, with its own state folder.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use countersign_store::files::{PRIVATE_FILE_MODE, atomic_write, create_private_folder};
use serde_json::Value;

use super::servers::{Group, Process, REDIS_SOCKET};
use crate::failure::Failure;

/// What every node has in common beside the database: clients trust one CA and one gateway root, and all open one another's secrets
/// and tickets.
const SHARED_FILES: [&str; 6] =
    ["ca.pem", "ca-key.pem", "gateway-root-key.pem", "gateway-key.pem", "gateway-delegation.txt", "sealing.key"];

/// A node of the cluster, running or not.
pub(super) struct Node {
    /// Its name.
    pub(super) name: &'static str,
    /// Its state folder.
    pub(super) state: PathBuf,
    /// Where clients connect; empty before the first start.
    pub(super) authority: String,
    config: PathBuf,
    group: Group,
    process: Option<Process>,
}

impl Node {
    /// Writes its configuration: `common`, and the section of the cluster, with the servers whose sockets are in `sockets`.
    pub(super) fn make(folder: &Path, name: &'static str, common: &str, sockets: &Path, group: Group) -> anyhow::Result<Self> {
        let state = folder.join(name);
        create_private_folder(&state)?;
        let config = folder.join(format!("{name}.toml"));
        let database = format!("postgresql://countersign@localhost/postgres?host={}", sockets.display());
        let redis = format!("redis+unix://{}", sockets.join(REDIS_SOCKET).display());
        let text = format!("{common}\n[cluster]\nnode = \"{name}\"\ndatabase = \"{database}\"\nredis = \"{redis}\"\n");
        atomic_write(&config, text.as_bytes(), PRIVATE_FILE_MODE)?;
        Ok(Self { name, state, authority: String::new(), config, group, process: None })
    }

    /// Takes over what all nodes have in common from the first one.
    pub(super) fn take_over(&self, first: &Self) -> anyhow::Result<()> {
        for name in SHARED_FILES {
            std::fs::copy(first.state.join(name), self.state.join(name)).with_context(|| format!("copy {name} to {}", self.name))?;
        }
        Ok(())
    }

    /// Starts it, on the port it had before if it had one, and waits for its ready line.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let listen = if self.authority.is_empty() { "127.0.0.1:0" } else { &self.authority };
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg("--config").arg(&self.config).arg("--state").arg(&self.state);
        command
            .args(["--listen", listen, "--operator-listen", "127.0.0.1:0", "--workers", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = Process::start(&mut command, self.group)?;
        let output = process.child().stdout.take().context("no standard output")?;
        let ready = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split("ready: https://").nth(1).map(|address| address.trim_matches(['"', '}', ' ']).to_owned()));
        self.authority = ready.ok_or_else(|| Failure::environment(format!("node {} did not start", self.name)))?;
        self.process = Some(process);
        Ok(())
    }

    /// kill -9.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// Runs a command of this program for its operator; what it said.
    pub(super) async fn run(&self, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let mut command = tokio::process::Command::new(std::env::current_exe()?);
        let done = command.args(arguments).arg("--state").arg(&self.state).stdin(Stdio::null()).kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{} on node {}: {}", arguments.join(" "), self.name, said.trim());
        Ok(done.stdout)
    }

    /// The same, with what it said as JSON.
    pub(super) async fn operate(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let said = self.run(&[arguments, &["--json"]].concat()).await?;
        serde_json::from_slice(&said).with_context(|| format!("{} did not answer in JSON", arguments.join(" ")))
    }
}
