//! Hears of halts that cancel, wherever they were said, and tells what came of it here.
//!
//! ```text
//!   said here ──▶ this process asks at once (accounts, its sessions) ──▶ store: call n ──▶ notice ──▶ the other nodes
//!   call n of another process ──▶ the halt is in force here? ──▶ barrier ──▶ ask for the sessions of here ──▶ store: answer
//!   answers of the others ──▶ `halt status`
//! ```
//!
//! Each process hears each call once. What was called before it began is none of its business: the process that it took over from asked
//! for it. A session that comes from another process is asked for where it comes to, unless it is known that it was: while it is on its way
//! it is in no registry. Under the halt its client places nothing new, so that whoever asks twice does no harm.
//!
//! What cannot be read hides nothing else: a call is answered with that, an answer is named with its node.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::SessionId;
use countersign_halt::HaltScope;
use countersign_store::{CallName, CancelAnswer, CancelCall, StoreError};

use super::books::TakeOn;
use super::{Asks, FAULTS_MAX, record, run, run_for_arrived, targets};
use crate::clock;
use crate::halts::report::{CancelPart, CancelStage};
use crate::shared::Shared;
use crate::upstream::UpstreamConfig;

/// How often the store is looked at where no notice comes: as for halts.
const LOOK: Duration = countersign_halt::limits::LEASE_RENEW;

/// Calls that this process knows.
pub(super) type Heard = BTreeSet<CallName>;

/// Names of calls that are gone are known for a while, too: one that was lost is told again, and is no new one.
const HEARD_MAX: usize = 4 * countersign_store::limits::CANCEL_CALLS_KEPT;

/// Why a process that is gone has not confirmed.
const RESTARTED: &str = "it was started again meanwhile";

