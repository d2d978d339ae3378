//! A thousand halts in earnest, raised and lifted one after the other on a gateway of their own; and as many rehearsals beside them.
//!
//! ```text
//!   temporary folder ─▶ operator key ─▶ countersign serve ─▶ drill run --real --count N ─▶ drill run --count N ─▶ table
//! ```
//!
//! The gateway is idle, so this is what a halt itself costs: the way of the command, the disk of the folder, the barrier of no requests.
//! Under real load the same commands are run against the real gateway (`docs/halts.md`). Nothing is pinned to a core and nothing is
//! asked of other software, so anybody can run it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{countersign, machine};

/// The operator who lifts.
const OPERATOR: &str = "bench";
/// Stages in the order of what happens, as `drill run --json` names them.
const STAGES: [&str; 6] = ["enforced", "committed", "here", "barrier", "command", "lifted"];

/// A running gateway; killed when dropped, for it has nothing to lose. What it says is kept open: it may go on talking.
struct Running {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Measures `count` halts and rehearsals; `false` when a barrier was not confirmed.
pub(super) fn run(count: u32) -> Result<bool> {
    machine::build_gateway()?;
    let binary = countersign::binary()?;
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("operator.pem");
    let line = said(Command::new(&binary).args(["operator", "new", OPERATOR, "--out"]).arg(&key))?;
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, format!("[halt]\nquorum = 1\noperators = [\"{}\"]\n", line.trim()))?;
    let state = folder.path().join("state");
    let _gateway = start(&binary, &config, &state)?;
    let count = count.to_string();
    let drill = |more: &[&str]| -> Result<Value> {
        let mut command = Command::new(&binary);
        command.args(["drill", "run", "--json", "--count", &count, "--state"]).arg(&state).args(more);
        serde_json::from_str(&said(&mut command)?).context("drill run --json did not print JSON")
    };
    let key = key.to_str().context("the temporary folder has a strange name")?;
    let real = drill(&["--real", "--operator", OPERATOR, "--key", key])?;
    let rehearsed = drill(&[])?;
    for (what, report) in [("halts", &real), ("rehearsals", &rehearsed)] {
        println!("{count} {what}, {} not confirmed in time; microseconds\n", report["unconfirmed"]);
        println!("| stage | p50 | p99 | max |\n|---|---|---|---|");
        for stage in STAGES {
            let spread = &report["stages"][stage];
            if !spread.is_null() {
                println!("| {stage} | {} | {} | {} |", spread["p50_us"], spread["p99_us"], spread["max_us"]);
            }
        }
        println!();
    }
    Ok(real["unconfirmed"] == 0 && rehearsed["unconfirmed"] == 0)
}

/// Starts the gateway on free ports, and returns when it says that it is ready.
fn start(binary: &Path, config: &Path, state: &Path) -> Result<Running> {
    let mut command = Command::new(binary);
    command.args(["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--config"]).arg(config);
    command.arg("--state").arg(state).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context("the gateway could not be started")?;
    let output = child.stdout.take().map(BufReader::new);
    let mut running = Running { child, output };
    let output = running.output.as_mut().context("no standard output")?;
    let mut line = String::new();
    while output.read_line(&mut line)? > 0 {
        if line.starts_with("ready:") {
            return Ok(running);
        }
        line.clear();
    }
    bail!("the gateway ended before it was ready")
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output().context("the gateway's binary could not be started")?;
    if !output.status.success() && output.stdout.is_empty() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8(output.stdout)?)
}
