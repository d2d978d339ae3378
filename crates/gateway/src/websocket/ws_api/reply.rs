//! What goes back to the client: our replies, and the upstream's with our counters in them.

use std::sync::Arc;

use countersign_core::rate::KeyCounters;
use countersign_core::{KeyRate, Refusal};
use countersign_dialects::AnswerContext;
use countersign_dialects::binance::rate::RateLimitView;
use countersign_dialects::binance::ws_api::{Frame, Reply};
use countersign_dialects::raw_object::RawObject;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::Message;

use super::Open;
use super::admission::Who;
use super::pending::Pending;
use crate::websocket::farewell::Farewell;
use crate::websocket::links::LinkId;
use crate::{clock, explanations};

impl<S: AsyncRead + AsyncWrite + Unpin> Open<'_, S> {
    /// Sends a reply of ours with the connection's own counters.
    pub(super) async fn reply(&mut self, reply: &Reply<'_>) -> Result<(), Farewell> {
        self.reply_as(reply, &Who::Nobody, None).await
    }

    /// Sends a reply of ours with the counters of who asked, and where a refusal is explained.
    pub(super) async fn reply_as(&mut self, reply: &Reply<'_>, who: &Who, link: Option<&str>) -> Result<(), Farewell> {
        let (counters, rate) = match who {
            Who::Key(login) => (Arc::clone(&login.counters), login.identity.credential().rate),
            Who::Nobody => self.own_limits(),
        };
        let text = explanations::linked(reply.text(&self.answer_context(rate), &view(&counters, rate)), link);
        Ok(self.client.send(Message::text(text)).await?)
    }

    /// Answers a message in place of the upstream.
    pub(super) async fn answer_for(&mut self, pending: &Pending, refusal: Refusal) -> Result<(), Farewell> {
        self.note_refused(&refusal);
        // An id is made by reading a frame; this is the shortest one that has it.
        let carrier = format!(r#"{{"id":{},"method":"-"}}"#, pending.id);
        let Ok(frame) = Frame::read(&carrier) else { return Ok(()) };
        let reply = Reply::refused(frame.id, refusal, clock::wall());
        let text = reply.text(&self.answer_context(pending.limits.limits), &pending.limits);
        Ok(self.client.send(Message::text(text)).await?)
    }

    /// A text of an upstream as the client gets it.
    pub(super) fn on_upstream_text(&mut self, link: LinkId, message: Message) -> Message {
        match message.as_text().and_then(|text| self.with_own_limits(link, text)) {
            Some(text) => Message::text(text),
            None => message,
        }
    }

    /// `None` for what is no reply to a message of this connection: it passes as it is.
    fn with_own_limits(&mut self, link: LinkId, text: &str) -> Option<String> {
        let object = serde_json::from_str::<RawObject<'_>>(text).ok()?;
        let (id, status) = (object.member("id")?, object.member("status")?);
        let pending = self.waiting.take(link, id.get())?;
        if status.get() == "200" {
            self.note_success(&pending);
        }
        Some(with_limits(text, &object, &pending.limits))
    }

    fn note_success(&mut self, pending: &Pending) {
        match pending.method.name {
            "userDataStream.subscribe" | "userDataStream.subscribe.signature" => {
                self.waiting.set_stream(pending.link, true);
                self.session.set_user_data_stream(true);
            }
            "userDataStream.unsubscribe" => {
                self.waiting.set_stream(pending.link, false);
                self.session.set_user_data_stream(self.waiting.stream().is_some());
            }
            _ => {}
        }
    }

    fn answer_context(&self, limits: KeyRate) -> AnswerContext {
        AnswerContext { limits, ..self.words.context() }
    }
}

/// What was used by now.
fn view(counters: &KeyCounters, rate: KeyRate) -> RateLimitView {
    RateLimitView { limits: rate, used_weight: counters.weight.used(clock::wall()), order_count: None }
}

/// A reply with its `rateLimits` replaced by ours, every other byte as it was.
fn with_limits(text: &str, object: &RawObject<'_>, limits: &RateLimitView) -> String {
    let Some(theirs) = object.member("rateLimits") else {
        return limits.add_to(text).unwrap_or_else(|| text.to_owned());
    };
    // The member borrows from the text, so its place is the difference of two addresses.
    let start = theirs.get().as_ptr() as usize - text.as_ptr() as usize;
    let ours = limits.array();
    let mut reply = String::with_capacity(text.len() + ours.len());
    reply.push_str(&text[..start]);
    reply.push_str(&ours);
    reply.push_str(&text[start + theirs.get().len()..]);
    reply
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_limits_of_a_reply_are_ours() {
        let view = RateLimitView { limits: KeyRate::default(), used_weight: 7, order_count: None };
        let ours = view.array();
        for (text, expected) in [
            (
                r#"{"id":1,"status":200,"result":{"rateLimits":[]}}"#,
                format!(r#"{{"id":1,"status":200,"result":{{"rateLimits":[]}},"rateLimits":{ours}}}"#),
            ),
            (r#"{"rateLimits": [{"count":9}] ,"id":1,"status":200}"#, format!(r#"{{"rateLimits": {ours} ,"id":1,"status":200}}"#)),
            (r#"{"id":1,"status":200,"rateLimits":null}"#, format!(r#"{{"id":1,"status":200,"rateLimits":{ours}}}"#)),
        ] {
            let object: RawObject<'_> = serde_json::from_str(text).unwrap();
            assert_eq!(with_limits(text, &object, &view), expected);
        }
    }
}
