//! From the upstream to the client: numbered, kept, mirrored, sent.

use countersign_core::Reject;
use tokio_websockets::Message;

use super::Session;
use super::ending::Ending;
use super::feeds::Place;
use crate::clock;
use crate::native::carriage::Carriage;
use crate::native::limits::WRITE_BATCH_BYTES;
use crate::websocket::limits::BATCH_MAX;

impl<C: Carriage + 'static> Session<C> {
    /// Passes on what upstreams have, and what else is there already.
    pub(super) async fn on_upstream(&mut self, message: Option<Message>) -> Result<(), Ending> {
        let mut next = Some(message);
        let mut said = Vec::new();
        let mut bytes = 0;
        let mut lost = false;
        for _ in 0..BATCH_MAX {
            match next.take() {
                Some(Some(message)) => {
                    if let Some(frame) = self.number(&message) {
                        bytes += frame.len();
                        said.push(frame);
                    }
                }
                Some(None) => lost = true,
                None => break,
            }
            if lost || bytes >= WRITE_BATCH_BYTES {
                break;
            }
            next = self.links.try_next().map(|(_, message)| message);
        }
        match next {
            // Taken out already, one more than a batch.
            Some(Some(message)) => said.extend(self.number(&message)),
            Some(None) => lost = true,
            None => {}
        }
        // What the client is told must be found by whoever goes on with the session.
        self.mirror()?;
        for frame in said {
            self.line.feed(frame).await?;
        }
        if lost {
            return Err(Ending::UpstreamLost(Reject::UpstreamUnavailable));
        }
        self.transmit().await
    }

    fn number(&mut self, message: &Message) -> Option<String> {
        let body = message.as_text().and_then(as_body);
        if body.is_none() {
            tracing::warn!(connection = %self.connection.id, "an upstream sent what is no JSON object");
        }
        let body = body?;
        if let Some(refused) = self.streams.take_answer(&body) {
            if refused {
                tracing::warn!(connection = %self.connection.id, "an upstream refuses a subscription of a session that was taken over");
            }
            return None;
        }
        if self.unanswered > 0 && is_answer(&body) {
            self.unanswered -= 1;
        }
        if self.absence.is_waiting() {
            match self.feeds.place_for_nobody(&body, self.machine.kept(), clock::wall()) {
                Place::LeftOut => return None,
                Place::Said => {}
                Place::Told(body) => return Some(self.machine.send(&body, clock::now())),
            }
        }
        Some(self.machine.send(&body, clock::now()))
    }
}

/// Whether a body answers a message, as far as its first members tell. Taken for one too many, and a session comes to rest too early; for
/// one too few, and it rests for as long as it may: either way nothing is lost that a broken connection would not lose.
fn is_answer(body: &str) -> bool {
    let beginning = &body.as_bytes()[..body.len().min(ANSWER_BYTES_LOOKED_AT)];
    memchr::memmem::find(beginning, b"\"re\"").is_some()
}

/// Where the name of the message that is answered stands: among the first members.
const ANSWER_BYTES_LOOKED_AT: usize = 64;

/// The text of an upstream as the body of a frame. Line ends between its tokens are white space, and a frame has none: each
/// becomes a blank. Anything else is passed on unread.
fn as_body(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    let text = text.trim();
    if !text.starts_with('{') || !text.ends_with('}') {
        return None;
    }
    if text.bytes().any(|byte| byte == b'\n' || byte == b'\r') {
        return Some(text.replace(['\n', '\r'], " ").into());
    }
    Some(text.into())
}
