//! The public and the business socket.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use parking_lot::Mutex;

use super::feed::PublicFeed;
use super::socket::{Frame, caller_of, error, event, illegal, unknown_channel};
use crate::limits::STREAMS_PER_CONNECTION_MAX;
use crate::outbox::Outbox;
use crate::shell::Shell;
use crate::websocket::{self, Connection, Protocol};

/// One connection.
struct PublicSocket {
    connection: u64,
    outbox: Arc<Outbox>,
    feed: Arc<Mutex<PublicFeed>>,
    business: bool,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    if let Err(refusal) = caller_of(&shell, request.headers(), false).await {
        return refusal;
    }
    let business = request.uri().path().ends_with("business");
    websocket::upgrade(&shell, request, |connection: &Connection| {
        let feed = Arc::new(Mutex::new(PublicFeed::default()));
        shell.hub.observe(connection.id, Arc::<Mutex<PublicFeed>>::clone(&feed), &connection.outbox);
        PublicSocket { connection: connection.id, outbox: Arc::clone(&connection.outbox), feed, business }
    })
}

impl Protocol for PublicSocket {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        shell.counters.count_public();
        if text == "ping" {
            return Some("pong".to_owned());
        }
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            return Some(illegal(self.connection));
        };
        match frame.op.as_str() {
            "subscribe" => self.subscribe(shell, &frame),
            "unsubscribe" => self.unsubscribe(&frame),
            _ => self.outbox.push_own(error(frame.id.as_ref(), 60_012, "Illegal request: unknown op", self.connection).into()),
        }
        None
    }
}

impl PublicSocket {
    /// Each channel is answered for itself, before its first state.
    fn subscribe(&self, shell: &Shell, frame: &Frame) {
        let id = frame.id.as_ref();
        shell.with(|exchange, now_ms| {
            let mut feed = self.feed.lock();
            for arg in &frame.args {
                let room = feed.len() < STREAMS_PER_CONNECTION_MAX;
                let held = if room { feed.subscribe(exchange, arg, self.business, now_ms, &self.outbox) } else { None };
                let answer = match held {
                    None => unknown_channel(id, arg, self.connection),
                    Some(()) => event("subscribe", id, arg, self.connection),
                };
                self.outbox.push_own(answer.into());
            }
        });
    }

    fn unsubscribe(&self, frame: &Frame) {
        let mut feed = self.feed.lock();
        for arg in &frame.args {
            let answer = match feed.unsubscribe(arg) {
                None => unknown_channel(frame.id.as_ref(), arg, self.connection),
                Some(()) => event("unsubscribe", frame.id.as_ref(), arg, self.connection),
            };
            self.outbox.push_own(answer.into());
        }
    }
}
