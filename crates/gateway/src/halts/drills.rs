//! Rehearsals over all nodes.
//!
//! ```text
//!   said here ─▶ shadow set, real barrier ─▶ store: drill e ─▶ notice ─▶ the other nodes: the same ─▶ store: what each would have stopped
//!                                               └──────────── read until all have answered, or have not in time: those are named
//! ```
//!
//! Nothing is stopped anywhere: the shadow set counts. A halt in earnest goes on without a node that says nothing when its lease is over; a
//! rehearsal names it, because the lease is real and somebody should look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::Monotonic;
use countersign_halt::{Action, Halt, HaltScope, NodeState, RaisedBy};
use countersign_store::shared::Topic;
use countersign_store::{StoreError, StoredDrill};

use super::cancels::targets;
use super::keeper::barrier::{BARRIER_WAIT, NAMELESS};
use super::keeper::{KeeperError, micros_since};
use super::report::{DrillLine, DrillPart, DrillReport};
use crate::clock;
use crate::shared::Shared;

/// How often the store is looked at where no notice comes: as for halts.
const LOOK: Duration = countersign_halt::limits::LEASE_RENEW;

/// How often answers are read while somebody waits for them: about as long as a node takes to write its own.
const ANSWER_POLL: Duration = Duration::from_millis(4);

/// A node that did not answer.
const SILENT: &str = "silent";

/// Rehearses at all nodes.
///
/// # Errors
/// [`KeeperError`]: it cannot be recorded, so the other nodes do not hear of it.
pub(crate) async fn drill(shared: &Shared, scope: HaltScope, action: Action, by: RaisedBy) -> Result<DrillReport, KeeperError> {
    let begun = clock::mono();
    let keeper = &shared.halts;
    let halt = keeper.rehearsal(scope, action, by)?;
    let commit = async { (keeper.record_drill(&halt).await, micros_since(begun)) };
    let (part, (epoch, committed_us)) = keeper.rehearse(&halt, commit).await;
    let (epoch, committed) = (epoch?, clock::mono());
    shared.announce(Topic::Halts);
    let own = counted(shared, &halt, part, true);
    let (barrier_us, enforced_us) = (own.barrier_us, own.enforced_us);
    let mut nodes = vec![line(keeper.name(), Some(own))];
    nodes.extend(answers(shared, epoch, committed).await);
    let is_past = nodes.iter().all(|line| line.state == NodeState::Acked.name());
    let would_refuse = nodes.iter().filter_map(|line| line.part.as_ref()).map(|part| part.would_refuse).sum();
    let confirmed_us = is_past.then(|| if nodes.len() == 1 { barrier_us } else { Some(micros_since(begun)) }).flatten();
    Ok(DrillReport { epoch, enforced_us, committed_us, barrier_us, confirmed_us, would_refuse, nodes })
}

/// What the other nodes say, in time.
async fn answers(shared: &Shared, epoch: u64, committed: Monotonic) -> Vec<DrillLine> {
    let until = clock::mono().saturating_add(BARRIER_WAIT);
    let mut said: BTreeMap<String, DrillPart> = BTreeMap::new();
    loop {
        let (others, all_known) = shared.halts.others(committed);
        let is_over = all_known && others.iter().all(|(run, _)| said.contains_key(run));
        if is_over || clock::mono() >= until {
            let mut lines: Vec<_> = others.iter().map(|(run, node)| line(node, said.get(run).cloned())).collect();
            lines.extend((!all_known).then(|| line(NAMELESS, None)));
            lines.sort_by(|one, other| one.node.cmp(&other.node));
            return lines;
        }
        match shared.store.drill_answers(epoch).await {
            // An answer that is not understood is one of a newer program: it has said something.
            Ok(answers) => said.extend(answers.into_iter().map(|one| (one.run, serde_json::from_str(&one.record).unwrap_or_default()))),
            Err(error) => tracing::warn!(%error, "what other nodes say of a rehearsal cannot be read"),
        }
        tokio::time::sleep(ANSWER_POLL).await;
    }
}

fn line(node: &str, part: Option<DrillPart>) -> DrillLine {
    let state = match &part {
        Some(part) if part.barrier_us.is_some() => NodeState::Acked.name(),
        Some(_) => NodeState::Waiting.name(),
        None => SILENT,
    };
    DrillLine { node: node.to_owned(), state: state.to_owned(), part }
}

/// With what a halt in earnest would do here.
fn counted(shared: &Shared, halt: &Halt, part: DrillPart, accounts: bool) -> DrillPart {
    let sessions = targets::sessions(shared, &halt.scope) as u64;
    let cancels = targets::of(shared, &halt.scope, accounts).len() as u64;
    DrillPart { sessions, cancels, ..part }
}

/// Goes through with what other nodes rehearse, until it is dropped. One task of the node runs it.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let (mut heard, mut failed) = (None, false);
    loop {
        let outcome = look(&shared, &mut heard).await;
        let fails = outcome.is_err();
        if let Err(error) = outcome.map_err(|error| error.to_string())
            && !failed
        {
            tracing::error!(error, "rehearsals of other nodes are not heard of");
        }
        failed = fails;
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shared.halts.drills().notified() => {}
        }
    }
}

/// One look; `heard` is the epoch of the last rehearsal that is done with. What began before this process did is none of its business.
/// A rehearsal that cannot be read is not answered, so that whoever began it is told of this node. One whose answer could not be written is
/// heard again.
pub(super) async fn look(shared: &Shared, heard: &mut Option<u64>) -> Result<(), StoreError> {
    let Some(last) = *heard else {
        *heard = Some(shared.store.last_drill().await?);
        return Ok(());
    };
    for StoredDrill { epoch, halt } in shared.store.drills_after(last, shared.halts.run()).await? {
        match halt {
            Ok(halt) => answer(shared, epoch, &halt).await?,
            Err(error) => tracing::warn!(drill = epoch, %error, "a rehearsal of another node cannot be read"),
        }
        *heard = Some(epoch);
    }
    Ok(())
}

/// Goes through with what another node rehearses, and says what it would have stopped here.
async fn answer(shared: &Shared, epoch: u64, halt: &Halt) -> Result<(), StoreError> {
    let (part, ()) = shared.halts.rehearse(halt, async {}).await;
    let part = counted(shared, halt, part, false);
    tracing::info!(drill = epoch, scope = %halt.scope, action = %halt.action, "rehearsed for another node");
    shared.store.answer_drill(epoch, shared.halts.run(), &serde_json::to_string(&part).unwrap_or_default()).await
}
