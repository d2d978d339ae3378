//! Hyperliquid: `POST /exchange` with an EIP-712 signature, `POST /info`, WebSocket.
//!
//! ```text
//!   body = {"action":{…},"nonce":ms,"signature":{"r","s","v"},"vaultAddress":…,"expiresAfter":…}
//!   connectionId = keccak(msgpack(action) || nonce (8) || 00 or 01 vault (20) [|| 00 expiresAfter (8)])
//!   signed = EIP-712 of Agent{source, connectionId} in the domain {Exchange, 1, 1337, 0x0}
//! ```
//!
//! The message does not say who signed it: the signature says so. Whoever changes the action makes it the signature of another
//! address, which nobody has registered: the refusal is that of an unknown key. `source` is `a` on the main network and `b` elsewhere;
//! vendor SDKs decide by the address they dial, so a client of this gateway may sign either. The first look-up is for `b`, what the
//! vendor's SDK signs towards any other host than its own; [`Dialect::present_otherwise`] is for `a`.
//!
//! Known are the L1 actions that trade, signed so, and those that a user signs as typed data ([`typed`]): transfers, withdrawals,
//! approvals of agents and fees. The name of an action says which of the two; the latter need the scope of withdrawals.
//!
//! Source: the vendor's Python SDK 0.24.0 and requests recorded from it and from ccxt on 2026-11-21; EIP-712. See
//! `docs/dialects/hyperliquid.md`.

pub mod action;
mod agent;
mod socket;
pub mod typed;

use std::time::Duration;

use countersign_core::{
    Address, ApiKeyId, Effect, Freshness, NonceClock, Once, Presented, PresentedSignature, Purpose, Refusal, Reject, Scope, SignatureForm,
    SignedBytes,
};
use smallvec::SmallVec;

use crate::answer::{AnswerContext, HttpAnswer, quoted};
use crate::dialect::{Answer, Dialect, Headers, RequestView, Security};
use crate::fields::{digits, malformed, member, missing, object, string, text};
use crate::kind::{Kind, kind};
use crate::limits;
use crate::login_socket::LoginSocket;
use crate::raw_object::RawObject;
use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute};
use crate::socket::{DialectSocket, Opening};

use agent::Source;
use typed::UserSigned;

/// A nonce is a time: not older than two days, not more than a day ahead (venue).
const CLOCK: NonceClock = NonceClock { behind_max: Duration::from_secs(2 * 86_400), ahead_max: Duration::from_secs(86_400) };

/// The venue keeps the highest hundred nonces of a signer.
const NONCE_WINDOW: u16 = 100;

const REST: &[RestRoute] = &[RestRoute::public("POST", "/info"), RestRoute::trade("POST", "/exchange", 1)];

const SOCKETS: &[SocketRoute] = &[
    SocketRoute { path: "/hyperliquid/ws", kind: SocketKind::Dialect, yields: false },
    SocketRoute { path: "/ws", kind: SocketKind::Dialect, yields: false },
];

const PUBLIC: &str = "subscribe.public";
const ACTION: &str = "post.action";
const USER_SIGNED: &str = "post.user-signed";

const MESSAGES: &[MessageRoute] =
    &[MessageRoute::public(PUBLIC), MessageRoute::trade(ACTION, 1), MessageRoute::scoped(USER_SIGNED, USER_SIGNED_SCOPE)];

/// What moves funds, or lets somebody else act for a user, is for keys that may withdraw.
const USER_SIGNED_SCOPE: &str = Scope::FUNDS_WITHDRAW;

/// Actions that a trading scope covers.
const ACTIONS: [&str; 13] = [
    "batchModify",
    "cancel",
    "cancelByCloid",
    "modify",
    "noop",
    "order",
    "scheduleCancel",
    "twapCancel",
    "twapOrder",
    "updateIsolatedMargin",
    "updateLeverage",
    "setReferrer",
    "reserveRequestWeight",
];

/// The dialect of Hyperliquid.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hyperliquid;

