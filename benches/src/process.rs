//! What the kernel knows of a process: CPU time of all its threads and descendants, and the memory that is its own.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};

/// A process and everything below it.
#[derive(Clone, Debug)]
pub(crate) struct Family(BTreeSet<u32>);

impl Family {
    /// The family of each of `roots`, as it is now.
    pub(crate) fn of(roots: &[u32]) -> Self {
        let parents = parents();
        let mut family: BTreeSet<u32> = roots.iter().copied().collect();
        loop {
            let before = family.len();
            let children = parents.iter().filter(|(_, parent)| family.contains(parent)).map(|(pid, _)| *pid);
            family = children.chain(family.iter().copied()).collect();
            if family.len() == before {
                return Self(family);
            }
        }
    }

    /// CPU time used so far by all threads that are alive, in nanoseconds: the first field of `schedstat`.
    pub(crate) fn cpu_nanos(&self) -> u64 {
        let tasks = self.0.iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).ok()).flatten().flatten();
        let stats = tasks.filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
        stats.filter_map(|stat| stat.split(' ').next().and_then(|field| field.parse::<u64>().ok())).sum()
    }

    /// Proportional set size in KiB.
    ///
    /// # Errors
    /// `smaps_rollup` cannot be read: it needs the same user, or root.
    pub(crate) fn pss_kib(&self) -> Result<u64> {
        self.0.iter().map(|pid| pss_kib(*pid)).sum()
    }
}

fn pss_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).with_context(|| format!("{path} has no Pss"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Process and parent, of all processes.
fn parents() -> Vec<(u32, u32)> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    pids.filter_map(|pid| parent(pid).map(|parent| (pid, parent))).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the state and the parent come behind it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
