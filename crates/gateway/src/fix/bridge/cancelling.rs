//! Cancel on disconnect over FIX: one OrderMassCancelRequest in the client's own upstream session, behind the orders it sent, and one
//! record of what came back.
//!
//! ```text
//!   client lost ─▶ 35=q 530=7 on the open upstream session ─▶ 35=r 533=count ─▶ audit
//!                       │ no answer, or the upstream is what was lost
//!                       └▶ a session of the same name is opened for it, at most twice
//!   node lost   ─▶ the same, asked by whoever has the session next ([`will`](crate::fix::will)); [`Orders::AccountBefore`] tells what other
//!                  sessions of the account placed meanwhile from what there was
//! ```
//!
//! Why not a connection and identity apart, as native sessions have: an order that was sent a moment before the loss is on its way in
//! this session; a question elsewhere could overtake it, and the order would rest. Numbers settle that.
//!
//! # What the client still gets
//! Reports of the cancelled orders are the client's. They are not counted here, so the upstream is asked for them when the client is
//! back ([`Bridge::leave_upstream`] does the same); only the answer to our own question is kept from it ([`Bridge::answers_us`]).
//!
//! A halt that cancels asks the same of a session that is open; then everything that comes is the client's as usual, but the answer.

use std::rc::Rc;

use countersign_core::{Permit, Refusal, Reject, Timestamp, authorize};
use countersign_fix::message::number;
use countersign_fix::msg_type::BUSINESS_MESSAGE_REJECT;
use countersign_fix::session::Outgoing;
use countersign_fix::{Event, Field, Message, MessageStore as _, Precision, UtcTimestamp, tag};
use countersign_session::{CancelScope, OrderClass};
use countersign_store::{BridgeJournals, FixSide, SharedMessageStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::farewell::Upstream;
use super::reports::{Answered, REPORT, Reports, refused, text_of};
use super::{Bridge, commit};
use crate::authenticate::Login;
use crate::cancelled::{CANCEL_ATTEMPTS, CANCEL_PAUSE, Cancelled, Executed, is_worth_another, once};
use crate::clock;
use crate::connection::Connection;
use crate::fix::line::{Line, Lost};
use crate::fix::open::CancelAsk;
use crate::fix::profile::Profile;
use crate::fix::sessions::UpstreamName;
use crate::fix::{names, upstream};
use crate::worker::Worker;

/// OrderMassCancelRequest; its route says who may send one, and where to.
const REQUEST: &str = "q";
/// Begins the ClOrdID of our questions.
pub(super) const QUESTION: &str = "countersign-cod-";
/// MassCancelRequestType: all orders. What "all" is depends on the acceptor; [`SCOPE`] says what was agreed.
const ALL_ORDERS: &[u8] = b"7";
/// MassCancelRequestType: orders for Symbol.
const OF_INSTRUMENT: &[u8] = b"1";
const SYMBOL: tag::Tag = 55;
/// `session`, `account` or `account-before`: which orders are meant. User-defined range, beside the codes of refusals and the secrets of a
/// welcome.
const SCOPE: tag::Tag = 20_003;
/// The moment of `account-before`, UTCTimestamp.
const MOMENT: tag::Tag = 20_004;

pub(super) const CL_ORD_ID: tag::Tag = 11;
const TRANSACT_TIME: tag::Tag = 60;
const MASS_CANCEL_REQUEST_TYPE: tag::Tag = 530;

/// Which orders the venue is asked to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fix) enum Orders<'o> {
    /// All of the account.
    Account,
    /// All of the session, and those of the account that there were at this moment.
    AccountBefore(Timestamp),
    /// All of the session.
    Session,
    /// Those of the session for one instrument.
    SessionFor(&'o str),
}

impl Orders<'_> {
    /// Those of a scope; none where it has none.
    pub(in crate::fix) const fn of(scope: CancelScope) -> Option<Self> {
        match scope {
            CancelScope::Account => Some(Self::Account),
            CancelScope::Nothing => None,
            CancelScope::Session => Some(Self::Session),
        }
    }

    const fn scope(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::AccountBefore(_) => "account-before",
            Self::Session | Self::SessionFor(_) => "session",
        }
    }
}