/// Follows until it is dropped. One task of the node runs it.
pub(crate) async fn follow(shared: Arc<Shared>, upstreams: Arc<[UpstreamConfig]>) {
    let (mut heard, mut failed) = (None, false);
    loop {
        let outcome = look(&shared, &upstreams, &mut heard).await.map_err(|error| error.to_string());
        let fails = outcome.is_err();
        shared.halts.cancels().note_look(outcome.as_ref().err().cloned());
        if let Err(error) = outcome
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

/// One look; `heard` are the calls that are known. A step that fails keeps no other from being tried.
pub(crate) async fn look(shared: &Arc<Shared>, upstreams: &Arc<[UpstreamConfig]>, heard: &mut Option<Heard>) -> Result<(), StoreError> {
    let cancels = shared.halts.cancels();
    cancels.set_node(&shared.settings.cluster.node, shared.store.is_shared());
    // Whoever is alive is known without the database, and named while it is away.
    cancels.expect(&alive(shared), None);
    // Nor does who came under the calls that are known wait for it.
    if heard.is_some() {
        arrivals(shared, upstreams);
    }
    // A database that cannot be read is not there for the rest either.
    hear_calls(shared, upstreams, heard).await?;
    arrivals(shared, upstreams);
    let closed = close(shared).await;
    let told = tell(shared).await;
    let written = write(shared).await;
    let read = read(shared).await;
    closed.and(told).and(written).and(read)
}

/// Reads what was called since.
async fn hear_calls(shared: &Arc<Shared>, upstreams: &Arc<[UpstreamConfig]>, heard: &mut Option<Heard>) -> Result<(), StoreError> {
    let cancels = shared.halts.cancels();
    let mut calls = shared.store.cancel_calls().await?;
    let present = calls.names();
    for halt in cancels.note_calls(&present, clock::mono()) {
        tracing::error!(%halt, "the database lost a halt that cancels, and who said it is gone: it is to be said again, orders may rest");
        record(shared, &format!("{halt} was lost by the database, and who said it is gone: orders may rest"));
    }
    let is_new = |name: &CallName| heard.as_ref().is_none_or(|heard| !heard.contains(name));
    calls.unreadable.retain(|call| is_new(&call.name));
    calls.read.retain(|call| is_new(&call.what.name()));
    for call in &calls.unreadable {
        tracing::error!(number = call.number, why = %call.why, "a halt that cancels cannot be read: nobody is asked here, and orders may rest");
    }
    if heard.is_some() {
        for call in calls.unreadable {
            let halt = call.halt.map_or_else(|| "?".to_owned(), |halt| halt.to_string());
            record(shared, &format!("{halt} cannot be read, nobody is asked here: {}", call.why));
            cancels.note_unreadable(call.name, call.why.to_string());
        }
        for call in calls.read.into_iter().filter(|call| call.what.run != cancels.run()) {
            hear(shared, upstreams, call);
        }
    } else {
        close(shared).await?;
        // Both at once: a call without what was said of it looks as if nobody had been found.
        let answers = parts(shared.store.cancel_answers_from(0).await?);
        let (now, wall) = (clock::mono(), clock::wall());
        calls.read.iter().for_each(|call| cancels.remember(call, wall.saturating_since(call.what.at), now));
        cancels.note_answers(0, answers, now);
    }
    let heard = heard.get_or_insert_default();
    if heard.len() > HEARD_MAX {
        heard.retain(|name| present.contains_key(name));
    }
    heard.extend(present.into_keys());
    Ok(())
}

fn arrivals(shared: &Arc<Shared>, upstreams: &Arc<[UpstreamConfig]>) {
    for session in shared.halts.cancels().take_arrived() {
        arrive(shared, upstreams, session);
    }
}

/// A session came from another process. What halts in force are for, and nobody is known to have asked for it, is asked for here.
fn arrive(shared: &Arc<Shared>, upstreams: &Arc<[UpstreamConfig]>, session: SessionId) {
    let cancels = shared.halts.cancels();
    let Some(open) = shared.sessions.entry(session) else { return };
    for (ticket, scope) in cancels.recent(clock::mono()) {
        if !shared.halts.is_in_force(ticket.halt) {
            continue;
        }
        let Some(target) = targets::of_arrived(shared, &scope, &open) else { continue };
        match cancels.take_on(ticket, session) {
            TakeOn::Asked => {}
            TakeOn::Later => cancels.keep_arrived(session),
            TakeOn::Now => {
                tracing::warn!(halt = %ticket.halt, sid = %session, "a session came here under a halt that cancels");
                drop(tokio::spawn(run_for_arrived(Arc::clone(shared), Arc::clone(upstreams), ticket, scope, target)));
            }
        }
    }
}

/// Tells what came of it here.
async fn write(shared: &Shared) -> Result<(), StoreError> {
    let (store, cancels) = (&shared.store, shared.halts.cancels());
    for (call, why) in cancels.unreadable() {
        let mut part = CancelPart { stage: CancelStage::Done, asked: 1, ..CancelPart::default() };
        part.fail(&format!("node {}", shared.settings.cluster.node), format!("nobody was asked: {why}"), FAULTS_MAX);
        // One that is there no more needs no answer: where it is told again it may be one that can be read.
        store.answer_cancel(&call, cancels.run(), &to_json(&part)).await?;
        cancels.note_refused(&call);
    }
    for (ticket, call, part) in cancels.unwritten() {
        // Whether one that is not there is forgotten or lost the next look tells.
        if store.answer_cancel(&call, cancels.run(), &to_json(&part)).await? {
            cancels.note_written(ticket, &part);
        }
    }
    Ok(())
}

/// Reads what came of it elsewhere.
async fn read(shared: &Shared) -> Result<(), StoreError> {
    let cancels = shared.halts.cancels();
    let Some(from) = cancels.unsettled_from(clock::mono()) else { return Ok(()) };
    if shared.store.is_shared() {
        let mut nodes = shared.store.nodes_with_sessions().await?;
        nodes.extend(alive(shared));
        cancels.expect(&nodes, Some(clock::mono()));
    }
    cancels.note_answers(from, parts(shared.store.cancel_answers_from(from).await?), clock::mono());
    if !shared.has_predecessor() {
        for ticket in cancels.take_unanswered() {
            cancels.note_unasked(ticket, RESTARTED);
            cancels.end(ticket);
        }
    }
    Ok(())
}

/// Who has to answer: who is alive by the halts that they read or by the memory that they share, besides those that have sessions though
/// nobody hears of them. Nodes that share the memory and not the database do not hear of halts either.
fn alive(shared: &Shared) -> Vec<String> {
    if !shared.store.is_shared() {
        return Vec::new();
    }
    let mut nodes = shared.halts.nodes();
    nodes.extend(shared.cluster.iter().flat_map(|cluster| cluster.node_names()));
    nodes
}

/// An answer that is not understood is one of a newer program, or damaged: it has said something, and nobody here can say what.
fn parts(answers: Vec<CancelAnswer>) -> Vec<(CancelAnswer, CancelPart)> {
    let read = |answer: CancelAnswer| {
        let part = serde_json::from_str(&answer.record).unwrap_or_else(|_| CancelPart { unreadable: true, ..CancelPart::default() });
        (answer, part)
    };
    answers.into_iter().map(read).collect()
}

fn to_json(part: &CancelPart) -> String {
    serde_json::to_string(part).unwrap_or_default()
}

/// Processes of this node that are gone ask for nothing more: what they were at is told as not confirmed. Once, when the process before
/// this one is gone, and not beside one that comes after it.
async fn close(shared: &Shared) -> Result<(), StoreError> {
    let cancels = shared.halts.cancels();
    if !cancels.is_to_close() || shared.has_predecessor() || shared.drain.is_started() {
        return Ok(());
    }
    let node = if shared.store.is_shared() { shared.settings.cluster.node.as_str() } else { "" };
    for (answer, mut part) in parts(shared.store.cancel_answers_from(0).await?) {
        if answer.node == node && answer.run != cancels.run() && part.stage != CancelStage::Done && !part.unreadable {
            let left = part.asked.saturating_sub(part.confirmed + part.unconfirmed).max(1);
            part.stage = CancelStage::Done;
            part.fail(&format!("node {}", shared.settings.cluster.node), RESTARTED.to_owned(), usize::MAX);
            part.unconfirmed += left - 1;
            part.asked = part.asked.max(part.confirmed + part.unconfirmed);
            shared.store.answer_cancel(&answer.call, &answer.run, &to_json(&part)).await?;
        }
    }
    cancels.note_closed();
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
                cancels.note_told(ticket, None, clock::mono());
            }
            continue;
        }
        match shared.store.call_cancel(&new).await {
            Ok(number) => {
                cancels.note_told(ticket, Some(number), clock::mono());
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
    let age = clock::wall().saturating_since(call.what.at);
    let asks = Asks { ticket: shared.halts.cancels().hear(&call, age, clock::mono()), scope, accounts: false };
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
