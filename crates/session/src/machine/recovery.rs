//! What was missed: across a lost connection, and in a hole of a recoverable flow.
//!
//! ```text
//!   leave ─▶ (numbers and kept messages stay) ─▶ gateway: take_up(where the client stands) ─▶ replays from poll_transmit
//!                                                client:  go_on(where the gateway stands)   ─▶ numbers again what was never applied
//!   hole  ─▶ client: {"replay":{from,count}} ─▶ gateway: kept? sent again : {"gap":{from,count,"how":"lost"}} in its place
//! ```

use countersign_core::{Now, Refusal, Reject};

use super::{Event, SessionMachine, Standing, State};
use crate::frame::{self, Gap, Range};
use crate::limits;

impl SessionMachine {
    /// Notes that the shell sent a refusal: who comes back is told it again.
    pub fn note_refusal(&mut self, frame: &str, now: Now) {
        self.last_sent = now.mono;
        self.kept.unnumbered(self.next_out, frame, now.mono);
    }

    /// The connection is gone; what was waiting to be sent on it is gone, too.
    pub fn leave(&mut self) {
        if self.state == State::Open {
            self.state = State::Away;
        }
        self.transmit.clear();
        (self.replaying, self.asked) = (None, None);
    }

    /// Whether a client that stands there can go on here; changes nothing.
    ///
    /// # Errors
    /// [`Reject::SequenceRange`]: it claims what we never sent, forgot what it acknowledged, or sent less than we received.
    /// [`Reject::SessionUnknown`] when the session is over.
    pub fn check_return(&self, theirs: Standing) -> Result<(), Refusal> {
        if self.state == State::Over {
            return Err(Reject::SessionUnknown.into());
        }
        // HS-87
        let known = theirs.rx >= self.peer_expects && theirs.rx <= self.next_out && theirs.tx >= self.received.next();
        if known { Ok(()) } else { Err(Refusal::operator(Reject::SequenceRange, "the client stands where it cannot stand")) }
    }

    /// What a client that stands there missed and nobody has any more.
    #[must_use]
    pub fn lost_for(&mut self, theirs: Standing, now: Now) -> Option<Range> {
        self.kept.forget_old(now.mono);
        self.lost_at(theirs.rx)
    }

    /// What is gone further on is told where it would have been.
    fn lost_at(&self, rx: u64) -> Option<Range> {
        self.kept.lost(rx, self.next_out)
    }

    /// Goes on with a client that stands there, on a new connection. What it missed and is gone; all else follows unasked from
    /// [`Self::poll_transmit`].
    ///
    /// # Errors
    /// As [`Self::check_return`].
    pub fn take_up(&mut self, theirs: Standing, now: Now) -> Result<Option<Range>, Refusal> {
        self.check_return(theirs)?;
        self.leave();
        self.reopen(now);
        self.peer_expects = theirs.rx;
        self.kept.acknowledged(theirs.rx);
        self.kept.forget_old(now.mono);
        let lost = self.lost_at(theirs.rx);
        // HS-88
        let mut span = self.kept.span(theirs.rx, self.next_out);
        span.skip_to(lost.map_or(theirs.rx, |Range { from, count }| from + count));
        self.replaying = Some(span);
        Ok(lost)
    }

    /// Goes on as the client, where the gateway stands: `theirs.rx` is our next number, whatever we sent beyond it was never applied.
    /// `lost` is what the gateway has no more.
    pub fn go_on(&mut self, theirs: Standing, lost: Option<Range>, now: Now) {
        self.leave();
        self.reopen(now);
        // HS-87
        self.next_out = theirs.rx;
        self.peer_expects = theirs.rx;
        if let Some(Range { from, count }) = lost {
            self.received.skip_to(from.saturating_add(count));
        }
    }

    const fn reopen(&mut self, now: Now) {
        self.state = State::Open;
        (self.last_sent, self.last_received, self.pinged) = (now.mono, now.mono, false);
    }

    pub(super) fn next_replay(&mut self) -> Option<String> {
        let (frame, behind) = self.kept.read(self.replaying?, self.received.next()).unzip();
        self.replaying = behind;
        frame
    }

    /// A message behind a hole waits for what is missing: nothing is delivered out of order. Asks for everything before `end`; what
    /// comes meanwhile is asked for when its turn comes.
    pub(super) fn ask_again(&mut self, end: u64) -> Result<(), Refusal> {
        // HS-90
        let from = self.received.next();
        let count = end - from;
        if count > limits::GAP_MAX {
            return Err(Reject::SequenceRange.into());
        }
        if self.asked.is_some_and(|asked| from < asked.from + asked.count) {
            return Ok(());
        }
        let asked = Range { from, count };
        self.asked = Some(asked);
        self.queue(frame::replay(asked))
    }

    /// The client asks for messages again.
    pub(super) fn replay(&mut self, range: Range) -> Result<(), Refusal> {
        // HS-90
        self.not_applied(range)?;
        self.replaying = Some(self.kept.span_of(range));
        Ok(())
    }

    /// The gateway has messages no more: of those that it sends again, or that were asked for. What was asked for twice is told twice, and
    /// what we have of it already is no news.
    pub(super) fn gap<'f>(&mut self, gap: &Gap<'_>) -> Result<Event<'f>, Refusal> {
        // HS-90
        let Gap { from, count, .. } = *gap;
        let next = self.received.next();
        let is_ours = self.recoverable && gap.how == "lost" && (1..=next).contains(&from) && count >= 1;
        let end = from.checked_add(count).filter(|end| is_ours && *end <= limits::SEQUENCE_END);
        let Some(end) = end else {
            return Err(Reject::UnexpectedMessage.into());
        };
        if end <= next {
            return Ok(Event::Nothing);
        }
        self.received.skip_to(end);
        self.asked = self.asked.filter(|asked| end < asked.from + asked.count);
        Ok(Event::Lost(Range { from: next, count: end - next }))
    }
}