/// A question of a halt that the venue has not answered yet.
pub(super) struct Asked {
    name: String,
    seq: u64,
    answer: oneshot::Sender<Result<usize, Refusal>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Bridge<T> {
    /// Cancels the orders of a scope and records it, in the upstream session where that can be used. Whether it can be afterwards, and
    /// whether somebody has to ask again.
    pub(super) async fn cancel_orders(&mut self, scope: CancelScope, why: &'static str, upstream: Upstream) -> (Upstream, Executed) {
        let Some(orders) = Orders::of(scope) else { return (upstream, Executed::Done) };
        let mut first = match upstream {
            Upstream::Usable => once(self.ask_on_open(orders)).await,
            Upstream::Spent => Err(Reject::UpstreamUnavailable.into()),
        };
        let is_intact = first.as_ref().is_ok_and(|answered| !answered.for_client);
        let upstream = if is_intact { Upstream::Usable } else { Upstream::Spent };
        for _ in 1..CANCEL_ATTEMPTS {
            if !is_worth_another(&first) {
                break;
            }
            // The open one is given up: the acceptor must see that before it lets the next one in.
            self.upstream.close().await;
            tokio::time::sleep(CANCEL_PAUSE).await;
            first = once(self.ask_anew(orders)).await;
        }
        // HS-96
        let outcome = first.map(|answered| answered.orders);
        let identity = Some(&self.login.identity);
        let session = Some(self.listed.session().holder().sid);
        Cancelled { scope, class: OrderClass::All, why, outcome: &outcome, identity, session }.record(&self.worker, &self.connection);
        (upstream, Executed::of(&outcome))
    }

    /// A halt wants the orders of this session to go. Asked in the session, as a message of its client would be; answered by
    /// [`Self::answers_us`].
    pub(super) fn ask_for_halt(&mut self, ask: CancelAsk) {
        let CancelAsk { instrument, answer } = ask;
        let orders = instrument.as_deref().map_or(Orders::Session, Orders::SessionFor);
        let asked = self.permit_to_cancel().and_then(|permit| match permit {
            Some(_permit) => send(&mut self.upstream, &self.journals.upstream, orders).map(Some),
            None => Ok(None),
        });
        match asked {
            Ok(Some((name, seq))) => {
                self.asked.retain(|asked| !asked.answer.is_closed());
                self.asked.push(Asked { name, seq, answer });
            }
            // Whoever asked may have given up; then nobody is waiting for it.
            Ok(None) => drop(answer.send(Ok(0))),
            Err(refusal) => drop(answer.send(Err(refusal))),
        }
    }

    /// Whether a message of the venue is about a question of ours, and not for the client.
    pub(super) fn answers_us(&mut self, message: &Message<'_>) -> bool {
        let name = message.first(CL_ORD_ID).filter(|name| message.msg_type() == REPORT && name.starts_with(QUESTION.as_bytes()));
        if let Some(name) = name {
            if let Some(place) = self.asked.iter().position(|asked| asked.name.as_bytes() == name) {
                let answered = Reports::default().answer(message).map(|answered| answered.orders);
                drop(self.asked.swap_remove(place).answer.send(answered));
            }
            return true;
        }
        let rejected = message.first(tag::REF_SEQ_NUM).filter(|_| message.msg_type() == BUSINESS_MESSAGE_REJECT).and_then(number);
        rejected.is_some_and(|seq| self.refuses_us(seq, &text_of(message)))
    }

    /// Whether what the venue rejects is a question of ours.
    pub(super) fn refuses_us(&mut self, seq: u64, text: &str) -> bool {
        let Some(place) = self.asked.iter().position(|asked| asked.seq == seq) else { return false };
        drop(self.asked.swap_remove(place).answer.send(Err(refused(text))));
        true
    }

    async fn ask_on_open(&mut self, orders: Orders<'_>) -> Result<Answered, Refusal> {
        let Some(_permit) = self.permit_to_cancel()? else { return Ok(Answered::NOTHING) };
        ask(&mut self.upstream, &self.journals, orders).await
    }

    async fn ask_anew(&self, orders: Orders<'_>) -> Result<Answered, Refusal> {
        let question = Question { login: &self.login, upstream: self.taken.upstream(), profile: &self.profile, orders };
        question.put(&self.worker, &self.connection, &self.journals).await
    }

    /// None where the key has no right to orders: then it has none.
    fn permit_to_cancel(&self) -> Result<Option<Permit>, Refusal> {
        permit_to_cancel(&self.worker, &self.login, self.taken.upstream())
    }
}

/// A question for which a session of the client's name is opened at the venue.
pub(in crate::fix) struct Question<'q> {
    pub(in crate::fix) login: &'q Login,
    pub(in crate::fix) upstream: &'q UpstreamName,
    pub(in crate::fix) profile: &'q Profile,
    pub(in crate::fix) orders: Orders<'q>,
}

