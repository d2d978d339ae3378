//! What a session needs to go on at another node: numbers, tickets, kept frames, the policy, and who serves it.
//!
//! ```text
//!   owner ── write (fence f) ─▶ rx, tx, tickets, subscriptions, kept frames; lease + 5 s        before an order is forwarded, before an answer is sent
//!         ── renew ──────────▶ lease + 5 s                                        several times in it, for all sessions of a node
//!   other ── take ───────────▶ fence f + 1: whatever the owner writes from now on is refused        a client came back here
//!         ── take, expired ──▶ the same, of one node                              the lease ran out: nobody serves it
//! ```
//!
//! A write that is refused says [`MirrorError::Fenced`]: stop serving that session at once. [`MirrorError::Forgotten`] says that the
//! server has lost it; the owner writes it whole again, and of two that do the one with the higher fence stays.
//!
//! # Security
//! Facts and frames are sealed for their session under the key that all nodes have: whoever reads the server learns no order, and
//! whoever writes to it makes up none. He can lose a session, or set its numbers: the server belongs on a private network.

mod mirrored;
mod scripts;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::SessionId;
use redis::Script;

use super::{PREFIX, SharedMemory, millis};
use crate::limits::{MIRROR_ENDS_MAX, MIRROR_LEASE, MIRROR_NUMBER_MAX, MIRROR_RENEW_MAX, MIRROR_TAKE_MAX};
use crate::sealing::SealingKey;

pub use mirrored::{Fence, KeptFrame, KeptFrames, MirrorError, MirrorWrite, Mirrored, Progress, Take};

/// The mirror of all sessions.
pub struct SessionMirror {
    memory: Arc<SharedMemory>,
    node: String,
    key: Arc<SealingKey>,
    write: Script,
    take: Script,
    remove: Script,
    renew: Script,
    expired: Script,
    /// Ends that could not be written.
    ends: Mutex<Vec<(SessionId, Fence)>>,
}

impl fmt::Debug for SessionMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionMirror({}, {:?})", self.node, self.memory)
    }
}

impl SessionMirror {
    /// The mirror as a node of this name sees it. `key` is the same at all nodes.
    #[must_use]
    pub fn new(memory: Arc<SharedMemory>, node: &str, key: Arc<SealingKey>) -> Self {
        let [write, take, remove, renew, expired] =
            [scripts::WRITE, scripts::TAKE, scripts::REMOVE, scripts::RENEW, scripts::EXPIRED].map(Script::new);
        Self { memory, node: node.to_owned(), key, write, take, remove, renew, expired, ends: Mutex::default() }
    }

    /// The memory it is in.
    #[must_use]
    pub const fn memory(&self) -> &Arc<SharedMemory> {
        &self.memory
    }

    /// Writes, under a fence, and renews the lease.
    ///
    /// # Errors
    /// [`MirrorError`]; nothing is written.
    pub fn write(&self, sid: SessionId, fence: Fence, write: &MirrorWrite<'_>) -> Result<(), MirrorError> {
        let Progress { rx, tx, acked, committed, issued, cancelled, away_for, links } = &write.progress;
        let mut call = self.write.prepare_invoke();
        call.key(hash_of(sid)).key(frames_of(sid)).key(market_of(sid)).key(index());
        call.arg(sid.to_string())
            .arg(fence.number())
            .arg(millis(MIRROR_LEASE))
            .arg(millis(write.life))
            .arg(u8::from(write.whole.is_some()));
        call.arg(away_for.map_or(-1, |away| i64::try_from(millis(away)).unwrap_or(i64::MAX)));
        call.arg(write.reports.held).arg(write.market.held);
        call.arg(rx).arg(tx).arg(acked).arg(committed).arg(issued).arg(u8::from(*cancelled)).arg(join(links)).arg(self.node.as_str());
        call.arg(write.whole.map_or_else(Vec::new, |facts| self.key.seal(&owner(sid, "facts"), facts)));
        call.arg(write.streams.map_or_else(Vec::new, |streams| self.key.seal(&owner(sid, "streams"), streams)));
        call.arg(write.reports.added.len());
        for frame in write.reports.added.iter().chain(&write.market.added) {
            call.arg(self.sealed(sid, frame));
        }
        answer(self.ask(|link| call.invoke(link))?)
    }

