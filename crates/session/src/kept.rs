//! What was sent and may have to be sent again: the replay buffer of a recoverable flow.
//!
//! ```text
//!   send ─▶ [ s | s+1 | refusal | s+2 ] ─▶ forgotten when acknowledged, too old, too many, or too large
//!                ▲ replay from any number that is still here; what is not is told in its place
//! ```
//!
//! Where there is too much, market data goes first, the oldest of it: a cable that was cut is found out after seconds, in which a busy
//! feed says more than is kept, and the fill among it is what the client comes back for. So two queues are kept, and each loses its
//! oldest only.
//!
//! Refusals (`err`) have no number. They are kept between the messages they were sent between, so that a client that comes back
//! learns what was refused; it may learn it twice.

use std::collections::VecDeque;
use std::time::Duration;

use countersign_core::Monotonic;

use crate::frame::{self, Range};
use crate::limits;
use crate::market::is_market_data;

/// What a flow keeps, as its contract says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// At most so many messages (`keep_msgs`); none, and nothing is ever sent again.
    pub messages: usize,
    /// For at most so long (`keep_s`).
    pub time: Duration,
}

#[derive(Debug)]
enum Sent {
    /// A body, sent under its number.
    Message(Box<str>),
    /// A whole frame without a number.
    Unnumbered(Box<str>),
}

impl Sent {
    const fn bytes(&self) -> usize {
        match self {
            Self::Message(text) | Self::Unnumbered(text) => text.len(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    /// How many were taken in before it.
    place: u64,
    /// Its number; of an unnumbered frame the number of the message that came after it.
    s: u64,
    at: Monotonic,
    is_market: bool,
    sent: Sent,
}

/// Entries of one kind, in the order in which they came.
#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Queue {
    const fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0 }
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.sent.bytes();
        self.entries.push_back(entry);
    }

    fn pop(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.sent.bytes();
        }
        if self.entries.is_empty() {
            // An idle session holds no buffer.
            self.entries = VecDeque::new();
        }
    }

    fn pop_while(&mut self, goes: impl Fn(&Entry) -> bool) {
        while self.entries.front().is_some_and(&goes) {
            self.pop();
        }
    }

    fn entries_from(&self, place: u64) -> impl Iterator<Item = &Entry> {
        self.entries.range(self.entries.partition_point(|entry| entry.place < place)..)
    }

    /// The place of the first that is message `s`, or stands before or behind it.
    fn place_of(&self, s: u64) -> Option<u64> {
        self.entries.get(self.entries.partition_point(|entry| entry.s < s)).map(|entry| entry.place)
    }

    fn held(&self) -> Held {
        Held { entries: self.entries.len(), bytes: self.bytes }
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Messages, and frames without a number.
    pub entries: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// What is kept, for a copy of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptText<'k> {
    /// Its number; of an unnumbered frame the number of the message that came after it.
    pub s: u64,
    /// Whether it has a number of its own.
    pub numbered: bool,
    /// Whether it is market data.
    pub is_market: bool,
    /// Body or frame.
    pub text: &'k str,
}

/// The replay buffer.
#[derive(Debug, Default)]
pub struct Kept {
    keeping: Keeping,
    /// All that is no market data, and cannot be had elsewhere.
    reports: Queue,
    market: Queue,
    /// Entries taken in since the beginning.
    taken_in: u64,
}

/// A stretch of the buffer that is being sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Places, from the one to before the other.
    next: u64,
    end: u64,
    /// The number to say next, and the one before which the stretch ends: a message between that is not here is told as lost.
    expected: u64,
    until: u64,
}

impl Span {
    /// The client has everything before `expected`, or knows that it is lost.
    pub(crate) fn skip_to(&mut self, expected: u64) {
        self.expected = self.expected.max(expected);
    }
}

impl Kept {
    /// An empty buffer.
    #[must_use]
    pub const fn new(keeping: Keeping) -> Self {
        Self { keeping, reports: Queue::new(), market: Queue::new(), taken_in: 0 }
    }

    /// What it keeps.
    #[must_use]
    pub const fn keeping(&self) -> Keeping {
        self.keeping
    }

    /// Keeps a message.
    pub fn message(&mut self, s: u64, body: &str, now: Monotonic) {
        if self.keeping.messages > 0 {
            self.push(s, now, Sent::Message(body.into()), is_market_data(body));
        }
    }

    /// Keeps a frame without a number; `next` is the number that the next message will have.
    pub fn unnumbered(&mut self, next: u64, frame: &str, now: Monotonic) {
        if self.keeping.messages > 0 {
            self.push(next, now, Sent::Unnumbered(frame.into()), false);
        }
    }

