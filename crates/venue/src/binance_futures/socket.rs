//! The WebSocket API: `{id, method, params}` in, `{id, status, result|error, rateLimits}` out, as at spot.
//!
//! `session.*` never arrives here; the gateway answers it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::FuturesError;
use super::routes::of_method;
use crate::binance::MinuteWeight;
use crate::facade::Fields;
use crate::operations::{self, ApiError};
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

/// A request frame; `id` is echoed as it was written.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: String,
    #[serde(default)]
    params: Value,
}

/// One connection.
struct Session {
    caller: Caller,
    weight: MinuteWeight,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify_connection(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            return FuturesError::from(error).response();
        }
    };
    websocket::upgrade(&shell, request, |_: &Connection| Session { caller, weight: MinuteWeight::default() })
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        self.weight.count();
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(self.weight.reply("null", Err(FuturesError::malformed_frame().0)));
        };
        let id = frame.id.map_or("null", RawValue::get).to_owned();
        let result = self.answer(shell, frame).map_err(|error| error.0);
        Some(self.weight.reply(&id, result))
    }
}

impl Session {
    fn answer(&self, shell: &Shell, frame: Frame<'_>) -> Result<String, FuturesError> {
        let Some(handler) = of_method(&frame.method) else {
            shell.counters.count_refused();
            return Err(FuturesError::unknown_method());
        };
        let fields = match frame.params {
            params @ (Value::Null | Value::Object(_)) => Fields::from_param(params)?,
            Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(FuturesError::malformed_frame()),
        };
        operations::call(shell, handler, &self.caller, &fields)
    }
}
