//! Increasing nonces that nodes share. They never end, so what a server forgets must be brought back:
//!
//! ```text
//!   every node's journal ──▶ server    when its memory is new, and when something passed while it was away
//!   nonce ─▶ this node's journal ─▶ one script on the server: floor and recent nonces of the key ─▶ accepted
//! ```
//!
//! While a memory is young, some node may not have brought its journal yet, so nonces that need certainty are refused until it is
//! 61 seconds old; nodes look at the server several times a second.
//!
//! # Security
//! A node that is down while the server loses its memory brings its journal when it comes back, and not before: until then the other
//! nodes do not know the nonces that it alone has accepted. Bring such a node back first, or reset the nonces of its keys.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use countersign_core::{CredentialId, Detail, Effect, NonceGuard, NoncePolicy, NonceWindow, Now, Refusal, Reject};
use redis::{RedisResult, Script};

use super::memory::{self, Keeper, Link, MemoryId, SharedMemory, SharedResult, doubt};
use super::{PREFIX, with_beginning};
use crate::nonces::{Key, LocalNonces, key_of};

/// `{0, …}`: accepted; `{1, highest}`: spent; `{2, …}`: the memory is too young. Nonces are 20 digits, because the numbers of scripts
/// are floating point: texts of one length compare as their numbers do.
const SPEND: &str = with_beginning!(
    "
if ARGV[6] == '1' and tonumber(ARGV[1]) <= tonumber(began) + tonumber(ARGV[2]) then return {2, ''} end
local floor = redis.call('GET', KEYS[2])
if not floor or floor < ARGV[3] then floor = ARGV[3] end
redis.call('ZREMRANGEBYLEX', KEYS[3], '-', '[' .. floor)
local last = redis.call('ZRANGE', KEYS[3], -1, -1)[1] or floor
if ARGV[4] <= floor or redis.call('ZSCORE', KEYS[3], ARGV[4]) then
  redis.call('SET', KEYS[2], floor)
  return {1, last}
end
redis.call('ZADD', KEYS[3], 0, ARGV[4])
local surplus = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[5])
if surplus > 0 then
  floor = redis.call('ZRANGE', KEYS[3], surplus - 1, surplus - 1)[1]
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, surplus - 1)
end
redis.call('SET', KEYS[2], floor)
return {0, ''}
"
);

/// Takes over the floor and the recent nonces of one key from a journal.
const BRING: &str = "
local floor = redis.call('GET', KEYS[1])
if not floor or floor < ARGV[1] then
  floor = ARGV[1]
  redis.call('SET', KEYS[1], floor)
end
for place = 2, #ARGV do
  if ARGV[place] > floor then redis.call('ZADD', KEYS[2], 0, ARGV[place]) end
end
redis.call('ZREMRANGEBYLEX', KEYS[2], '-', '[' .. floor)
return 0
";

/// This node's nonces with their journal, and a memory that all nodes share.
pub struct SharedNonceGuard {
    local: Box<dyn LocalNonces>,
    memory: Arc<SharedMemory>,
    spend: Script,
    bring: Script,
    /// The memory that has our journal.
    brought: Mutex<Option<MemoryId>>,
    /// Whether something passed that the server was not told.
    untold: AtomicBool,
}

impl SharedNonceGuard {
    /// Over this node's own journal, which is asked first.
    #[must_use]
    pub fn new(memory: Arc<SharedMemory>, local: Box<dyn LocalNonces>) -> Arc<Self> {
        let (spend, bring) = (Script::new(SPEND), Script::new(BRING));
        let guard = Arc::new(Self { local, memory, spend, bring, brought: Mutex::default(), untold: AtomicBool::new(false) });
        let keeper: Weak<dyn Keeper> = Arc::downgrade(&(Arc::clone(&guard) as Arc<dyn Keeper>));
        guard.memory.keep(keeper);
        guard
    }

    fn ask(&self, key: Key, floor: u64, window: u16, nonce: u64, effect: Effect, now: Now) -> Result<(u8, String), Refusal> {
        let [floors, recents] = names(key);
        self.memory.ask(now.mono, |link| {
            let mut call = self.spend.key(link.began.as_str());
            call.key(floors.as_str()).key(recents.as_str());
            call.arg(now.wall.as_millis()).arg(doubt()).arg(digits(floor)).arg(digits(nonce)).arg(window);
            call.arg(u8::from(effect.needs_certainty())).invoke(&mut link.connection)
        })
    }

    fn bring_all(&self, link: &mut Link) -> RedisResult<()> {
        for (key, window) in self.local.windows() {
            self.bring_one(link, key, &window)?;
        }
        Ok(())
    }

    fn bring_one(&self, link: &mut Link, key: Key, window: &NonceWindow) -> RedisResult<()> {
        let [floors, recents] = names(key);
        let mut call = self.bring.key(floors.as_str());
        call.key(recents.as_str()).arg(digits(window.floor()));
        for nonce in window.recent() {
            call.arg(digits(*nonce));
        }
        call.invoke(&mut link.connection)
    }
}

impl NonceGuard for SharedNonceGuard {
    fn spend(&self, credential: &CredentialId, policy: NoncePolicy, nonce: u64, effect: Effect) -> Result<(), Refusal> {
        let now = self.memory.now();
        let certain = effect.needs_certainty();
        let may_try = self.memory.may_try(now.mono);
        if certain && !may_try {
            self.memory.count(SharedResult::Unavailable);
            return Err(self.memory.unasked());
        }
        // If the server does not answer, the nonce stays spent here: it may have been accepted there.
        self.local.spend(credential, policy, nonce, effect)?;
        let key = key_of(credential, policy.epoch);
        let window = policy.window.min(countersign_core::limits::NONCE_WINDOW_MAX);
        // Not the floor of now: with a window of zero that is this very nonce.
        let answer = may_try.then(|| self.ask(key, policy.floor, window, nonce, effect, now));
        let (result, outcome) = match answer {
            Some(Ok((0, _))) => (SharedResult::Accepted, Ok(())),
            Some(Ok((1, last))) => {
                let last = Detail::LastNonce(last.parse().unwrap_or_default());
                (SharedResult::Replayed, Err(Refusal::with(Reject::Replayed, last)))
            }
            Some(Ok(_)) if certain => (SharedResult::TooYoung, Err(memory::too_young())),
            Some(Err(refusal)) if certain => (SharedResult::Unavailable, Err(refusal)),
            Some(_) | None => {
                self.untold.store(true, Ordering::Release);
                (SharedResult::PassedUnasked, Ok(()))
            }
        };
        self.memory.count(result);
        outcome
    }
}

impl Keeper for SharedNonceGuard {
    fn settle(&self, link: &mut Link, memory: &MemoryId, _: Now) -> RedisResult<()> {
        let Ok(mut brought) = self.brought.lock() else { return Ok(()) };
        let untold = self.untold.swap(false, Ordering::AcqRel);
        if brought.as_ref() == Some(memory) && !untold {
            return Ok(());
        }
        let done = self.bring_all(link);
        match done {
            Ok(()) => *brought = Some(memory.clone()),
            Err(_) => self.untold.store(true, Ordering::Release),
        }
        done
    }
}

/// Where the floor and the recent nonces of a key are.
fn names(key: Key) -> [String; 2] {
    let key = hex::encode(key);
    [format!("{PREFIX}:nonce:{key}:floor"), format!("{PREFIX}:nonce:{key}:recent")]
}

fn digits(nonce: u64) -> String {
    format!("{nonce:020}")
}

impl fmt::Debug for SharedNonceGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedNonceGuard({:?})", self.memory)
    }
}
