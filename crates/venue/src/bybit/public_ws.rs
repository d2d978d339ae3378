//! The public sockets `/v5/public/<category>`. Only the spot one has topics.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use parking_lot::Mutex;

use super::feed::PublicFeed;
use super::frames::{Door, Frame, ack, caller_of, topics};
use super::request::SPOT;
use crate::limits::STREAMS_PER_CONNECTION_MAX;
use crate::outbox::Outbox;
use crate::shell::Shell;
use crate::websocket::{self, Connection, Protocol};

/// One public connection.
struct PublicSocket {
    connection: u64,
    outbox: Arc<Outbox>,
    feed: Arc<Mutex<PublicFeed>>,
    spot: bool,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    if let Err(refusal) = caller_of(&shell, request.headers(), Door::Anyone).await {
        return refusal;
    }
    let spot = request.uri().path().ends_with(SPOT);
    websocket::upgrade(&shell, request, |connection: &Connection| {
        let feed = Arc::new(Mutex::new(PublicFeed::default()));
        shell.hub.observe(connection.id, Arc::<Mutex<PublicFeed>>::clone(&feed), &connection.outbox);
        PublicSocket { connection: connection.id, outbox: Arc::clone(&connection.outbox), feed, spot }
    })
}

impl Protocol for PublicSocket {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        shell.counters.count_public();
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            return Some(ack("", None, self.connection, Err("Invalid JSON: expected op, args")));
        };
        let outcome = match frame.op.as_str() {
            "ping" => Ok("pong"),
            "subscribe" => self.subscribe(shell, &frame).map(|()| "subscribe"),
            "unsubscribe" => self.unsubscribe(&frame).map(|()| ""),
            _ => Err("error:Invalid op".to_owned()),
        };
        let outcome = outcome.as_ref().map(|text| *text).map_err(String::as_str);
        Some(ack(&frame.op, frame.req_id.as_ref(), self.connection, outcome))
    }
}

impl PublicSocket {
    /// All or, when a topic is wrong, none.
    fn subscribe(&self, shell: &Shell, frame: &Frame) -> Result<(), String> {
        let names = topics(frame)?;
        shell.with(|exchange, now_ms| {
            let known = |name: &&str| self.spot && PublicFeed::knows(exchange, name);
            if let Some(unknown) = names.iter().find(|name| !known(name)) {
                return Err(format!("error:handler not found,topic:{unknown}"));
            }
            let mut feed = self.feed.lock();
            if feed.len() + names.len() > STREAMS_PER_CONNECTION_MAX {
                return Err("error:too many topics".to_owned());
            }
            for name in names {
                feed.subscribe(exchange, name, now_ms, &self.outbox);
            }
            Ok(())
        })
    }

    fn unsubscribe(&self, frame: &Frame) -> Result<(), String> {
        let mut feed = self.feed.lock();
        topics(frame)?.into_iter().for_each(|name| feed.unsubscribe(name));
        Ok(())
    }
}
