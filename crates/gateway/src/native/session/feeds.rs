//! Market data while nobody is there: it gives way to what is kept for the client.
//!
//! ```text
//!   client there            every message: numbered, kept, sent
//!   nobody there            reports, answers: numbered, kept
//!                           market data: the same, up to a quarter of what may be kept; then one message that says so; then nothing
//! ```
//!
//! A feed goes on while its client is away, as subscriptions do, and in a minute it is more than the replay buffer holds: the fills that
//! the client comes back for would be what goes first. Market data that is left out has no number, so there is no hole to ask for. What a
//! client does about it is what it does after any lost connection: it takes the book anew.

use std::borrow::Cow;

use countersign_core::Timestamp;
use countersign_session::limits::KEPT_BYTES_MAX;
use serde::Deserialize;

/// The events of the native façade that are market data. Whatever else a venue says may be about the client's own orders.
const MARKET_DATA: [&str; 3] = ["book", "ticker", "trade"];

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
    messages: usize,
    bytes: usize,
    told: bool,
}

/// As far as we look at it.
#[derive(Deserialize)]
struct Event<'b> {
    #[serde(borrow)]
    ev: Cow<'b, str>,
}

fn is_market_data(body: &str) -> bool {
    serde_json::from_str::<Event<'_>>(body).is_ok_and(|event| MARKET_DATA.contains(&&*event.ev))
}

impl Feeds {
    /// The client is there.
    pub(super) fn returned(&mut self) {
        *self = Self::default();
    }

    /// Places a message that comes while nobody is there, on a flow that keeps so many.
    pub(super) fn place_for_nobody(&mut self, body: &str, messages_max: usize, now: Timestamp) -> Place {
        // HS-135
        if messages_max == 0 || !is_market_data(body) {
            return Place::Said;
        }
        if self.told {
            return Place::LeftOut;
        }
        self.messages += 1;
        self.bytes += body.len();
        if self.messages <= messages_max / SHARE && self.bytes <= KEPT_BYTES_MAX / SHARE {
            return Place::Said;
        }
        self.told = true;
        Place::Told(format!("{{\"ev\":\"countersign.left_out\",\"t\":{}}}", now.as_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn market_data_has_a_quarter_and_then_one_message_says_that_there_is_more() {
        // HS-135
        let mut feeds = Feeds::default();
        let mut place = |body: &str| feeds.place_for_nobody(body, 16, NOW);
        for _ in 0..4 {
            assert_eq!(place(r#"{"asks":[],"ev":"book"}"#), Place::Said);
        }
        assert_eq!(place(r#"{ "ev" : "ticker" }"#), Place::Told(r#"{"ev":"countersign.left_out","t":1800000000000}"#.to_owned()));
        assert_eq!(place(r#"{"ev":"trade","px":"1"}"#), Place::LeftOut);
        for report in [r#"{"ev":"fill"}"#, r#"{"ev":"order","was":{"ev":"book"}}"#, r#"{"re":1,"ok":true,"book":{}}"#, r#"{"ev":7}"#, "{"] {
            assert_eq!(place(report), Place::Said, "{report}");
        }
        feeds.returned();
        assert_eq!(feeds.place_for_nobody(r#"{"ev":"book"}"#, 16, NOW), Place::Said);
        let large = format!(r#"{{"ev":"book","asks":"{}"}}"#, "x".repeat(KEPT_BYTES_MAX / SHARE));
        assert!(matches!(feeds.place_for_nobody(&large, 1_024, NOW), Place::Told(_)), "by its size, too");
        assert_eq!(feeds.place_for_nobody(r#"{"ev":"book"}"#, 0, NOW), Place::Said, "where nothing is kept nothing is pushed out");
    }
}
