//! Calls about the connection itself, answered here: liveness, and what happens to orders when it ends.
//!
//! The first call of [`DeribitSocket::poll_timeout`](super::DeribitSocket) after `set_heartbeat` asks for now: only a timeout brings
//! a monotonic clock along.

use std::time::Duration;

use countersign_core::{Detail, Monotonic, Refusal, Reject, Scope, VerifiedIdentity};
use serde_json::{Value, json};

use super::{DeribitSocket, check};
use crate::deribit::http::VERSION;
use crate::deribit::methods::{DISABLE_CANCEL_ON_DISCONNECT, ENABLE_CANCEL_ON_DISCONNECT};
use crate::deribit::reply;
use crate::deribit::rpc::{Call, malformed};
use crate::limits;
use crate::socket::{CancelOnDisconnect, Desk, Step};

/// Heartbeats of a connection.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    /// When the next one is due; `None`: since just now.
    next: Option<Monotonic>,
    /// Whether the client said anything since the last.
    spoke: bool,
    /// Whether a `test_request` waits for `public/test`.
    asked: bool,
}

impl Heartbeat {
    pub(super) const fn heard(&mut self) {
        self.spoke = true;
    }

    pub(super) fn due(&self, opened: Monotonic) -> Monotonic {
        self.next.unwrap_or(opened)
    }

    pub(super) fn handle_timeout(&mut self, now: Monotonic) -> Step<'static> {
        let Some(next) = self.next else {
            self.next = Some(now.saturating_add(self.interval));
            return Step::ignore();
        };
        if now < next {
            return Step::ignore();
        }
        if self.asked {
            return Step::Close { reply: None, code: 1_008, reason: "no answer to test_request" };
        }
        self.next = Some(now.saturating_add(self.interval));
        self.asked = !self.spoke;
        self.spoke = false;
        Step::reply(reply::heartbeat(if self.asked { "test_request" } else { "heartbeat" }))
    }
}

impl DeribitSocket {
    /// The result of a call about the connection; `None`: it is about something else.
    pub(super) fn local(&mut self, call: &Call<'_>, desk: &dyn Desk) -> Result<Option<Value>, Refusal> {
        let result = match call.method.as_ref() {
            "public/hello" => json!({"version": VERSION}),
            "public/test" => {
                if let Some(heartbeat) = &mut self.heartbeat {
                    heartbeat.asked = false;
                }
                json!({"version": VERSION})
            }
            "public/set_heartbeat" => {
                let seconds = call.params.text("interval")?.and_then(|text| text.parse().ok());
                let seconds = seconds.filter(|seconds| limits::HEARTBEAT_SECS.contains(seconds)).ok_or_else(|| malformed("interval"))?;
                self.heartbeat = Some(Heartbeat { interval: Duration::from_secs(seconds), next: None, spoke: true, asked: false });
                json!("ok")
            }
            "public/disable_heartbeat" => {
                self.heartbeat = None;
                json!("ok")
            }
            ENABLE_CANCEL_ON_DISCONNECT => self.set_cancels(call, ENABLE_CANCEL_ON_DISCONNECT, true)?,
            DISABLE_CANCEL_ON_DISCONNECT => self.set_cancels(call, DISABLE_CANCEL_ON_DISCONNECT, false)?,
            "private/get_cancel_on_disconnect" => {
                let identity = self.logged_in()?;
                match whose(call)? {
                    Whose::Connection => json!({"enabled": self.cancels.on_disconnect(identity.account()), "scope": "connection"}),
                    Whose::Account => json!({"enabled": desk.cancels_on_disconnect(identity.account()), "scope": "account"}),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(result))
    }

    fn logged_in(&self) -> Result<&VerifiedIdentity, Refusal> {
        self.identity.as_ref().ok_or_else(|| Refusal::with(Reject::MissingCredentials, Detail::None))
    }

    /// Whoever sets it must be allowed to cancel. For an account, it is of the connections that log in after it, and kept also where it seems
    /// to be so: the desk's view may be older than what another node was told.
    fn set_cancels(&mut self, call: &Call<'_>, message: &'static str, enabled: bool) -> Result<Value, Refusal> {
        let identity = self.logged_in()?.clone();
        check(&identity, Some(Scope::ORDER_WRITE))?;
        match whose(call)? {
            Whose::Connection => self.cancels.here = Some(enabled),
            Whose::Account => {
                self.forwarded = call.id.map(str::to_owned);
                self.cancel_on_disconnect = Some(CancelOnDisconnect { message, identity, enabled });
            }
        }
        Ok(json!("ok"))
    }
}

/// What cancel on disconnect is set or asked for.
enum Whose {
    Account,
    Connection,
}

fn whose(call: &Call<'_>) -> Result<Whose, Refusal> {
    match call.params.text("scope")?.as_deref() {
        None | Some("connection") => Ok(Whose::Connection),
        Some("account") => Ok(Whose::Account),
        Some(_) => Err(malformed("scope")),
    }
}