impl Question<'_> {
    /// The journals are read anew: what was not committed did not happen.
    pub(in crate::fix) async fn put(
        &self,
        worker: &Rc<Worker>,
        connection: &Rc<Connection>,
        journals: &BridgeJournals,
    ) -> Result<Answered, Refusal> {
        let Some(permit) = permit_to_cancel(worker, self.login, self.upstream)? else { return Ok(Answered::NOTHING) };
        let journals = journals.reopen().await;
        let journals = journals.map_err(|error| Refusal::operator(Reject::StoreUnavailable, error.to_string()))?;
        let reset = names::resets(&worker.shared.settings, &permit, false);
        let asked = upstream::Asked { name: &self.upstream.name, reset, profile: self.profile, correlation: worker.correlation.next() };
        let mut line = upstream::log_on(worker, connection, &permit, self.login, asked, &journals).await?;
        let answered = ask(&mut line, &journals, self.orders).await;
        line.close().await;
        answered
    }
}

fn permit_to_cancel(worker: &Worker, login: &Login, upstream: &UpstreamName) -> Result<Option<Permit>, Refusal> {
    let routes = worker.shared.routes.load();
    let route = routes.find_fix_message(REQUEST).ok_or(Reject::RouteUnknown)?;
    let permit = match authorize(&login.identity, login.granted(), &route.requirement) {
        Ok(permit) => permit,
        Err(refusal) if refusal.reject == Reject::ScopeMissing => return Ok(None),
        Err(refusal) => return Err(refusal),
    };
    let elsewhere = || Refusal::operator(Reject::Internal, "the route of mass cancels leads to another upstream than the session");
    if permit.upstream() == upstream.upstream { Ok(Some(permit)) } else { Err(elsewhere()) }
}

/// Whether a message to the venue is a question of ours.
pub(in crate::fix) fn is_question(message: &Message<'_>) -> bool {
    message.msg_type() == REQUEST.as_bytes() && message.first(CL_ORD_ID).is_some_and(|name| name.starts_with(QUESTION.as_bytes()))
}

/// Asks on an open session and waits for the answer. Nothing that comes is committed.
async fn ask(line: &mut Line<TcpStream>, journals: &BridgeJournals, orders: Orders<'_>) -> Result<Answered, Refusal> {
    let mut reports = Reports::default();
    while let Some(event) = line.session.poll_event() {
        // It would be committed with our question, as received by a client that is not there: it is expected again instead.
        if let Event::Application(received) = event
            && !std::mem::replace(&mut reports.for_client, true)
        {
            let expected = journals.upstream.clone().set_next_target(received.seq());
            expected.map_err(|error| Refusal::operator(Reject::StoreUnavailable, error.to_string()))?;
        }
    }
    let (name, seq) = send(line, &journals.upstream, orders)?;
    commit(journals, &[FixSide::Upstream], false).await?;
    line.transmit().await?;
    let expected = journals.upstream.next_target();
    loop {
        while let Some(event) = line.session.poll_event() {
            if let Some(answer) = reports.take(&event, &name, seq) {
                return answer;
            }
            if matches!(event, Event::GapFound { .. }) {
                // What we ask for has a number, which is written with all that was counted: nothing may have been.
                if journals.upstream.next_target() != expected {
                    return Err(Refusal::operator(Reject::UpstreamUnavailable, "the venue left out what comes before its answer"));
                }
                commit(journals, &[FixSide::Upstream], false).await?;
            }
        }
        // What the venue asks for behind a gap: it hears the question after that.
        line.transmit().await?;
        line.receive().await.map_err(|Lost| Reject::UpstreamUnavailable)?;
        line.take();
    }
}

/// Puts a question into a session; its name and number.
fn send(line: &mut Line<TcpStream>, journal: &SharedMessageStore, orders: Orders<'_>) -> Result<(String, u64), Refusal> {
    let name = format!("{QUESTION}{}", journal.next_sender());
    let time = UtcTimestamp::new(clock::wall(), Precision::Millis).to_string();
    let instrument = if let Orders::SessionFor(symbol) = orders { Some(symbol) } else { None };
    let kind = if instrument.is_some() { OF_INSTRUMENT } else { ALL_ORDERS };
    let moment =
        if let Orders::AccountBefore(moment) = orders { Some(UtcTimestamp::new(moment, Precision::Micros).to_string()) } else { None };
    let mut body = vec![Field::new(CL_ORD_ID, name.as_bytes()), Field::new(MASS_CANCEL_REQUEST_TYPE, kind)];
    body.extend(instrument.map(|symbol| Field::new(SYMBOL, symbol.as_bytes())));
    body.extend([Field::new(TRANSACT_TIME, time.as_bytes()), Field::new(SCOPE, orders.scope().as_bytes())]);
    body.extend(moment.as_ref().map(|moment| Field::new(MOMENT, moment.as_bytes())));
    let sent = line.session.send_application(clock::now(), Outgoing { msg_type: REQUEST.as_bytes(), header: &[], body: &body });
    let seq = sent.map_err(|error| Refusal::operator(Reject::UpstreamUnavailable, error.to_string()))?;
    Ok((name, seq))
}
