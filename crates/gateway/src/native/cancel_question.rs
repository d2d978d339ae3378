//! The question to a venue that cancels, in the words of the native protocol, and its answer.
//!
//! ```text
//!   {"op":"order.cancel_all","id":"countersign.cod","scope":"session"} ─▶ upstream
//!   {"re":"countersign.cod","ok":true,"canceled":[...]}                ◀─
//! ```

use countersign_core::{Refusal, Reject};
use countersign_session::{CancelScope, OrderClass};
use serde::Deserialize;
use serde_json::json;
use tokio_websockets::{CloseCode, Message};

use crate::websocket::connect::UpstreamSocket;

/// The operation of the native venue protocol that cancels.
pub(crate) const OPERATION: &str = "order.cancel_all";

#[derive(Deserialize)]
struct Answer {
    re: Option<String>,
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    canceled: Vec<serde::de::IgnoredAny>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'q> {
    /// The name of the question.
    pub(crate) id: &'q str,
    /// Whose orders.
    pub(crate) scope: CancelScope,
    /// Of this class only; a venue that knows no classes is not asked for one.
    pub(crate) class: OrderClass,
    /// Of this instrument only.
    pub(crate) instrument: Option<&'q str>,
}

impl Question<'_> {
    fn text(&self) -> String {
        let mut question = json!({ "op": OPERATION, "id": self.id, "scope": self.scope.name() });
        if self.class != OrderClass::All {
            question["class"] = self.class.name().into();
        }
        if let Some(instrument) = self.instrument {
            question["sym"] = instrument.into();
        }
        question.to_string()
    }

    /// Asks, and waits for the answer: how many orders were cancelled.
    ///
    /// # Errors
    /// [`Reject::UpstreamUnavailable`] when the connection broke, or the venue refused.
    pub(crate) async fn put(&self, mut socket: UpstreamSocket) -> Result<usize, Refusal> {
        let failed = |_| Refusal::from(Reject::UpstreamUnavailable);
        socket.send(Message::text(self.text())).await.map_err(failed)?;
        loop {
            let message = socket.next().await.map_err(failed)?;
            if message.is_close() {
                return Err(Reject::UpstreamUnavailable.into());
            }
            let answer = message.as_text().and_then(|text| serde_json::from_str::<Answer>(text).ok());
            let Some(answer) = answer.filter(|answer| answer.re.as_deref() == Some(self.id)) else { continue };
            // Whether the venue hears our goodbye changes nothing.
            drop(tokio::time::timeout(GOODBYE, socket.close(Some(CloseCode::NORMAL_CLOSURE), "")).await);
            let refused = || Refusal::operator(Reject::UpstreamUnavailable, "the upstream refused to cancel");
            return if answer.ok { Ok(answer.canceled.len()) } else { Err(refused()) };
        }
    }
}

/// How long a venue may take to close the connection of a question that is answered.
const GOODBYE: std::time::Duration = std::time::Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instrument_and_a_class_are_named_only_where_they_are_meant() {
        let all = Question { id: "a", scope: CancelScope::Account, class: OrderClass::All, instrument: None };
        let read = |question: Question<'_>| serde_json::from_str::<serde_json::Value>(&question.text()).ok();
        assert_eq!(read(all), Some(json!({ "op": "order.cancel_all", "id": "a", "scope": "account" })));
        let one = Question { scope: CancelScope::Session, instrument: Some("BTCUSDT"), ..all };
        let day = Question { class: OrderClass::Day, ..all };
        assert_eq!(read(day), Some(json!({ "op": "order.cancel_all", "id": "a", "scope": "account", "class": "day" })));
        assert_eq!(read(one), Some(json!({ "op": "order.cancel_all", "id": "a", "scope": "session", "sym": "BTCUSDT" })));
    }
}
