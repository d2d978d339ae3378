//! Frames of the three sockets: `{"op":…,"req_id":…,"args":[…]}` in, the same `op` out.
//!
//! | socket | number of a request | answer |
//! |---|---|---|
//! | public, private | `req_id` | `{"success":…,"ret_msg":…,"conn_id":…,"req_id":…,"op":…}` |
//! | trade | `reqId` | `{"reqId":…,"retCode":…,"retMsg":…,"op":…,"data":…,"connId":…}` |

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::rest::refusal;
use crate::facade::Denied;
use crate::shell::{Caller, Shell};

/// A request frame. Numbers of requests are echoed as they were written.
#[derive(Deserialize)]
pub(super) struct Frame {
    pub(super) op: String,
    #[serde(default, alias = "reqId")]
    pub(super) req_id: Option<Value>,
    #[serde(default)]
    pub(super) args: Vec<Value>,
}

/// Whom a socket lets in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Door {
    /// Everyone.
    Anyone,
    /// Every identity: each frame is checked for itself.
    Identity,
    /// An identity that may read.
    Reader,
}

/// Reads the identity of a handshake and counts it, or refuses the handshake.
pub(super) async fn caller_of(shell: &Arc<Shell>, headers: &HeaderMap, door: Door) -> Result<Caller, Response<Body>> {
    let refuse = |error: ApiError| {
        shell.counters.count_refused();
        refusal(&error)
    };
    let caller = shell.identify(headers).await.map_err(|error| refuse(ApiError::from(error)))?;
    match (door, &caller) {
        (Door::Anyone, _) => shell.counters.count_public(),
        (Door::Identity | Door::Reader, None) => return Err(refuse(Denied::NoIdentity.into())),
        (Door::Reader, Some(identity)) if !identity.scopes.reads() => return Err(refuse(Denied::NoScope.into())),
        (Door::Identity | Door::Reader, Some(_)) => shell.counters.count_private(),
    }
    Ok(caller)
}

/// The answer to a frame of the public or the private socket.
pub(super) fn ack(op: &str, req_id: Option<&Value>, connection: u64, outcome: Result<&str, &str>) -> String {
    let (success, text) = match outcome {
        Ok(text) => (true, text),
        Err(text) => (false, text),
    };
    let mut answer = json!({"success": success, "ret_msg": text, "conn_id": connection.to_string(), "op": op});
    if let Some(req_id) = req_id {
        answer["req_id"] = req_id.clone();
    }
    answer.to_string()
}

/// The topics a frame names, or why it names none.
pub(super) fn topics(frame: &Frame) -> Result<Vec<&str>, String> {
    let names: Option<Vec<&str>> = frame.args.iter().map(Value::as_str).collect();
    names.filter(|names| !names.is_empty()).ok_or_else(|| "Invalid args: expected topics".to_owned())
}