    /// Takes a session, with the highest fence there is. `None`: there is none, or somebody serves it.
    ///
    /// # Errors
    /// [`MirrorError::Unavailable`]; [`MirrorError::Forgotten`] when what is there was sealed under another key, or stands where no
    /// session can stand.
    pub fn take(&self, sid: SessionId, which: Take) -> Result<Option<Mirrored>, MirrorError> {
        type Taken = (u64, u64, String, HashMap<String, redis::Value>, Vec<Vec<u8>>, Vec<Vec<u8>>);
        let mut call = self.take.prepare_invoke();
        call.key(hash_of(sid)).key(frames_of(sid)).key(market_of(sid)).key(index());
        call.arg(sid.to_string()).arg(self.node.as_str()).arg(millis(MIRROR_LEASE)).arg(u8::from(which == Take::Expired));
        let in_time = millis(self.memory.timeout() / 2);
        let taken: Option<Taken> = self.ask(|link| {
            let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(link)?;
            // Half of what we wait: what the server does at the last moment is answered while we still listen.
            let until = seconds.saturating_mul(1_000).saturating_add(micros / 1_000).saturating_add(in_time);
            call.arg(until).invoke(link)
        })?;
        let Some((now, left, node, fields, frames, market)) = taken else { return Ok(None) };
        self.read(sid, now, left, node, &fields, &[frames, market].concat()).map(Some).ok_or(MirrorError::Forgotten)
    }

    fn read(
        &self,
        sid: SessionId,
        now: u64,
        left: u64,
        node: String,
        fields: &HashMap<String, redis::Value>,
        frames: &[Vec<u8>],
    ) -> Option<Mirrored> {
        let number = |name: &str| redis::from_redis_value_ref::<u64>(fields.get(name)?).ok().filter(|number| *number <= MIRROR_NUMBER_MAX);
        let facts = redis::from_redis_value_ref::<Vec<u8>>(fields.get("facts")?).ok()?;
        let links = redis::from_redis_value_ref::<String>(fields.get("links")?).ok()?;
        let progress = Progress {
            rx: number("rx")?,
            tx: number("tx")?,
            acked: number("acked")?,
            committed: number("committed")?,
            issued: number("issued")?,
            cancelled: number("cancelled")? == 1,
            away_for: Some(Duration::from_millis(left)),
            links: links.split(',').filter_map(|link| link.parse().ok()).collect(),
        };
        let stands = progress.rx > 0 && progress.tx > 0 && progress.acked <= progress.tx && progress.committed <= progress.issued;
        if !stands {
            return None;
        }
        let mut frames = frames.iter().map(|frame| self.unsealed(sid, now, frame)).collect::<Option<Vec<_>>>()?;
        // As they were sent: a frame without a number stands before the message whose number it bears.
        frames.sort_by_key(|(frame, _)| (frame.s, frame.numbered));
        let facts = self.key.open(&owner(sid, "facts"), &facts).ok()?.expose().to_vec();
        let streams = match fields.get("streams") {
            Some(sealed) => {
                let sealed = redis::from_redis_value_ref::<Vec<u8>>(sealed).ok()?;
                self.key.open(&owner(sid, "streams"), &sealed).ok()?.expose().to_vec()
            }
            None => Vec::new(),
        };
        Some(Mirrored { fence: Fence::of(number("fence")?)?, node, facts, progress, streams, frames })
    }

    /// Renews leases, and writes the ends that could not be written. Which are not ours any more, or forgotten; the others are renewed.
    ///
    /// # Errors
    /// [`MirrorError::Unavailable`].
    pub fn renew(&self, held: &[(SessionId, Fence)]) -> Result<Vec<(SessionId, MirrorError)>, MirrorError> {
        self.write_ends()?;
        let mut lost = Vec::new();
        for held in held.chunks(MIRROR_RENEW_MAX) {
            let mut call = self.renew.prepare_invoke();
            call.key(index()).arg(millis(MIRROR_LEASE));
            for (sid, fence) in held {
                call.key(hash_of(*sid)).arg(sid.to_string()).arg(fence.number());
            }
            let answers: Vec<u8> = self.ask(|link| call.invoke(link))?;
            lost.extend(held.iter().zip(answers).filter_map(|((sid, _), told)| Some((*sid, answer(told).err()?))));
        }
        Ok(lost)
    }

