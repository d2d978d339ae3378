//! The replay guard that nodes share.
//!
//! ```text
//!   write ──▶ this node's guard and journal ─▶ one script on the server ─▶ accepted
//!               │ known: replayed                │ known to any node: replayed
//!               │                                │ signed before the server's memory began, or no answer in time: store unavailable
//!   cancel ─▶ the same, but only "known" refuses it; what the server could not be told it is told when it is back
//!   read ───▶ this node's guard: reads repeat by themselves
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use countersign_core::{Effect, Monotonic, Now, Refusal, Reject, ReplayGuard, ReplayId, Timestamp};
use redis::{RedisResult, Script};

use super::memory::{self, Keeper, Link, MemoryId, SharedMemory, SharedResult, doubt};
use super::{PREFIX, millis, with_beginning};
use crate::limits;

/// 0: accepted; 1: replayed; 2: signed before the memory began.
const SCRIPT: &str = with_beginning!(
    "
if ARGV[5] == '1' and tonumber(ARGV[2]) <= tonumber(began) + tonumber(ARGV[3]) then return 2 end
if redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[4]) then return 0 end
return 1
"
);

/// This node's guard, and a memory that all nodes share.
pub struct SharedReplayGuard {
    local: Box<dyn ReplayGuard>,
    memory: Arc<SharedMemory>,
    script: Script,
    /// Cancels that passed while the server could not be told, the oldest first.
    untold: Mutex<VecDeque<ReplayId>>,
}

enum Answer {
    Accepted,
    Replayed,
    /// The server's memory is too young to tell.
    TooYoung,
}

impl SharedReplayGuard {
    /// Over this node's own guard, which is asked first and survives the node.
    #[must_use]
    pub fn new(memory: Arc<SharedMemory>, local: Box<dyn ReplayGuard>) -> Arc<Self> {
        let guard = Arc::new(Self { local, memory, script: Script::new(SCRIPT), untold: Mutex::default() });
        let keeper: Weak<dyn Keeper> = Arc::downgrade(&(Arc::clone(&guard) as Arc<dyn Keeper>));
        guard.memory.keep(keeper);
        guard
    }

    fn ask(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<Answer, Refusal> {
        let wall = self.memory.wall();
        self.memory.ask(now, |link| {
            let mut call = self.script.key(link.began.as_str());
            call.key(name(id)).arg(wall.as_millis().saturating_add(1)).arg(signed_at.as_millis());
            call.arg(doubt()).arg(millis(limits::JOURNAL_RETENTION)).arg(u8::from(effect.needs_certainty()));
            match call.invoke::<u8>(&mut link.connection)? {
                0 => Ok(Answer::Accepted),
                1 => Ok(Answer::Replayed),
                _ => Ok(Answer::TooYoung),
            }
        })
    }

    fn write(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<(), Refusal> {
        if !self.memory.may_try(now) {
            self.memory.count(SharedResult::Unavailable);
            return Err(self.memory.unasked());
        }
        // If the server does not answer, the id stays spent here: it may have been accepted there.
        self.local.check_and_insert(id, effect, signed_at, now)?;
        let (result, outcome) = match self.ask(id, effect, signed_at, now) {
            Ok(Answer::Accepted) => (SharedResult::Accepted, Ok(())),
            Ok(Answer::Replayed) => (SharedResult::Replayed, Err(Reject::Replayed.into())),
            // Not the client's fault, however young its message is: whoever is told that it is late sets its clock.
            Ok(Answer::TooYoung) => (SharedResult::TooYoung, Err(memory::too_young())),
            Err(refusal) => (SharedResult::Unavailable, Err(refusal)),
        };
        self.memory.count(result);
        outcome
    }

    fn cancel(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<(), Refusal> {
        self.local.check_and_insert(id, effect, signed_at, now)?;
        let answer = if self.memory.may_try(now) { self.ask(id, effect, signed_at, now).ok() } else { None };
        let (result, outcome) = match answer {
            Some(Answer::Replayed) => (SharedResult::Replayed, Err(Reject::Replayed.into())),
            Some(Answer::Accepted | Answer::TooYoung) => (SharedResult::Accepted, Ok(())),
            None => {
                self.remember_untold(id);
                (SharedResult::PassedUnasked, Ok(()))
            }
        };
        self.memory.count(result);
        outcome
    }

    fn remember_untold(&self, id: ReplayId) {
        if let Ok(mut untold) = self.untold.lock() {
            if untold.len() >= limits::SHARED_UNTOLD_MAX {
                untold.pop_front();
            }
            untold.push_back(id);
        }
    }
}

impl ReplayGuard for SharedReplayGuard {
    fn check_and_insert(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<(), Refusal> {
        match effect {
            Effect::Cancel => self.cancel(id, effect, signed_at, now),
            Effect::Read => self.local.check_and_insert(id, effect, signed_at, now),
            Effect::Write => self.write(id, effect, signed_at, now),
        }
    }

    fn records(&self) -> usize {
        self.local.records()
    }
}

impl Keeper for SharedReplayGuard {
    fn settle(&self, link: &mut Link, _: &MemoryId, _: Now) -> RedisResult<()> {
        let told: Vec<ReplayId> =
            self.untold.lock().map(|untold| untold.iter().take(limits::SHARED_BATCH).copied().collect()).unwrap_or_default();
        if told.is_empty() {
            return Ok(());
        }
        let mut batch = redis::pipe();
        for id in &told {
            batch.cmd("SET").arg(name(*id)).arg("").arg("PX").arg(millis(limits::JOURNAL_RETENTION)).ignore();
        }
        batch.query::<()>(&mut link.connection)?;
        if let Ok(mut untold) = self.untold.lock() {
            let count = told.len().min(untold.len());
            untold.drain(..count);
        }
        Ok(())
    }
}

fn name(id: ReplayId) -> String {
    format!("{PREFIX}:replay:{}", hex::encode(id.to_bytes()))
}

impl fmt::Debug for SharedReplayGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedReplayGuard({:?})", self.memory)
    }
}
