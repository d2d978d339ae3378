//! The server: connections to it, whether it answers, and since when it remembers.

mod link;
mod server;
mod status;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use countersign_core::{Monotonic, Now, Refusal, Reject, Timestamp};
use redis::{Client, RedisError, RedisResult, Script};

use super::{millis, with_beginning};
use crate::error::StoreError;
use crate::limits;

pub(super) use self::link::Link;
pub use self::server::SharedServer;
pub use self::status::{SharedResult, SharedStatus, TOO_YOUNG};

/// The memory that nodes share.
pub struct SharedMemory {
    client: Client,
    timeout: Duration,
    links_wanted: usize,
    links: Mutex<VecDeque<Link>>,
    /// No attempt before this, in microseconds of the monotonic clock; 0 while the server answers.
    down_until: AtomicU64,
    keepers: Mutex<Vec<Weak<dyn Keeper>>>,
    clock: Box<dyn Fn() -> Now + Send + Sync>,
    witness: Option<Box<Witness>>,
    /// What is known of the server's clock, in milliseconds after ours.
    ahead_millis: AtomicI64,
    apart: AtomicBool,
    trust: Mutex<Trust>,
    began: Script,
    begin_anew: Script,
    /// When the server's memory began, in milliseconds, as of the last look; 0 where nobody knows.
    began_millis: AtomicU64,
    asked_micros: AtomicU64,
    /// Why the last question that had no answer had none, until there is an answer again.
    trouble: Mutex<Option<String>>,
    results: [AtomicU64; SharedResult::ALL.len()],
}

/// Is told the server's wall clock at every look, with how far it may be off, and says whether ours was set by that.
pub type Witness = dyn Fn(Timestamp, Duration) -> bool + Send + Sync;

/// What the server's clock said, and when it was asked: the answer is of some time since.
struct Moment {
    told: Timestamp,
    asked: Monotonic,
}

/// What came of comparing clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trust {
    /// They agree.
    Agreed,
    /// They agreed, and then the server's was set: what it has to remember may have ended before its time.
    Broken,
    /// They never agreed.
    #[default]
    Unknown,
}

/// What the operator is told of one that does not answer, where no question failed.
const NO_ANSWER: &str = "it does not answer";
/// What the operator is told where another thread panicked with the connections in its hands.
const POISONED: &str = "a thread of ours failed";

/// One memory, from its beginning until it is lost: the name and time of the beginning.
pub(super) type MemoryId = (String, u64);

/// Brings to the server what it lacks: called before it is used again, and at every look.
pub(super) trait Keeper: Send + Sync {
    /// # Errors
    /// The server's; it is then not used.
    fn settle(&self, link: &mut Link, memory: &MemoryId, now: Now) -> RedisResult<()>;
}

impl SharedMemory {
    /// A memory that was not asked yet. `clock` tells both clocks of this node: the wall clocks of nodes may differ by
    /// `SHARED_CLOCK_SKEW_MAX`.
    ///
    /// # Errors
    /// [`StoreError::SharedMemory`] for a URL or CA that is none.
    pub fn new(server: &SharedServer, clock: impl Fn() -> Now + Send + Sync + 'static) -> Result<Arc<Self>, StoreError> {
        Self::with(server, clock, None)
    }

    /// As [`Self::new`], and compares clocks at every look: one that is more than `SHARED_CLOCK_APART_MAX` apart from ours is not used.
    ///
    /// # Errors
    /// As there.
    pub fn witnessed(
        server: &SharedServer,
        clock: impl Fn() -> Now + Send + Sync + 'static,
        witness: impl Fn(Timestamp, Duration) -> bool + Send + Sync + 'static,
    ) -> Result<Arc<Self>, StoreError> {
        Self::with(server, clock, Some(Box::new(witness)))
    }

