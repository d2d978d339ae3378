//! Halts: raised in earnest, and rehearsed.

use std::time::Duration;

use countersign_core::{Monotonic, Timestamp};
use countersign_halt::{Action, Change, Halt, HaltClass, HaltError, HaltId, HaltScope, HaltSet, RaisedBy, Reason};
use countersign_store::audit::AuditEvent;

use super::{HaltKeeper, KeeperError};
use crate::clock;
use crate::entropy::SystemEntropy;
use crate::halts::report::{DrillReport, HaltReport};

/// How long an operator's command waits for the barrier: as long as the slowest answer of an upstream is likely to take. `halt
/// status` goes on telling.
const BARRIER_WAIT: Duration = Duration::from_secs(2);

/// Looks at the lanes without sleeping, before it sleeps: requests are under way for microseconds.
const BARRIER_LOOKS: u32 = 200;

/// And then how often.
const BARRIER_POLL: Duration = Duration::from_millis(1);

/// A halt as it is asked for.
#[derive(Clone, Debug)]
pub struct NewHalt {
    /// Whom.
    pub scope: HaltScope,
    /// How.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// In words.
    pub text: String,
    /// Who.
    pub by: RaisedBy,
    /// When somebody must look again.
    pub review_by: Option<Timestamp>,
}

impl HaltKeeper {
    /// Stops. Enforced on this node before anything else is tried.
    ///
    /// # Errors
    /// [`KeeperError::Asked`], [`KeeperError::Full`]. A store that fails is no error: the report says so.
    pub async fn raise(&self, new: NewHalt) -> Result<HaltReport, KeeperError> {
        let begun = clock::mono();
        let halt = named(new, HaltClass::Manual)?;
        if let Some(report) = self.in_force_already(&halt, begun) {
            return Ok(report);
        }
        let generation = {
            let mut node = self.node.lock();
            if !node.set().has_room_for(&halt) {
                return Err(KeeperError::Full);
            }
            node.raise_first(halt.clone());
            drop(node);
            self.publish()
        };
        let enforced_us = micros_since(begun);
        tracing::warn!(halt = %halt.id, scope = %halt.scope, action = %halt.action, by = %halt.by, reason = halt.reason.name(), "halted");
        self.record_halt(&halt);
        self.announce(0, Change::Raise(halt.clone()));
        let ((epoch, committed_us), barrier_us) = tokio::join!(self.commit(&halt, begun), self.barrier(generation, begun));
        Ok(HaltReport { id: halt.id.to_string(), epoch, enforced_us, committed_us, barrier_us, was_in_force: false })
    }

    /// Writes a halt that is in force; its epoch and when that was, if it could be written.
    async fn commit(&self, halt: &Halt, begun: Monotonic) -> (Option<u64>, Option<u64>) {
        match self.store.raise(halt).await {
            Ok(epoch) => {
                let committed_us = micros_since(begun);
                self.note_committed(halt.clone(), epoch);
                (Some(epoch), Some(committed_us))
            }
            Err(error) => {
                tracing::error!(halt = %halt.id, %error, "in force, but not in the store yet");
                (None, None)
            }
        }
    }

    fn in_force_already(&self, halt: &Halt, begun: Monotonic) -> Option<HaltReport> {
        let node = self.node.lock();
        let known = node.set().covering(halt)?;
        let past = self.gate.is_past(self.gate.generation());
        Some(HaltReport {
            id: known.halt.id.to_string(),
            epoch: Some(known.raised).filter(|epoch| *epoch > 0),
            enforced_us: micros_since(begun),
            committed_us: None,
            barrier_us: past.then(|| micros_since(begun)),
            was_in_force: true,
        })
    }

    /// Waits until nothing of before a generation is under way; when that was, in microseconds from `begun`, if in time.
    async fn barrier(&self, generation: u64, begun: Monotonic) -> Option<u64> {
        let until = clock::mono().saturating_add(BARRIER_WAIT);
        let mut looks = 0;
        while !self.gate.is_past(generation) {
            if clock::mono() >= until {
                return None;
            }
            looks += 1;
            if looks < BARRIER_LOOKS { tokio::task::yield_now().await } else { tokio::time::sleep(BARRIER_POLL).await }
        }
        Some(micros_since(begun))
    }

    /// Rehearses: the whole path, but what it would stop is only counted.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub async fn drill(&self, scope: HaltScope, action: Action, by: RaisedBy) -> Result<DrillReport, KeeperError> {
        let begun = clock::mono();
        let new = NewHalt { scope, action, reason: Reason::Drill, text: "rehearsal".to_owned(), by, review_by: None };
        let halt = named(new, HaltClass::Drill)?;
        let counted = self.gate.rehearsed();
        self.shadow.lock().raise(halt.clone(), 0);
        let generation = self.publish();
        let enforced_us = micros_since(begun);
        self.record(AuditEvent::Drill, &format!("{} {} {} by {}", halt.id, halt.scope, halt.action, halt.by));
        let commit = async { (self.store.record_drill(&halt).await, micros_since(begun)) };
        let ((epoch, committed_us), barrier_us) = tokio::join!(commit, self.barrier(generation, begun));
        *self.shadow.lock() = HaltSet::default();
        self.publish();
        let would_refuse = self.gate.rehearsed().saturating_sub(counted);
        Ok(DrillReport { epoch: epoch?, enforced_us, committed_us, barrier_us, would_refuse })
    }
}

fn named(new: NewHalt, class: HaltClass) -> Result<Halt, HaltError> {
    let NewHalt { scope, action, reason, text, by, review_by } = new;
    let id = HaltId::random(&mut SystemEntropy);
    Halt { action, id, scope, reason, text: text.into(), class, by, at: clock::wall(), review_by }.raised()
}

fn micros_since(begun: Monotonic) -> u64 {
    u64::try_from(clock::mono().saturating_since(begun).as_micros()).unwrap_or(u64::MAX)
}
