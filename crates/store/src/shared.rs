//! The replay guard that nodes share, in Redis or Valkey.
//!
//! ```text
//!   write ─▶ memory of this node ─▶ one script on the server ─▶ accepted
//!              │ known: replayed       │ known to any node: replayed
//!              │                       │ signed before the server's memory began: stale
//!              │                       │ no answer in time: store unavailable
//! ```
//!
//! Reads repeat by themselves and are decided by this node alone.
//!
//! # What a server may forget
//! A server that is restarted, flushed, or replaced by its replica has forgotten accepted writes, and does not say so. So the first
//! script on an empty server writes down when its memory began, under a name that holds the server's run and its replication
//! history, and a write that could have been accepted before is refused as stale: for `TIMESTAMP_AHEAD_MAX` and a little after every
//! such loss new orders signed by a right clock are refused, and nothing old passes. A server that evicts keys is not used.
//!
//! # Time
//! The call blocks its thread for one round trip, at most [`limits::SHARED_TIMEOUT`]. After a failure it does not try again for
//! [`limits::SHARED_RETRY_AFTER`], and then one caller tries while the others are refused at once.
//!
//! # Security
//! Whoever can write to the server can make replays pass or orders fail: it belongs on a private network, with a password.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_core::limits::TIMESTAMP_AHEAD_MAX;
use countersign_core::{Effect, MemoryReplayGuard, Monotonic, Reject, ReplayGuard, ReplayId, Timestamp};
use redis::{Client, Connection, InfoDict, Script};

use crate::error::StoreError;
use crate::limits;

/// Keys of one guard lie in one slot of a cluster, because one script uses two of them.
const PREFIX: &str = "{countersign-replay}";

/// 0: accepted; 1: replayed; 2: signed before the memory began.
const SCRIPT: &str = "
local began = redis.call('GET', KEYS[1])
if not began then
  began = ARGV[1]
  redis.call('SET', KEYS[1], began)
end
if tonumber(ARGV[2]) <= tonumber(began) + tonumber(ARGV[3]) then return 2 end
if redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[4]) then return 0 end
return 1
";

/// [`MemoryReplayGuard`], and a memory that all nodes share.
pub struct SharedReplayGuard {
    memory: MemoryReplayGuard,
    client: Client,
    script: Script,
    links: Mutex<Vec<Link>>,
    /// No attempt before this, in microseconds of the monotonic clock; 0 while the server answers.
    down_until: AtomicU64,
    wall: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// A connection to one run of the server.
struct Link {
    connection: Connection,
    /// The name under which the beginning of its memory is kept.
    began: String,
}

enum Answer {
    Accepted,
    Replayed,
    Stale,
}

impl SharedReplayGuard {
    /// Connects to the server at `url` (`redis://[user:password@]host:port/db`, `redis+unix:///path`). `wall` tells the wall clock of
    /// this node: nodes may differ by `SHARED_CLOCK_SKEW_MAX`.
    ///
    /// # Errors
    /// [`StoreError::SharedMemory`] when the server is out of reach, is a replica, or may evict what it has to remember.
    pub fn open(url: &str, wall: impl Fn() -> Timestamp + Send + Sync + 'static) -> Result<Self, StoreError> {
        let client = Client::open(url).map_err(|error| unusable(error.category()))?;
        let link = Link::open(&client)?;
        Ok(Self {
            memory: MemoryReplayGuard::default(),
            client,
            script: Script::new(SCRIPT),
            links: Mutex::new(vec![link]),
            down_until: AtomicU64::new(0),
            wall: Box::new(wall),
        })
    }

    /// Whether the server answered the last time it was asked.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.down_until.load(Ordering::Acquire) == 0
    }

