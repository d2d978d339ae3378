//! The dialects' own reading, and the gateway's own verdict: what explains a request never has another opinion than what refuses it.

use std::sync::Arc;

use countersign_core::{
    AccountId, Credential, CredentialId, Freshness, MemoryNonceGuard, MemoryReplayGuard, Monotonic, Now, Presented, Purpose, Refusal,
    Reject, Secret, Timestamp, Token, TokenKind, Verifier, VerifyContext, verify,
};
use countersign_dialects::binance::ws_api::{self, WsApiSession};
use countersign_dialects::dialect::{Answer, Security};
use countersign_dialects::routes::SocketKind;
use countersign_dialects::socket::{Desk, Opening, Step};
use countersign_dialects::{Dialect, registry};

use crate::draft::frame;
use crate::request::Request;

/// What a dialect makes of a message.
#[expect(clippy::large_enum_variant, reason = "made once per explanation")]
pub(crate) enum Reading<'m> {
    Presented(Presented<'m>),
    Refused(Refusal),
    /// It shows a token of the gateway, or needs no proof.
    NoProof(&'static str),
}

const OWN_TOKEN: &str = "it shows a token that the gateway gave out; only the gateway can open it";

/// What a dialect makes of a request.
pub(crate) fn of_request(dialect: &'static dyn Dialect, request: &Request) -> Reading<'static> {
    // The view's life ends here, so what is borrowed from it is copied.
    match dialect.present(&request.view(), Security::Signed) {
        Answer::Malformed(refusal) => Reading::Refused(refusal),
        Answer::NotMine => Reading::NoProof("the endpoint needs no proof"),
        Answer::Presented(presented) => Reading::Presented(owned(&presented)),
        Answer::Token { .. } => Reading::NoProof(OWN_TOKEN),
    }
}

/// The same proof, borrowed from nothing.
pub(crate) fn owned(presented: &Presented<'_>) -> Presented<'static> {
    let signed = countersign_core::SignedBytes::from_piece(presented.signed.contiguous().into_owned());
    Presented {
        purpose: presented.purpose,
        key_id: presented.key_id.clone(),
        signature: presented.signature.clone(),
        signed,
        passphrase: presented.passphrase.clone(),
        freshness: presented.freshness,
        once: presented.once.clone(),
        effect: presented.effect,
    }
}

/// What the sockets of a dialect make of a frame: the first that finds a proof in it. Where a frame can be read in two ways, the other
/// one is taken if it `fits`.
pub(crate) fn of_frame(
    dialect: &'static dyn Dialect,
    text: &str,
    now: Timestamp,
    fits: &dyn Fn(&Presented<'_>) -> bool,
) -> Reading<'static> {
    if dialect.purpose() == Purpose::Binance {
        return match WsApiSession::new(now).handle_text(text, now) {
            ws_api::Step::Verify(pending) => Reading::Presented(owned(&pending.presented)),
            ws_api::Step::Reply(reply) => {
                reply.refusal().cloned().map_or(Reading::NoProof("it is answered without a proof"), Reading::Refused)
            }
            ws_api::Step::Forward(..) | ws_api::Step::ForwardAs(..) | ws_api::Step::ForwardInSession(..) => {
                Reading::NoProof("it carries no proof")
            }
            ws_api::Step::ListenKey(..) => Reading::NoProof("it names a key and proves nothing"),
        };
    }
    let challenge = frame::member(text, "original_challenge");
    let now = Now { wall: now, mono: Monotonic::from_micros(now.as_micros()) };
    let mut reading = Reading::NoProof("the dialect has no such socket");
    for route in dialect.socket_routes().iter().filter(|route| route.kind == SocketKind::Dialect) {
        let path = route.path.replace('*', "linear");
        let opening = Opening { target: &path, now, issued_challenge: challenge.as_deref() };
        let Some(mut socket) = dialect.open_socket(&opening) else { continue };
        reading = match socket.handle_text(text, now.wall, &mut Nobody) {
            Step::Verify(presented) => {
                let first = owned(&presented);
                return Reading::Presented(socket.take_other_reading().filter(|other| fits(other)).unwrap_or(first));
            }
            // Another socket of the venue would call the same frame malformed.
            Step::VerifyToken(_) => return Reading::NoProof(OWN_TOKEN),
            Step::Refuse { refusal, .. } if refusal.reject == Reject::TokenInvalid => return Reading::NoProof(OWN_TOKEN),
            Step::Refuse { refusal, .. } => Reading::Refused(refusal),
            Step::Close { .. } | Step::Forward(_) | Step::Reply(_) => Reading::NoProof("it carries no proof"),
        };
    }
    reading
}

/// A desk without keys: it opens no token.
struct Nobody;

impl Desk for Nobody {
    fn seal(&mut self, _: &Token) -> String {
        String::new()
    }

    fn open(&self, _: &str, _: TokenKind, _: Purpose, _: Timestamp) -> Result<Token, Refusal> {
        Err(Reject::TokenInvalid.into())
    }

    fn random(&mut self) -> [u8; 16] {
        [0; 16]
    }

    fn authority(&self) -> &str {
        "localhost"
    }

    fn channel(&self) -> Option<[u8; 32]> {
        None
    }
}

/// The verdict of the one verification path on a proof alone: with guards that remember nothing, at the time of arrival, or without
/// one at a time that the proof itself is fresh at.
#[expect(clippy::unwrap_in_result, reason = "the names are constants")]
pub(crate) fn verdict(
    presented: &Presented<'_>,
    verifier: Verifier,
    passphrase: Option<&Secret>,
    at: Option<Timestamp>,
) -> Result<(), Refusal> {
    let name = || "explained".to_owned();
    let credential = Credential {
        passphrase: passphrase.cloned(),
        ..Credential::new(
            CredentialId::parse(&name()).expect("a plain word is an id"),
            AccountId::parse(&name()).expect("a plain word is an account"),
            presented.purpose,
            presented.key_id.clone(),
            verifier,
        )
    };
    let wall = at.unwrap_or_else(|| fresh_at(presented.freshness));
    let (replay, nonces) = (MemoryReplayGuard::default(), MemoryNonceGuard::default());
    let context =
        VerifyContext { now: Now { wall, mono: Monotonic::from_micros(wall.as_micros()) }, remote: None, replay: &replay, nonces: &nonces };
    verify(presented, Some(&Arc::new(credential)), &context).map(drop)
}

/// A time at which a proof is fresh.
fn fresh_at(freshness: Freshness) -> Timestamp {
    match freshness {
        Freshness::Channel | Freshness::Unbound => Timestamp::from_micros(0),
        Freshness::Issued { not_before, .. } => not_before,
        Freshness::Nonce { nonce, .. } => Timestamp::from_millis(nonce),
        Freshness::Validity { not_before, not_after, .. } => {
            not_before.unwrap_or_else(|| not_after.saturating_sub(std::time::Duration::from_secs(1)))
        }
        Freshness::Window { timestamp, .. } => timestamp,
    }
}

/// The dialect of a purpose.
pub(crate) fn dialect(purpose: Purpose) -> Option<&'static dyn Dialect> {
    registry::of_purpose(purpose)
}
