//! `serve --take-over`: what the process before this one gives, in the right order.
//!
//! ```text
//!   ask ─▶ state folder opened with its lock ─▶ take: journals change hands ─▶ sockets served ─▶ go_on: it drains
//! ```

use std::sync::Arc;

use anyhow::Context as _;
use countersign_gateway::config::{Settings, UpstreamTarget};
use countersign_gateway::handover::Doors;
use countersign_gateway::handover::guards::Lender;
use countersign_gateway::handover::taking::{self, Offered, Pending, Predecessor};
use countersign_store::{AuditHealth, StateDir};

use crate::failure::Failure;

/// Asks the gateway that runs on the state folder. None: nobody runs, and this is a start like any other.
///
/// # Errors
/// It does not hand over; or the venue that it trades at would end with it.
pub(super) fn ask(settings: &Settings) -> anyhow::Result<Option<Offered>> {
    let offered = taking::ask(&settings.state_dir).map_err(|error| Failure::environment(error.to_string()))?;
    let embedded = settings.upstreams.iter().any(|upstream| upstream.target == UpstreamTarget::Embedded);
    if offered.is_some() && embedded {
        return Err(Failure::usage(
            "--take-over: the paper venue inside the running gateway would end with it, and its orders; run `countersign venue` on its own and name it as an upstream",
        ));
    }
    Ok(offered)
}

/// The journals, and what else comes from the process before.
pub(super) type Taken = (Arc<Lender>, Doors, Option<Arc<Predecessor>>, Option<Pending>);

/// Has the process before close its journals, and opens them. Everything that takes time is to be done by now.
///
/// # Errors
/// It does not answer, or they cannot be opened.
pub(super) fn take(dir: &StateDir, disk: AuditHealth, offered: Option<Offered>) -> anyhow::Result<Taken> {
    let Some(mut offered) = offered else {
        return Ok((Lender::open(&dir.journal(), disk)?, Doors::default(), None, None));
    };
    offered.release().map_err(|error| Failure::environment(error.to_string()))?;
    let lender = Lender::open(&dir.journal(), disk)?;
    let doors = std::mem::take(&mut offered.doors);
    let (predecessor, pending) = offered.into_predecessor(Arc::clone(&lender));
    Ok((lender, doors, Some(predecessor), Some(pending)))
}

/// Connections are accepted here: the process before drains. What follows goes on by itself until that is gone.
///
/// # Errors
/// A thread cannot be made.
pub(super) fn go_on(pending: Option<Pending>) -> anyhow::Result<()> {
    if let Some(pending) = pending {
        drop(pending.ready().context("cannot follow the process before this one")?);
    }
    Ok(())
}
