//! Between two open sessions: what one side sends is admitted, put on record for the other, committed, and sent.
//!
//! ```text
//!   client   ── application ──▶ admit ──▶ upstream journal (with the client's number) ─▶ commit upstream, commit client ─▶ send
//!   upstream ── application ──▶ client journal (with the upstream's number) ─▶ commit client, commit upstream ─▶ send
//!   client gone      ─▶ Logout to the upstream: what it has for the client waits there, under its numbers
//!   upstream gone    ─▶ Logout to the client, with the reason
//!   key revoked, killed, drain ─▶ Logout to both
//!   however it was lost: orders cancelled as the Logon agreed ([`cancelling`]), then the Logout to the upstream
//! ```

mod cancelling;
mod events;
mod farewell;
mod news;
mod reports;
mod settling;
mod withheld;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use countersign_core::{CorrelationId, Refusal, Reject};
use countersign_session::{Absence, CancelScope, Departure, Due};
use countersign_store::{BridgeJournals, CommitError, FixSide as Side, Touch};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::line::{Line, Lost};
use super::open::{CancelAsk, UpstreamState};
use super::profile::Profile;
use super::sessions::{Listed, Taken};
use crate::audit::{self, Subject};
use crate::authenticate::Login;
use crate::cancelled::Executed;
use crate::clock;
use crate::connection::Connection;
use crate::halts::Cleared;
use crate::native;
use crate::native::sessions::KilledBy;
use crate::websocket::standing::Standing;
use crate::worker::Worker;
use cancelling::Asked;
pub(super) use cancelling::{Orders, Question, is_question};
pub(super) use events::{header, record_garbled, why as said_why};
use farewell::{Upstream, why};
pub(super) use farewell::{give_back, keep_will};

/// Forwarded messages whose number on the client's side is remembered, so that a refusal by the upstream names the right one.
const SOURCES_MAX: usize = 4_096;

/// How long the client's side gets for what is left to say to it: its orders wait behind that.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// An open session.
pub(super) struct Bridge<T> {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    client: Line<T>,
    upstream: Line<TcpStream>,
    journals: BridgeJournals,
    login: Login,
    native: Option<native::FixSession>,
    profile: Profile,
    correlation: CorrelationId,
    /// Messages that were admitted and are not sent yet: a halt waits for them.
    under_way: Vec<Cleared>,
    /// This turn is about an order: it is not said before its copy is there.
    binding: bool,
    /// Copies lacked something when that was looked at last.
    was_behind: bool,
    /// Number at the upstream, number of the client.
    sources: VecDeque<(u64, u64)>,
    taken: Taken,
    listed: Listed,
    /// Halts that want the orders cancelled.
    asks: mpsc::Receiver<CancelAsk>,
    /// Those of them that the venue was asked for.
    asked: Vec<Asked>,
    /// What is due to the orders when the session is left.
    absence: Absence,
    /// A Logon within the session agreed on something else, or its end on nothing, which is not written yet.
    agreed: Option<CancelScope>,
    /// We said Logout first, and so the session was left.
    parting: Option<Departure>,
    /// Why nothing is forwarded any more while goodbye is said: the login holds no longer, or the session was ended.
    fallen: Option<Reject>,
    /// The client said Logout, and we did not before.
    logged_out: bool,
    /// The client's Logout asks that its orders stay.
    keeps_orders: bool,
}

/// What a session opened with.
pub(super) struct Parts {
    pub(super) journals: BridgeJournals,
    pub(super) login: Login,
    pub(super) native: Option<native::FixSession>,
    pub(super) profile: Profile,
    pub(super) correlation: CorrelationId,
    pub(super) taken: Taken,
    pub(super) listed: Listed,
    pub(super) asks: mpsc::Receiver<CancelAsk>,
    pub(super) absence: Absence,
}

