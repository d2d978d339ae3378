//! HS-133: what a session subscribed to, so that whoever goes on with it can ask for it again.
//!
//! ```text
//!   subscribe {…}    ─▶ kept, without the client's name of the request
//!   unsubscribe {…}  ─▶ the same words were subscribed to: both forgotten; other words: kept behind what is before it
//!   gone on with     ─▶ all of it once more, in order, under a name of ours; its answers end here
//! ```
//!
//! What the words mean is the upstream's: said again in their order, they mean the same.

use std::collections::BTreeMap;

use countersign_core::{Refusal, Reject, authorize};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_websockets::Message;

use super::Session;
use crate::halts::Asked;
use crate::native::carriage::Carriage;
use crate::native::limits::STREAMS_BYTES_MAX;

const SUBSCRIBE: &str = "subscribe";
const UNSUBSCRIBE: &str = "unsubscribe";
/// Our name of a request that a client made before.
const AGAIN: &str = "countersign.again";
/// An answer names its request among its first members.
const NAME_WITHIN: usize = 128;

/// The subscriptions of one session.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// In the order in which they were asked for.
    kept: Vec<String>,
    /// Counts changes.
    version: u64,
    /// Requests of ours that are not answered.
    asked: u32,
}

impl Streams {
    /// As [`Self::write`] wrote them.
    pub(super) fn restored(kept: Vec<String>) -> Self {
        Self { kept, ..Self::default() }
    }

    /// From the text of [`Self::write`]; nothing where there is none.
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self::restored(serde_json::from_slice(bytes).unwrap_or_default())
    }

    /// For whoever goes on with the session.
    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(&self.kept).unwrap_or_default()
    }

    /// The same, as it is.
    pub(super) fn kept(&self) -> &[String] {
        &self.kept
    }

    /// Another one after each change.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Notes a message that went to the upstream; what is no subscription is left alone.
    pub(super) fn note(&mut self, op: &str, body: &RawValue) {
        let ends = match op {
            SUBSCRIBE => false,
            UNSUBSCRIBE => true,
            _ => return,
        };
        let (Some(said), Some(begun)) = (words(body, op), words(body, SUBSCRIBE)) else { return };
        let before = self.kept.len();
        self.kept.retain(|kept| *kept != said && *kept != begun);
        let has_ended = ends && self.kept.len() < before;
        if !has_ended && self.bytes() + said.len() <= STREAMS_BYTES_MAX {
            self.kept.push(said);
        }
        // What ends something that nobody began says nothing.
        let leading = self.kept.iter().take_while(|kept| is_end(kept)).count();
        self.kept.drain(..leading);
        self.version += 1;
    }

    fn bytes(&self) -> usize {
        self.kept.iter().map(String::len).sum()
    }

    /// Whether a text of an upstream answers what was asked again; whether it says no.
    pub(super) fn take_answer(&mut self, text: &str) -> Option<bool> {
        let beginning = &text.as_bytes()[..text.len().min(NAME_WITHIN)];
        if self.asked == 0 || memchr::memmem::find(beginning, AGAIN.as_bytes()).is_none() {
            return None;
        }
        self.asked -= 1;
        Some(memchr::memmem::find(text.as_bytes(), br#""ok":false"#).is_some())
    }
}

/// A body with a given operation and without its name, so that the same words are the same text.
fn words(body: &RawValue, op: &str) -> Option<String> {
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(body.get()).ok()?;
    let op = serde_json::value::to_raw_value(op).ok()?;
    members.remove("id");
    members.insert("op".to_owned(), &op);
    serde_json::to_string(&members).ok()
}

fn is_end(words: &str) -> bool {
    #[derive(Deserialize)]
    struct Said<'w> {
        #[serde(borrow)]
        op: &'w RawValue,
    }
    serde_json::from_str::<Said<'_>>(words).is_ok_and(|said| said.op.get().trim_matches('"') == UNSUBSCRIBE)
}

