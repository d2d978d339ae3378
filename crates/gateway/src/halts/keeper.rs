//! Raise, lift, rehearse: everything that changes what holds.
//!
//! ```text
//!   raise    in memory, published, enforced ─▶ audit ─▶ store ─▶ barrier of all nodes      a failure behind the first arrow stops nothing
//!   lower    store read ─▶ quorum ─▶ store, if the epoch is the one signed ─▶ in memory, published
//! ```

pub(super) mod barrier;
mod lifting;
mod raising;
mod reading;
mod reviews;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use countersign_core::Monotonic;
use countersign_halt::{
    Action, Change, Entry, Halt, HaltError, HaltId, HaltNode, HaltRecord, HaltSet, HaltView, LiftError, OperatorSet, Posture, Progress,
    Roll, Standing, Unknown,
};
use countersign_store::audit::{AuditEvent, AuditLog, AuditRecord};
use countersign_store::{HaltStore, StoreError};
use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};

use super::cancels::Cancels;
use super::gate::{HaltGate, Holding};
use super::report::{HaltLine, HaltStatus};
use crate::clock;
use crate::identity::{Fence, random_id};

pub use raising::NewHalt;

/// Changes kept for a listener that is slow: more than a bad day has.
const CHANGES_KEPT: usize = 256;

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

/// Keeps the halts of this node.
#[derive(Debug)]
pub struct HaltKeeper {
    gate: HaltGate,
    name: Box<str>,
    /// This process among those of all nodes.
    run: Box<str>,
    node: Mutex<HaltNode>,
    progress: Mutex<Progress>,
    /// The processes of all nodes that share the store.
    roll: Mutex<Roll>,
    /// What they were told last.
    reported: Mutex<Standing>,
    /// Whether the last read succeeded.
    reads: AtomicBool,
    /// How often our row was written.
    beat: AtomicU64,
    /// Held by whoever reads.
    reading: tokio::sync::Mutex<()>,
    shadow: Mutex<HaltSet>,
    /// Held by whoever rehearses.
    rehearsing: tokio::sync::Mutex<()>,
    /// A rehearsal of another node may have begun.
    drills: Notify,
    shown: Mutex<Option<Unknown>>,
    store: HaltStore,
    operators: OperatorSet,
    audit: AuditLog,
    wake: Notify,
    /// A halt is in force here that the store does not have.
    uncommitted: Notify,
    changes: broadcast::Sender<HaltRecord>,
    cancels: Cancels,
    /// Of which it was said that somebody was to look again.
    reviews: Mutex<BTreeSet<HaltId>>,
}

impl HaltKeeper {
    /// Opens the halts and reads them once. When they cannot be read, the gateway starts and passes nothing new.
    pub async fn open(name: &str, store: HaltStore, operators: OperatorSet, audit: AuditLog) -> Self {
        let keeper = Self {
            gate: HaltGate::default(),
            name: name.into(),
            run: random_id().into(),
            node: Mutex::new(HaltNode::new(name)),
            progress: Mutex::default(),
            roll: Mutex::default(),
            reported: Mutex::default(),
            reads: AtomicBool::new(false),
            beat: AtomicU64::new(0),
            reading: tokio::sync::Mutex::default(),
            shadow: Mutex::default(),
            rehearsing: tokio::sync::Mutex::default(),
            drills: Notify::new(),
            shown: Mutex::new(Some(Unknown::NeverRead)),
            store,
            operators,
            audit,
            wake: Notify::new(),
            uncommitted: Notify::new(),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            cancels: Cancels::new(name),
            reviews: Mutex::default(),
        };
        keeper.read().await;
        keeper
    }

    /// What requests ask.
    #[must_use]
    pub const fn gate(&self) -> &HaltGate {
        &self.gate
    }