    /// Of the callers that come after a pause one tries again.
    fn may_try(&self, now: Monotonic) -> bool {
        let down_until = self.down_until.load(Ordering::Acquire);
        if down_until == 0 {
            return true;
        }
        now.as_micros() >= down_until
            && self.down_until.compare_exchange(down_until, retry_at(now), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn ask(&self, id: ReplayId, signed_at: Timestamp) -> Option<Answer> {
        let waiting = self.links.lock().ok()?.pop();
        let mut link = match waiting {
            Some(link) => link,
            None => Link::open(&self.client).ok()?,
        };
        let answer = self.invoke(&mut link, id, signed_at)?;
        // A connection that failed is dropped above: its answer could come later, for another question.
        let mut links = self.links.lock().ok()?;
        if links.len() < limits::SHARED_LINKS_MAX {
            links.push(link);
        }
        Some(answer)
    }

    fn invoke(&self, link: &mut Link, id: ReplayId, signed_at: Timestamp) -> Option<Answer> {
        let ahead = TIMESTAMP_AHEAD_MAX + limits::SHARED_CLOCK_SKEW_MAX;
        let mut call = self.script.key(link.began.as_str());
        call.key(format!("{PREFIX}:{}", hex::encode(id.to_bytes())));
        call.arg((self.wall)().as_millis().saturating_add(1)).arg(signed_at.as_millis());
        call.arg(millis(ahead)).arg(millis(limits::JOURNAL_RETENTION));
        match call.invoke::<u8>(&mut link.connection).ok()? {
            0 => Some(Answer::Accepted),
            1 => Some(Answer::Replayed),
            2 => Some(Answer::Stale),
            _ => None,
        }
    }
}

impl ReplayGuard for SharedReplayGuard {
    fn check_and_insert(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<(), Reject> {
        match effect {
            Effect::Read => self.memory.check_and_insert(id, effect, signed_at, now),
            Effect::Write => {
                if !self.may_try(now) {
                    return Err(Reject::StoreUnavailable);
                }
                // If the server does not answer, the id stays spent here: it may have been accepted there.
                self.memory.check_and_insert(id, effect, signed_at, now)?;
                let answer = self.ask(id, signed_at);
                self.down_until.store(if answer.is_some() { 0 } else { retry_at(now) }, Ordering::Release);
                match answer {
                    Some(Answer::Accepted) => Ok(()),
                    Some(Answer::Replayed) => Err(Reject::Replayed),
                    Some(Answer::Stale) => Err(Reject::TimestampStale),
                    None => Err(Reject::StoreUnavailable),
                }
            }
        }
    }

    fn records(&self) -> usize {
        self.memory.records()
    }
}

impl fmt::Debug for SharedReplayGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the address: it may hold a password.
        write!(f, "SharedReplayGuard(available: {})", self.is_available())
    }
}

impl Link {
    fn open(client: &Client) -> Result<Self, StoreError> {
        let failed = |error: redis::RedisError| unusable(error.category());
        let mut connection = client.get_connection_with_timeout(limits::SHARED_TIMEOUT).map_err(failed)?;
        connection.set_read_timeout(Some(limits::SHARED_TIMEOUT)).map_err(failed)?;
        connection.set_write_timeout(Some(limits::SHARED_TIMEOUT)).map_err(failed)?;
        let info: InfoDict = redis::cmd("INFO").query(&mut connection).map_err(failed)?;
        let told = |name: &str| info.get::<String>(name).ok_or_else(|| unusable("it does not tell what it is"));
        if told("role")? != "master" {
            return Err(unusable("it is a replica"));
        }
        if told("maxmemory_policy")? != "noeviction" {
            return Err(unusable("it may evict keys: set maxmemory-policy to noeviction"));
        }
        let began = format!("{PREFIX}:began:{}:{}", told("run_id")?, told("master_replid")?);
        Ok(Self { connection, began })
    }
}

fn unusable(why: &str) -> StoreError {
    StoreError::SharedMemory { why: why.to_owned() }
}

fn retry_at(now: Monotonic) -> u64 {
    now.saturating_add(limits::SHARED_RETRY_AFTER).as_micros()
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
