//! The replay guard that survives a crash of the process.
//!
//! Memory decides; a journal of accepted writes lets the next process decide alike. Each accepted write is one `write` of 28
//! bytes to an append-only file: no flush, because what the kernel has survives a `kill -9`, and a machine that lost its power
//! is seldom back within a minute.
//!
//! ```text
//!   journal/replay-NN-a.journal   one of these two is written, the other is the generation before;
//!   journal/replay-NN-b.journal   they change places when the written one is as old as the retention
//!
//!   record = replay id (20) || signed time in ms, big endian (8)      an accepted write
//!   record = 20 zero bytes  || signed time in ms, big endian (8)      the horizon: what is signed until then is forgotten
//! ```
//!
//! `NN` is chosen by the thread, so threads do not wait for each other. Reads are not kept: repeating one harms nobody. (A
//! signed read from before a crash could pass as a write after it only where one method and path is both, which no route is.)
//!
//! While the disk takes no writes ([`JournaledReplayGuard::heeding`]) writes are refused before anything is tried, so that nobody waits
//! for it, and cancels count in memory only: after a crash in that time they could pass a second time, which takes away nothing that
//! its owner wanted to stay.
//!
//! # Security
//! A wall clock that was set back while the process was down re-opens nothing: ids from the future are kept until it has
//! caught up, and writes signed at or before the horizon are refused as stale.

mod shard;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
use countersign_core::{Effect, MemoryReplayGuard, Monotonic, Now, Refusal, Reject, ReplayGuard, ReplayId, Timestamp};

use crate::audit::AuditHealth;
use crate::error::StoreError;
use crate::{files, limits};

use shard::Shard;

/// [`MemoryReplayGuard`] with a journal.
pub struct JournaledReplayGuard {
    memory: MemoryReplayGuard,
    disk: Option<AuditHealth>,
    shards: Box<[Mutex<Shard>]>,
    /// Let go at `recovered_until`, when none of it can be used any more.
    recovered: ArcSwapOption<HashSet<ReplayId>>,
    recovered_until: Monotonic,
    /// Writes signed until then are refused: from the start, and once the recovered ids are let go.
    horizon: Option<Timestamp>,
    later_horizon: Option<Timestamp>,
}

/// What the process before us left.
#[derive(Default)]
struct Recovered {
    ids: HashSet<ReplayId>,
    /// The latest signed time among the ids.
    latest: Option<Timestamp>,
    /// The latest signed time among what is forgotten.
    horizon: Option<Timestamp>,
}

impl JournaledReplayGuard {
    /// Opens the journal in `folder`, which is made if it is not there, and remembers what it holds. `now.mono` is of the clock
    /// that later calls use, too. The folder must be this process's alone (see `StateDir::lock`).
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be read or written: without the journal a restart would forget.
    pub fn open(folder: &Path, now: Now) -> Result<Self, StoreError> {
        Self::open_with(folder, MemoryReplayGuard::default(), now)
    }

    /// As [`Self::open`], around a guard with bounds of its own.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(folder: &Path, memory: MemoryReplayGuard, now: Now) -> Result<Self, StoreError> {
        files::create_private_folder(folder)?;
        let recovered = recover(folder, now.wall)?;
        let shards: Result<Vec<_>, StoreError> =
            (0..limits::JOURNAL_SHARDS).map(|number| Ok(Mutex::new(Shard::open(folder, number, now)?))).collect();
        // Where the clock was set back, ids lie in the future: they stay until the clock has caught up.
        let ahead = recovered.latest.map_or_else(Default::default, |latest| latest.saturating_since(now.wall));
        Ok(Self {
            memory,
            disk: None,
            shards: shards?.into(),
            recovered_until: now.mono.saturating_add(limits::JOURNAL_RETENTION + ahead),
            horizon: recovered.horizon,
            later_horizon: recovered.horizon.max(recovered.latest),
            recovered: ArcSwapOption::from((!recovered.ids.is_empty()).then(|| Arc::new(recovered.ids))),
        })
    }

    /// Asks, before it writes, whether the disk takes writes.
    #[must_use]
    pub fn heeding(mut self, disk: AuditHealth) -> Self {
        self.disk = Some(disk);
        self
    }

    fn disk_is_well(&self) -> bool {
        self.disk.as_ref().is_none_or(AuditHealth::is_available)
    }

    fn write_down(&self, id: ReplayId, signed_at: Timestamp, now: Monotonic) -> Result<(), Reject> {
        let mut shard = self.shards[shard_of_thread()].lock().map_err(|_| Reject::StoreUnavailable)?;
        shard.append(id, signed_at, now).map_err(|_| Reject::StoreUnavailable)
    }

    /// How many writes of the process before us are still remembered.
    #[must_use]
    pub fn recovered(&self) -> usize {
        self.recovered.load().as_ref().map_or(0, |ids| ids.len())
    }

    fn check_recovered(&self, id: ReplayId, signed_at: Timestamp, now: Monotonic) -> Result<(), Reject> {
        let horizon = if now > self.recovered_until {
            if self.recovered.load().is_some() {
                self.recovered.store(None);
            }
            self.later_horizon
        } else {
            if self.recovered.load().as_ref().is_some_and(|ids| ids.contains(&id)) {
                return Err(Reject::Replayed);
            }
            self.horizon
        };
        if horizon.is_some_and(|horizon| signed_at <= horizon) { Err(Reject::TimestampStale) } else { Ok(()) }
    }
}

impl ReplayGuard for JournaledReplayGuard {
    fn check_and_insert(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<(), Refusal> {
        match effect {
            Effect::Read => self.memory.check_and_insert(id, effect, signed_at, now),
            Effect::Cancel => {
                self.check_recovered(id, signed_at, now)?;
                self.memory.check_and_insert(id, effect, signed_at, now)?;
                if self.disk_is_well() {
                    // A cancel that cannot be written down passes all the same.
                    let _ = self.write_down(id, signed_at, now);
                }
                Ok(())
            }
            Effect::Write => {
                if !self.disk_is_well() {
                    return Err(Reject::AuditUnavailable.into());
                }
                self.check_recovered(id, signed_at, now)?;
                self.memory.check_and_insert(id, effect, signed_at, now)?;
                // If this fails the write is refused, and its id stays spent: the client signs again.
                self.write_down(id, signed_at, now).map_err(Refusal::from)
            }
        }
    }

    fn records(&self) -> usize {
        self.memory.records() + self.recovered()
    }
}

impl std::fmt::Debug for JournaledReplayGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JournaledReplayGuard({} recovered)", self.recovered())
    }
}

/// Each thread gets a shard when it first asks.
fn shard_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: usize = NEXT.fetch_add(1, Ordering::Relaxed) % limits::JOURNAL_SHARDS;
    }
    SHARD.with(|shard| *shard)
}

/// All ids in the folder that are young enough to matter, and the horizon of the others.
fn recover(folder: &Path, wall: Timestamp) -> Result<Recovered, StoreError> {
    let failed = |source| StoreError::io("read", folder, source);
    let mut recovered = Recovered::default();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "journal") {
            shard::each_record(&path, |id, signed_at| recovered.take(id, signed_at, wall))?;
        }
    }
    Ok(recovered)
}

impl Recovered {
    fn take(&mut self, id: Option<ReplayId>, signed_at: Timestamp, wall: Timestamp) {
        match id {
            Some(id) if wall.saturating_since(signed_at) < limits::JOURNAL_RETENTION => {
                self.ids.insert(id);
                self.latest = self.latest.max(Some(signed_at));
            }
            Some(_) | None => self.horizon = self.horizon.max(Some(signed_at)),
        }
    }
}