    /// Sessions that nobody serves, at most [`MIRROR_TAKE_MAX`].
    ///
    /// # Errors
    /// [`MirrorError::Unavailable`].
    pub fn expired(&self) -> Result<Vec<SessionId>, MirrorError> {
        let mut call = self.expired.key(index());
        call.arg(MIRROR_TAKE_MAX);
        let names: Vec<String> = self.ask(|link| call.invoke(link))?;
        Ok(names.iter().filter_map(|name| SessionId::parse(name)).collect())
    }

    /// The session is over. An end that cannot be written now is written with a later [`Self::renew`].
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn remove(&self, sid: SessionId, fence: Fence) -> Result<(), MirrorError> {
        let outcome = self.remove_now(sid, fence);
        if outcome == Err(MirrorError::Unavailable) {
            let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            if ends.len() < MIRROR_ENDS_MAX {
                ends.push((sid, fence));
            }
        }
        outcome
    }

    fn write_ends(&self) -> Result<(), MirrorError> {
        let waiting = std::mem::take(&mut *self.ends.lock().unwrap_or_else(PoisonError::into_inner));
        let mut waiting = waiting.into_iter();
        while let Some((sid, fence)) = waiting.next() {
            if self.remove_now(sid, fence) == Err(MirrorError::Unavailable) {
                let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
                ends.push((sid, fence));
                ends.extend(waiting);
                return Err(MirrorError::Unavailable);
            }
        }
        Ok(())
    }

    fn remove_now(&self, sid: SessionId, fence: Fence) -> Result<(), MirrorError> {
        let mut call = self.remove.prepare_invoke();
        call.key(hash_of(sid)).key(frames_of(sid)).key(market_of(sid)).key(index()).arg(sid.to_string()).arg(fence.number());
        answer(self.ask(|link| call.invoke(link))?)
    }

    fn ask<T>(&self, question: impl FnOnce(&mut redis::Connection) -> redis::RedisResult<T>) -> Result<T, MirrorError> {
        let now = self.memory.now().mono;
        if !self.memory.may_try(now) {
            return Err(MirrorError::Unavailable);
        }
        self.memory.ask(now, |link| question(&mut link.connection)).map_err(|_| MirrorError::Unavailable)
    }

    fn sealed(&self, sid: SessionId, frame: &KeptFrame) -> Vec<u8> {
        let name = frame_name(frame.s, frame.numbered);
        let sealed = self.key.seal(&owner(sid, &name), frame.text.as_bytes());
        [name.as_bytes(), b" ", &sealed].concat()
    }

    /// `time number kind sealed`.
    fn unsealed(&self, sid: SessionId, now: u64, bytes: &[u8]) -> Option<(KeptFrame, Duration)> {
        let mut parts = bytes.splitn(4, |byte| *byte == b' ');
        let mut word = || parts.next().and_then(|part| std::str::from_utf8(part).ok());
        let (at, s, kind) = (word()?.parse::<u64>().ok()?, word()?.parse().ok()?, word()?);
        let numbered = kind == "m";
        let text = self.key.open(&owner(sid, &frame_name(s, numbered)), parts.next()?).ok()?;
        let text = std::str::from_utf8(text.expose()).ok()?.to_owned();
        Some((KeptFrame { s, numbered, text }, Duration::from_millis(now.saturating_sub(at))))
    }
}

fn answer(told: u8) -> Result<(), MirrorError> {
    match told {
        scripts::DONE => Ok(()),
        scripts::ADOPTED => Err(MirrorError::Adopted),
        scripts::FENCED => Err(MirrorError::Fenced),
        _ => Err(MirrorError::Forgotten),
    }
}

fn frame_name(s: u64, numbered: bool) -> String {
    format!("{s} {}", if numbered { "m" } else { "u" })
}

fn owner(sid: SessionId, what: &str) -> String {
    format!("session {sid} {what}")
}

fn market_of(sid: SessionId) -> String {
    format!("{PREFIX}:market:{sid}")
}

fn hash_of(sid: SessionId) -> String {
    format!("{PREFIX}:session:{sid}")
}

fn frames_of(sid: SessionId) -> String {
    format!("{PREFIX}:frames:{sid}")
}

fn index() -> String {
    format!("{PREFIX}:leases")
}

fn join(links: &[usize]) -> String {
    links.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}
