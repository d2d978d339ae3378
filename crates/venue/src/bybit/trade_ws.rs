//! The trade socket `/v5/trade`: orders created, amended and cancelled by frames.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use serde_json::{Value, json};

use super::call::{Answer, call};
use super::error::ApiError;
use super::frames::{Door, Frame, caller_of};
use super::operation::Operation;
use crate::clock::now_ms;
use crate::facade::Fields;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

/// One trade connection.
struct TradeSocket {
    connection: u64,
    caller: Caller,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    match caller_of(&shell, request.headers(), Door::Identity).await {
        Ok(caller) => websocket::upgrade(&shell, request, |connection: &Connection| TradeSocket { connection: connection.id, caller }),
        Err(refusal) => refusal,
    }
}

impl Protocol for TradeSocket {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(self.reply("", None, Err(ApiError::params("Invalid JSON: expected op, args"))));
        };
        if frame.op == "ping" {
            shell.counters.count_public();
            return Some(self.reply("pong", frame.req_id, Ok(json!([now_ms().to_string()]).into())));
        }
        let result = self.answer(shell, &frame.op, frame.args);
        Some(self.reply(&frame.op, frame.req_id, result))
    }
}

impl TradeSocket {
    fn answer(&self, shell: &Shell, op: &str, mut args: Vec<Value>) -> Result<Answer, ApiError> {
        let Some(operation) = Operation::of_op(op) else {
            shell.counters.count_refused();
            return Err(ApiError::unknown_op());
        };
        let order = args.pop().filter(|_| args.is_empty());
        let order = order.ok_or_else(|| ApiError::params("params error: args must have one element"))?;
        call(shell, operation, &self.caller, &Fields::from_value(order)?)
    }

    fn reply(&self, op: &str, req_id: Option<Value>, result: Result<Answer, ApiError>) -> String {
        let (code, text, Answer { result: data, more }) = match result {
            Ok(answer) => (0, "OK".into(), answer),
            Err(error) => (error.code, error.text, json!({}).into()),
        };
        let mut answer = json!({
            "retCode": code,
            "retMsg": text,
            "op": op,
            "data": data,
            "retExtInfo": more,
            "header": {"Timenow": now_ms().to_string()},
            "connId": self.connection.to_string(),
        });
        if let Some(req_id) = req_id {
            answer["reqId"] = req_id;
        }
        answer.to_string()
    }
}
