//! Hears of halts that cancel, wherever they were said, and tells what came of it here.
//!
//! ```text
//!   said here ──▶ this process asks at once (accounts, its sessions) ──▶ store: call n ──▶ notice ──▶ the other nodes
//!   call n of another process ──▶ the halt is in force here? ──▶ barrier ──▶ ask for the sessions of here ──▶ store: answer
//!   answers of the others ──▶ `halt status`
//! ```
//!
//! Each process hears each call once. What was called before it began is none of its business: no session of then is at it, or the process
//! that it took over from asked for it.

use std::sync::Arc;
use std::time::Duration;

use countersign_halt::HaltScope;
use countersign_store::{CancelAnswer, CancelCall, StoreError};

use super::{Asks, run};
use crate::clock;
use crate::halts::report::{CancelPart, CancelStage};
use crate::shared::Shared;
use crate::upstream::UpstreamConfig;

/// How often the store is looked at where no notice comes: as for halts.
const LOOK: Duration = countersign_halt::limits::LEASE_RENEW;

/// Follows until it is dropped. One task of the node runs it.
pub(crate) async fn follow(shared: Arc<Shared>, upstreams: Arc<[UpstreamConfig]>) {
    let (mut heard, mut failed) = (None, false);
    loop {
        let outcome = look(&shared, &upstreams, &mut heard).await;
        let fails = outcome.is_err();
        if let Err(error) = outcome.map_err(|error| error.to_string())
            && !failed
        {
            tracing::error!(error, "halts that cancel are not heard of, nor told to the other nodes");
        }
        failed = fails;
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shared.halts.cancels().wake().notified() => {}
        }
    }
}

/// One look; `heard` is the last call that is known.
pub(super) async fn look(shared: &Arc<Shared>, upstreams: &Arc<[UpstreamConfig]>, heard: &mut Option<u64>) -> Result<(), StoreError> {
    let (store, cancels) = (&shared.store, shared.halts.cancels());
    cancels.set_node(&shared.settings.cluster.node, store.is_shared());
    let calls = store.cancel_calls_after(heard.unwrap_or(0)).await?;
    let last = calls.last().map(|call| call.number).or(*heard).unwrap_or(0);
    if heard.is_some() {
        for call in calls.into_iter().filter(|call| call.what.run != cancels.run()) {
            hear(shared, upstreams, call);
        }
    } else {
        close(shared).await?;
        // Both at once: a call without what was said of it looks as if nobody had been found.
        let answers = parts(store.cancel_answers_from(0).await?);
        calls.iter().for_each(|call| cancels.remember(call));
        cancels.note_answers(answers);
    }
    *heard = Some(last);
    tell(shared).await?;
    for (ticket, number, part) in cancels.unwritten() {
        store.answer_cancel(number, cancels.run(), &serde_json::to_string(&part).unwrap_or_default()).await?;
        cancels.note_written(ticket, &part);
    }
    if let Some(from) = cancels.unsettled_from() {
        cancels.expect(&nodes(shared).await?);
        cancels.note_answers(parts(store.cancel_answers_from(from).await?));
    }
    Ok(())
}

/// Who has to answer: who is alive, and who has sessions though nobody hears of it. Nodes that share the memory and not the database do not
/// hear of halts either.
async fn nodes(shared: &Shared) -> Result<Vec<String>, StoreError> {
    if !shared.store.is_shared() {
        return Ok(Vec::new());
    }
    let mut nodes = shared.store.nodes_with_sessions().await?;
    nodes.extend(shared.cluster.iter().flat_map(|cluster| cluster.node_names()));
    Ok(nodes)
}

/// An answer that is not understood is one of a newer program: it has said something, and nobody here can say what.
fn parts(answers: Vec<CancelAnswer>) -> Vec<(CancelAnswer, CancelPart)> {
    let read = |answer: CancelAnswer| {
        let part = serde_json::from_str(&answer.record).unwrap_or_default();
        (answer, part)
    };
    answers.into_iter().map(read).collect()
}

/// Processes of this node that are gone ask for nothing more: what they were at is told as not confirmed.
async fn close(shared: &Shared) -> Result<(), StoreError> {
    if shared.has_predecessor() {
        return Ok(());
    }
    let node = if shared.store.is_shared() { shared.settings.cluster.node.as_str() } else { "" };
    for (answer, mut part) in parts(shared.store.cancel_answers_from(0).await?) {
        if answer.node == node && part.stage != CancelStage::Done {
            let left = part.asked.saturating_sub(part.confirmed + part.unconfirmed).max(1);
            part.stage = CancelStage::Done;
            part.fail(&format!("node {}", shared.settings.cluster.node), "it was started again meanwhile".to_owned(), usize::MAX);
            part.unconfirmed += left - 1;
            part.asked = part.asked.max(part.confirmed + part.unconfirmed);
            shared.store.answer_cancel(answer.number, &answer.run, &serde_json::to_string(&part).unwrap_or_default()).await?;
        }
    }
    Ok(())
}

/// Tells the others what was said here. They must be able to read the halt first.
async fn tell(shared: &Shared) -> Result<(), StoreError> {
    let cancels = shared.halts.cancels();
    for (ticket, new) in cancels.untold() {
        if !shared.halts.is_committed(new.halt) {
            if shared.halts.is_in_force(new.halt) {
                cancels.note_untold(ticket, "the halt is not in the store yet");
            } else {
                cancels.note_told(ticket, None);
            }
            continue;
        }
        match shared.store.call_cancel(&new).await {
            Ok(number) => {
                cancels.note_told(ticket, Some(number));
                shared.announce(countersign_store::shared::Topic::Halts);
            }
            Err(error) => {
                cancels.note_untold(ticket, &error.to_string());
                return Err(error);
            }
        }
    }
    Ok(())
}

fn hear(shared: &Arc<Shared>, upstreams: &Arc<[UpstreamConfig]>, call: CancelCall) {
    let (halt, is_lifted, scope) = (call.what.halt, call.is_lifted, call.what.scope.clone());
    let asks = Asks { ticket: shared.halts.cancels().hear(&call), scope, accounts: false };
    tracing::warn!(%halt, node = call.node, by = call.what.by, "a halt of another node cancels");
    if is_lifted {
        // Whoever trades again placed orders since.
        shared.halts.cancels().note_unasked(asks.ticket, "the halt was lifted before it was heard of here: nobody was asked");
        shared.halts.cancels().end(asks.ticket);
        return;
    }
    tokio::spawn(run(Arc::clone(shared), Arc::clone(upstreams), asks));
}

/// Whether a halt is known here, in the time there is: what is asked before would be placed anew.
pub(super) async fn is_known(shared: &Shared, asks: &Asks, patience: Duration) -> bool {
    let until = clock::mono().saturating_add(patience);
    while !shared.halts.knows(asks.ticket.halt) {
        if clock::mono() >= until {
            return false;
        }
        shared.halts.read().await;
        if !shared.halts.knows(asks.ticket.halt) {
            tokio::time::sleep(LOOK).await;
        }
    }
    true
}

/// Whether the sessions of this node are covered by a halt of a node.
pub(super) fn is_of_here(shared: &Shared, scope: &HaltScope) -> bool {
    match scope {
        HaltScope::Node(name) => shared.halts.is_named(name),
        HaltScope::Account(_)
        | HaltScope::Dialect(_)
        | HaltScope::Instrument(_)
        | HaltScope::Key(_)
        | HaltScope::Session(_)
        | HaltScope::Venue => true,
    }
}
