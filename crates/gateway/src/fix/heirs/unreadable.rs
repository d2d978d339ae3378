//! Wills that cannot be read here: sealed under another key, written by a newer program, or damaged.
//!
//! Nobody has such a session before somebody who can read its will, or an operator, has dealt with it. It is read anew whenever wills are
//! looked for; meanwhile operators are told: by a record, once; by the log, once a minute; by a number.

use std::collections::HashMap;
use std::time::Duration;

use countersign_core::{AccountId, Monotonic};
use countersign_store::limits::FIX_LEASE;
use countersign_store::{AuditEvent, AuditRecord, LostWill};

use crate::clock;
use crate::worker::Worker;

/// How often the log says that one is there: often enough for whoever begins to read it, seldom enough to read anything else.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// One that was not met for so long is gone. A server that was started anew names none for one lease.
const GONE_AFTER: Duration = FIX_LEASE.saturating_mul(2);

#[derive(Clone, Copy)]
struct Known {
    logged: Monotonic,
    met: Monotonic,
}

/// How operators are told of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    /// In the audit log, and in the other.
    OnRecord,
    Logged,
    Silent,
}

/// By the names of their journals.
#[derive(Default)]
pub(super) struct Unreadable {
    known: HashMap<String, Known>,
    /// Since all were looked at.
    met: usize,
}

impl Unreadable {
    /// One was found, and operators are told as it is due.
    pub(super) fn meet(&mut self, worker: &Worker, lost: &LostWill, now: Monotonic) {
        let LostWill { journal, account, .. } = lost;
        let telling = self.note(journal, now);
        if telling == Telling::Silent {
            return;
        }
        tracing::error!(journal, account, "what a lost FIX session wanted done with its orders cannot be read: they may rest");
        if telling == Telling::OnRecord {
            let words = format!("orders NOT cancelled: what a lost FIX session wanted cannot be read here, journal {journal}");
            let mut record = AuditRecord::new(clock::wall(), AuditEvent::CancelOnDisconnect).sentence(&words);
            record.account = AccountId::parse(account).ok();
            if worker.shared.audit.append_waiting(record).is_err() {
                worker.shared.metrics.audit_lost();
            }
        }
    }

    fn note(&mut self, journal: &str, now: Monotonic) -> Telling {
        self.met += 1;
        let Some(known) = self.known.get_mut(journal) else {
            self.known.insert(journal.to_owned(), Known { logged: now, met: now });
            return Telling::OnRecord;
        };
        known.met = now;
        if now < known.logged.saturating_add(LOG_EVERY) {
            return Telling::Silent;
        }
        known.logged = now;
        Telling::Logged
    }

    /// All were looked at; how many of them cannot be read.
    pub(super) fn end_round(&mut self, now: Monotonic) -> usize {
        self.known.retain(|_, known| now < known.met.saturating_add(GONE_AFTER));
        std::mem::take(&mut self.met)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_on_record_once_and_in_the_log_once_a_minute() {
        let mut unreadable = Unreadable::default();
        let start = clock::mono();
        let mut told = Vec::new();
        for half in 0..=260 {
            let now = start.saturating_add(Duration::from_millis(500) * half);
            // A server that is started anew names none for one lease.
            if !(20..30).contains(&half) {
                told.push((half, unreadable.note("one", now)));
            }
            assert_eq!(unreadable.end_round(now), usize::from(!(20..30).contains(&half)), "{half}");
        }
        told.retain(|(_, telling)| *telling != Telling::Silent);
        assert_eq!(told, [(0, Telling::OnRecord), (120, Telling::Logged), (240, Telling::Logged)]);
        let later = start.saturating_add(Duration::from_secs(130) + GONE_AFTER);
        assert_eq!(unreadable.end_round(later), 0);
        assert_eq!(unreadable.note("one", later), Telling::OnRecord, "it was gone meanwhile");
    }
}
