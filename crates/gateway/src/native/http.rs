//! The native protocol in HTTP headers.
//!
//! ```text
//!   Authorization: Countersign cs1h...      first request of a connection: hello. The answer has Countersign-Welcome and -Secret
//!   Authorization: Countersign-Token <at>   later requests of the same connection: the connection is proven already
//!   Countersign-Nonce: cs1n...              on refusals of unproven connections, for modes sep and chl
//! ```
//!
//! An access token names the channel and the offer it was made for (`t1`); on any other connection it is worth nothing.

use std::cell::RefCell;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use countersign_core::rate::KeyCounters;
use countersign_core::{Freshness, Monotonic, Now, Purpose, Refusal, Reject, VerifiedIdentity};
use countersign_handshake::limits::HELLO_DEADLINE;
use countersign_handshake::{Declined, Established, HTTP_SCHEME, HTTP_TOKEN_SCHEME, ServerHandshake, frame};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::{SmallVec, smallvec};

use super::grant::{self, Granted};
use super::limits::HTTP_NONCE_LIFE;
use super::sessions::{CarriageKind, SessionGuard};
use crate::authenticate::{Login, SessionRef};
use crate::clock;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::routes::Family;
use crate::worker::Worker;

/// A nonce for modes `sep` and `chl`.
pub const NONCE_HEADER: HeaderName = HeaderName::from_static("countersign-nonce");
/// The welcome token.
pub const WELCOME_HEADER: HeaderName = HeaderName::from_static("countersign-welcome");
/// The secrets beside it, base64url.
pub const SECRET_HEADER: HeaderName = HeaderName::from_static("countersign-secret");

/// The native side of one HTTP connection.
#[derive(Default)]
pub struct NativeConnection(RefCell<State>);

#[derive(Default)]
enum State {
    /// Nothing said yet.
    #[default]
    Fresh,
    /// A nonce was given out, or a first try declined.
    Waiting(Box<ServerHandshake>, Monotonic),
    /// A session was opened on it.
    Proven(Box<HttpSession>),
    /// A hello was refused, or the session is on another carriage. There is no second one.
    Spent,
}

struct HttpSession {
    identity: VerifiedIdentity,
    session: SessionRef,
    t1: String,
    ends: Monotonic,
    counters: Arc<KeyCounters>,
    guard: SessionGuard,
}

