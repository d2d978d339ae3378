//! Halts: raised in earnest, and rehearsed.

use std::time::Duration;

use countersign_core::{Monotonic, Timestamp};
use countersign_halt::{Action, Change, Halt, HaltClass, HaltError, HaltId, HaltScope, HaltSet, RaisedBy, Reason};
use countersign_store::audit::AuditEvent;

use super::barrier::BARRIER_WAIT;
use super::{HaltKeeper, KeeperError, micros_since};
use crate::clock;
use crate::entropy::SystemEntropy;
use crate::halts::report::{DrillPart, HaltLine, HaltReport};

/// How long whoever halts waits for it to be written: a second, with all around it. Halts are written one after the other, and a process
/// that stands still in the middle is thrown out after three quarters of that; behind two of them it is told that the halt is in force here
/// and not in the store yet, and the node goes on.
const COMMIT_WAIT: Duration = Duration::from_millis(900);

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
    /// Stops, and waits until all nodes are past it. Enforced on this node before anything else is tried.
    ///
    /// # Errors
    /// [`KeeperError::Asked`], [`KeeperError::Full`]. A store that fails is no error: the report says so.
    pub async fn raise(&self, new: NewHalt) -> Result<HaltReport, KeeperError> {
        let begun = clock::mono();
        let mut report = self.raise_here(new).await?;
        if report.was_in_force && report.barrier_us.is_none() {
            report.barrier_us = self.barrier(self.gate.generation(), begun).await;
        }
        report.confirmed_us = if !self.store.is_shared() {
            report.barrier_us
        } else if report.epoch.is_some() && report.barrier_us.is_some() {
            self.all_past(report.epoch, BARRIER_WAIT).await.then(|| micros_since(begun))
        } else {
            None
        };
        report.nodes = self.node_lines(report.epoch);
        Ok(report)
    }

    /// Stops, and waits for this node alone.
    ///
    /// # Errors
    /// As [`Self::raise`].
    pub async fn raise_here(&self, new: NewHalt) -> Result<HaltReport, KeeperError> {
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
        Ok(HaltReport { epoch, enforced_us, committed_us, barrier_us, ..HaltReport::of(&halt.id.to_string()) })
    }

    /// Writes a halt that is in force; its epoch and when that was, if it could be written.
    async fn commit(&self, halt: &Halt, begun: Monotonic) -> (Option<u64>, Option<u64>) {
        match tokio::time::timeout(COMMIT_WAIT, self.store.raise(halt)).await {
            Ok(Ok(epoch)) => {
                let committed_us = micros_since(begun);
                self.note_committed(halt.clone(), epoch);
                (Some(epoch), Some(committed_us))
            }
            Ok(Err(error)) => {
                tracing::error!(halt = %halt.id, %error, "in force, but not in the store yet");
                (None, None)
            }
            // Undone by the server, or found there when it is written again.
            Err(_) => {
                tracing::error!(halt = %halt.id, "in force, but not in the store yet: it does not answer in time");
                (None, None)
            }
        }
    }

    fn in_force_already(&self, halt: &Halt, begun: Monotonic) -> Option<HaltReport> {
        let node = self.node.lock();
        let known = node.set().covering(halt)?;
        Some(HaltReport {
            epoch: Some(known.raised).filter(|epoch| *epoch > 0),
            enforced_us: micros_since(begun),
            barrier_us: self.is_past_here().then(|| micros_since(begun)),
            was_in_force: true,
            in_force: known.level().map(|level| HaltLine::new(known, level)),
            ..HaltReport::of(&known.halt.id.to_string())
        })
    }

    /// What is to be rehearsed.
    ///
    /// # Errors
    /// [`KeeperError::Asked`]
    pub(in crate::halts) fn rehearsal(&self, scope: HaltScope, action: Action, by: RaisedBy) -> Result<Halt, KeeperError> {
        let new = NewHalt { scope, action, reason: Reason::Drill, text: "rehearsal".to_owned(), by, review_by: None };
        Ok(named(new, HaltClass::Drill)?)
    }

    /// Rehearses at this node: the whole path, but what it would stop is only counted. `meanwhile` is done while it is in force.
    pub(in crate::halts) async fn rehearse<T>(&self, halt: &Halt, meanwhile: impl Future<Output = T>) -> (DrillPart, T) {
        // One at a time: the end of one would end another.
        let _alone = self.rehearsing.lock().await;
        let begun = clock::mono();
        let counted = self.gate.rehearsed();
        self.shadow.lock().raise(halt.clone(), 0);
        let generation = self.publish();
        let mut part = DrillPart { enforced_us: micros_since(begun), under_way: self.gate.under_way(), ..DrillPart::default() };
        self.record(AuditEvent::Drill, &format!("{} {} {} by {}", halt.id, halt.scope, halt.action, halt.by));
        let (done, barrier_us) = tokio::join!(meanwhile, self.barrier(generation, begun));
        *self.shadow.lock() = HaltSet::default();
        self.publish();
        part.barrier_us = barrier_us;
        part.would_refuse = self.gate.rehearsed().saturating_sub(counted);
        (part, done)
    }
}

fn named(new: NewHalt, class: HaltClass) -> Result<Halt, HaltError> {
    let NewHalt { scope, action, reason, text, by, review_by } = new;
    let id = HaltId::random(&mut SystemEntropy);
    Halt { action, id, scope, reason, text: text.into(), class, by, at: clock::wall(), review_by }.raised()
}
