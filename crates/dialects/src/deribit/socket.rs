//! The WebSocket `/ws/api/v2`: JSON-RPC frames on a connection that may log in.
//!
//! ```text
//!             public/auth ──▶ verify ──▶ tokens
//!   Nobody ────────────────────────────────────▶ LoggedIn      a second login takes the place of the first
//!      │  private/…  without access_token: refused      │  private/…  forwarded as who logged in
//!      └─ private/…  with access_token: verified, forwarded as who it is of, without it ─┘
//!
//!   set_heartbeat:  ─interval─▶ heartbeat (if the client spoke) | test_request ─interval─▶ closed unless public/test came
//! ```
//!
//! `private/logout` ends the connection, and its orders stay. Any other end cancels them if cancel on disconnect is on, here or
//! for the account when this connection logged in: [`DialectSocket::unclean_end`] says how.

mod local;

use std::collections::BTreeSet;

use countersign_core::{
    AccountId, Detail, Freshness, Monotonic, Now, Purpose, Refusal, Reject, Scope, Timestamp, TokenKind, VerifiedIdentity,
};

use self::local::Heartbeat;
use super::grant::{self, Grant};
use super::http::{asked_for, refresh_token};
use super::methods::{self, Access, Method};
use super::orders::OpenOrders;
use super::reply::{self, Asked};
use super::rpc::{Call, id_of, malformed};
use super::scope::Wanted;
use super::tokens;
use crate::limits;
use crate::socket::{CancelOnDisconnect, Desk, DialectSocket, Downstream, Forward, Step};

/// The state of one connection.
#[derive(Debug)]
pub struct DeribitSocket {
    opened: Monotonic,
    identity: Option<VerifiedIdentity>,
    pending: Option<Pending>,
    /// The id of the call that was forwarded last.
    forwarded: Option<String>,
    heartbeat: Option<Heartbeat>,
    cancels: Cancels,
    orders: OpenOrders,
    cancel_on_disconnect: Option<CancelOnDisconnect>,
}

/// Whether the end of the connection cancels its orders.
#[derive(Debug, Default)]
struct Cancels {
    /// What was said on this connection; it goes first.
    here: Option<bool>,
    /// Accounts that had said so when the connection logged in as theirs.
    by_account: BTreeSet<AccountId>,
}

impl Cancels {
    fn on_disconnect(&self, account: &AccountId) -> bool {
        self.here.unwrap_or_else(|| self.by_account.contains(account))
    }
}

/// A call whose proof is being verified.
#[derive(Debug)]
struct Pending {
    id: Option<String>,
    goal: Goal,
}

#[derive(Debug)]
enum Goal {
    /// Forward this frame as whoever the token is of.
    Forward { message: &'static str, text: String, needs: Option<&'static str> },
    /// Make tokens; `takes_over`: log the connection in.
    Grant { wanted: Wanted, takes_over: bool, subject: Option<String> },
}

impl DeribitSocket {
    /// A connection that was opened at this time.
    #[must_use]
    pub fn new(opened: Monotonic) -> Self {
        Self {
            opened,
            identity: None,
            pending: None,
            forwarded: None,
            heartbeat: None,
            cancels: Cancels::default(),
            orders: OpenOrders::default(),
            cancel_on_disconnect: None,
        }
    }