/// What an `Authorization` header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials<'h> {
    /// A handshake token.
    Hello(&'h str),
    /// An access token.
    Token(&'h str),
}

impl<'h> Credentials<'h> {
    /// Reads the header's value.
    ///
    /// # Errors
    /// [`Reject::MissingCredentials`] for schemes that are not ours.
    pub(super) fn read(value: &'h [u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(value).map_err(|_| Reject::Malformed)?;
        let (scheme, token) = text.split_once(' ').ok_or(Reject::MissingCredentials)?;
        if scheme.eq_ignore_ascii_case(HTTP_SCHEME) {
            Ok(Self::Hello(token))
        } else if scheme.eq_ignore_ascii_case(HTTP_TOKEN_SCHEME) {
            Ok(Self::Token(token))
        } else {
            Err(Reject::MissingCredentials.into())
        }
    }
}

impl NativeConnection {
    /// Authenticates a request by its `Authorization` header.
    ///
    /// # Errors
    /// The refusal; after a refused hello the connection takes no other.
    pub fn authenticate(&self, worker: &Worker, connection: &Connection, authorization: &[u8]) -> Result<Login, Refusal> {
        super::check_offered(worker, connection)?;
        match Credentials::read(authorization)? {
            Credentials::Hello(token) => self.hello(worker, connection, token),
            Credentials::Token(token) => self.token(worker, connection, token),
        }
    }

    fn hello(&self, worker: &Worker, connection: &Connection, token: &str) -> Result<Login, Refusal> {
        let granted = self.open(worker, connection, token, CarriageKind::Http)?;
        let answer_headers = welcome_headers(&granted.established)?;
        let session = granted.session_ref();
        let Granted { established, guard, counters, returns: _ } = granted;
        let proven = HttpSession {
            identity: established.identity,
            session,
            t1: established.t1.text(),
            ends: clock::mono().saturating_add(established.contract.life()),
            counters,
            guard,
        };
        let login = proven.login(proven.identity.clone(), answer_headers);
        self.0.replace(State::Proven(Box::new(proven)));
        Ok(login)
    }

    /// The handshake itself; the caller decides on what the session travels. Until it does, the connection takes no other hello.
    pub(super) fn open(&self, worker: &Worker, connection: &Connection, token: &str, carriage: CarriageKind) -> Result<Granted, Refusal> {
        let machine = self.take_machine(worker, connection)?;
        let awaiting = match machine.receive_hello(token, clock::now()) {
            Ok(awaiting) => awaiting,
            Err(Declined { refusal, retry }) => {
                if let Some(machine) = retry {
                    self.0.replace(State::Waiting(machine, clock::mono()));
                }
                return Err(refusal);
            }
        };
        grant::grant(worker, connection, awaiting, carriage, worker.correlation.next())
    }

    /// The machine for a hello; leaves the connection spent.
    fn take_machine(&self, worker: &Worker, connection: &Connection) -> Result<ServerHandshake, Refusal> {
        match self.0.replace(State::Spent) {
            State::Fresh => Ok(new_machine(worker, connection)),
            State::Waiting(machine, _) if machine.handle_timeout(clock::now()).is_ok() => Ok(*machine),
            // Too old for its nonces, which is nothing against the client: it may have kept the connection for later.
            State::Waiting(..) => Ok(new_machine(worker, connection)),
            proven @ State::Proven(_) => {
                self.0.replace(proven);
                Err(Refusal::operator(Reject::UnexpectedMessage, "a second hello on a proven connection"))
            }
            State::Spent => Err(Refusal::operator(Reject::UnexpectedMessage, "a second hello after a refused one")),
        }
    }

    fn token(&self, worker: &Worker, connection: &Connection, token: &str) -> Result<Login, Refusal> {
        let state = self.0.borrow();
        let State::Proven(proven) = &*state else {
            return Err(Refusal::operator(Reject::TokenInvalid, "an access token on a connection without a session"));
        };
        let now = clock::now();
        let invalid = |sentence: String| Refusal::operator(Reject::TokenInvalid, sentence);
        let claims = worker.shared.identity.verify_access_token(token, now.wall).map_err(|error| invalid(error.to_string()))?;
        let same_channel = verify_slices_are_equal(claims.t1.as_bytes(), proven.t1.as_bytes()).is_ok();
        if claims.sid != proven.session.sid || !same_channel || claims.key_id != *proven.identity.key_id() {
            return Err(invalid("an access token of another session".to_owned()));
        }
        proven.check_open(now)?;
        let table = worker.shared.credentials.load();
        let current = table.find(Purpose::Native, proven.identity.key_id()).map(|entry| &entry.credential);
        let identity = proven.identity.recheck(current, Some(connection.remote.ip()), now.wall)?;
        Ok(proven.login(identity, SmallVec::new()))
    }

    /// Adds a nonce to a refusal, so that clients in modes `sep` and `chl` can begin; and says which scheme is asked for.
    pub fn add_nonce(&self, worker: &Worker, connection: &Connection, family: Family, headers: &mut HeaderMap) {
        let native = matches!(family, Family::Any | Family::NATIVE) && super::check_offered(worker, connection).is_ok();
        let mut state = self.0.borrow_mut();
        let now = clock::now();
        match &*state {
            State::Fresh if native => {}
            // A machine lives for two lives of a nonce and is replaced after one: each nonce has its full life.
            State::Waiting(_, since) if native => {
                if now.mono.saturating_since(*since) >= HTTP_NONCE_LIFE {
                    *state = State::Fresh;
                }
            }
            State::Fresh | State::Waiting(..) | State::Proven(_) | State::Spent => return,
        }
        if matches!(&*state, State::Fresh) {
            *state = State::Waiting(Box::new(new_machine(worker, connection)), now.mono);
        }
        let State::Waiting(machine, _) = &mut *state else { return };
        let nonce = machine.nonce(&mut SystemEntropy, now);
        if let Ok(nonce) = HeaderValue::try_from(nonce) {
            headers.insert(NONCE_HEADER, nonce);
            headers.entry(WWW_AUTHENTICATE).or_insert(HeaderValue::from_static(HTTP_SCHEME));
        }
    }
}

/// A machine whose deadline is that of nonces: on HTTP the deadline of the connection is kept elsewhere, and a nonce may be
/// answered on a later request.
fn new_machine(worker: &Worker, connection: &Connection) -> ServerHandshake {
    let now = clock::now();
    let later = Now { mono: now.mono.saturating_add(HTTP_NONCE_LIFE * 2).saturating_add(HELLO_DEADLINE), ..now };
    ServerHandshake::new(worker.shared.handshake.load_full(), grant::channel(connection), later)
}

/// The welcome as headers.
///
/// # Errors
/// None in practice: both are base64url and dots.
pub(super) fn welcome_headers(established: &Established) -> Result<SmallVec<[(HeaderName, HeaderValue); 2]>, Refusal> {
    let impossible = |_| Refusal::operator(Reject::Internal, "a token that is no header value");
    let welcome = HeaderValue::from_str(&established.welcome).map_err(impossible)?;
    let mut secret = HeaderValue::from_str(frame::secret_header(&established.sec).expose()).map_err(impossible)?;
    secret.set_sensitive(true);
    Ok(smallvec![(WELCOME_HEADER, welcome), (SECRET_HEADER, secret)])
}

impl HttpSession {
    fn check_open(&self, now: Now) -> Result<(), Refusal> {
        if now.mono >= self.ends {
            return Err(Reject::SessionExpired.into());
        }
        if let Some(by) = self.guard.session().killed_by() {
            return Err(Refusal::operator(Reject::SessionExpired, by.words()));
        }
        Ok(())
    }

    fn login(&self, identity: VerifiedIdentity, answer_headers: SmallVec<[(HeaderName, HeaderValue); 2]>) -> Login {
        Login {
            session: Some(self.session.clone()),
            answer_headers,
            ..Login::new(identity, Freshness::Channel, Arc::clone(&self.counters))
        }
    }
}