/// Why a bridge ends.
#[derive(Debug)]
enum End {
    /// The client's session or connection.
    Client,
    /// Another node has the session: nothing more is said to the upstream, and nothing is cancelled.
    Elsewhere,
    /// The upstream's, with its words.
    Upstream(String),
    /// A journal cannot be written: nothing more is sent on either side.
    Store(Refusal),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Store(refusal)
    }
}

/// Writes journals out, in this order, where blocking is allowed; and their copies. `binding`: it is about an order.
pub(super) async fn commit(journals: &BridgeJournals, order: &[Side], binding: bool) -> Result<(), Refusal> {
    let failed = |error: CommitError| Refusal::operator(Reject::StoreUnavailable, error.to_string());
    journals.commit(order, binding).await.map_err(failed)
}

impl<T: AsyncRead + AsyncWrite + Unpin> Bridge<T> {
    pub(super) fn new(
        worker: Rc<Worker>,
        connection: Rc<Connection>,
        (client, upstream): (Line<T>, Line<TcpStream>),
        parts: Parts,
    ) -> Self {
        let Parts { journals, login, native, profile, correlation, taken, listed, asks, absence } = parts;
        Self {
            worker,
            connection,
            client,
            upstream,
            journals,
            login,
            native,
            profile,
            correlation,
            under_way: Vec::new(),
            binding: false,
            was_behind: false,
            sources: VecDeque::new(),
            taken,
            listed,
            asks,
            asked: Vec::new(),
            absence,
            agreed: None,
            parting: None,
            fallen: None,
            logged_out: false,
            keeps_orders: false,
        }
    }

    /// Serves until one side ends, then tells the other.
    pub(super) async fn run(mut self) {
        let Err(end) = self.drive().await;
        // Nothing of it is sent any more: no halt waits for it.
        self.under_way.clear();
        self.taken.leaving();
        let how = self.departure(&end);
        let is_ours = !matches!(end, End::Elsewhere);
        let due = self.absence.left(how, clock::mono()).filter(|_| !self.keeps_orders && is_ours);
        if due.is_none() {
            self.journals.leave();
        }
        let state = if matches!(end, End::Upstream(_)) { UpstreamState::Lost } else { UpstreamState::Leaving };
        self.listed.session().note_upstream(state);
        let why = why(&end, how);
        let upstream = match end {
            End::Client => {
                let _told = tokio::time::timeout(LAST_WORDS, self.client.transmit()).await;
                Upstream::Usable
            }
            End::Elsewhere => {
                self.say_served_elsewhere().await;
                Upstream::Spent
            }
            End::Upstream(text) => {
                self.leave_client(&text).await;
                Upstream::Spent
            }
            End::Store(refusal) => {
                let subject = Subject::none().by(Some(&self.login));
                audit::refused(&self.worker, &self.connection, &subject, &refusal, self.correlation);
                Upstream::Spent
            }
        };
        self.client.close().await;
        let (upstream, executed) = match due {
            // Always of all classes: a contract over FIX has no other.
            Some(Due::Cancel(scope, _)) => self.cancel_orders(scope, why, upstream).await,
            Some(Due::GiveUp) | None => (upstream, Executed::Done),
        };
        self.journals.leave();
        if upstream == Upstream::Usable {
            self.leave_upstream().await;
        }
        self.note_end();
        self.upstream.close().await;
        match executed {
            Executed::Done => give_back(&self.journals).await,
            Executed::NotYet => keep_will(&self.journals).await,
        }
    }