    fn with(
        server: &SharedServer,
        clock: impl Fn() -> Now + Send + Sync + 'static,
        witness: Option<Box<Witness>>,
    ) -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self {
            client: server.client()?,
            timeout: server.timeout,
            links_wanted: server.links.clamp(1, limits::SHARED_LINKS_MAX),
            links: Mutex::default(),
            // Until it has answered, it is away.
            down_until: AtomicU64::new(1),
            keepers: Mutex::default(),
            clock: Box::new(clock),
            witness,
            ahead_millis: AtomicI64::new(0),
            apart: AtomicBool::new(false),
            trust: Mutex::default(),
            began: Script::new(with_beginning!("return tonumber(began)")),
            begin_anew: Script::new("redis.call('SET', KEYS[1], ARGV[1])\nreturn tonumber(ARGV[1])"),
            began_millis: AtomicU64::new(0),
            asked_micros: AtomicU64::new(0),
            trouble: Mutex::default(),
            results: Default::default(),
        }))
    }

    /// As [`Self::new`], and connects.
    ///
    /// # Errors
    /// As there and [`Self::check`].
    pub fn open(server: &SharedServer, clock: impl Fn() -> Now + Send + Sync + 'static) -> Result<Arc<Self>, StoreError> {
        let memory = Self::new(server, clock)?;
        memory.check()?;
        Ok(memory)
    }

    /// Looks after it: connects, brings it what it lacks, and says whether it can be asked. Call it several times a second, on a thread
    /// that may wait for seconds.
    ///
    /// # Errors
    /// [`StoreError::SharedMemory`] when the server is out of reach, is a replica, or may evict what it has to remember.
    pub fn check(&self) -> Result<(), StoreError> {
        if !self.is_available() {
            // While it is looked for, no order waits for it.
            let looked_for = self.now().mono.saturating_add(limits::SHARED_CONNECT_TIMEOUT * 3);
            self.down_until.store(retry_at(looked_for), Ordering::Release);
        }
        let begun = self.now().mono;
        let outcome = self.look().inspect_err(|error| drop(self.note_trouble(begun, error)));
        self.note(self.now().mono, outcome.is_ok());
        outcome
    }

    fn look(&self) -> Result<(), StoreError> {
        let poisoned = || unusable(POISONED);
        let waiting = self.links.lock().map_err(|_| poisoned())?.pop_front();
        let failed = |error: RedisError| unusable(error.category());
        let ask_time = |link: &mut Link| -> RedisResult<Moment> {
            let asked = self.now().mono;
            let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(&mut link.connection)?;
            Ok(Moment { told: Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros)), asked })
        };
        let (mut link, moment) = match waiting.and_then(|mut link| ask_time(&mut link).ok().map(|moment| (link, moment))) {
            Some(answered) => answered,
            // There was none, or the server closed it: perhaps it was started anew meanwhile.
            None => {
                self.links.lock().map_err(|_| poisoned())?.clear();
                let mut link = self.connect(limits::SHARED_CONNECT_TIMEOUT)?;
                let moment = ask_time(&mut link).map_err(failed)?;
                (link, moment)
            }
        };
        // Compared before it may begin: its beginning is by the clock of the node that asks first.
        let anew = self.compare(moment)?;
        let script = if anew { &self.begin_anew } else { &self.began };
        let now = self.now();
        let begun = script.key(link.began.as_str()).arg(now.wall.as_millis()).invoke(&mut link.connection);
        if anew && begun.is_err() {
            *self.trust.lock().map_err(|_| poisoned())? = Trust::Broken;
        }
        let began: u64 = begun.map_err(failed)?;
        self.began_millis.store(began, Ordering::Relaxed);
        let memory = (link.began.clone(), began);
        let keepers: Vec<_> = self.keepers.lock().map_err(|_| poisoned())?.iter().filter_map(Weak::upgrade).collect();
        for keeper in keepers {
            keeper.settle(&mut link, &memory, now).map_err(failed)?;
        }
        let missing = {
            let mut links = self.links.lock().map_err(|_| poisoned())?;
            links.push_back(link);
            self.links_wanted.saturating_sub(links.len())
        };
        for _ in 0..missing {
            let more = self.connect(limits::SHARED_CONNECT_TIMEOUT)?;
            self.links.lock().map_err(|_| poisoned())?.push_front(more);
        }
        Ok(())
    }

    /// Compares the server's clock with ours; whether its memory has to begin anew, because it counted time by a wrong clock.
    fn compare(&self, Moment { told, asked }: Moment) -> Result<bool, StoreError> {
        let Some(witness) = &self.witness else { return Ok(false) };
        let was_set = witness(told, self.now().mono.saturating_since(asked));
        let Now { wall: ours, mono } = self.now();
        let within = mono.saturating_since(asked);
        self.ahead_millis.store(told.millis_after(ours), Ordering::Relaxed);
        let off = told.saturating_since(ours).max(ours.saturating_since(told));
        let agree = off <= within.saturating_add(limits::SHARED_CLOCK_APART_MAX);
        let mut trust = self.trust.lock().map_err(|_| unusable(POISONED))?;
        let (next, anew) = match (*trust, agree) {
            (Trust::Broken, true) => (Trust::Agreed, !was_set),
            (Trust::Agreed | Trust::Unknown, true) => (Trust::Agreed, false),
            (Trust::Agreed | Trust::Broken, false) => (Trust::Broken, false),
            (Trust::Unknown, false) => (Trust::Unknown, false),
        };
        *trust = next;
        self.apart.store(!agree, Ordering::Relaxed);
        if agree { Ok(anew) } else { Err(unusable(&apart_by(off.as_millis()))) }
    }

    fn connect(&self, timeout: Duration) -> Result<Link, StoreError> {
        Link::open(&self.client, timeout, self.timeout)
    }

    /// Whether the server answered the last time it was asked.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.down_until.load(Ordering::Acquire) == 0
    }

    /// Whether its clock and ours were found apart when they were compared last.
    #[must_use]
    pub fn clocks_are_apart(&self) -> bool {
        self.apart.load(Ordering::Relaxed)
    }

    /// What the operator is told of it.
    #[must_use]
    pub fn status(&self) -> SharedStatus {
        SharedStatus {
            available: self.is_available(),
            too_young: self.wall().as_millis() <= self.began_millis.load(Ordering::Relaxed).saturating_add(doubt()),
            asked_micros: self.asked_micros.load(Ordering::Relaxed),
            clock_ahead_millis: self.ahead_millis.load(Ordering::Relaxed),
            results: SharedResult::ALL.map(|result| self.results[result as usize].load(Ordering::Relaxed)),
        }
    }

    /// How long one question may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn now(&self) -> Now {
        (self.clock)()
    }

    pub(super) fn wall(&self) -> Timestamp {
        self.now().wall
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn keep(&self, keeper: Weak<dyn Keeper>) {
        if let Ok(mut keepers) = self.keepers.lock() {
            keepers.push(keeper);
        }
    }

    pub(super) fn count(&self, result: SharedResult) {
        self.results[result as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Of the callers that come after a pause one tries again.
    pub(super) fn may_try(&self, now: Monotonic) -> bool {
        // An answer would say nothing about clocks: only a look compares them.
        if self.clocks_are_apart() {
            return false;
        }
        let down_until = self.down_until.load(Ordering::Acquire);
        if down_until == 0 {
            return true;
        }
        now.as_micros() >= down_until
            && self.down_until.compare_exchange(down_until, retry_at(now), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Asks one question, if [`Self::may_try`] said so.
    ///
    /// # Errors
    /// The refusal of what needs an answer and has none in time, with how this question failed for the operator.
    pub(super) fn ask<T>(&self, now: Monotonic, question: impl FnOnce(&mut Link) -> RedisResult<T>) -> Result<T, Refusal> {
        let begun = self.now().mono;
        let answer = self.try_ask(question);
        let ended = self.now().mono;
        if answer.is_ok() {
            let micros = ended.saturating_since(begun).as_micros();
            self.asked_micros.fetch_add(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        // The reason of this failure, and not what is kept: other questions fail and are answered meanwhile.
        let answer = answer.map_err(|why| refused(&self.note_trouble(begun, &why)));
        // From the end of the wait, not from its beginning.
        self.note(now.max(ended), answer.is_ok());
        answer
    }

    fn try_ask<T>(&self, question: impl FnOnce(&mut Link) -> RedisResult<T>) -> Result<T, String> {
        let poisoned = || POISONED.to_owned();
        let waiting = self.links.lock().map_err(|_| poisoned())?.pop_back();
        let mut link = match waiting {
            Some(link) => link,
            None => self.connect(self.timeout).map_err(|error| error.to_string())?,
        };
        let answer = question(&mut link).map_err(|error| error.to_string())?;
        // A connection that failed is dropped above: its answer could come later, for another question.
        let mut links = self.links.lock().map_err(|_| poisoned())?;
        if links.len() < limits::SHARED_LINKS_MAX {
            links.push_back(link);
        }
        Ok(answer)
    }

    /// Keeps why there is no answer for those who do not ask while it is away, and tells it.
    fn note_trouble(&self, begun: Monotonic, why: &dyn fmt::Display) -> String {
        let after = self.now().mono.saturating_since(begun).as_millis();
        let told = format!("{why}, after {after} ms");
        if let Ok(mut trouble) = self.trouble.lock() {
            *trouble = Some(told.clone());
        }
        told
    }

    /// The refusal of what is not asked about, because [`Self::may_try`] said no, with the reason for the operator: the clocks, or how the
    /// last question failed.
    pub(super) fn unasked(&self) -> Refusal {
        self.refusal_while_apart().unwrap_or_else(|| {
            let trouble = self.trouble.lock().ok().and_then(|trouble| trouble.clone());
            refused(trouble.as_deref().unwrap_or(NO_ANSWER))
        })
    }

    /// The refusal of what is a matter of time where its clock and ours were found apart when they were compared last: which of them is
    /// right is ours to mend, and not to be told of a message.
    #[must_use]
    pub fn refusal_while_apart(&self) -> Option<Refusal> {
        self.clocks_are_apart().then(|| refused(&apart_by(self.ahead_millis.load(Ordering::Relaxed).unsigned_abs().into())))
    }

    fn note(&self, now: Monotonic, answered: bool) {
        if answered {
            // What is over is not told of a failure that has another cause. Most answers follow an answer, and those take no lock.
            if self.down_until.swap(0, Ordering::AcqRel) != 0
                && let Ok(mut trouble) = self.trouble.lock()
            {
                *trouble = None;
            }
            return;
        }
        self.down_until.store(retry_at(now), Ordering::Release);
        // What one connection met, the others will meet.
        if let Ok(mut links) = self.links.lock() {
            links.clear();
        }
    }
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the address: it is nobody's business.
        write!(f, "SharedMemory(available: {})", self.is_available())
    }
}

pub(super) fn unusable(why: &str) -> StoreError {
    StoreError::SharedMemory { why: why.to_owned() }
}

fn refused(why: &str) -> Refusal {
    Refusal::operator(Reject::StoreUnavailable, format!("the memory that nodes share: {why}"))
}

/// The refusal of what may have been accepted before the memory began.
pub(super) fn too_young() -> Refusal {
    refused(TOO_YOUNG)
}

/// What the operator is told of one whose clock is so far from ours.
fn apart_by(millis: u128) -> String {
    format!("its clock and ours are {millis} ms apart")
}

fn retry_at(now: Monotonic) -> u64 {
    now.saturating_add(limits::SHARED_RETRY_AFTER).as_micros().max(1)
}

/// For how long after the beginning of a memory something before it may still be valid.
pub(super) fn doubt() -> u64 {
    millis(countersign_core::limits::TIMESTAMP_AHEAD_MAX + limits::SHARED_CLOCK_SKEW_MAX)
}
