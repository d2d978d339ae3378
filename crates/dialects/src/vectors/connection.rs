//! One connection of recorded requests: guards, and a socket where the requests are frames.

use std::sync::Arc;

use countersign_core::entropy::SeededEntropy;
use countersign_core::{
    Credential, Entropy as _, MemoryNonceGuard, MemoryReplayGuard, Monotonic, Now, Presented, Purpose, Refusal, Reject, Timestamp, Token,
    TokenKind, TokenSealer, VerifiedIdentity, VerifyContext, redeem_token, verify,
};

use super::format::{Request, Vector, purpose_of};
use super::{FixLogons, Keys};
use crate::binance::ws_api::{self, WsApiSession};
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::http_signature::standard;
use crate::registry::of_purpose;
use crate::socket::{Desk, DialectSocket, Opening, Step};

/// The family that a vector's dialect begins with.
pub(super) fn family(vector: &Vector) -> &str {
    vector.dialect.split('-').next().unwrap_or_default()
}

/// The standard behind the family `httpsignature`, without what the gateway asks for besides: the examples of RFC 9421 are of it.
const STANDARD: &str = "rfc9421";

/// Whether there is a way in for a vector.
pub(super) fn is_known(vector: &Vector, fix: Option<&dyn FixLogons>) -> bool {
    match vector.request {
        Request::Fix { .. } => fix.is_some(),
        Request::Http { .. } | Request::Other | Request::Ws { .. } | Request::WsHandshake { .. } => {
            family(vector) == STANDARD || purpose_of(family(vector)).and_then(of_purpose).is_some()
        }
    }
}

/// The state that vectors of one run share: replay guard, nonces, socket.
pub(super) struct Connection<'f> {
    replay: MemoryReplayGuard,
    nonces: MemoryNonceGuard,
    fix: Option<&'f dyn FixLogons>,
    desk: VectorDesk,
    socket: Socket,
}

enum Socket {
    Binance(WsApiSession),
    Dialect(Box<dyn DialectSocket>),
    None,
}

impl Socket {
    fn open(vector: &Vector) -> Self {
        let Request::Ws { url_path, issued_challenge, .. } = &vector.request else { return Self::None };
        match purpose_of(family(vector)) {
            Some(Purpose::Binance) => Self::Binance(WsApiSession::new(vector.now())),
            Some(purpose) => {
                let target = url_path.as_deref().unwrap_or("/");
                let opening = Opening { target, now: at(vector.now()), issued_challenge: issued_challenge.as_deref() };
                of_purpose(purpose).and_then(|dialect| dialect.open_socket(&opening)).map_or(Self::None, Self::Dialect)
            }
            None => Self::None,
        }
    }
}

fn at(now: Timestamp) -> Now {
    Now { wall: now, mono: Monotonic::from_micros(now.as_micros()) }
}

impl<'f> Connection<'f> {
    pub(super) fn new(vector: &Vector, fix: Option<&'f dyn FixLogons>) -> Self {
        Self {
            replay: MemoryReplayGuard::default(),
            nonces: MemoryNonceGuard::default(),
            fix,
            desk: VectorDesk { sealer: TokenSealer::new(&[0; 32]), entropy: SeededEntropy::new_dangerous_for_tests(0) },
            socket: Socket::open(vector),
        }
    }

    /// The outer error says that the vector cannot be run.
    pub(super) fn judge(&mut self, vector: &Vector, keys: &Keys<'_>) -> Result<Result<(), Refusal>, String> {
        let key = keys.get(vector.key.as_str()).ok_or_else(|| format!("there is no key {}", vector.key))?;
        let key = key.as_ref().map_err(Clone::clone)?;
        let now = vector.now();
        match &vector.request {
            Request::Http { method, target, headers, body } => self.judge_http(vector, key, method, target, headers, body),
            Request::WsHandshake { target, headers } => self.judge_http(vector, key, "GET", target, headers, ""),
            Request::Ws { text, .. } => self.judge_frame(text, key, now),
            Request::Fix { raw } => {
                let fix = self.fix.ok_or("no FIX codec is here")?;
                let message = raw.replace('|', "\u{1}");
                fix.judge(family(vector), message.as_bytes(), &mut |presented| self.verify(presented, key, now))
            }
            Request::Other => Err("a kind of request that is not known".to_owned()),
        }
    }

    fn judge_http(
        &self,
        vector: &Vector,
        key: &Arc<Credential>,
        method: &str,
        target: &str,
        headers: &Vec<(String, String)>,
        body: &str,
    ) -> Result<Result<(), Refusal>, String> {
        let host = match headers.find("host") {
            Header::Once(host) => str::from_utf8(host).ok(),
            Header::Absent | Header::Repeated => None,
        };
        let request = RequestView { method, target: target.as_bytes(), headers, body: body.as_bytes(), host };
        if family(vector) == STANDARD {
            let algorithm = key.verifier.algorithm().ok_or("a certificate signs no request")?;
            let presented = standard::present(&request, algorithm);
            return Ok(presented.and_then(|presented| self.verify(&presented, key, vector.now())).map(drop));
        }
        let dialect = purpose_of(family(vector)).and_then(of_purpose);
        let dialect = dialect.ok_or_else(|| format!("no dialect of the family {}", family(vector)))?;
        Ok(self.judge_request(dialect, &request, key, vector.now()))
    }

