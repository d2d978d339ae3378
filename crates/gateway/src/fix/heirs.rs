//! Looks for sessions whose node is lost and whose orders are to be cancelled, and does it where their clients do not come back first.
//!
//! | the database | |
//! |---|---|
//! | answers, for a lease already | sessions that nobody renews are claimed: of all nodes one gets each |
//! | does not answer, or does so for less than a lease | nothing: their owners come first |

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use countersign_core::Monotonic;
use countersign_store::FixRecords;
use countersign_store::limits::{FIX_LEASE, FIX_RENEW};

use super::bridge::give_back;
use super::names::journals;
use super::sessions::FixSessions;
use super::will::{Will, pause, settle};
use crate::clock;
use crate::worker::Worker;

/// Sessions that could not be settled: how often it was tried, and when it is tried next.
type Pending = HashMap<Vec<u8>, (u32, Monotonic)>;

/// Until the gateway drains.
pub(crate) async fn look(worker: Rc<Worker>, records: Arc<FixRecords>) {
    let mut ticks = tokio::time::interval(FIX_RENEW);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut from = clock::mono().saturating_add(FIX_LEASE);
    let mut pending = Pending::new();
    loop {
        ticks.tick().await;
        if worker.shared.drain.is_started() {
            return;
        }
        let now = clock::mono();
        match records.wills().await {
            Ok(wills) if now >= from => {
                pending.retain(|will, _| wills.contains(will));
                let due = wills.into_iter().filter(|will| pending.get(will).is_none_or(|(_, next)| now >= *next));
                let settled = futures_util::future::join_all(due.map(|will| settle_one(&worker, will))).await;
                for will in settled.into_iter().flatten() {
                    let (attempts, next) = pending.entry(will).or_insert((0, now));
                    (*attempts, *next) = (attempts.saturating_add(1), clock::mono().saturating_add(pause(*attempts)));
                }
            }
            Ok(_) => {}
            Err(_) => from = now.saturating_add(FIX_LEASE),
        }
    }
}

/// Settles one session; gives the will back where that is to be tried again.
async fn settle_one(worker: &Rc<Worker>, bytes: Vec<u8>) -> Option<Vec<u8>> {
    let Some(will) = Will::read(&bytes) else {
        tracing::error!("what a lost FIX session wanted done with its orders cannot be read: they may rest");
        return Some(bytes);
    };
    // Of a venue that only other nodes know, and of a session that came back here meanwhile.
    let upstream = will.upstream(&worker.shared.settings)?;
    let taken = FixSessions::take(&worker.shared, will.account.clone(), will.client.clone(), upstream.clone()).await.ok()?;
    // A client that comes now waits for us.
    taken.leaving();
    // Another node was first, or the database is away again.
    let mut journals = journals(worker, will.account.as_str(), &will.client, &upstream).await.ok()?;
    let settled = settle(worker, &mut journals).await;
    if let Err(refusal) = &settled {
        tracing::warn!(%refusal, client = %will.client.peer.as_str(), "the orders of a lost FIX session are not cancelled yet");
        // Not given back: its will stays. The lease runs out, and somebody tries again.
        journals.leave();
        return Some(bytes);
    }
    taken.never_was();
    give_back(&journals).await;
    None
}
