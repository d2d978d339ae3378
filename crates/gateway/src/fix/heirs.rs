//! Looks for sessions whose node is lost and whose orders are to be cancelled, and does it where their clients do not come back first.
//!
//! | the database | |
//! |---|---|
//! | answers, for a lease already | sessions that nobody renews are claimed: of all nodes one gets each |
//! | does not answer, or does so for less than a lease | nothing: their owners come first |
//!
//! One that could not be settled is left alone for a while that grows, by each node for itself. One that cannot be read stays for whoever can
//! ([`unreadable`]).

mod unreadable;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use countersign_core::Monotonic;
use countersign_store::FixRecords;
use countersign_store::limits::{FIX_LEASE, FIX_RENEW, FIX_WILLS_MAX};

use super::bridge::{give_back, keep_will};
use super::names::journals;
use super::sessions::FixSessions;
use super::will::{Will, pause, settle};
use crate::clock;
use crate::worker::Worker;
use unreadable::Unreadable;

/// How it stands with a session.
enum Standing {
    /// Somebody is at it.
    Begun { attempts: u32 },
    /// It is left alone until then.
    Later { attempts: u32, from: Monotonic },
}

/// By the names of their journals.
#[derive(Default)]
struct Known(RefCell<HashMap<String, Standing>>);

impl Known {
    /// Whether a session is to be settled now; it is begun then.
    fn begin(&self, name: &str, now: Monotonic) -> bool {
        let mut known = self.0.borrow_mut();
        let attempts = match known.get(name) {
            None => 0,
            Some(Standing::Later { attempts, from }) if now >= *from => *attempts,
            Some(Standing::Begun { .. } | Standing::Later { .. }) => return false,
        };
        known.insert(name.to_owned(), Standing::Begun { attempts });
        true
    }

    fn end(&self, name: &str, is_settled: bool, now: Monotonic) {
        let mut known = self.0.borrow_mut();
        let attempts = match known.remove(name) {
            Some(Standing::Begun { attempts } | Standing::Later { attempts, .. }) => attempts,
            None => 0,
        };
        if !is_settled {
            let from = now.saturating_add(pause(attempts));
            known.insert(name.to_owned(), Standing::Later { attempts: attempts.saturating_add(1), from });
        }
    }

    /// Forgets those that nobody has met for longer than the longest pause.
    fn forget(&self, now: Monotonic) {
        self.0.borrow_mut().retain(|_, standing| match standing {
            Standing::Begun { .. } => true,
            Standing::Later { from, .. } => now < from.saturating_add(pause(u32::MAX)),
        });
    }
}

/// Until the gateway drains.
pub(crate) async fn look(worker: Rc<Worker>, records: Arc<FixRecords>) {
    let mut ticks = tokio::time::interval(FIX_RENEW);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut from = clock::mono().saturating_add(FIX_LEASE);
    let (known, mut unreadable, mut behind) = (Rc::new(Known::default()), Unreadable::default(), String::new());
    loop {
        ticks.tick().await;
        if worker.shared.drain.is_started() {
            return;
        }
        let wills = records.wills(&behind).await;
        let now = clock::mono();
        known.forget(now);
        let Ok(wills) = wills else {
            from = now.saturating_add(FIX_LEASE);
            continue;
        };
        if now < from {
            continue;
        }
        // All of them come round, however many of the first are left alone.
        behind = wills.last().filter(|_| wills.len() >= FIX_WILLS_MAX as usize).map(|lost| lost.journal.clone()).unwrap_or_default();
        for lost in wills {
            match lost.will.as_deref().and_then(Will::read) {
                Some(will) if known.begin(&lost.journal, now) => {
                    let (worker, known) = (Rc::clone(&worker), Rc::clone(&known));
                    tokio::task::spawn_local(async move {
                        let is_settled = settle_one(&worker, will).await;
                        known.end(&lost.journal, is_settled, clock::mono());
                    });
                }
                Some(_) => {}
                None => unreadable.meet(&worker, &lost, now),
            }
        }
        if behind.is_empty() {
            worker.shared.metrics.set_fix_wills_unreadable(unreadable.end_round(now));
        }
    }
}

/// Settles one session; whether there is nothing left to do.
async fn settle_one(worker: &Rc<Worker>, will: Will) -> bool {
    let client = will.client.peer.as_str().to_owned();
    let Some(upstream) = will.upstream(&worker.shared.settings) else {
        tracing::warn!(client, "the orders of a lost FIX session are at an upstream that this node does not have");
        return false;
    };
    // It came back here meanwhile, or is late with its lease.
    let taken = FixSessions::take(&worker.shared, will.account.clone(), will.client.clone(), upstream.clone()).await;
    let Ok(taken) = taken else { return false };
    // A client that comes now waits for us.
    taken.leaving();
    taken.never_was();
    let mut journals = match journals(worker, will.account.as_str(), &will.client, &upstream).await {
        Ok(journals) => journals,
        Err(error) => {
            // Another node was first, or the database is away again.
            tracing::info!(client, %error, "a lost FIX session is not settled here");
            return false;
        }
    };
    match settle(worker, &mut journals).await {
        Ok(()) => {
            give_back(&journals).await;
            true
        }
        Err(refusal) => {
            tracing::warn!(%refusal, client, "the orders of a lost FIX session are not cancelled yet");
            keep_will(&journals).await;
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_session_that_cannot_be_settled_is_left_alone_for_longer_and_longer() {
        let known = Known::default();
        let mut now = clock::mono();
        for attempt in 0..8 {
            assert!(known.begin("one", now) && !known.begin("one", now), "one at a time");
            known.end("one", false, now);
            known.forget(now);
            let next = now.saturating_add(pause(attempt));
            assert!(!known.begin("one", Monotonic::from_micros(next.as_micros() - 1)));
            assert!(known.begin("other", now));
            known.end("other", true, now);
            now = next;
        }
        known.forget(now.saturating_add(pause(u32::MAX) + Duration::from_secs(1)));
        assert!(known.0.borrow().is_empty());
    }
}
