//! The private socket `/v5/private`: the account's orders, executions and wallet.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use parking_lot::Mutex;
use serde_json::json;

use super::error::ApiError;
use super::frames::{Door, Frame, ack, caller_of, topics};
use super::own::OwnFeed;
use super::rest::refusal;
use crate::clock::now_ms;
use crate::shell::Shell;
use crate::websocket::{self, Connection, Protocol};

/// One private connection.
struct PrivateSocket {
    connection: u64,
    feed: Arc<Mutex<OwnFeed>>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match caller_of(&shell, request.headers(), Door::Reader).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let identity = caller.ok_or_else(ApiError::unauthorized);
    let owner = identity.and_then(|identity| Ok(shell.with(|exchange, _| exchange.account(&identity.account))?));
    let owner = match owner {
        Ok(owner) => owner,
        Err(error) => return refusal(&error),
    };
    websocket::upgrade(&shell, request, |connection: &Connection| {
        let feed = Arc::new(Mutex::new(OwnFeed::of(owner)));
        shell.hub.observe(connection.id, Arc::<Mutex<OwnFeed>>::clone(&feed), &connection.outbox);
        PrivateSocket { connection: connection.id, feed }
    })
}

impl Protocol for PrivateSocket {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(ack("", None, self.connection, Err("Invalid JSON: expected op, args")));
        };
        if frame.op == "ping" {
            shell.counters.count_public();
            return Some(self.pong(&frame));
        }
        shell.counters.count_private();
        let outcome = match frame.op.as_str() {
            "subscribe" => self.subscribe(&frame),
            "unsubscribe" => self.unsubscribe(&frame),
            _ => Err("error:Invalid op".to_owned()),
        };
        let outcome = outcome.as_ref().map(|()| "").map_err(String::as_str);
        Some(ack(&frame.op, frame.req_id.as_ref(), self.connection, outcome))
    }
}

impl PrivateSocket {
    fn pong(&self, frame: &Frame) -> String {
        let mut answer = json!({"op": "pong", "args": [now_ms().to_string()], "conn_id": self.connection.to_string()});
        if let Some(req_id) = &frame.req_id {
            answer["req_id"] = req_id.clone();
        }
        answer.to_string()
    }

    /// All or, when a topic is wrong, none.
    fn subscribe(&self, frame: &Frame) -> Result<(), String> {
        let names = topics(frame)?;
        if let Some(unknown) = names.iter().find(|name| !OwnFeed::knows(name)) {
            return Err(format!("error:handler not found,topic:{unknown}"));
        }
        let mut feed = self.feed.lock();
        names.into_iter().for_each(|name| feed.subscribe(name));
        Ok(())
    }

    fn unsubscribe(&self, frame: &Frame) -> Result<(), String> {
        let mut feed = self.feed.lock();
        topics(frame)?.into_iter().for_each(|name| feed.unsubscribe(name));
        Ok(())
    }
}