impl<C: Carriage + 'static> Session<C> {
    /// Asks upstreams anew for what the client had asked for at another node. What one refuses is not told to the client, who did not
    /// ask now; it is a key that lost its right, of which the client hears, or an upstream that changed.
    pub(super) async fn subscribe_again(&mut self) {
        if self.check_standing().is_err() {
            // Found again, and said, by whoever serves the session from here.
            return;
        }
        let again: Vec<_> = self.streams.kept().iter().map(|words| (is_end(words), named(words))).collect();
        for (ends, text) in again {
            if let Err(refusal) = self.ask_again(if ends { UNSUBSCRIBE } else { SUBSCRIBE }, text).await {
                tracing::warn!(connection = %self.connection.id, %refusal, "a subscription of a session that was taken over is lost");
            }
        }
    }

    async fn ask_again(&mut self, op: &str, text: String) -> Result<(), Refusal> {
        let routes = self.worker.shared.routes.load_full();
        let route = routes.find_native_op(op).ok_or(Reject::RouteUnknown)?;
        let login = self.login.as_ref().ok_or(Reject::Internal)?;
        let permit = authorize(&login.identity, Some(&self.contract.scopes), &route.requirement)?;
        let permit = self.worker.shared.halts.gate().clear(&self.worker, &self.connection, permit, Asked::of(route, Some(login), None))?;
        self.forward(route, permit, Message::text(text)).await?;
        self.streams.asked += 1;
        Ok(())
    }
}

/// Words under our name.
fn named(words: &str) -> String {
    format!(r#"{{"id":"{AGAIN}",{}"#, &words[1..])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn after(said: &[&str]) -> Streams {
        let mut streams = Streams::default();
        for text in said {
            let body: &RawValue = serde_json::from_str(text).unwrap();
            let op = serde_json::from_str::<serde_json::Value>(text).unwrap()["op"].as_str().unwrap().to_owned();
            streams.note(&op, body);
        }
        streams
    }

    #[test]
    fn what_was_ended_is_not_kept() {
        let a = r#"{"op":"subscribe","id":1,"feeds":["ticker"],"sym":"A"}"#;
        let b = r#"{"op":"subscribe","id":2,"feeds":["ticker"],"sym":"B"}"#;
        let kept = after(&[a, b, r#"{"id":3,"sym":"A","feeds":["ticker"],"op":"unsubscribe"}"#, r#"{"op":"ticker","id":4}"#]);
        assert_eq!(kept.kept(), [r#"{"feeds":["ticker"],"op":"subscribe","sym":"B"}"#]);
        assert!(after(&[r#"{"op":"unsubscribe","id":1,"feeds":["book"]}"#]).kept().is_empty(), "nothing was begun");
    }

    #[test]
    fn what_ends_a_part_is_said_again_behind_it() {
        let kept = after(&[
            r#"{"op":"subscribe","id":1,"feeds":["ticker","book"],"sym":"A"}"#,
            r#"{"op":"unsubscribe","id":2,"feeds":["book"],"sym":"A"}"#,
        ]);
        let ops: Vec<_> = kept.kept().iter().map(|words| is_end(words)).collect();
        assert_eq!(ops, [false, true]);
    }

    #[test]
    fn numbers_stay_as_they_were_written_and_a_round_trip_changes_nothing() {
        let kept = after(&[r#"{"op":"subscribe","depth":1.50,"id":"x"}"#]);
        assert_eq!(kept.kept(), [r#"{"depth":1.50,"op":"subscribe"}"#]);
        assert_eq!(Streams::read(&kept.write()).kept(), kept.kept());
        assert_eq!(named(&kept.kept()[0]), r#"{"id":"countersign.again","depth":1.50,"op":"subscribe"}"#);
    }

    #[test]
    fn it_is_bounded() {
        let many: Vec<_> = (0..10_000).map(|number| format!(r#"{{"op":"subscribe","sym":"{number}"}}"#)).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let kept = after(&many[..5_000]);
        assert!(kept.bytes() <= STREAMS_BYTES_MAX && kept.kept().len() > 1_000);
    }

    #[test]
    fn only_answers_to_us_end_here() {
        let mut streams = after(&[r#"{"op":"subscribe","id":1}"#]);
        assert_eq!(streams.take_answer(r#"{"re":"countersign.again","ok":true}"#), None, "nothing was asked");
        streams.asked = 2;
        assert_eq!(streams.take_answer(r#"{"re":1,"ok":true}"#), None);
        assert_eq!(streams.take_answer(r#"{"re":"countersign.again","ok":true}"#), Some(false));
        assert_eq!(streams.take_answer(r#"{"re":"countersign.again","ok":false}"#), Some(true));
        assert_eq!(streams.take_answer(r#"{"re":"countersign.again","ok":true}"#), None);
    }
}
