//! What the records of a journal add up to: numbers, and where each message that is kept lies in the file.

use std::collections::BTreeMap;

use countersign_fix::limits::{STORED_BYTES_MAX, STORED_MESSAGES_MAX};

use super::record::{self, Base, Kind};

/// What the records of a journal add up to.
#[derive(Default)]
pub(super) struct State {
    pub(super) next_sender: u64,
    pub(super) next_target: u64,
    pub(super) kept_from: u64,
    /// The highest number on the other session whose message is on record here; 0 for none.
    pub(super) source: u64,
    /// Who wrote it last, where nodes share it; 0 where none do.
    pub(super) generation: u64,
    /// How often it was written anew: within one series it only grows.
    pub(super) series: u64,
    /// Where in the file each message is, and how long.
    pub(super) messages: BTreeMap<u64, (u64, usize)>,
    bytes: usize,
}

impl State {
    /// Adds up a journal; returns how long its whole records are.
    pub(super) fn replay(bytes: &[u8], name: &[u8]) -> Result<(Self, u64), &'static str> {
        let mut state = Self::default();
        let mut at = 0;
        while let Some(record) = record::read(&bytes[at..])? {
            let payload_at = (at + record::HEAD_BYTES) as u64;
            match (record.kind, at) {
                (Kind::Base, 0) => {
                    let base = Base::read(&record).filter(|base| base.name == name).ok_or("it is of another session")?;
                    (state.next_sender, state.kept_from, state.next_target) = (base.next_sender, base.kept_from, base.next_target);
                }
                (Kind::Base, _)
                | (Kind::Forwarded | Kind::Kept | Kind::Message | Kind::Owner | Kind::Source | Kind::Target | Kind::Used, 0) => {
                    return Err("records are out of order");
                }
                (Kind::Forwarded, _) if record.number == state.next_sender => {
                    let (source, message) = record.payload.split_first_chunk().ok_or("a message came from nowhere")?;
                    state.next_sender += 1;
                    state.source = u64::from_be_bytes(*source);
                    state.keep(record.number, payload_at + record::SOURCE_BYTES as u64, message.len());
                }
                (Kind::Source, _) => state.source = record.number,
                (Kind::Owner, _) => {
                    let series = record.payload.try_into().map_err(|_| "a generation has no series")?;
                    (state.generation, state.series) = (record.number, u64::from_be_bytes(series));
                }
                (Kind::Kept, _) if record.number < state.next_sender => state.keep(record.number, payload_at, record.payload.len()),
                (Kind::Message, _) if record.number == state.next_sender => {
                    state.next_sender += 1;
                    state.keep(record.number, payload_at, record.payload.len());
                }
                (Kind::Used, _) if record.number == state.next_sender => state.next_sender += 1,
                (Kind::Target, _) => state.next_target = record.number,
                (Kind::Forwarded | Kind::Kept | Kind::Message | Kind::Used, _) => return Err("a number is used twice or left out"),
            }
            at += record.length;
        }
        if at == 0 { Err("it is empty") } else { Ok((state, at as u64)) }
    }

    /// Remembers a message, and drops the oldest for want of room.
    pub(super) fn keep(&mut self, seq: u64, at: u64, length: usize) {
        self.messages.insert(seq, (at, length));
        self.bytes += length;
        while self.messages.len() > STORED_MESSAGES_MAX || self.bytes > STORED_BYTES_MAX {
            let Some((seq, (_, length))) = self.messages.pop_first() else { return };
            self.bytes -= length;
            self.kept_from = seq + 1;
        }
    }
}
