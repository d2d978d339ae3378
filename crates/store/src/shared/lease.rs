//! Leases: one holder at a time, as long as it renews, with a number that only grows.
//!
//! ```text
//!   free ──acquire──▶ held by a, number 7 ──not renewed in time──▶ free ──acquire──▶ held by b, number 8
//!                        │ renew: again for the whole time
//!                        └ release ─▶ free
//! ```
//!
//! # Security
//! A holder that was stopped and wakes up believes for a moment that it still holds. So whatever it writes elsewhere carries the number,
//! and whoever takes it refuses a number below the highest that it saw. A server that lost its memory grants nothing until every
//! lease of before has run out by its holder's own clock, and numbers begin at the wall clock, so they grow over such a loss too.

use std::time::Duration;

use countersign_core::Monotonic;
use redis::Script;

use super::memory::{SharedMemory, doubt};
use super::{PREFIX, millis, with_beginning};
use crate::limits;

const ACQUIRE: &str = with_beginning!(
    "
if tonumber(ARGV[1]) <= tonumber(began) + tonumber(ARGV[2]) then return {2, 0} end
local number = math.max(tonumber(redis.call('GET', KEYS[3]) or '0') + 1, tonumber(ARGV[1]))
local text = string.format('%.0f', number)
if not redis.call('SET', KEYS[2], ARGV[3] .. ':' .. text, 'NX', 'PX', ARGV[4]) then return {1, 0} end
redis.call('SET', KEYS[3], text)
return {0, number}
"
);
const RENEW: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";
const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// A lease that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    name: String,
    holder: String,
    number: u64,
    until: Monotonic,
}

impl Lease {
    /// The number of this holding: above those of all holders before.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// When it ends unless it is renewed, by the holder's clock: counted from before the server was asked.
    #[must_use]
    pub const fn until(&self) -> Monotonic {
        self.until
    }

    fn value(&self) -> String {
        format!("{}:{}", self.holder, self.number)
    }
}

/// What asking for a lease came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// It is yours.
    Granted(Lease),
    /// Somebody holds it.
    Held,
    /// Nobody can tell: no answer, or a memory so young that somebody may hold it.
    Unknown,
}

impl SharedMemory {
    /// Asks for the lease `name` for `holder` (the name of a node), for at most [`limits::SHARED_LEASE_MAX`].
    #[must_use]
    pub fn acquire_lease(&self, name: &str, holder: &str, time: Duration) -> LeaseAnswer {
        let now = self.now();
        let time = time.min(limits::SHARED_LEASE_MAX);
        if !self.may_try(now.mono) {
            return LeaseAnswer::Unknown;
        }
        let answer = self.ask(now.mono, |link| {
            let script = Script::new(ACQUIRE);
            let mut call = script.prepare_invoke();
            call.key(link.began.as_str()).key(key(name)).key(format!("{PREFIX}:lease-number:{name}"));
            call.arg(now.wall.as_millis()).arg(doubt()).arg(holder).arg(millis(time));
            call.invoke::<(u8, u64)>(&mut link.connection)
        });
        match answer {
            Some((0, number)) => {
                let until = now.mono.saturating_add(time);
                LeaseAnswer::Granted(Lease { name: name.to_owned(), holder: holder.to_owned(), number, until })
            }
            Some((1, _)) => LeaseAnswer::Held,
            Some(_) | None => LeaseAnswer::Unknown,
        }
    }

    /// Renews a lease; `None` when it is lost, or nobody can tell: it then ends at [`Lease::until`].
    #[must_use]
    pub fn renew_lease(&self, lease: &Lease, time: Duration) -> Option<Lease> {
        let now = self.now();
        let time = time.min(limits::SHARED_LEASE_MAX);
        let renewed = self.may_try(now.mono)
            && self.ask(now.mono, |link| {
                let script = Script::new(RENEW);
                let mut call = script.prepare_invoke();
                call.key(key(&lease.name)).arg(lease.value()).arg(millis(time)).invoke::<bool>(&mut link.connection)
            }) == Some(true);
        renewed.then(|| Lease { until: now.mono.saturating_add(time), ..lease.clone() })
    }

    /// Gives a lease back; whether it was still held. Without an answer it runs out by itself.
    pub fn release_lease(&self, lease: &Lease) -> bool {
        let now = self.now();
        self.may_try(now.mono)
            && self.ask(now.mono, |link| {
                let script = Script::new(RELEASE);
                let mut call = script.prepare_invoke();
                call.key(key(&lease.name)).arg(lease.value()).invoke::<bool>(&mut link.connection)
            }) == Some(true)
    }
}

fn key(name: &str) -> String {
    format!("{PREFIX}:lease:{name}")
}
