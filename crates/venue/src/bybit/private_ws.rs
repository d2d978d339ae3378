//! The private socket `/v5/private`: the account's orders, executions and wallet, and the protection of orders that end with it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use parking_lot::Mutex;
use serde_json::json;

use super::error::ApiError;
use super::frames::{Door, Frame, ack, caller_of, topics};
use super::own::{OwnFeed, PROTECTED};
use super::rest::refusal;
use crate::clock::now_ms;
use crate::shell::Shell;
use crate::websocket::{self, Connection, Protocol};

/// One private connection.
struct PrivateSocket {
    shell: Arc<Shell>,
    connection: u64,
    /// Whether the key may take orders away.
    may_trade: bool,
    feed: Arc<Mutex<OwnFeed>>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match caller_of(&shell, request.headers(), Door::Reader).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let may_trade = caller.as_ref().is_some_and(|identity| identity.scopes.order_write);
    let identity = caller.ok_or_else(ApiError::unauthorized);
    let owner = identity.and_then(|identity| Ok(shell.with(|exchange, _| exchange.account(&identity.account))?));
    let owner = match owner {
        Ok(owner) => owner,
        Err(error) => return refusal(&error),
    };
    let at = Arc::clone(&shell);
    websocket::upgrade(&shell, request, |connection: &Connection| {
        let feed = Arc::new(Mutex::new(OwnFeed::of(owner)));
        at.hub.observe(connection.id, Arc::<Mutex<OwnFeed>>::clone(&feed), &connection.outbox);
        PrivateSocket { shell: Arc::clone(&at), connection: connection.id, may_trade, feed }
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
        if !self.may_trade && names.contains(&PROTECTED) {
            return Err(format!("error:permission denied,topic:{PROTECTED}"));
        }
        let mut protects = false;
        let owner = {
            let mut feed = self.feed.lock();
            for name in names {
                protects |= feed.subscribe(name) && name == PROTECTED;
            }
            feed.owner()
        };
        if protects {
            self.shell.with(|exchange, _| exchange.protect(owner));
        }
        Ok(())
    }

    fn unsubscribe(&self, frame: &Frame) -> Result<(), String> {
        let mut ends = false;
        let owner = {
            let mut feed = self.feed.lock();
            for name in topics(frame)? {
                ends |= feed.unsubscribe(name) && name == PROTECTED;
            }
            feed.owner()
        };
        if ends {
            self.shell.with(|exchange, _| exchange.unprotect(owner));
        }
        Ok(())
    }
}

impl Drop for PrivateSocket {
    fn drop(&mut self) {
        // The feed is locked within the exchange when events are told: never the other way round.
        let (owner, protected) = {
            let feed = self.feed.lock();
            (feed.owner(), feed.is_protected())
        };
        if protected {
            self.shell.with(|exchange, now_ms| exchange.lose_protected(owner, now_ms));
        }
    }
}
