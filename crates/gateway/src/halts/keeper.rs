//! Raise, lift, rehearse: everything that changes what holds.
//!
//! ```text
//!   raise    in memory, published, enforced ─▶ audit ─▶ store ─▶ barrier      a failure behind the first arrow stops nothing
//!   lower    store read ─▶ quorum ─▶ store, if the epoch is the one signed ─▶ in memory, published
//! ```

use std::time::Duration;

use countersign_core::{Monotonic, Timestamp};
use countersign_halt::lift::Proposal;
use countersign_halt::{
    Action, Halt, HaltClass, HaltError, HaltId, HaltNode, HaltScope, HaltSet, HaltView, Lift, LiftError, LiftId, Lowered, OperatorSet,
    OperatorSignature, Posture, RaisedBy, Reason, Unknown,
};
use countersign_store::audit::{AuditEvent, AuditLog, AuditRecord};
use countersign_store::{HaltStore, StoreError};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::gate::{HaltGate, Holding};
use super::report::{DrillReport, HaltLine, HaltReport, HaltStatus, LiftReport};
use crate::clock;
use crate::entropy::SystemEntropy;

/// How long an operator's command waits for the barrier: as long as the slowest answer of an upstream is likely to take. `halt
/// status` goes on telling.
const BARRIER_WAIT: Duration = Duration::from_secs(2);
/// Looks at the lanes without sleeping, before it sleeps: requests are under way for microseconds.
const BARRIER_LOOKS: u32 = 200;
/// And then how often.
const BARRIER_POLL: Duration = Duration::from_millis(1);

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// What was asked for is not right in itself.
    #[error("{0}")]
    Asked(#[from] HaltError),
    /// A lift that cannot be proposed, signed or applied.
    #[error("{0}")]
    Lift(#[from] LiftError),
    /// No such proposal.
    #[error("there is no such proposal; it may have expired or been applied")]
    NoProposal,
    /// No room.
    #[error("there are as many halts in force as there may be; lift some, or halt a wider scope")]
    Full,
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// It could not be recorded, so it was not done.
    #[error("the audit log cannot be written, so nothing is lifted")]
    Unrecorded,
}

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

/// Keeps the halts of this node.
#[derive(Debug)]
pub struct HaltKeeper {
    gate: HaltGate,
    node: Mutex<HaltNode>,
    shadow: Mutex<HaltSet>,
    shown: Mutex<Option<Unknown>>,
    store: HaltStore,
    operators: OperatorSet,
    audit: AuditLog,
    wake: Notify,
}

impl HaltKeeper {
    /// Opens the halts and reads them once. When they cannot be read, the gateway starts and passes nothing new.
    pub async fn open(name: &str, store: HaltStore, operators: OperatorSet, audit: AuditLog) -> Self {
        let keeper = Self {
            gate: HaltGate::default(),
            node: Mutex::new(HaltNode::new(name)),
            shadow: Mutex::default(),
            shown: Mutex::new(Some(Unknown::NeverRead)),
            store,
            operators,
            audit,
            wake: Notify::new(),
        };
        keeper.read().await;
        keeper
    }

    /// What requests ask.
    #[must_use]
    pub const fn gate(&self) -> &HaltGate {
        &self.gate
    }

    /// Who may lift.
    #[must_use]
    pub const fn operators(&self) -> &OperatorSet {
        &self.operators
    }

    /// Woken when the store is worth a read at once.
    pub(super) const fn wake(&self) -> &Notify {
        &self.wake
    }

    /// When the store is to be read next.
    pub(super) fn poll_timeout(&self) -> Monotonic {
        self.node.lock().poll_timeout()
    }

    /// Reads the store, commits what only this node knows, and publishes what changed. Called four times per lease.
    pub async fn read(&self) {
        let asked = clock::mono();
        let known = {
            let mut node = self.node.lock();
            node.note_asked(asked);
            (node.posture(asked) != Posture::Unknown(Unknown::NeverRead)).then(|| node.set().epoch())
        };
        match self.store.state(known).await {
            Ok(state) => {
                let mut node = self.node.lock();
                let before = node.set().clone();
                node.handle_state(asked, &state);
                if let Some(until) = node.lease().until() {
                    self.gate.set_lease(until);
                }
                let changed = *node.set() != before;
                drop(node);
                self.refresh(changed);
            }
            Err(error) => {
                tracing::error!(%error, "the halts cannot be read; without them no new order passes when the lease is over");
                self.refresh(false);
            }
        }
        self.commit_pending().await;
    }

    /// Publishes when the set or the trust in it changed.
    fn refresh(&self, changed: bool) {
        let unknown = self.unknown();
        let was = std::mem::replace(&mut *self.shown.lock(), unknown);
        if was != unknown {
            self.note_posture(unknown);
        }
        if changed || was != unknown {
            self.publish();
        }
    }

    fn unknown(&self) -> Option<Unknown> {
        match self.node.lock().posture(clock::mono()) {
            Posture::Known => None,
            Posture::Unknown(why) => Some(why),
        }
    }

    fn note_posture(&self, unknown: Option<Unknown>) {
        match unknown {
            Some(why) => tracing::error!(why = why.name(), "this node does not know its halts: no new orders, cancels pass"),
            None => tracing::info!("this node knows its halts"),
        }
        self.record(AuditEvent::HaltUnknown, unknown.map_or("known again", Unknown::name));
    }

    fn publish(&self) -> u64 {
        let node = self.node.lock();
        let view = HaltView::compile(node.set(), node.name());
        let shadow = HaltView::compile(&self.shadow.lock(), node.name());
        let unknown = match node.posture(clock::mono()) {
            Posture::Known => None,
            Posture::Unknown(why) => Some(why),
        };
        // Under the lock: of two publications the later one has the later state.
        self.gate.publish(Holding { view, shadow, unknown })
    }

    /// What nodes raised without the store is committed as soon as the store can be written.
    async fn commit_pending(&self) {
        let pending: Vec<Halt> = {
            let node = self.node.lock();
            node.set().entries().filter(|entry| entry.raised == 0).map(|entry| entry.halt.clone()).collect()
        };
        for halt in pending {
            match self.store.raise(&halt).await {
                Ok(epoch) => self.note_committed(halt, epoch),
                Err(error) => tracing::error!(halt = %halt.id, %error, "a halt is in force on this node and not in the store yet"),
            }
        }
    }

    fn note_committed(&self, halt: Halt, epoch: u64) {
        let mut node = self.node.lock();
        node.handle_notice(&countersign_halt::HaltRecord { epoch, change: countersign_halt::Change::Raise(halt) });
        drop(node);
        // Somebody else's change may lie between: then the whole is read, and until then nothing new passes.
        self.refresh(false);
        self.wake.notify_one();
    }

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
            if !node.set().has_room_for(&halt.by) {
                return Err(KeeperError::Full);
            }
            node.raise_first(halt.clone());
            drop(node);
            self.publish()
        };
        let enforced_us = micros_since(begun);
        tracing::warn!(halt = %halt.id, scope = %halt.scope, action = %halt.action, by = %halt.by, reason = halt.reason.name(), "halted");
        self.record_halt(&halt);
        let committed = self.store.raise(&halt).await;
        let committed_us = committed.is_ok().then(|| micros_since(begun));
        let epoch = match committed {
            Ok(epoch) => {
                self.note_committed(halt.clone(), epoch);
                Some(epoch)
            }
            Err(error) => {
                tracing::error!(halt = %halt.id, %error, "in force, but not in the store yet");
                None
            }
        };
        let barrier_us = self.barrier(generation).await.then(|| micros_since(begun));
        Ok(HaltReport { id: halt.id.to_string(), epoch, enforced_us, committed_us, barrier_us, was_in_force: false })
    }

    fn in_force_already(&self, halt: &Halt, begun: Monotonic) -> Option<HaltReport> {
        let node = self.node.lock();
        let known = node.set().covering(&halt.scope, halt.action)?;
        // For ever is more than for now, however strong.
        if halt.is_for_ever() && !known.halt.is_for_ever() {
            return None;
        }
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

    /// Waits until nothing of before a generation is under way; whether it came to that in time.
    async fn barrier(&self, generation: u64) -> bool {
        let until = clock::mono().saturating_add(BARRIER_WAIT);
        let mut looks = 0;
        while !self.gate.is_past(generation) {
            if clock::mono() >= until {
                return false;
            }
            looks += 1;
            if looks < BARRIER_LOOKS { tokio::task::yield_now().await } else { tokio::time::sleep(BARRIER_POLL).await }
        }
        true
    }

    /// Proposes a lift.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub async fn propose(&self, halts: Vec<HaltId>, to: Option<Action>, reason: &str, by: &str) -> Result<LiftReport, KeeperError> {
        self.read().await;
        let now = clock::wall();
        let lift = {
            let node = self.node.lock();
            Lift::propose(node.set(), Proposal { gateway: self.operators.gateway(), halts, to, reason, by, now })??
        };
        self.store.propose(&lift, now).await?;
        self.record(AuditEvent::HaltLiftSigned, &format!("{} proposed by operator {by}", lift.id()));
        Ok(self.report(&lift, &[], None))
    }

    /// A proposal as it stands.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub async fn lift(&self, id: LiftId) -> Result<LiftReport, KeeperError> {
        let stored = self.store.lift(id).await?.ok_or(KeeperError::NoProposal)?;
        Ok(self.report(&stored.lift, &stored.signatures, None))
    }

    /// Adds an operator's signature.
    ///
    /// # Errors
    /// [`KeeperError`]; a signature that does not verify is not kept.
    pub async fn sign(&self, id: LiftId, signature: &OperatorSignature) -> Result<LiftReport, KeeperError> {
        let stored = self.store.lift(id).await?.ok_or(KeeperError::NoProposal)?;
        self.operators.verify(&stored.lift, signature)?;
        stored.lift.check_against(self.node.lock().set(), clock::wall())?;
        self.store.sign(id, signature).await?.ok_or(KeeperError::NoProposal)?;
        self.record(AuditEvent::HaltLiftSigned, &format!("{id} signed by operator {}", signature.operator));
        self.lift(id).await
    }

    /// Applies a lift that enough operators signed.
    ///
    /// # Errors
    /// [`KeeperError`]; nothing is lifted then.
    pub async fn apply(&self, id: LiftId, by: &str) -> Result<LiftReport, KeeperError> {
        self.read().await;
        let stored = self.store.lift(id).await?.ok_or(KeeperError::NoProposal)?;
        let now = clock::wall();
        let agreed = self.operators.agree(&stored.lift, &stored.signatures, self.node.lock().set(), now)?;
        let lift = agreed.lift().clone();
        let names = agreed.operators().join(", ");
        let halts = lift.halts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let to = lift.to.map_or("nothing", Action::name);
        // Before it is done: a restart of trading that cannot be recorded does not happen.
        let words = format!("{id}: {halts} to {to}, signed by {names}, applied by operator {by}");
        self.audit.append(AuditRecord::new(now, AuditEvent::HaltLift).told(&words)).map_err(|_| KeeperError::Unrecorded)?;
        let moved = || LiftError::EpochMoved { signed: lift.if_epoch, now: self.node.lock().set().epoch() };
        let epoch = self.store.lower(&agreed, &stored.signatures, now).await?.ok_or_else(moved)?;
        {
            let mut node = self.node.lock();
            node.note_lowered(&lift.halts, Lowered { epoch, to: lift.to });
        }
        self.publish();
        tracing::warn!(lift = %id, %halts, to, operators = %names, "lifted");
        Ok(self.report(&lift, &stored.signatures, Some(epoch)))
    }

    fn report(&self, lift: &Lift, signatures: &[OperatorSignature], applied: Option<u64>) -> LiftReport {
        let node = self.node.lock();
        let line = |id: &HaltId| {
            let entry = node.set().find(*id)?;
            Some(HaltLine::new(entry, entry.level()?))
        };
        let obstacle = applied.is_none().then(|| self.operators.agree(lift, signatures, node.set(), clock::wall()).err()).flatten();
        LiftReport {
            id: lift.id().to_string(),
            payload: lift.payload().to_owned(),
            check_words: lift.check_words(),
            signed_by: signatures.iter().map(|signature| signature.operator.to_string()).collect(),
            needed: lift.needed(node.set(), self.operators.quorum()),
            expires_ms: lift.expires.as_millis(),
            halts: lift.halts.iter().filter_map(line).collect(),
            obstacle: obstacle.map(|error| error.to_string()),
            applied,
        }
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
        let epoch = self.store.record_drill(&halt).await;
        let committed_us = micros_since(begun);
        let barrier_us = self.barrier(generation).await.then(|| micros_since(begun));
        *self.shadow.lock() = HaltSet::default();
        self.publish();
        let would_refuse = self.gate.rehearsed().saturating_sub(counted);
        Ok(DrillReport { epoch: epoch?, enforced_us, committed_us, barrier_us, would_refuse })
    }

    /// What holds, for operators.
    #[must_use]
    pub fn status(&self) -> HaltStatus {
        let now = clock::mono();
        let unknown = self.unknown();
        let node = self.node.lock();
        let lease = node.lease().until().map_or(Duration::ZERO, |until| until.saturating_since(now));
        HaltStatus {
            node: node.name().to_owned(),
            epoch: node.set().epoch(),
            unknown: unknown.map(|why| why.name().to_owned()),
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            confirmed: self.gate.is_past(self.gate.generation()),
            quorum: (self.operators.quorum(), self.operators.operators().len()),
            halts: node.set().in_force().map(|(entry, level)| HaltLine::new(entry, level)).collect(),
        }
    }

    fn record_halt(&self, halt: &Halt) {
        let words = format!("{} {} {} {} by {}: {}", halt.id, halt.scope, halt.action, halt.reason.name(), halt.by, halt.text);
        self.record(AuditEvent::Halt, &words);
    }

    /// A stop does not wait for its record.
    fn record(&self, event: AuditEvent, words: &str) {
        if self.audit.append(AuditRecord::new(clock::wall(), event).told(words)).is_err() {
            tracing::error!(event = event.name(), words, "not in the audit log");
        }
    }
}

fn named(new: NewHalt, class: HaltClass) -> Result<Halt, HaltError> {
    let NewHalt { scope, action, reason, text, by, review_by } = new;
    let id = HaltId::random(&mut SystemEntropy);
    Halt { action, id, scope, reason, text: text.into(), class, by, at: clock::wall(), review_by }.checked()
}

fn micros_since(begun: Monotonic) -> u64 {
    u64::try_from(clock::mono().saturating_since(begun).as_micros()).unwrap_or(u64::MAX)
}
