//! Frames of the sockets: `{"op":…,"id":…,"args":[…]}`, or the text `ping`, which is answered
//! with the text `pong`.

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::rest::refusal;
use crate::shell::{Caller, Shell};

/// A request frame; `id` is echoed as it was written.
#[derive(Deserialize)]
pub(super) struct Frame {
    pub(super) op: String,
    #[serde(default)]
    pub(super) id: Option<Value>,
    #[serde(default)]
    pub(super) args: Vec<Value>,
}

/// Reads the identity of a handshake and counts it; a private socket is refused without one.
pub(super) async fn caller_of(shell: &Arc<Shell>, headers: &HeaderMap, private: bool) -> Result<Caller, Response<Body>> {
    let refuse = |error: ApiError| {
        shell.counters.count_refused();
        refusal(&error)
    };
    let caller = shell.identify(headers).await.map_err(|error| refuse(ApiError::from(error)))?;
    match (private, &caller) {
        (true, None) => return Err(refuse(ApiError::unauthorized())),
        (true, Some(_)) => shell.counters.count_private(),
        (false, _) => shell.counters.count_public(),
    }
    Ok(caller)
}

/// `{"event":"subscribe","arg":…,"connId":…}`
pub(super) fn event(name: &str, id: Option<&Value>, arg: &Value, connection: u64) -> String {
    with_id(json!({"event": name, "arg": arg, "connId": connection.to_string()}), id)
}

/// `{"event":"error","code":…,"msg":…,"connId":…}`
pub(super) fn error(id: Option<&Value>, code: u32, text: &str, connection: u64) -> String {
    with_id(json!({"event": "error", "code": code.to_string(), "msg": text, "connId": connection.to_string()}), id)
}

/// The frame cannot be read.
pub(super) fn illegal(connection: u64) -> String {
    error(None, 60_012, "Illegal request: expected op, args", connection)
}

/// There is no such channel, or not with these arguments.
pub(super) fn unknown_channel(id: Option<&Value>, arg: &Value, connection: u64) -> String {
    error(id, 60_018, &format!("Wrong URL or {arg} doesn't exist. Please use the correct URL, channel and parameters."), connection)
}

fn with_id(mut answer: Value, id: Option<&Value>) -> String {
    if let Some(id) = id {
        answer["id"] = id.clone();
    }
    answer.to_string()
}