    fn push(&mut self, s: u64, at: Monotonic, sent: Sent, is_market: bool) {
        self.forget_old(at);
        let queue = if is_market { &mut self.market } else { &mut self.reports };
        queue.push(Entry { place: self.taken_in, s, at, is_market, sent });
        self.taken_in += 1;
        while self.is_too_much() {
            // HS-135
            if self.market.entries.is_empty() { self.reports.pop() } else { self.market.pop() }
        }
    }

    fn is_too_much(&self) -> bool {
        // HS-89
        let Held { entries, bytes } = self.held();
        entries > self.keeping.messages || bytes > limits::KEPT_BYTES_MAX
    }

    /// Forgets what the peer has: everything before `expected`, the next number it expects.
    pub fn acknowledged(&mut self, expected: u64) {
        self.pop_while(|entry| entry.s < expected);
    }

    /// Forgets what is older than the contract keeps it.
    pub fn forget_old(&mut self, now: Monotonic) {
        let time = self.keeping.time;
        self.pop_while(|entry| now.saturating_since(entry.at) > time);
    }

    fn pop_while(&mut self, goes: impl Fn(&Entry) -> bool) {
        self.reports.pop_while(&goes);
        self.market.pop_while(&goes);
    }

    /// Entries from a place on, in the order in which they came.
    fn entries_from(&self, place: u64) -> impl Iterator<Item = &Entry> {
        let mut reports = self.reports.entries_from(place).peekable();
        let mut market = self.market.entries_from(place).peekable();
        std::iter::from_fn(move || match (reports.peek(), market.peek()) {
            (Some(report), Some(data)) if data.place < report.place => market.next(),
            (Some(_), _) => reports.next(),
            (None, _) => market.next(),
        })
    }

    /// What of the messages from `from` to before `end` is gone before the first that is here; `None` when `from` itself is. What is gone
    /// further on is told in its place.
    #[must_use]
    pub fn lost(&self, from: u64, end: u64) -> Option<Range> {
        let mut numbered = self.entries_from(self.place_of(from)).filter(|entry| matches!(entry.sent, Sent::Message(_)));
        let until = numbered.next().map_or(end, |entry| entry.s.min(end));
        (from < until).then(|| Range { from, count: until - from })
    }

    /// Entries taken in since the beginning: where the next one will be.
    #[must_use]
    pub const fn place(&self) -> u64 {
        self.taken_in
    }

    /// Entries from a place on, for a copy of the buffer.
    pub fn since(&self, place: u64) -> impl Iterator<Item = KeptText<'_>> {
        self.entries_from(place).map(|entry| {
            let (numbered, text) = match &entry.sent {
                Sent::Message(text) => (true, &**text),
                Sent::Unnumbered(text) => (false, &**text),
            };
            KeptText { s: entry.s, numbered, is_market: entry.is_market, text }
        })
    }

    /// Where message `s` is, or would be.
    fn place_of(&self, s: u64) -> u64 {
        [self.reports.place_of(s), self.market.place_of(s)].into_iter().flatten().min().unwrap_or(self.taken_in)
    }

    /// Where a replay of everything from message `from` on begins and ends; `next` is the number that the next message will have.
    pub(crate) fn span(&self, from: u64, next: u64) -> Span {
        Span { next: self.place_of(from), end: self.taken_in, expected: from, until: next }
    }

    /// Where a replay of `range` begins and ends.
    pub(crate) fn span_of(&self, range: Range) -> Span {
        let until = range.from.saturating_add(range.count);
        Span { end: self.place_of(until), ..self.span(range.from, until) }
    }

    /// The next frame of a replay, and the span behind it; `None` at its end. `received` is the number that the frame acknowledges.
    pub(crate) fn read(&self, span: Span, received: u64) -> Option<(String, Span)> {
        let next = self.entries_from(span.next).next().filter(|entry| entry.place < span.end);
        // HS-90: a message that is gone would leave the client waiting for it, and for all behind it.
        let told = match next {
            Some(Entry { s, sent: Sent::Message(_), .. }) => *s,
            Some(Entry { sent: Sent::Unnumbered(_), .. }) => span.expected,
            None => span.until,
        };
        if told > span.expected {
            let gone = Range { from: span.expected, count: told - span.expected };
            return Some((frame::lost(gone), Span { expected: told, ..span }));
        }
        let entry = next?;
        let behind = Span { next: entry.place + 1, ..span };
        Some(match &entry.sent {
            Sent::Message(body) => (frame::replayed(entry.s, received, body), Span { expected: entry.s + 1, ..behind }),
            Sent::Unnumbered(text) => (text.to_string(), behind),
        })
    }

    /// All that is kept.
    #[must_use]
    pub fn held(&self) -> Held {
        let (reports, market) = (self.reports.held(), self.market.held());
        Held { entries: reports.entries + market.entries, bytes: reports.bytes + market.bytes }
    }

    /// The market data of it.
    #[must_use]
    pub fn held_market(&self) -> Held {
        self.market.held()
    }
}

#[cfg(test)]
mod tests;