    fn judge_request(
        &self,
        dialect: &dyn Dialect,
        request: &RequestView<'_>,
        key: &Arc<Credential>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match dialect.present(request, Security::Signed) {
            Answer::Malformed(refusal) => Err(refusal),
            Answer::NotMine => Err(Reject::MissingCredentials.into()),
            Answer::Presented(presented) if presented.key_id != key.key_id => match dialect.present_otherwise(request) {
                Some(otherwise) => self.verify(&otherwise, key, now).map(drop),
                None => self.verify(&presented, key, now).map(drop),
            },
            Answer::Presented(presented) => self.verify(&presented, key, now).map(drop),
            Answer::Token { text, kind } => {
                let token = self.desk.open(text, kind, dialect.purpose(), now)?;
                self.redeem(&token, key, now).map(drop)
            }
        }
    }

    fn judge_frame(&mut self, text: &str, key: &Arc<Credential>, now: Timestamp) -> Result<Result<(), Refusal>, String> {
        match std::mem::replace(&mut self.socket, Socket::None) {
            Socket::Binance(mut session) => {
                let verdict = self.judge_binance_frame(&mut session, text, key, now);
                self.socket = Socket::Binance(session);
                Ok(verdict)
            }
            Socket::Dialect(mut socket) => {
                let verdict = self.judge_dialect_frame(socket.as_mut(), text, key, now);
                self.socket = Socket::Dialect(socket);
                Ok(verdict)
            }
            Socket::None => Err("the dialect has no such socket".to_owned()),
        }
    }

    fn judge_binance_frame(&self, session: &mut WsApiSession, text: &str, key: &Arc<Credential>, now: Timestamp) -> Result<(), Refusal> {
        let mut step = session.handle_text(text, now);
        if let ws_api::Step::Verify(pending) = step {
            let result = self.verify(&pending.presented, key, now);
            step = session.conclude(pending, result, now);
        }
        match step {
            ws_api::Step::Forward(..) | ws_api::Step::ForwardAs(..) | ws_api::Step::ListenKey(..) | ws_api::Step::Verify(_) => Ok(()),
            ws_api::Step::ForwardInSession(_, _, identity) => identity.recheck(Some(key), None, now).map(drop),
            ws_api::Step::Reply(reply) => reply.refusal().cloned().map_or(Ok(()), Err),
        }
    }

    fn judge_dialect_frame(
        &mut self,
        socket: &mut dyn DialectSocket,
        text: &str,
        key: &Arc<Credential>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let result = match socket.handle_text(text, now, &mut self.desk) {
            Step::Verify(presented) => match socket.take_other_reading() {
                Some(otherwise) if otherwise.key_id == presented.key_id => {
                    self.verify(&presented, key, now).or_else(|refusal| self.verify(&otherwise, key, now).map_err(|_| refusal))
                }
                Some(otherwise) if presented.key_id != key.key_id => self.verify(&otherwise, key, now),
                Some(_) | None => self.verify(&presented, key, now),
            },
            Step::VerifyToken(token) => self.redeem(&token, key, now),
            step @ (Step::Close { .. } | Step::Forward(_) | Step::Refuse { .. } | Step::Reply(_)) => return verdict(step),
        };
        verdict(socket.conclude(result, now, &mut self.desk))
    }

    fn verify(&self, presented: &Presented<'_>, key: &Arc<Credential>, now: Timestamp) -> Result<VerifiedIdentity, Refusal> {
        let credential = Some(key).filter(|key| key.key_id == presented.key_id);
        verify(presented, credential, &self.context(now))
    }

    fn redeem(&self, token: &Token, key: &Arc<Credential>, now: Timestamp) -> Result<VerifiedIdentity, Refusal> {
        redeem_token(token, Some(key), None, &self.context(now))
    }

    fn context(&self, now: Timestamp) -> VerifyContext<'_> {
        VerifyContext { now: at(now), remote: None, replay: &self.replay, nonces: &self.nonces }
    }
}

/// What became of a frame in the end.
fn verdict(step: Step<'_>) -> Result<(), Refusal> {
    match step {
        Step::Refuse { refusal, .. } => Err(refusal),
        Step::Close { .. } => Err(Reject::UnexpectedMessage.into()),
        Step::Forward(_) | Step::Reply(_) | Step::Verify(_) | Step::VerifyToken(_) => Ok(()),
    }
}

/// The desk of recorded requests: its tokens are of use to nobody.
struct VectorDesk {
    sealer: TokenSealer,
    entropy: SeededEntropy,
}

impl Desk for VectorDesk {
    fn seal(&mut self, token: &Token) -> String {
        self.sealer.seal(token, &mut self.entropy)
    }

    fn open(&self, text: &str, kind: TokenKind, purpose: Purpose, now: Timestamp) -> Result<Token, Refusal> {
        self.sealer.open(text, kind, purpose, now)
    }

    fn random(&mut self) -> [u8; 16] {
        self.entropy.array()
    }

    fn authority(&self) -> &str {
        "localhost"
    }

    fn channel(&self) -> Option<[u8; 32]> {
        None
    }
}
