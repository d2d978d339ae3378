//! The WebSocket API: `{id, method, params}` in, `{id, status, result|error, rateLimits}` out.
//!
//! `rateLimits` is in every reply, although the documents call it optional: one of the
//! vendor's own clients closes the connection without it. `session.*` never arrives here;
//! the gateway answers it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::call::call;
use super::error::ApiError;
use super::frames::MinuteWeight;
use super::operation::Operation;
use super::params::Params;
use crate::exchange::account::AccountIndex;
use crate::hub::OwnForm;
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

/// A request frame; `id` is echoed as it was written.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: String,
    params: Option<Value>,
}

/// One connection of the WebSocket API.
struct Session {
    caller: Caller,
    connection: u64,
    outbox: Arc<Outbox>,
    subscription: Option<(AccountIndex, u64)>,
    next_subscription: u64,
    weight: MinuteWeight,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify_connection(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            return ApiError::from(error).response();
        }
    };
    websocket::upgrade(&shell, request, |connection: &Connection| Session {
        caller,
        connection: connection.id,
        outbox: Arc::clone(&connection.outbox),
        subscription: None,
        next_subscription: 0,
        weight: MinuteWeight::default(),
    })
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        self.weight.count();
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(self.weight.reply("null", Err(ApiError::malformed_frame())));
        };
        let id = frame.id.map_or("null", RawValue::get).to_owned();
        let result = self.answer(shell, &frame.method, frame.params);
        Some(self.weight.reply(&id, result))
    }
}

impl Session {
    fn answer(&mut self, shell: &Shell, method: &str, params: Option<Value>) -> Result<String, ApiError> {
        let params = Params::from_json(params)?;
        // A method may be asked for with the version of the interface (venue).
        match method.strip_prefix("v3/").unwrap_or(method) {
            "userDataStream.subscribe" | "userDataStream.subscribe.signature" => self.subscribe(shell),
            "userDataStream.unsubscribe" => self.unsubscribe(shell, &params),
            "session.subscriptions" => Ok(self.subscriptions()),
            method => match Operation::of_method(method) {
                Some(operation) => call(shell, operation, &self.caller, &params),
                None => {
                    shell.counters.count_refused();
                    Err(ApiError::unknown_method())
                }
            },
        }
    }

    fn subscribe(&mut self, shell: &Shell) -> Result<String, ApiError> {
        let identity = self.caller.as_ref().filter(|identity| identity.scopes.reads());
        let Some(identity) = identity else {
            shell.counters.count_refused();
            return Err(ApiError::unauthorized());
        };
        shell.counters.count_private();
        if self.subscription.is_some() {
            return Err(ApiError::already_subscribed());
        }
        let number = self.next_subscription;
        let owner = shell.with(|exchange, _| {
            let owner = exchange.account(&identity.account)?;
            shell.hub.listen(owner, self.connection, OwnForm::Binance(number), &self.outbox);
            Ok::<_, ApiError>(owner)
        })?;
        self.next_subscription += 1;
        self.subscription = Some((owner, number));
        Ok(format!(r#"{{"subscriptionId":{number}}}"#))
    }

    fn unsubscribe(&mut self, shell: &Shell, params: &Params) -> Result<String, ApiError> {
        shell.counters.count_public();
        let wanted = params.integer("subscriptionId")?;
        let found = self.subscription.filter(|(_, number)| wanted.is_none_or(|wanted| wanted == *number));
        let Some((owner, number)) = found else {
            // Without a number the venue ends all subscriptions, also none.
            return if wanted.is_none() { Ok("{}".to_owned()) } else { Err(ApiError::not_subscribed()) };
        };
        shell.hub.unlisten(owner, self.connection, Some(OwnForm::Binance(number)));
        self.subscription = None;
        Ok("{}".to_owned())
    }

    fn subscriptions(&self) -> String {
        match self.subscription {
            None => "[]".to_owned(),
            Some((_, number)) => format!(r#"[{{"subscriptionId":{number}}}]"#),
        }
    }
}