    /// By what a request passes now, for upstreams that look.
    #[must_use]
    pub fn fence(&self) -> Fence<'_> {
        let (lease, epoch) = self.gate.ground();
        Fence { node: &self.name, run: &self.run, lease, epoch }
    }

    /// What became of resting orders, by halt.
    #[must_use]
    pub const fn cancels(&self) -> &Cancels {
        &self.cancels
    }

    /// Who may lift.
    #[must_use]
    pub const fn operators(&self) -> &OperatorSet {
        &self.operators
    }

    /// Reads the store soon: somebody said that it changed.
    pub fn look(&self) {
        self.wake.notify_one();
        self.cancels.look();
        self.drills.notify_one();
    }

    /// Woken when a rehearsal of another node may have begun.
    pub(in crate::halts) const fn drills(&self) -> &Notify {
        &self.drills
    }

    /// Records a rehearsal that begins here.
    pub(in crate::halts) async fn record_drill(&self, halt: &Halt) -> Result<u64, StoreError> {
        self.store.record_drill(halt, (&self.name, &self.run)).await
    }

    /// This process among those of all nodes.
    pub(in crate::halts) fn run(&self) -> &str {
        &self.run
    }

    /// The node.
    pub(in crate::halts) fn name(&self) -> &str {
        &self.name
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
        let generation = self.gate.publish(Holding { view, shadow, unknown, epoch: node.highest_epoch() });
        self.progress.lock().note(node.set().epoch(), generation, clock::mono());
        generation
    }

    /// Whether this node goes by this name.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.node.lock().name() == name
    }

    /// Whether a halt is known here: in force, or lifted.
    #[must_use]
    pub fn knows(&self, halt: HaltId) -> bool {
        self.node.lock().set().find(halt).is_some()
    }

    /// Whether a halt is in force here.
    #[must_use]
    pub fn is_in_force(&self, halt: HaltId) -> bool {
        self.node.lock().set().find(halt).is_some_and(|entry| entry.level().is_some())
    }

    /// The same, and others can read it.
    #[must_use]
    pub fn is_committed(&self, halt: HaltId) -> bool {
        self.is_in_force(halt) && self.epoch_of(halt).is_some()
    }

    /// The epoch under which others can read a halt.
    #[must_use]
    pub fn epoch_of(&self, halt: HaltId) -> Option<u64> {
        self.node.lock().set().find(halt).map(|entry| entry.raised).filter(|epoch| *epoch > 0)
    }

    /// Whether a halt holds here that the store does not have yet: a process that reads the store does not know of it.
    #[must_use]
    pub fn has_uncommitted(&self) -> bool {
        self.node.lock().set().in_force().any(|(entry, _)| entry.raised == 0)
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
        let record = HaltRecord { epoch, change: Change::Raise(halt) };
        self.node.lock().handle_notice(&record);
        drop(self.changes.send(record));
        // Somebody else's change may lie between: then the whole is read, and until then nothing new passes. Published once more, for what
        // else may have come into the set: from here on the epoch is said to be enforced, to other nodes and in assertions.
        self.refresh(true);
        self.wake.notify_one();
    }

    /// What changes on this node, for whatever carries it to others: a raise when it is in force (epoch 0) and again when it is
    /// committed, a lift when it is committed. A listener that lags behind loses the oldest, which costs the others time, not
    /// safety: they read the store four times per lease.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<HaltRecord> {
        self.changes.subscribe()
    }

    fn announce(&self, epoch: u64, change: Change) {
        // Nobody listens on a node that is alone.
        drop(self.changes.send(HaltRecord { epoch, change }));
    }

    /// Hears of a change on another node; the caller has opened the notice with the cluster's key. A raise is in force at once.
    pub fn hear(&self, record: &HaltRecord) {
        self.node.lock().handle_notice(record);
        self.refresh(true);
        self.wake.notify_one();
    }

    /// What holds, for operators.
    #[must_use]
    pub fn status(&self) -> HaltStatus {
        let now = clock::mono();
        let unknown = self.unknown();
        let confirmed = self.is_past_everywhere(None);
        let uncommitted = self.has_uncommitted();
        let reviews_overdue = self.reviews_overdue();
        let nodes = self.node_lines((!uncommitted).then(|| self.node.lock().set().epoch()));
        let node = self.node.lock();
        let lease = node.lease().until().map_or(Duration::ZERO, |until| until.saturating_since(now));
        HaltStatus {
            node: node.name().to_owned(),
            epoch: node.set().epoch(),
            unknown: unknown.map(|why| why.name().to_owned()),
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            read_ms: node.lease().asked().map(|asked| clock::wall().saturating_sub(now.saturating_since(asked)).as_millis()),
            confirmed,
            nodes,
            quorum: (self.operators.quorum(), self.operators.operators().len()),
            operators: Some(self.operators.operators().iter().map(ToString::to_string).collect()),
            reviews_overdue,
            halts: node.set().in_force().map(|(entry, level)| self.line(entry, level)).collect(),
        }
    }

    fn line(&self, entry: &Entry, level: Action) -> HaltLine {
        HaltLine { cancel: self.cancels.of(entry.halt.id), ..HaltLine::new(entry, level) }
    }

    fn record_halt(&self, halt: &Halt) {
        let words = format!("{} {} {} {} by {}: {}", halt.id, halt.scope, halt.action, halt.reason.name(), halt.by, halt.text);
        self.record(AuditEvent::Halt, &words);
    }

    /// A stop does not wait for its record.
    fn record(&self, event: AuditEvent, words: &str) {
        if self.audit.append_waiting(AuditRecord::new(clock::wall(), event).told(words)).is_err() {
            tracing::error!(event = event.name(), words, "not in the audit log");
        }
    }
}

pub(super) fn micros_since(begun: Monotonic) -> u64 {
    u64::try_from(clock::mono().saturating_since(begun).as_micros()).unwrap_or(u64::MAX)
}