impl Dialect for Hyperliquid {
    fn purpose(&self) -> Purpose {
        Purpose::Hyperliquid
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn recognizes(&self, _: &dyn Headers) -> bool {
        // Nothing in the headers says so.
        false
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        match security {
            Security::None => Answer::NotMine,
            Security::ApiKey | Security::Signed => present(request, Source::Elsewhere).into(),
        }
    }

    fn present_otherwise<'m>(&self, request: &RequestView<'m>) -> Option<Presented<'m>> {
        check_places(request).ok()?;
        let payload = payload(request.body).ok()?;
        if is_user_signed(&payload) {
            return None;
        }
        present_payload(&payload, Source::Mainnet).ok()
    }

    fn check_places(&self, request: &RequestView<'_>) -> Result<(), Refusal> {
        check_places(request)
    }

    fn scope(&self, request: &RequestView<'_>) -> Result<Option<&'static str>, Refusal> {
        if request.body.is_empty() {
            return Ok(None);
        }
        let payload = payload(request.body)?;
        if payload.member("action").is_none() {
            return Ok(None);
        }
        match signing(&payload)?.1 {
            Signing::Agent(_) => Ok(None),
            Signing::User(signed) => {
                // Whoever logged in by a token signed nothing: what stands beside the action is looked at all the same.
                user_preimage(&payload, &signed, nonce(&payload)?)?;
                Ok(Some(USER_SIGNED_SCOPE))
            }
        }
    }

    fn refuse(&self, refusal: &Refusal, _: &AnswerContext) -> HttpAnswer {
        let (status, text) = words(refusal);
        if status == 200 {
            return HttpAnswer::json(200, format!(r#"{{"status":"err","response":{}}}"#, quoted(text))).telling_last_nonce(refusal);
        }
        HttpAnswer::json(status, quoted(text))
    }

    fn rest_routes(&self) -> &'static [RestRoute] {
        REST
    }

    fn socket_routes(&self) -> &'static [SocketRoute] {
        SOCKETS
    }

    fn message_routes(&self) -> &'static [MessageRoute] {
        MESSAGES
    }

    fn open_socket(&self, opening: &Opening<'_>) -> Option<Box<dyn DialectSocket>> {
        SOCKETS.iter().any(|route| route.path == opening.path()).then(|| LoginSocket::boxed(socket::Ws))
    }
}

/// What is asked for is in the body: no signature covers a query.
fn check_places(request: &RequestView<'_>) -> Result<(), Refusal> {
    if request.query().is_empty() { Ok(()) } else { Err(malformed("query")) }
}

fn present<'m>(request: &RequestView<'_>, source: Source) -> Result<Presented<'m>, Refusal> {
    check_places(request)?;
    present_payload(&payload(request.body)?, source)
}

/// The body of a request.
fn payload(body: &[u8]) -> Result<RawObject<'_>, Refusal> {
    if body.len() > limits::BODY_BYTES_MAX {
        return Err(Reject::TooLarge.into());
    }
    let body = str::from_utf8(body).map_err(|_| malformed("body"))?;
    if body.is_empty() {
        return Err(missing("body"));
    }
    object(body)
}

/// How an action is signed.
enum Signing {
    /// As what an agent does: of the kind that trading covers, with what it is of effect.
    Agent(Effect),
    /// As typed data of its own.
    User(UserSigned),
}

/// The action of a payload as it stands, and how it is signed: its name says so.
fn signing<'p>(payload: &RawObject<'p>) -> Result<(&'p str, Signing), Refusal> {
    let text = member(payload, "action")?.ok_or_else(|| malformed("action"))?.get();
    let action = object(text)?;
    let kind = string(&action, "type").ok_or_else(|| malformed("action"))?;
    for list in ["orders", "modifies"] {
        member(&action, list)?;
    }
    if let Some(signed) = UserSigned::read(&kind, &action) {
        return Ok((text, Signing::User(signed?)));
    }
    if !ACTIONS.contains(&kind.as_str()) {
        return Err(Refusal::operator(Reject::Unsupported, "an action that no scope covers"));
    }
    // `scheduleCancel` sets a timer or stops it.
    let cancels = matches!(kind.as_str(), "cancel" | "cancelByCloid" | "twapCancel");
    Ok((text, Signing::Agent(if cancels { Effect::Cancel } else { Effect::Write })))
}

/// Whether the action of a payload is signed by a user: then it names its network, and there is one reading of it.
fn is_user_signed(payload: &RawObject<'_>) -> bool {
    matches!(signing(payload), Ok((_, Signing::User(_))))
}

