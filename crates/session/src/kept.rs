//! What was sent and may have to be sent again: the replay buffer of a recoverable flow.
//!
//! ```text
//!   send ─▶ [ s | s+1 | refusal | s+2 ] ─▶ forgotten when acknowledged, too old, too many, or too large
//!                ▲ replay from any number that is still here
//! ```
//!
//! Refusals (`err`) have no number. They are kept between the messages they were sent between, so that a client that comes back
//! learns what was refused; it may learn it twice.

use std::collections::VecDeque;
use std::time::Duration;

use countersign_core::Monotonic;

use crate::frame::{self, Range};
use crate::limits;

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
    /// Its number; of an unnumbered frame the number of the message that came after it.
    s: u64,
    at: Monotonic,
    sent: Sent,
}

/// The replay buffer.
#[derive(Debug, Default)]
pub struct Kept {
    keeping: Keeping,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Entries taken out since the beginning: the place of the first that is here.
    taken: u64,
}

/// A stretch of the buffer that is being sent again, in entries counted from the beginning of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    next: u64,
    end: u64,
}

impl Kept {
    /// An empty buffer.
    #[must_use]
    pub const fn new(keeping: Keeping) -> Self {
        Self { keeping, entries: VecDeque::new(), bytes: 0, taken: 0 }
    }

    /// Keeps a message.
    pub fn message(&mut self, s: u64, body: &str, now: Monotonic) {
        self.push(Entry { s, at: now, sent: Sent::Message(body.into()) });
    }

    /// Keeps a frame without a number; `next` is the number that the next message will have.
    pub fn unnumbered(&mut self, next: u64, frame: &str, now: Monotonic) {
        self.push(Entry { s: next, at: now, sent: Sent::Unnumbered(frame.into()) });
    }

    fn push(&mut self, entry: Entry) {
        if self.keeping.messages == 0 {
            return;
        }
        self.forget_old(entry.at);
        self.bytes += entry.sent.bytes();
        self.entries.push_back(entry);
        // HS-89
        while self.entries.len() > self.keeping.messages || self.bytes > limits::KEPT_BYTES_MAX {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.sent.bytes();
            self.taken += 1;
        }
        if self.entries.is_empty() {
            // An idle session holds no buffer.
            self.entries = VecDeque::new();
        }
    }

    /// Forgets what the peer has: everything before `expected`, the next number it expects.
    pub fn acknowledged(&mut self, expected: u64) {
        while self.entries.front().is_some_and(|entry| entry.s < expected) {
            self.pop();
        }
    }

    /// Forgets what is older than the contract keeps it.
    pub fn forget_old(&mut self, now: Monotonic) {
        while self.entries.front().is_some_and(|entry| now.saturating_since(entry.at) > self.keeping.time) {
            self.pop();
        }
    }

    /// What of the messages from `from` to before `end` is gone: the first stretch of it; `None` when all are here.
    #[must_use]
    pub fn lost(&self, from: u64, end: u64) -> Option<Range> {
        let mut expected = from;
        for entry in self.entries.iter().filter(|entry| matches!(entry.sent, Sent::Message(_)) && entry.s >= from) {
            // A buffer that another node filled has a hole: what that node was about to say.
            if entry.s > expected || expected >= end {
                break;
            }
            expected = entry.s + 1;
        }
        let next = self.entries.iter().filter(|entry| matches!(entry.sent, Sent::Message(_)));
        let until = next.map(|entry| entry.s).find(|s| *s >= expected).unwrap_or(end).min(end);
        (expected < until).then(|| Range { from: expected, count: until - expected })
    }

    /// Entries taken in since the beginning: where the next one will be.
    #[must_use]
    pub fn place(&self) -> u64 {
        self.taken + self.entries.len() as u64
    }

    /// Entries from a place on, for a copy of the buffer: number, whether it has one of its own, text.
    pub fn since(&self, place: u64) -> impl Iterator<Item = (u64, bool, &str)> {
        let from = usize::try_from(place.saturating_sub(self.taken)).unwrap_or(usize::MAX).min(self.entries.len());
        self.entries.range(from..).map(|entry| match &entry.sent {
            Sent::Message(text) => (entry.s, true, &**text),
            Sent::Unnumbered(text) => (entry.s, false, &**text),
        })
    }

    /// Where a replay from message `from` begins, and where one of everything up to now ends.
    pub(crate) fn span(&self, from: u64) -> Span {
        let index = self.entries.partition_point(|entry| entry.s < from);
        let place = |index: usize| self.taken + index as u64;
        Span { next: place(index), end: place(self.entries.len()) }
    }

    /// Where a replay of `range` begins and ends.
    pub(crate) fn span_of(&self, range: Range) -> Span {
        let behind = self.span(range.from.saturating_add(range.count));
        Span { end: behind.next, ..self.span(range.from) }
    }

    /// The next frame of a replay, and the span behind it; `None` at its end. `expected` is the number that the frame acknowledges.
    pub(crate) fn read(&self, span: Span, expected: u64) -> Option<(String, Span)> {
        let next = span.next.max(self.taken);
        let entry =
            (next < span.end).then(|| usize::try_from(next - self.taken).ok().and_then(|index| self.entries.get(index))).flatten()?;
        let text = match &entry.sent {
            Sent::Message(body) => frame::replayed(entry.s, expected, body),
            Sent::Unnumbered(text) => text.to_string(),
        };
        Some((text, Span { next: next + 1, ..span }))
    }