    fn take<'f>(&mut self, text: &'f str, now: Timestamp, desk: &mut dyn Desk) -> Result<Step<'f>, Refusal> {
        let call = Call::read(text)?;
        if let Some(result) = self.local(&call, desk)? {
            return Ok(Step::reply(reply::result(call.id, &result, now)));
        }
        match call.method.as_ref() {
            "private/logout" => self.logout(),
            "public/subscribe"
            | "public/unsubscribe"
            | "public/unsubscribe_all"
            | "private/subscribe"
            | "private/unsubscribe"
            | "private/unsubscribe_all" => {
                let (message, needs) = self::subscription(&call)?;
                self.forward(&call, message, needs, now, desk)
            }
            name => match Method::find(name) {
                Some(method) if method.access == Access::Login => self.login(&call, now, desk),
                Some(method) => self.forward(&call, method.name, None, now, desk),
                None => Err(Reject::RouteUnknown.into()),
            },
        }
    }

    /// Ends the connection as the client wants it: the venue sends no answer.
    fn logout<'f>(&mut self) -> Result<Step<'f>, Refusal> {
        if self.identity.take().is_none() {
            return Err(Refusal::with(Reject::MissingCredentials, Detail::None));
        }
        self.cancels.here = Some(false);
        Ok(Step::Close { reply: None, code: 1_000, reason: "logged out" })
    }

    fn login<'f>(&mut self, call: &Call<'f>, now: Timestamp, desk: &mut dyn Desk) -> Result<Step<'f>, Refusal> {
        let takes_over = call.method == "public/auth";
        let id = call.id.map(str::to_owned);
        if let Some(text) = refresh_token(call)? {
            let token = desk.open(text, TokenKind::Refresh, Purpose::Deribit, now)?;
            let subject = (call.method == "public/exchange_token").then(|| call.params.text("subject_id")).transpose()?.flatten();
            let subject = subject.map(std::borrow::Cow::into_owned);
            let account = subject.as_deref().unwrap_or_default();
            let wanted = asked_for(call, Some(tokens::same_as(&token)), account)?;
            self.pending = Some(Pending { id, goal: Goal::Grant { wanted, takes_over, subject } });
            return Ok(Step::VerifyToken(token));
        }
        let wanted = grant::wanted(&call.params)?;
        let Grant::Proof(presented) = Grant::read(&call.params)? else { return Err(malformed("grant_type")) };
        self.pending = Some(Pending { id, goal: Goal::Grant { wanted, takes_over, subject: None } });
        Ok(Step::Verify(presented))
    }

    fn forward<'f>(
        &mut self,
        call: &Call<'f>,
        message: &'static str,
        needs: Option<&'static str>,
        now: Timestamp,
        desk: &mut dyn Desk,
    ) -> Result<Step<'f>, Refusal> {
        if call.shows_token() {
            let token = desk.open(call.params.plain("access_token")?, TokenKind::Access, Purpose::Deribit, now)?;
            let goal = Goal::Forward { message, text: call.without_token(), needs };
            self.pending = Some(Pending { id: call.id.map(str::to_owned), goal });
            return Ok(Step::VerifyToken(token));
        }
        if call.method.starts_with("private/") && self.identity.is_none() {
            return Err(Refusal::with(Reject::MissingCredentials, Detail::Parameter("access_token")));
        }
        if let Some(identity) = &self.identity {
            check(identity, needs)?;
        }
        self.forwarded = call.id.map(str::to_owned);
        let identity = self.identity.clone();
        self.orders.note(identity.as_ref(), call.id, message);
        Ok(Step::Forward(Forward { message, identity, freshness: Freshness::Channel, text: None, reply: None }))
    }

    fn finish(
        &mut self,
        pending: &Pending,
        identity: VerifiedIdentity,
        now: Timestamp,
        desk: &mut dyn Desk,
    ) -> Result<Step<'static>, Refusal> {
        match &pending.goal {
            Goal::Forward { message, text, needs } => {
                check(&identity, *needs)?;
                self.forwarded.clone_from(&pending.id);
                self.orders.note(Some(&identity), pending.id.as_deref(), message);
                Ok(Step::Forward(Forward { text: Some(text.clone()), ..Forward::as_identity(message, identity) }))
            }
            Goal::Grant { wanted, takes_over, subject } => {
                if subject.as_deref().is_some_and(|subject| subject != identity.account().as_str()) {
                    return Err(Refusal::operator(Reject::ScopeMissing, "a key is of one account; there is no other subject"));
                }
                let identity = tokens::narrowed(&identity, wanted);
                let result = tokens::grant(&identity, wanted, true, now, desk);
                if *takes_over {
                    if desk.cancels_on_disconnect(identity.account()) {
                        self.cancels.by_account.insert(identity.account().clone());
                    } else {
                        self.cancels.by_account.remove(identity.account());
                    }
                    self.identity = Some(identity);
                }
                Ok(Step::reply(reply::result(pending.id.as_deref(), &result, now)))
            }
        }
    }
}

/// Both scopes of a subscription that tells of two things; the route asks for one of them.
fn check(identity: &VerifiedIdentity, needs: Option<&'static str>) -> Result<(), Refusal> {
    let held = needs.is_none_or(|name| Scope::parse(name).is_ok_and(|scope| identity.scopes().contains(&scope)));
    if held { Ok(()) } else { Err(Reject::ScopeMissing.into()) }
}

