//! The books of rates that nodes share, and who of them is alive.
//!
//! ```text
//!   {countersign}:rate:<counter>:<window>   units lent to all nodes in that window; gone two windows later
//!   {countersign}:nodes                     nodes, by when they were last seen on the server's clock
//! ```
//!
//! What is lent is decided by `countersign_core::rate::shared`; here it is done in one step for all nodes. A server that loses its
//! memory lends a limit again in the window that is under way.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use countersign_core::Now;
use countersign_core::rate::shared::{Loan, RateLender, Wanted};
use redis::{RedisResult, Script};

use super::memory::{Keeper, Link, MemoryId, SharedMemory};
use super::{PREFIX, millis};
use crate::limits::{NODE_SILENT, NODES_UNKNOWN};

/// `ARGV`: limit, units wanted, largest part, divisor of what is left, life. Answers units lent now, and in all.
const LEND: &str = "
local lent = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = tonumber(ARGV[1]) - lent
if left <= 0 then return {0, lent} end
local part = math.min(tonumber(ARGV[3]), math.floor(left / tonumber(ARGV[4])))
local units = math.min(left, math.max(tonumber(ARGV[2]), part))
lent = redis.call('INCRBY', KEYS[1], string.format('%.0f', units))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {units, lent}
";

/// `ARGV`: node, how long a node may be silent. Answers who there is.
const SEEN: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZRANGE', KEYS[1], 0, -1)
";

/// The books, and the nodes.
pub struct SharedRates {
    memory: Arc<SharedMemory>,
    node: String,
    lend: Script,
    seen: Script,
    /// Nodes at the last look; 0 before the first.
    nodes: AtomicU32,
    /// Their names.
    names: Mutex<Vec<String>>,
}

impl SharedRates {
    /// Of the node of this name. [`SharedMemory::check`] says that it is alive.
    #[must_use]
    pub fn new(memory: Arc<SharedMemory>, node: &str) -> Arc<Self> {
        let rates = Self {
            memory,
            node: node.to_owned(),
            lend: Script::new(LEND),
            seen: Script::new(SEEN),
            nodes: AtomicU32::new(0),
            names: Mutex::default(),
        };
        let rates = Arc::new(rates);
        let keeper: Weak<dyn Keeper> = Arc::downgrade(&(Arc::clone(&rates) as Arc<dyn Keeper>));
        rates.memory.keep(keeper);
        rates
    }

    /// Nodes that are alive, as of the last look; `None` before the first.
    #[must_use]
    pub fn known_nodes(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.nodes.load(Ordering::Relaxed))
    }

    /// Their names, as of the last look.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl RateLender for SharedRates {
    fn borrow(&self, wanted: &Wanted<'_>) -> Option<Loan> {
        let now = self.memory.now().mono;
        if !self.memory.may_try(now) {
            return None;
        }
        let asked = self.memory.ask(now, |link| {
            let mut call = self.lend.key(format!("{PREFIX}:rate:{}:{}", wanted.counter, wanted.window));
            call.arg(wanted.limit).arg(wanted.units).arg(wanted.part()).arg(Wanted::parts_of_left()).arg(wanted.life_millis);
            call.invoke::<(u32, u32)>(&mut link.connection)
        });
        asked.ok().map(|(units, lent)| Loan { units, lent })
    }

    fn nodes(&self) -> NonZeroU32 {
        self.known_nodes().unwrap_or(NODES_UNKNOWN)
    }
}

impl Keeper for SharedRates {
    fn settle(&self, link: &mut Link, _: &MemoryId, _: Now) -> RedisResult<()> {
        let mut call = self.seen.key(format!("{PREFIX}:nodes"));
        let mut names: Vec<String> = call.arg(&self.node).arg(millis(NODE_SILENT)).invoke(&mut link.connection)?;
        self.nodes.store(u32::try_from(names.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        names.sort_unstable();
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        Ok(())
    }
}

impl fmt::Debug for SharedRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedRates({:?})", self.memory)
    }
}
