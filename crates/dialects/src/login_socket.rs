//! The WebSocket of most venues: a login, then messages under it; or a proof in each message.
//!
//! | frame | nobody logged in | logged in |
//! |---|---|---|
//! | login | `Verify` → welcome, **logged in** | the same; another key than before is refused |
//! | ping, and what only the gateway answers | reply | reply |
//! | public message | forward as nobody | forward as nobody |
//! | private message | refused | forward under the login |
//! | signed message | `Verify` → forward under that key | the same key only |
//! | … with two readings | the second is taken where nobody has the key of the first | the same key only |
//! | login with two readings | the second is taken where the first is not proved | the same key only |
//! | message with a token of ours | `VerifyToken` → forward under it | the token that logged in: forward; another: the same key only |
//! | anything else | refused | refused |
//!
//! What a frame is, and in which words it is answered, says a [`Venue`]; what follows from it is the same for all. A frame that is
//! refused changes nothing. One connection has one key. A token must be good when it is first shown; the login that it made lasts as
//! long as the connection, as at the venues that have such tokens.

use countersign_core::{Freshness, Presented, Purpose, Refusal, Reject, Timestamp, TokenKind, VerifiedIdentity};

use crate::socket::{Desk, DialectSocket, Downstream, Forward, Step};

/// What a frame is.
pub(crate) enum Op<'f> {
    /// The gateway answers it itself.
    Answer(String),
    /// A proof for the whole connection.
    Login(Presented<'f>),
    /// A proof for the whole connection, over one of two texts.
    LoginEither(Presented<'f>, Box<Presented<'static>>),
    /// A message that needs the login.
    Private(&'static str),
    /// A message about public data.
    Public(&'static str),
    /// A message about public data, and the text that goes out instead of the frame.
    PublicAs(&'static str, String),
    /// A message with a proof of its own; the text goes out instead of the frame.
    Signed(Presented<'f>, &'static str, Option<String>),
    /// A message with a proof that can be read in two ways.
    SignedEither(Presented<'f>, Box<Presented<'static>>, &'static str),
    /// A message with a token of ours; the text goes out instead of the frame.
    Token(String, TokenKind, &'static str, Option<String>),
}

/// What of a frame its answer repeats: an id, an operation.
pub(crate) type Echo = Option<String>;

/// A frame, read.
pub(crate) struct Frame<'f> {
    pub(crate) op: Op<'f>,
    pub(crate) echo: Echo,
}

/// A frame that was refused, with what its answer repeats.
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) echo: Echo,
}

impl<R: Into<Refusal>> From<R> for Refused {
    fn from(refusal: R) -> Self {
        Self { refusal: refusal.into(), echo: None }
    }
}

/// What the handshake of a connection has said already.
pub(crate) enum First {
    /// A proof for the whole connection.
    Login(Box<Presented<'static>>),
    /// A message about public data, and its text.
    Public(&'static str, String),
    /// What cannot be.
    Refused(Refusal),
}

/// What is a venue's own about its WebSocket.
pub(crate) trait Venue: Send {
    /// Whose credentials.
    fn purpose(&self) -> Purpose;

    /// Reads a frame.
    fn read<'f>(&mut self, text: &'f str, now: Timestamp, desk: &mut dyn Desk) -> Result<Frame<'f>, Refused>;

    /// What the handshake has said, for venues that read it there; told once.
    fn first(&mut self) -> Option<First> {
        None
    }

    /// What the client gets before it sent anything.
    fn greeting(&mut self, _now: Timestamp, _desk: &mut dyn Desk) -> Option<String> {
        None
    }

    /// What a login is answered.
    fn welcome(&self, identity: &VerifiedIdentity, echo: &Echo, now: Timestamp) -> String;

    /// What the venue behind is told of a login, as a message and its text: for venues whose news begin with it.
    fn announcement(&mut self, _identity: &VerifiedIdentity) -> Option<(&'static str, String)> {
        None
    }

    /// What a refusal is answered.
    fn refuse(&self, refusal: &Refusal, echo: &Echo, now: Timestamp) -> String;

    /// The frame that was read last is refused on its way, and the venue behind never hears of it: what it began is taken back.
    fn take_back(&mut self) {}

    /// What becomes of a text of the venue behind, of any connection to it.
    fn handle_upstream(&mut self, _text: &str) -> Downstream {
        Downstream::Pass
    }

    /// Whether the venue ends the connection after a login that failed.
    fn closes_on_failed_login(&self) -> bool {
        false
    }
}

/// What waits for a verification.
enum Pending {
    Login,
    Message(&'static str, Option<String>, Freshness),
    Token(&'static str, String, Option<String>),
}

/// The state of one connection.
pub(crate) struct LoginSocket<V> {
    venue: V,
    identity: Option<VerifiedIdentity>,
    pending: Option<Pending>,
    /// The token that logged in.
    token: Option<String>,
    /// The second reading of the proof that waits.
    otherwise: Option<Box<Presented<'static>>>,
    echo: Echo,
}

impl<V: Venue + 'static> LoginSocket<V> {
    pub(crate) fn boxed(venue: V) -> Box<dyn DialectSocket> {
        Box::new(Self { venue, identity: None, pending: None, token: None, otherwise: None, echo: None })
    }

    fn refused<'f>(&self, refusal: Refusal, close: bool, now: Timestamp) -> Step<'f> {
        Step::Refuse { reply: self.venue.refuse(&refusal, &self.echo, now), refusal, close }
    }

    /// A message under the login.
    fn private<'f>(&self, message: &'static str, now: Timestamp) -> Step<'f> {
        match &self.identity {
            Some(identity) => Step::Forward(Forward::as_identity(message, identity.clone())),
            None => self.refused(Reject::MissingCredentials.into(), false, now),
        }
    }

    /// Who logged in with this very token.
    fn holder(&self, token: &str) -> Option<&VerifiedIdentity> {
        self.identity.as_ref().filter(|_| self.token.as_deref() == Some(token))
    }

    fn is_another(&self, identity: &VerifiedIdentity) -> bool {
        self.identity.as_ref().is_some_and(|own| own.credential().id != identity.credential().id)
    }
}

impl<V: Venue + 'static> DialectSocket for LoginSocket<V> {
    fn greet(&mut self, now: Timestamp, desk: &mut dyn Desk) -> Step<'static> {
        match self.venue.first() {
            Some(First::Login(presented)) => {
                self.pending = Some(Pending::Login);
                Step::Verify(*presented)
            }
            Some(First::Public(message, text)) => Step::Forward(Forward { text: Some(text), ..Forward::public(message) }),
            Some(First::Refused(refusal)) => self.refused(refusal, self.venue.closes_on_failed_login(), now),
            None => self.venue.greeting(now, desk).map_or_else(Step::ignore, Step::reply),
        }
    }

    fn handle_text<'f>(&mut self, text: &'f str, now: Timestamp, desk: &mut dyn Desk) -> Step<'f> {
        (self.pending, self.otherwise) = (None, None);
        let frame = match self.venue.read(text, now, desk) {
            Ok(frame) => frame,
            Err(Refused { refusal, echo }) => {
                self.echo = echo;
                return self.refused(refusal, false, now);
            }
        };
        self.echo = frame.echo;
        match frame.op {
            Op::Answer(reply) => Step::reply(reply),
            Op::Login(presented) => {
                self.pending = Some(Pending::Login);
                Step::Verify(presented)
            }
            Op::LoginEither(presented, otherwise) => {
                self.pending = Some(Pending::Login);
                self.otherwise = Some(otherwise);
                Step::Verify(presented)
            }
            Op::Private(message) => self.private(message, now),
            Op::Public(message) => Step::Forward(Forward::public(message)),
            Op::PublicAs(message, text) => Step::Forward(Forward { text: Some(text), ..Forward::public(message) }),
            Op::Signed(presented, message, text) => {
                self.pending = Some(Pending::Message(message, text, presented.freshness));
                Step::Verify(presented)
            }
            Op::SignedEither(presented, otherwise, message) => {
                self.pending = Some(Pending::Message(message, None, presented.freshness));
                self.otherwise = Some(otherwise);
                Step::Verify(presented)
            }
            Op::Token(token, kind, message, text) => {
                if let Some(identity) = self.holder(&token) {
                    return Step::Forward(Forward { text, ..Forward::as_identity(message, identity.clone()) });
                }
                match desk.open(&token, kind, self.venue.purpose(), now) {
                    Ok(opened) => {
                        self.pending = Some(Pending::Token(message, token, text));
                        Step::VerifyToken(opened)
                    }
                    Err(refusal) => self.refused(refusal, false, now),
                }
            }
        }
    }

    fn conclude(&mut self, result: Result<VerifiedIdentity, Refusal>, now: Timestamp, _: &mut dyn Desk) -> Step<'static> {
        let pending = self.pending.take();
        let identity = match result {
            Ok(identity) if self.is_another(&identity) => {
                let refusal = Refusal::operator(Reject::UnexpectedMessage, "another key is on this connection");
                return self.refused(refusal, false, now);
            }
            Ok(identity) => identity,
            Err(refusal) => {
                let close = matches!(pending, Some(Pending::Login)) && self.venue.closes_on_failed_login();
                return self.refused(refusal, close, now);
            }
        };
        self.identity = Some(identity.clone());
        match pending {
            Some(Pending::Login) => {
                let welcome = self.venue.welcome(&identity, &self.echo, now);
                match self.venue.announcement(&identity) {
                    Some((message, text)) => {
                        Step::Forward(Forward { text: Some(text), reply: Some(welcome), ..Forward::as_identity(message, identity) })
                    }
                    None => Step::reply(welcome),
                }
            }
            Some(Pending::Message(message, text, freshness)) => {
                Step::Forward(Forward { text, freshness, ..Forward::as_identity(message, identity) })
            }
            Some(Pending::Token(message, token, text)) => {
                self.token = Some(token);
                Step::Forward(Forward { text, ..Forward::as_identity(message, identity) })
            }
            None => self.refused(Refusal::operator(Reject::Internal, "a result that nothing asked for"), false, now),
        }
    }

    fn take_other_reading(&mut self) -> Option<Presented<'static>> {
        self.otherwise.take().map(|presented| *presented)
    }

    fn refuse(&mut self, refusal: &Refusal, now: Timestamp) -> String {
        self.venue.take_back();
        self.venue.refuse(refusal, &self.echo, now)
    }

    fn handle_upstream(&mut self, _: Option<&VerifiedIdentity>, text: &str, _: Timestamp) -> Downstream {
        self.venue.handle_upstream(text)
    }

    fn identity(&self) -> Option<&VerifiedIdentity> {
        self.identity.as_ref()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use countersign_core::{MemoryReplayGuard, Now, Token};

    use super::*;
    use crate::every_dialect::TestDesk;
    use crate::registry::by_name;
    use crate::socket::Opening;
    use crate::test_support::{HMAC_KEY, Sent, hmac_hex, now};

    fn identity() -> VerifiedIdentity {
        let query = format!("timestamp={}", now().as_millis());
        let target = format!("/api/v3/account?{query}&signature={}", hmac_hex(query.as_bytes()));
        Sent::new("GET", &target, "").verdict(&MemoryReplayGuard::default()).unwrap()
    }

    fn token(identity: &VerifiedIdentity, id: u8) -> Token {
        Token {
            kind: TokenKind::Access,
            purpose: Purpose::Kraken,
            credential: identity.credential().id.clone(),
            key_id: countersign_core::ApiKeyId::parse(HMAC_KEY).unwrap(),
            issued: now(),
            expires: now().saturating_add(Duration::from_secs(900)),
            scopes: None,
            channel: None,
            session: None,
            id: [id; 16],
        }
    }

    #[test]
    fn a_login_by_token_outlasts_the_token_and_another_stale_token_is_refused() {
        let (mut desk, identity) = (TestDesk::new(), identity());
        let opening = Opening { target: "/v2", now: Now::default(), issued_challenge: None };
        let mut socket = by_name("kraken").unwrap().open_socket(&opening).unwrap();
        let order = |token: &str| format!(r#"{{"method":"add_order","params":{{"token":"{token}"}}}}"#);
        let (first, second) = (desk.seal(&token(&identity, 1)), desk.seal(&token(&identity, 2)));

        assert!(matches!(socket.handle_text(&order(&first), now(), &mut desk), Step::VerifyToken(_)));
        assert!(matches!(socket.conclude(Ok(identity), now(), &mut desk), Step::Forward(_)));
        let later = now().saturating_add(Duration::from_secs(901));
        assert!(matches!(socket.handle_text(&order(&first), later, &mut desk), Step::Forward(_)));
        assert!(matches!(socket.handle_text(&order(&second), later, &mut desk), Step::Refuse { .. }));
    }

    #[test]
    fn a_token_of_ours_goes_no_further() {
        let (mut desk, identity) = (TestDesk::new(), identity());
        let sealed = desk.seal(&token(&identity, 1));
        for (path, frame) in [
            ("/v2", r#"{"method":"add_order","params":{"order_qty":1.0,"token":"TOKEN"}}"#),
            ("/v2", r#"{"method":"subscribe","params":{"channel":"executions","token":"TOKEN"}}"#),
            ("/", r#"{"event":"addOrder","token":"TOKEN","pair":"XBT/USD"}"#),
            ("/", r#"{"event":"subscribe","subscription":{"name":"openOrders","token":"TOKEN"}}"#),
        ] {
            let opening = Opening { target: path, now: Now::default(), issued_challenge: None };
            let mut socket = by_name("kraken").unwrap().open_socket(&opening).unwrap();
            let text = frame.replace("TOKEN", &sealed);
            assert!(matches!(socket.handle_text(&text, now(), &mut desk), Step::VerifyToken(_)), "{frame}");
            let sent = |step: Step<'_>| {
                let Step::Forward(forward) = step else { panic!("{frame}: {step:?}") };
                forward.text
            };
            let blank = Some(frame.replace("TOKEN", ""));
            assert_eq!(sent(socket.conclude(Ok(identity.clone()), now(), &mut desk)), blank);
            // The same again, by who is logged in.
            assert_eq!(sent(socket.handle_text(&text, now(), &mut desk)), blank);
        }
        let public = format!(r#"{{"event":"subscribe","pair":["XBT/USD"],"subscription":{{"name":"ticker","token":"{sealed}"}}}}"#);
        let opening = Opening { target: "/", now: Now::default(), issued_challenge: None };
        let mut socket = by_name("kraken").unwrap().open_socket(&opening).unwrap();
        let step = socket.handle_text(&public, now(), &mut desk);
        assert!(matches!(&step, Step::Forward(Forward { text: Some(text), .. }) if !text.contains(&sealed)), "{step:?}");
    }

    #[test]
    fn a_token_that_was_refused_logs_nobody_in() {
        let (mut desk, identity) = (TestDesk::new(), identity());
        let opening = Opening { target: "/v2", now: Now::default(), issued_challenge: None };
        let mut socket = by_name("kraken").unwrap().open_socket(&opening).unwrap();
        let order = format!(r#"{{"method":"add_order","params":{{"token":"{}"}}}}"#, desk.seal(&token(&identity, 1)));

        assert!(matches!(socket.handle_text(&order, now(), &mut desk), Step::VerifyToken(_)));
        assert!(matches!(socket.conclude(Err(Reject::KeyRevoked.into()), now(), &mut desk), Step::Refuse { .. }));
        assert!(matches!(socket.handle_text(&order, now(), &mut desk), Step::VerifyToken(_)));
    }
}
