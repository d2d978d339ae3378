//! The `Authorization` header of an HTTP request.
//!
//! ```text
//!   deri-hmac-sha256 id=<key>,ts=<ms>,sig=<hex>,nonce=<text>      members in any order
//!   signed text = ts \n nonce \n METHOD \n target \n body \n      target with its query, as sent
//!   Bearer <access_token>                                         a token of ours
//! ```
//!
//! Each pair of time and nonce is accepted once for a key, whatever the request does.

use countersign_core::{
    Algorithm, ApiKeyId, Detail, Effect, Freshness, Once, Presented, PresentedSignature, Purpose, Refusal, Reject, SignatureForm,
    SignedBytes, Timestamp, TokenKind,
};
use smallvec::SmallVec;

use super::methods;
use super::rpc::{malformed, method_of};
use crate::dialect::{Answer, Header, Headers, RequestView};
use crate::effect;
use crate::limits;

/// The scheme of signed requests.
pub const SCHEME: &str = "deri-hmac-sha256";

pub(super) const HEADER: &str = "authorization";

fn missing(parameter: &'static str) -> Refusal {
    Refusal::with(Reject::MissingCredentials, Detail::Parameter(parameter))
}

/// Scheme and the rest of the header.
pub(super) fn scheme(headers: &dyn Headers) -> Result<(&str, &str), Refusal> {
    let value = match headers.find(HEADER) {
        Header::Absent | Header::Once([]) => return Err(missing(HEADER)),
        Header::Once(value) => value,
        Header::Repeated => return Err(malformed(HEADER)),
    };
    str::from_utf8(value).ok().and_then(|text| text.split_once(' ')).ok_or_else(|| malformed(HEADER))
}

/// What the header of a request presents.
pub(super) fn present<'m>(request: &RequestView<'m>) -> Answer<'m> {
    match scheme(request.headers) {
        Err(refusal) => Answer::Malformed(refusal),
        Ok((name, rest)) if name.eq_ignore_ascii_case(SCHEME) => signed(request, rest).into(),
        Ok((name, rest)) if name.eq_ignore_ascii_case("bearer") => Answer::Token { text: rest.trim_matches(' '), kind: TokenKind::Access },
        Ok(_) => Answer::Malformed(missing(HEADER)),
    }
}

/// The members of the header.
#[derive(Default)]
struct Members<'h> {
    id: Option<&'h str>,
    nonce: Option<&'h str>,
    sig: Option<&'h str>,
    ts: Option<&'h str>,
}

impl<'h> Members<'h> {
    fn read(text: &'h str) -> Result<Self, Refusal> {
        let mut members = Self::default();
        for member in text.split(',') {
            let (name, value) = member.trim_matches(' ').split_once('=').ok_or_else(|| malformed(HEADER))?;
            let place = match name {
                "id" => &mut members.id,
                "nonce" => &mut members.nonce,
                "sig" => &mut members.sig,
                "ts" => &mut members.ts,
                _ => return Err(malformed(HEADER)),
            };
            if place.replace(value).is_some() {
                return Err(malformed(HEADER));
            }
        }
        Ok(members)
    }
}

fn signed<'m>(request: &RequestView<'m>, text: &str) -> Result<Presented<'m>, Refusal> {
    let members = Members::read(text)?;
    let there = |member: Option<&'_ str>, name| member.filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(|| missing(name));
    let (id, sig) = (there(members.id, "id")?, there(members.sig, "sig")?);
    let (ts, nonce) = (there(members.ts, "ts")?, there(members.nonce, "nonce")?);
    let mut signed = SignedBytes::from_piece(format!("{ts}\n{nonce}\n{}\n", request.method).into_bytes());
    signed.push(request.target);
    signed.push(&b"\n"[..]);
    signed.push(request.body);
    signed.push(&b"\n"[..]);
    let bytes = (sig.len() <= limits::SIGNATURE_TEXT_BYTES_MAX).then(|| hex::decode(&sig).ok()).flatten();
    Ok(Presented {
        purpose: Purpose::Deribit,
        key_id: ApiKeyId::parse(&id).map_err(|_| malformed("id"))?,
        // The scheme names the MAC.
        signature: PresentedSignature { form: SignatureForm::Explicit(Algorithm::HmacSha256), bytes: bytes.map(SmallVec::from_vec) },
        signed,
        passphrase: None,
        freshness: window(&ts)?,
        once: once("http", &ts, &nonce)?,
        effect: effect_of(request),
    })
}

/// A GET that trades writes.
fn effect_of(request: &RequestView<'_>) -> Effect {
    let path = method_of(request).map_or_else(|| request.path(), |method| method.path.as_bytes());
    effect::of_request(Purpose::Deribit, methods::REST, request.method, path)
}

/// A minute to both sides of our clock.
pub(super) fn window(ts: &str) -> Result<Freshness, Refusal> {
    let fine = !ts.is_empty() && ts.bytes().all(|byte| byte.is_ascii_digit());
    let millis = fine.then(|| ts.parse().ok()).flatten().ok_or_else(|| malformed("timestamp"))?;
    Ok(Freshness::Window {
        timestamp: Timestamp::from_millis(millis),
        recv_window: limits::DERIBIT_WINDOW,
        ahead_max: limits::DERIBIT_WINDOW,
    })
}

/// What is remembered: time and nonce, apart for requests and logins.
pub(super) fn once(kind: &str, ts: &str, nonce: &str) -> Result<Once, Refusal> {
    if nonce.len() > limits::RPC_NONCE_BYTES_MAX || nonce.contains('\n') {
        return Err(malformed("nonce"));
    }
    Ok(Once::Nonce(SmallVec::from_vec(format!("{kind}\n{ts}\n{nonce}").into_bytes())))
}