/// Which message a subscription is, and what it needs besides.
fn subscription(call: &Call<'_>) -> Result<(&'static str, Option<&'static str>), Refusal> {
    let message = match call.method.as_ref() {
        "public/unsubscribe" => return Ok(("public/unsubscribe", None)),
        "public/unsubscribe_all" => return Ok(("public/unsubscribe_all", None)),
        "private/unsubscribe" => return Ok(("private/unsubscribe", None)),
        "private/unsubscribe_all" => return Ok(("private/unsubscribe_all", None)),
        name => name,
    };
    let channels = call.params.list("channels")?;
    if channels.is_empty() || channels.len() > limits::CHANNELS_MAX {
        return Err(malformed("channels"));
    }
    let private = channels.iter().any(|channel| channel.starts_with("user."));
    if message == "public/subscribe" {
        return if private { Err(Refusal::with(Reject::MissingCredentials, Detail::None)) } else { Ok(("public/subscribe", None)) };
    }
    let of_orders = |channel: &String| ["user.orders.", "user.trades."].iter().any(|prefix| channel.starts_with(prefix));
    let orders = channels.iter().any(of_orders);
    // What is not known to tell of orders alone may tell of positions, too, as `user.changes` does.
    let account = channels.iter().any(|channel| channel.starts_with("user.") && !of_orders(channel));
    let changes = channels.iter().any(|channel| channel.starts_with("user.changes."));
    Ok(match (account, orders || changes) {
        (true, true) => (methods::SUBSCRIBE_ACCOUNT, Some(Scope::ORDER_READ)),
        (true, false) => (methods::SUBSCRIBE_ACCOUNT, None),
        (false, true) => (methods::SUBSCRIBE_ORDERS, None),
        (false, false) => (methods::SUBSCRIBE_MARKET, None),
    })
}

impl DialectSocket for DeribitSocket {
    fn handle_text<'f>(&mut self, text: &'f str, now: Timestamp, desk: &mut dyn Desk) -> Step<'f> {
        (self.pending, self.cancel_on_disconnect) = (None, None);
        self.orders.settle();
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.heard();
        }
        self.take(text, now, desk).unwrap_or_else(|refusal| {
            let login = Call::read(text).is_ok_and(|call| Method::find(&call.method).is_some_and(|found| found.access == Access::Login));
            let asked = if login { Asked::Login } else { Asked::Call };
            Step::Refuse { reply: reply::error(id_of(text), &refusal, asked, now), refusal, close: false }
        })
    }

    fn conclude(&mut self, result: Result<VerifiedIdentity, Refusal>, now: Timestamp, desk: &mut dyn Desk) -> Step<'static> {
        let Some(pending) = self.pending.take() else {
            let refusal = result.err().unwrap_or_else(|| Refusal::operator(Reject::Internal, "a result that nothing asked for"));
            return Step::Refuse { reply: reply::error(None, &refusal, Asked::Call, now), refusal, close: false };
        };
        result.and_then(|identity| self.finish(&pending, identity, now, desk)).unwrap_or_else(|refusal| {
            let asked = if matches!(pending.goal, Goal::Grant { .. }) { Asked::Login } else { Asked::Call };
            Step::Refuse { reply: reply::error(pending.id.as_deref(), &refusal, asked, now), refusal, close: false }
        })
    }

    fn take_cancel_on_disconnect(&mut self) -> Option<CancelOnDisconnect> {
        self.cancel_on_disconnect.take()
    }

    fn refuse(&mut self, refusal: &Refusal, now: Timestamp) -> String {
        self.orders.take_back();
        reply::error(self.forwarded.as_deref(), refusal, Asked::Call, now)
    }

    fn handle_upstream(&mut self, whose: Option<&VerifiedIdentity>, text: &str, _: Timestamp) -> Downstream {
        if let Some(identity) = whose {
            self.orders.observe(identity, text);
        }
        Downstream::Pass
    }

    fn identity(&self) -> Option<&VerifiedIdentity> {
        self.identity.as_ref()
    }

    fn poll_timeout(&self) -> Option<Monotonic> {
        self.heartbeat.as_ref().map(|heartbeat| heartbeat.due(self.opened))
    }

    fn handle_timeout(&mut self, now: Now) -> Step<'static> {
        self.heartbeat.as_mut().map_or_else(Step::ignore, |heartbeat| heartbeat.handle_timeout(now.mono))
    }

    fn unclean_end(&mut self, waited: bool) -> Vec<Forward> {
        let cancels = |identity: &VerifiedIdentity| self.cancels.on_disconnect(identity.account());
        let calls = self.orders.take_cancellations(cancels, waited).into_iter();
        calls.map(|(identity, message, text)| Forward { text: Some(text), ..Forward::as_identity(message, identity) }).collect()
    }

    fn awaits_answers(&self) -> bool {
        self.orders.awaits(|identity| self.cancels.on_disconnect(identity.account()))
    }
}