/// The proof of an action, as the body of a request or the payload of a message.
fn present_payload<'f>(payload: &RawObject<'_>, source: Source) -> Result<Presented<'f>, Refusal> {
    let (action, signing) = signing(payload)?;
    let nonce = nonce(payload)?;
    let (signed, effect) = match signing {
        Signing::Agent(effect) => (agent_preimage(payload, action, nonce, source)?, effect),
        Signing::User(signed) => (user_preimage(payload, &signed, nonce)?, Effect::Write),
    };
    let signature = signature(payload)?;
    let signer = signature.as_deref().and_then(|bytes| Address::recover(&signed, bytes));
    // Nobody's signature is that of a key nobody has.
    let signer = signer.unwrap_or(Address::from_bytes([0; 20]));
    Ok(Presented {
        purpose: Purpose::Hyperliquid,
        key_id: key_id(signer),
        signature: PresentedSignature {
            form: SignatureForm::Implied(countersign_core::Algorithm::EcdsaSecp256k1Recoverable),
            bytes: signature,
        },
        signed: SignedBytes::from_piece(signed),
        passphrase: None,
        freshness: Freshness::Nonce { nonce, window_min: NONCE_WINDOW, clock: Some(CLOCK) },
        once: Once::Freshness,
        effect,
    })
}

fn nonce(payload: &RawObject<'_>) -> Result<u64, Refusal> {
    digits(&text(payload, "nonce").ok_or_else(|| malformed("nonce"))?, "nonce")
}

/// A member that may be `null`.
fn optional<'p>(payload: &RawObject<'p>, name: &'static str) -> Result<Option<&'p serde_json::value::RawValue>, Refusal> {
    Ok(member(payload, name)?.filter(|value| value.get() != "null"))
}

fn agent_preimage(payload: &RawObject<'_>, action: &str, nonce: u64, source: Source) -> Result<Vec<u8>, Refusal> {
    let vault = match optional(payload, "vaultAddress")? {
        Some(_) => Some(string(payload, "vaultAddress").and_then(|text| Address::parse(&text)).ok_or_else(|| malformed("vaultAddress"))?),
        None => None,
    };
    let expires = optional(payload, "expiresAfter")?.map(|value| digits(value.get(), "expiresAfter")).transpose()?;
    let packed = action::msgpack(action).ok_or_else(|| malformed("action"))?;
    Ok(agent::preimage(source, &agent::connection_id(&packed, nonce, vault, expires)))
}

/// The signature covers the action alone: the nonce beside it is the same, and a vault or an end beside it would be anybody's.
fn user_preimage(payload: &RawObject<'_>, signed: &UserSigned, nonce: u64) -> Result<Vec<u8>, Refusal> {
    if signed.nonce != nonce {
        return Err(Refusal::operator(Reject::Malformed, "the nonce is another one than the action's"));
    }
    for name in ["vaultAddress", "expiresAfter"] {
        if optional(payload, name)?.is_some() {
            return Err(malformed(name));
        }
    }
    Ok(signed.preimage())
}

fn key_id(signer: Address) -> ApiKeyId {
    ApiKeyId::parse(&signer.to_string()).expect("an address is visible ASCII")
}

/// `{"r":"0x…","s":"0x…","v":27}` as `r || s || v`; numbers may lack leading zeros. `None`: no encoding of any.
fn signature(payload: &RawObject<'_>) -> Result<Option<SmallVec<[u8; 64]>>, Refusal> {
    let signature = payload.member("signature").filter(|value| !matches!(value.get(), "null" | r#""""#));
    let signature = signature.ok_or_else(|| missing("signature"))?;
    let signature = object(signature.get())?;
    let number = |name| string(&signature, name).filter(|text| !text.is_empty());
    let (r, s, v) = (number("r"), number("s"), text(&signature, "v"));
    let (Some(r), Some(s), Some(v)) = (r, s, v) else { return Err(missing("signature")) };
    let word = |text: &str| {
        let digits = text.strip_prefix("0x")?;
        let padded = format!("{digits:0>64}");
        (padded.len() == 64).then(|| hex::decode(padded).ok()).flatten()
    };
    let bytes = || {
        let mut bytes = SmallVec::from_vec(word(&r)?);
        bytes.extend_from_slice(&word(&s)?);
        bytes.push(v.parse().ok()?);
        Some(bytes)
    };
    Ok(bytes())
}

/// HTTP status and text of a refusal; the venue answers 200 to all that reached it.
fn words(refusal: &Refusal) -> (u16, &'static str) {
    match kind(refusal) {
        Kind::Credential | Kind::Missing => (200, "User or API Wallet does not exist."),
        Kind::Forbidden => (200, "The API wallet is not allowed to do this."),
        Kind::Invalid => (422, "Failed to deserialize the JSON body into the target type"),
        Kind::Rate => (429, "Too many requests"),
        Kind::Replay | Kind::Time => (200, "Invalid nonce: duplicate nonce"),
        Kind::Route => (404, "Not Found"),
        Kind::TooLarge => (413, "Payload Too Large"),
        Kind::Unavailable => (503, "Service Unavailable"),
    }
}

#[cfg(test)]
mod tests;