    async fn drive(&mut self) -> Result<std::convert::Infallible, End> {
        let mut standing = Standing::subscribe(&self.worker);
        self.look_at_resends();
        let mut draining = self.worker.shared.drain.subscribe();
        let mut killed = self.listed.session().killed();
        let mut touch = self.journals.touch();
        let mut left = false;
        // What came with the upstream's Logon, and what the client sent while it waited.
        let mut ended = committable(self.take_from_upstream())?;
        self.settle(Side::Upstream).await?;
        // What changed while the upstream was asked is not told any more; and a halt that began while the client was away.
        self.recheck();
        ended = committable(self.take_from_client())?.or(ended);
        self.settle(Side::Client).await?;
        self.settle(Side::Upstream).await?;
        loop {
            if let Some(end) = ended {
                return Err(end);
            }
            let ends = self.login.ends(&self.worker, &self.connection);
            let (client_due, upstream_due) = (self.client.session.poll_timeout(), self.upstream.session.poll_timeout());
            let (from, outcome) = tokio::select! {
                read = self.client.receive() => (Side::Client, self.received_from_client(read)),
                read = self.upstream.receive() => (Side::Upstream, self.received_from_upstream(read)),
                () = clock::until(client_due) => {
                    self.client.session.handle_timeout(clock::now());
                    (Side::Client, self.take_from_client())
                }
                () = clock::until(upstream_due) => {
                    self.upstream.session.handle_timeout(clock::now());
                    (Side::Upstream, self.take_from_upstream())
                }
                () = standing.changed() => {
                    self.recheck();
                    (Side::Client, self.take_from_client())
                }
                () = clock::until_wall(ends), if self.fallen.is_none() => {
                    self.recheck();
                    (Side::Client, self.take_from_client())
                }
                Some(ask) = self.asks.recv() => {
                    self.ask_for_halt(ask);
                    (Side::Upstream, Ok(()))
                }
                by = killed_by(&mut killed), if !left => {
                    left = true;
                    self.say_goodbye(by.words(), Departure::Ended);
                    (Side::Client, self.take_from_client())
                }
                () = elsewhere(&mut touch) => return Err(End::Elsewhere),
                () = over(&mut self.native), if !left => {
                    left = true;
                    self.say_goodbye("the native session is over", Departure::Ended);
                    (Side::Client, self.take_from_client())
                }
                () = draining.wait(), if !left => {
                    left = true;
                    self.say_goodbye("this node is leaving", Departure::Shutdown);
                    (Side::Client, self.take_from_client())
                }
            };
            ended = committable(outcome)?;
            if matches!(ended, Some(End::Client)) && self.keeps_its_orders() {
                // Before the client is told that it is logged out: whatever happens to this node then, its orders stay.
                self.agreed = Some(CancelScope::Nothing);
            }
            self.settle(from).await?;
        }
    }

    fn received_from_client(&mut self, read: Result<(), Lost>) -> Result<(), End> {
        read.map_err(|Lost| End::Client)?;
        self.client.take();
        self.take_from_client()
    }

    fn received_from_upstream(&mut self, read: Result<(), Lost>) -> Result<(), End> {
        read.map_err(|Lost| End::Upstream("the venue's FIX connection is gone".to_owned()))?;
        self.upstream.take();
        self.take_from_upstream()
    }
}

/// What ended in a turn that may be committed. What could not be put on record is not counted either, and nothing behind it.
fn committable(outcome: Result<(), End>) -> Result<Option<End>, End> {
    match outcome {
        Ok(()) => Ok(None),
        Err(end @ End::Store(_)) => Err(end),
        Err(end @ (End::Client | End::Elsewhere | End::Upstream(_))) => Ok(Some(end)),
    }
}

/// Waits until another node has the session.
async fn elsewhere(touch: &mut Option<watch::Receiver<Touch>>) {
    if let Some(touch) = touch
        && touch.wait_for(|touch| *touch == Touch::Elsewhere).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Waits until somebody ends the session.
async fn killed_by(killed: &mut watch::Receiver<Option<KilledBy>>) -> KilledBy {
    let by = killed.wait_for(Option::is_some).await.ok().and_then(|killed| *killed);
    match by {
        Some(by) => by,
        None => std::future::pending().await,
    }
}

/// Waits until a native session is over, if there is one.
async fn over(native: &mut Option<native::FixSession>) {
    match native {
        Some(native) => native.over().await,
        None => std::future::pending().await,
    }
}
