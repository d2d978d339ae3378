//! `serve --take-over`: what the process before this one gives, in the right order.
//!
//! ```text
//!   ask ─▶ state folder opened with its lock ─▶ take: journals change hands ─▶ sockets served ─▶ go_on: it drains
//! ```

use std::sync::Arc;

use anyhow::Context as _;
use countersign_core::Secret;
use countersign_gateway::config::{Settings, UpstreamTarget};
use countersign_gateway::handover::guards::Lender;
use countersign_gateway::handover::taking::{self, Offered, Pending, Predecessor};
use countersign_gateway::handover::{Doors, RunSecrets};
use countersign_handshake::TicketKeys;
use countersign_store::{SealingKey, StateDir};

use super::PUBLIC_LISTENER;
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
pub(super) fn take(dir: &StateDir, offered: Option<Offered>) -> anyhow::Result<Taken> {
    let Some(mut offered) = offered else {
        return Ok((Lender::open(&dir.journal())?, Doors::default(), None, None));
    };
    offered.release().map_err(|error| Failure::environment(error.to_string()))?;
    let lender = Lender::open(&dir.journal())?;
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

/// Ticket keys: every node derives them from the sealing key which all of them have; a node that is alone from a secret of its run, which
/// only the processes that take over from each other have.
///
/// # Errors
/// The sealing key cannot be read.
pub(super) fn session_tickets(settings: &Settings, dir: &StateDir, root: &str, secrets: &RunSecrets) -> anyhow::Result<Arc<TicketKeys>> {
    let secret = match settings.cluster.redis {
        Some(_) => SealingKey::load(&dir.sealing_key())?.derive("countersign session tickets v1"),
        None => Secret::new(secrets.tickets.to_vec()),
    };
    Ok(Arc::new(TicketKeys::shared(root, PUBLIC_LISTENER, settings.native.session_life, secret)))
}
