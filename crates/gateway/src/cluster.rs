//! The other nodes: looks after the memory that all share, and carries notices between them.
//!
//! ```text
//!   thread "cluster"   look at the memory five times a second; say what changed here ─▶ publish
//!   thread "notices"   hear what changed elsewhere ─▶ halts: read them now
//!                                                  ─▶ credentials, tokens: read the database now
//!   refused logins that may be explained ─▶ thread "cluster" ─▶ shelf that all nodes see
//! ```
//!
//! A notice has no content: whoever hears it reads the database, which is asked several times a second anyhow. So a lost notice costs
//! a moment, and a forged one a read.
//!
//! What is not here: what the memory decides (`countersign_store::shared`), and what passes without it (`core::Effect`).

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use countersign_core::rate::shared::RateLender;
use countersign_core::{Monotonic, Refusal, Secret};
use countersign_store::shared::{Heard, SharedShelf, SharedStatus, ShelfName, Topic};
use countersign_store::{SealingKey, SharedMemory, SharedRates};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock;
use crate::shared::Shared;

/// How often the memory is looked at: a loss is noticed, and a return, within this and the time of one question.
const LOOK: Duration = Duration::from_millis(200);
/// Notices and things for the shelf that wait to be said. What does not fit is not said: the others look by themselves, and a link
/// works here.
const WAITING_MAX: usize = 64;
/// Things that wait for the memory to be back: as many as a node holds explanations.
const UNSHELVED_MAX: usize = 128;
/// How long nobody listens after the connection was lost.
const LISTEN_AGAIN: Duration = Duration::from_millis(500);

/// What the thread "cluster" does for the others.
enum Said {
    Changed(Topic),
    Shelved(Shelved),
    Unshelved(ShelfName),
}

/// A thing for the shelf, until when it is to be there.
struct Shelved {
    name: ShelfName,
    content: Secret,
    ends: Monotonic,
}

/// This node among the others.
pub struct Cluster {
    node: String,
    memory: Arc<SharedMemory>,
    rates: Arc<SharedRates>,
    shelf: SharedShelf,
    say: SyncSender<Said>,
    waiting: Mutex<Option<Receiver<Said>>>,
    store_changed: Notify,
    said: [AtomicU64; Topic::ALL.len()],
    heard: [AtomicU64; Topic::ALL.len()],
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({}, {:?})", self.node, self.memory)
    }
}

impl Cluster {
    /// The node of this name; `key` is what all nodes have to seal with.
    #[must_use]
    pub fn new(node: &str, memory: Arc<SharedMemory>, key: Arc<SealingKey>) -> Self {
        let (say, waiting) = sync_channel(WAITING_MAX);
        Self {
            node: node.to_owned(),
            rates: SharedRates::new(Arc::clone(&memory), node),
            shelf: SharedShelf::new(Arc::clone(&memory), key),
            memory,
            say,
            waiting: Mutex::new(Some(waiting)),
            store_changed: Notify::new(),
            said: Default::default(),
            heard: Default::default(),
        }
    }

