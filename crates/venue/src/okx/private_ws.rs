//! The private socket: the account's channels, and orders placed and cancelled by frames.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::call::{Answer, call};
use super::error::ApiError;
use super::operation::Operation;
use super::own::OwnFeed;
use super::request::Payload;
use super::rest::refusal;
use super::socket::{Frame, caller_of, error, event, illegal, unknown_channel};
use crate::clock::now_ms;
use crate::limits::OKX_OWN_CHANNELS_MAX;
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

/// One private connection.
struct PrivateSocket {
    connection: u64,
    caller: Caller,
    outbox: Arc<Outbox>,
    feed: Arc<Mutex<OwnFeed>>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match caller_of(&shell, request.headers(), true).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let identity = caller.as_ref().ok_or_else(ApiError::unauthorized);
    let owner = identity.and_then(|identity| Ok(shell.with(|exchange, _| exchange.account(&identity.account))?));
    let owner = match owner {
        Ok(owner) => owner,
        Err(error) => return refusal(&error),
    };
    websocket::upgrade(&shell, request, |connection: &Connection| {
        let feed = Arc::new(Mutex::new(OwnFeed::of(owner)));
        shell.hub.observe(connection.id, Arc::<Mutex<OwnFeed>>::clone(&feed), &connection.outbox);
        PrivateSocket { connection: connection.id, caller, outbox: Arc::clone(&connection.outbox), feed }
    })
}

impl Protocol for PrivateSocket {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        if text == "ping" {
            shell.counters.count_public();
            return Some("pong".to_owned());
        }
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(illegal(self.connection));
        };
        match frame.op.as_str() {
            "subscribe" => self.subscribe(shell, &frame),
            "unsubscribe" => self.unsubscribe(shell, &frame),
            _ => return Some(self.order(shell, frame)),
        }
        None
    }
}

impl PrivateSocket {
    /// Each channel is answered for itself.
    fn subscribe(&self, shell: &Shell, frame: &Frame) {
        let id = frame.id.as_ref();
        if !self.caller.as_ref().is_some_and(|identity| identity.scopes.reads()) {
            shell.counters.count_refused();
            self.outbox.push_own(error(id, 60_029, "Only users with the permission to read can subscribe.", self.connection).into());
            return;
        }
        shell.counters.count_private();
        shell.with(|exchange, _| {
            let mut feed = self.feed.lock();
            for arg in &frame.args {
                let room = feed.len() < OKX_OWN_CHANNELS_MAX;
                let held = if room { feed.subscribe(exchange, arg, &self.outbox) } else { None };
                let answer = match held {
                    None => unknown_channel(id, arg, self.connection),
                    Some(()) => event("subscribe", id, arg, self.connection),
                };
                self.outbox.push_own(answer.into());
            }
        });
    }

    fn unsubscribe(&self, shell: &Shell, frame: &Frame) {
        shell.counters.count_private();
        let mut feed = self.feed.lock();
        for arg in &frame.args {
            feed.unsubscribe(arg);
            self.outbox.push_own(event("unsubscribe", frame.id.as_ref(), arg, self.connection).into());
        }
    }

    /// Orders: placed, amended and cancelled, one or many.
    fn order(&self, shell: &Shell, frame: Frame) -> String {
        let Some(operation) = Operation::of_op(&frame.op) else {
            shell.counters.count_refused();
            return error(frame.id.as_ref(), 60_012, "Illegal request: unknown op", self.connection);
        };
        let begun = now_ms();
        let payload = Payload::from_rows(frame.args);
        let (code, text, data) = match payload.and_then(|payload| call(shell, operation, &self.caller, payload)) {
            Ok(Answer { code, data }) => (code.to_string(), String::new(), data),
            Err(error) => (error.code.to_string(), error.text.into_owned(), Vec::new()),
        };
        let micros = |at_ms: u64| format!("{at_ms}000");
        json!({
            "id": frame.id.unwrap_or(Value::Null), "op": frame.op, "code": code, "msg": text, "data": data,
            "inTime": micros(begun), "outTime": micros(now_ms()),
        })
        .to_string()
    }
}
