//! A server process of the rig: started, waited for, ended by its own id.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::clock;

/// How long a server may take to listen.
const START_DEADLINE: Duration = Duration::from_secs(15);
/// How long it may take to end.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// A running server; ended when dropped.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
}

impl Server {
    /// Starts a server, and returns when all `addresses` accept connections. What it says goes to `NAME.log` in `folder`.
    pub(crate) fn start(name: &'static str, mut command: Command, addresses: &[SocketAddr], folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        let mut server = Self { name, child };
        for address in addresses {
            clock::retry(START_DEADLINE, || {
                TcpStream::connect(address)?;
                Ok(())
            })
            .with_context(|| format!("{name} does not listen on {address}; it said: {}", tail(&log)))?;
            if server.child.try_wait()?.is_some() {
                bail!("{name} ended at once; it said: {}", tail(&log));
            }
        }
        Ok(server)
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits.
    pub(super) fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, Signal::TERM)?;
        clock::retry(STOP_DEADLINE, || match self.child.try_wait()? {
            Some(_) => Ok(()),
            None => bail!("{} does not end", self.name),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.stop().is_err() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}

/// A loopback address with a free port.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