    /// Tells the other nodes that the database has something new. Never waits.
    pub fn announce(&self, topic: Topic) {
        if self.say.try_send(Said::Changed(topic)).is_ok() {
            self.said[topic as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lets all nodes find a thing by its name for so long. Never waits; what cannot be said is found here alone.
    pub fn shelve(&self, name: ShelfName, content: Secret, life: Duration) {
        let ends = clock::mono().saturating_add(life);
        let _ = self.say.try_send(Said::Shelved(Shelved { name, content, ends }));
    }

    /// Takes a thing away before its time. Never waits.
    pub fn unshelve(&self, name: ShelfName) {
        let _ = self.say.try_send(Said::Unshelved(name));
    }

    /// The memory that nodes share.
    #[must_use]
    pub const fn memory(&self) -> &Arc<SharedMemory> {
        &self.memory
    }

    /// What all nodes may show.
    pub(crate) const fn shelf(&self) -> &SharedShelf {
        &self.shelf
    }

    /// Puts a thing on the shelf; gives it back where the memory is away and its time is not over.
    fn put(&self, shelved: Shelved) -> Option<Shelved> {
        let left = shelved.ends.saturating_since(clock::mono());
        let done = left.is_zero() || self.shelf.put(&shelved.name, &shelved.content, left);
        if done { None } else { Some(shelved) }
    }

    /// Woken when another node changed credentials or revoked tokens.
    pub const fn store_changed(&self) -> &Notify {
        &self.store_changed
    }

    /// Lends this node parts of the limits that keys have at all nodes together.
    #[must_use]
    pub fn lender(&self) -> Arc<dyn RateLender> {
        Arc::clone(&self.rates) as Arc<dyn RateLender>
    }

    /// Nodes that are alive, this one included; 0 where that was never known.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.rates.known_nodes().map_or(0, std::num::NonZeroU32::get)
    }

    /// Their names, this one's among them, as of the last look at the shared memory.
    #[must_use]
    pub fn node_names(&self) -> Vec<String> {
        self.rates.names()
    }

    /// The refusal of a message as late or early where this node's clock and that of the shared memory differ, so that nobody can tell.
    #[must_use]
    pub fn refusal_while_apart(&self) -> Option<Refusal> {
        self.memory.refusal_while_apart()
    }

    /// How the shared memory is.
    #[must_use]
    pub fn status(&self) -> SharedStatus {
        self.memory.status()
    }

    /// Notices of a kind: said, and heard from others.
    #[must_use]
    pub fn notices(&self, topic: Topic) -> [u64; 2] {
        [&self.said, &self.heard].map(|counts| counts[topic as usize].load(Ordering::Relaxed))
    }

    fn note_heard(&self, heard: Heard, shared: &Shared) {
        match heard {
            Heard::Changed(topic) => {
                self.heard[topic as usize].fetch_add(1, Ordering::Relaxed);
                match topic {
                    Topic::Credentials | Topic::Tokens => self.store_changed.notify_one(),
                    Topic::Halts => shared.halts.look(),
                }
            }
            // Anything may have been said while nobody listened.
            Heard::Connected => {
                self.store_changed.notify_one();
                shared.halts.look();
            }
            Heard::Nothing => {}
        }
    }
}

/// Looks after the shared memory until the gateway has drained.
pub(crate) fn look_after(cluster: &Cluster, shared: &Shared) {
    let Some(waiting) = cluster.waiting.lock().take() else { return };
    let mut was_available = None;
    let mut unshelved = VecDeque::new();
    let mut clock_was_set = false;
    while !shared.drain.is_over() {
        let outcome = cluster.memory.check();
        let available = outcome.is_ok();
        if was_available != Some(available) {
            tell(&outcome);
            was_available = Some(available);
        }
        if available {
            unshelved = unshelved.into_iter().filter_map(|shelved| cluster.put(shelved)).collect();
        }
        let ahead = clock::machine_ahead_millis();
        if clock_was_set != (ahead != 0) {
            clock_was_set = ahead != 0;
            tell_clock(ahead);
        }
        match waiting.recv_timeout(LOOK) {
            Ok(Said::Changed(topic)) => drop(cluster.memory.publish(&cluster.node, topic)),
            Ok(Said::Shelved(shelved)) => {
                if let Some(shelved) = cluster.put(shelved) {
                    if unshelved.len() >= UNSHELVED_MAX {
                        unshelved.pop_front();
                    }
                    unshelved.push_back(shelved);
                }
            }
            Ok(Said::Unshelved(name)) => {
                unshelved.retain(|shelved: &Shelved| shelved.name != name);
                cluster.shelf.remove(&name);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn tell(outcome: &Result<(), countersign_store::StoreError>) {
    match outcome {
        Ok(()) => tracing::info!("the memory that nodes share answers"),
        Err(error) => tracing::error!(%error, "new orders are refused, cancels and reads pass"),
    }
}

fn tell_clock(ahead: i64) {
    if ahead == 0 {
        tracing::info!("the clock of this machine agrees with that of the shared memory");
    } else {
        tracing::error!(ahead_ms = ahead, "the clock of this machine was set, and the shared memory's says wrongly; going on without it");
    }
}

/// Listens to the other nodes until the gateway has drained.
pub(crate) fn listen(cluster: &Cluster, shared: &Shared) {
    while !shared.drain.is_over() {
        let outcome = cluster.memory.listen(&cluster.node, |heard| {
            cluster.note_heard(heard, shared);
            if shared.drain.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if outcome.is_err() {
            // Nobody unparks this thread; it does not matter when it wakes.
            std::thread::park_timeout(LISTEN_AGAIN);
        }
    }
}

/// Says what changes here of halts and tokens; credentials are said where they change.
pub(crate) async fn announce_changes(shared: Arc<Shared>) {
    let Some(cluster) = &shared.cluster else { return };
    let mut halts = shared.halts.changes();
    loop {
        tokio::select! {
            change = halts.recv() => match change {
                // In force here and not in the database yet: nobody could find it there.
                Ok(record) if record.epoch == 0 => {}
                Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => cluster.announce(Topic::Halts),
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            },
            () = shared.oauth.revoked().notified() => cluster.announce(Topic::Tokens),
        }
    }
}
