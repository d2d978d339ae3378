//! File descriptors: a gateway that has none left for its own files fails in ways nobody foresees, so clients get only what is over.

use countersign_gateway::config::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::Failure;

/// Descriptors that are not for clients: listeners and runtimes of the workers, database, audit log, journals, operators.
const OWN: u64 = 256;
/// A client's socket, and the one behind it to an upstream.
const PER_CONNECTION: u64 = 2;
/// With fewer clients than this nothing sensible can be run.
const CONNECTIONS_MIN: u64 = 16;

/// No core file of this process: keys and secrets of clients would be in it. What is refused leaves things as they were.
pub(super) fn dump_no_core() {
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(%error, "core files stay possible");
    }
}

/// Raises this process's limit as far as is needed and permitted, and lowers `limits.connections_max` to what fits. Gives back what is
/// to be said of that once it is known that the gateway starts: a start that fails says why, and nothing else.
///
/// # Errors
/// The system permits too few to serve anybody.
pub(super) fn fit(settings: &mut Settings) -> anyhow::Result<Option<Lowered>> {
    let wanted = settings.limits.connections_max;
    let permitted = raise(needed(wanted as u64));
    let fitting = fitting(permitted);
    if fitting < CONNECTIONS_MIN {
        return Err(Failure::environment(format!(
            "the system permits {permitted} open files, and {} are needed for {CONNECTIONS_MIN} connections: raise it (ulimit -n, LimitNOFILE=)",
            needed(CONNECTIONS_MIN)
        )));
    }
    if (wanted as u64) <= fitting {
        return Ok(None);
    }
    settings.limits.connections_max = usize::try_from(fitting).unwrap_or(wanted);
    Ok(Some(Lowered { permitted, wanted, fitting }))
}

/// Fewer connections than the settings wish for.
#[derive(Debug)]
#[must_use]
pub(super) struct Lowered {
    permitted: u64,
    wanted: usize,
    fitting: u64,
}

impl Lowered {
    /// Says so in the log.
    pub(super) fn tell(&self) {
        let Self { permitted, wanted, fitting } = *self;
        tracing::warn!(
            permitted,
            needed = needed(wanted as u64),
            "limits.connections_max is lowered from {wanted} to {fitting}: the system permits too few open files (ulimit -n, LimitNOFILE=)"
        );
    }
}

const fn needed(connections: u64) -> u64 {
    connections.saturating_mul(PER_CONNECTION).saturating_add(OWN)
}

const fn fitting(permitted: u64) -> u64 {
    permitted.saturating_sub(OWN) / PER_CONNECTION
}

/// How many descriptors this process may have, after asking for `needed`.
fn raise(needed: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let current = current.unwrap_or(u64::MAX);
    if current >= needed {
        return current;
    }
    let asked = maximum.map_or(needed, |maximum| maximum.min(needed));
    // Lowering nothing: what is refused leaves the limit as it was.
    match setrlimit(Resource::Nofile, Rlimit { current: Some(asked), maximum }) {
        Ok(()) => asked.max(current),
        Err(_) => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_what_is_needed_the_other_way_round() {
        for connections in [0, 1, 16, 10_000, 1_000_000] {
            assert_eq!(fitting(needed(connections)), connections);
            assert!(fitting(needed(connections) - 1) <= connections.saturating_sub(1));
        }
        assert_eq!((fitting(0), fitting(OWN)), (0, 0));
    }
}
