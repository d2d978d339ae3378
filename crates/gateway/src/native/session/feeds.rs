//! Market data while nobody is there: it gives way to what is kept for the client.
//!
//! ```text
//!   client there            every message: numbered, kept, sent; of what is kept, market data is forgotten first
//!   nobody there            reports, answers: numbered, kept
//!                           market data: the same, until a quarter of what may be kept is market data; then one message that says so;
//!                           then nothing
//! ```
//!
//! A feed goes on while its client is away, as subscriptions do, and nobody gains by a minute of it. What was said before the loss was
//! known, and is not acknowledged, counts: it is kept like the rest. Market data that is left out has no number, so there is no hole to
//! ask for. What a client does about it is what it does after any lost connection: it takes the book anew.

use countersign_core::Timestamp;
use countersign_session::limits::KEPT_BYTES_MAX;
use countersign_session::{Kept, is_market_data};

/// Market data may have one part in so many, of the messages and of the bytes that are kept.
const SHARE: usize = 4;

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is not said.
    LeftOut,
    /// It is numbered, and kept if anything is.
    Said,
    /// It is not said, and this is in its place: once for each time that the client is away.
    Told(String),
}

/// The market data of one absence.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    told: bool,
}

impl Feeds {
    /// The client is there.
    pub(super) fn returned(&mut self) {
        *self = Self::default();
    }

    /// Places a message that comes while nobody is there, beside what is kept.
    pub(super) fn place_for_nobody(&mut self, body: &str, kept: &Kept, now: Timestamp) -> Place {
        // HS-135
        let messages_max = kept.keeping().messages;
        if messages_max == 0 || !is_market_data(body) {
            return Place::Said;
        }
        if self.told {
            return Place::LeftOut;
        }
        let held = kept.held_market();
        if held.entries < messages_max / SHARE && held.bytes + body.len() <= KEPT_BYTES_MAX / SHARE {
            return Place::Said;
        }
        self.told = true;
        Place::Told(format!("{{\"ev\":\"countersign.left_out\",\"t\":{}}}", now.as_millis()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_core::Monotonic;
    use countersign_session::Keeping;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn kept(messages: usize) -> Kept {
        Kept::new(Keeping { messages, time: Duration::from_secs(60) })
    }

    #[test]
    fn market_data_has_a_quarter_and_then_one_message_says_that_there_is_more() {
        // HS-135
        let (mut feeds, mut kept) = (Feeds::default(), kept(16));
        // Said, and not acknowledged, before the loss was known.
        kept.message(1, r#"{"ev":"book"}"#, Monotonic::from_micros(0));
        for s in 2..=4 {
            assert_eq!(feeds.place_for_nobody(r#"{"asks":[],"ev":"book"}"#, &kept, NOW), Place::Said);
            kept.message(s, r#"{"asks":[],"ev":"book"}"#, Monotonic::from_micros(0));
        }
        let mut place = |body: &str| feeds.place_for_nobody(body, &kept, NOW);
        assert_eq!(place(r#"{ "ev" : "ticker" }"#), Place::Told(r#"{"ev":"countersign.left_out","t":1800000000000}"#.to_owned()));
        assert_eq!(place(r#"{"ev":"trade","px":"1"}"#), Place::LeftOut);
        assert_eq!(place(r#"{"ev":"fill"}"#), Place::Said);
        feeds.returned();
        kept.acknowledged(5);
        assert_eq!(feeds.place_for_nobody(r#"{"ev":"book"}"#, &kept, NOW), Place::Said);
    }

    #[test]
    fn market_data_is_left_out_by_its_size_too() {
        // HS-135
        let large = format!(r#"{{"ev":"book","asks":"{}"}}"#, "x".repeat(KEPT_BYTES_MAX / SHARE));
        assert!(matches!(Feeds::default().place_for_nobody(&large, &kept(1_024), NOW), Place::Told(_)));
        let place = Feeds::default().place_for_nobody(r#"{"ev":"book"}"#, &kept(0), NOW);
        assert_eq!(place, Place::Said, "where nothing is kept nothing is pushed out");
    }
}