    /// Messages and frames held, and their bytes.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    fn filled(messages: usize, count: u64) -> Kept {
        let mut kept = Kept::new(Keeping { messages, time: SECOND * 10 });
        (1..=count).for_each(|s| kept.message(s, &format!("{{\"n\":{s}}}"), at(0)));
        kept
    }

    fn all(kept: &Kept, mut span: Span) -> Vec<String> {
        std::iter::from_fn(|| {
            let (text, behind) = kept.read(span, 1)?;
            span = behind;
            Some(text)
        })
        .collect()
    }

    #[test]
    fn what_was_sent_is_sent_again_with_its_number() {
        // HS-88
        let kept = filled(5, 3);
        let frames = [r#"{"s":2,"a":1,"dup":true,"d":{"n":2}}"#, r#"{"s":3,"a":1,"dup":true,"d":{"n":3}}"#];
        assert_eq!(all(&kept, kept.span(2)), frames);
        assert_eq!(all(&kept, kept.span_of(Range { from: 2, count: 1 })), frames[..1]);
        assert_eq!(kept.lost(1, 4), None);
        assert!(all(&kept, kept.span(4)).is_empty());
    }

    #[test]
    fn refusals_stand_between_the_messages_they_were_told_between() {
        // HS-88
        let mut kept = filled(9, 1);
        kept.unnumbered(2, "{\"err\":1}", at(0));
        kept.message(2, "{}", at(0));
        kept.unnumbered(3, "{\"err\":2}", at(0));
        let shown = |from| all(&kept, kept.span(from)).iter().map(|text| text[..8].to_owned()).collect::<Vec<_>>();
        assert_eq!(shown(1), ["{\"s\":1,\"", "{\"err\":1", "{\"s\":2,\"", "{\"err\":2"]);
        assert_eq!(shown(2), ["{\"err\":1", "{\"s\":2,\"", "{\"err\":2"], "whether it came before the loss is not known");
        assert_eq!(shown(3), ["{\"err\":2"]);
    }

    #[test]
    fn the_buffer_is_bounded_in_number_bytes_and_time() {
        // HS-77 HS-89
        let kept = filled(4, 10);
        assert_eq!((kept.held().0, kept.lost(1, 11)), (4, Some(Range { from: 1, count: 6 })));
        assert_eq!(all(&kept, kept.span(1)).len(), 4, "what is here is given all the same");
        let mut large = Kept::new(Keeping { messages: 1_000, time: SECOND });
        let body = "x".repeat(limits::KEPT_BYTES_MAX / 4);
        (1..=9).for_each(|s| large.message(s, &body, at(0)));
        assert_eq!((large.held(), large.lost(1, 10)), ((4, limits::KEPT_BYTES_MAX), Some(Range { from: 1, count: 5 })));
        large.message(10, &"x".repeat(limits::KEPT_BYTES_MAX + 1), at(0));
        assert_eq!((large.held(), large.lost(6, 11)), ((0, 0), Some(Range { from: 6, count: 5 })));
        let mut old = filled(9, 2);
        old.message(3, "{}", at(10));
        assert_eq!(old.held().0, 3);
        old.message(4, "{}", at(11));
        assert_eq!(old.lost(1, 5), Some(Range { from: 1, count: 2 }));
        assert_eq!(filled(0, 9).held(), (0, 0), "a flow that promises nothing keeps nothing");
    }

    #[test]
    fn a_hole_that_another_node_left_is_told() {
        // HS-88 HS-90
        let mut kept = filled(9, 2);
        kept.message(4, "{}", at(0));
        let lost = |from, end| kept.lost(from, end).map(|range| (range.from, range.count));
        assert_eq!((lost(1, 5), lost(3, 4), lost(3, 5), lost(4, 5)), (Some((3, 1)), Some((3, 1)), Some((3, 1)), None));
        assert_eq!((lost(1, 3), lost(5, 6), lost(4, 6)), (None, Some((5, 1)), Some((5, 1))));
    }

    #[test]
    fn a_copy_is_brought_up_to_date_by_what_is_new() {
        let mut kept = filled(3, 2);
        let place = kept.place();
        kept.unnumbered(3, "{\"err\":1}", at(0));
        kept.message(3, "{}", at(0));
        assert_eq!(kept.since(place).collect::<Vec<_>>(), [(3, false, "{\"err\":1}"), (3, true, "{}")]);
        assert_eq!((kept.since(0).count(), kept.since(kept.place()).count(), kept.since(99).count()), (3, 0, 0));
    }

    #[test]
    fn what_is_acknowledged_is_forgotten_even_while_it_is_being_sent_again() {
        let mut kept = filled(9, 4);
        let span = kept.span(1);
        let (_, span) = kept.read(span, 1).unwrap();
        kept.acknowledged(4);
        assert_eq!(all(&kept, span), [r#"{"s":4,"a":1,"dup":true,"d":{"n":4}}"#]);
        kept.acknowledged(5);
        assert_eq!((kept.held(), all(&kept, span)), ((0, 0), Vec::new()));
    }
}
