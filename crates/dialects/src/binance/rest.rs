//! Signed REST requests.
//!
//! ```text
//!   X-MBX-APIKEY: <key>
//!   POST /api/v3/order?symbol=BTCUSDT&side=BUY&          timestamp=1795222310484&signature=<hex or base64>
//!                      └────────── query ──────┘         └──────────── body ──┘ └── taken out with one & ─┘
//!   signed text =      symbol=BTCUSDT&side=BUY&timestamp=1795222310484
//! ```
//!
//! The signed text is the query without `signature`, immediately followed by the body without `signature`, byte for byte as
//! received. Neither method nor path is signed: the gateway's route table binds a request to its route, and its replay guard
//! accepts each signed text once for a write.
//!
//! The text has no mark where the query ends. Whoever moves that cut through a parameter leaves a part without an equals sign, so
//! such parts are refused ([`Fault::ParameterWithoutValue`]); a cut between two parameters changes nothing.
//!
//! A body that is a JSON object or array is signed like any other, but holds no parameters of ours.

use std::ops::Range;

use countersign_core::{ApiKeyId, Effect, Once, Presented, Purpose, Refusal, SignedBytes};
use smallvec::SmallVec;

use super::fault::Fault;
use super::reject_body::RejectBody;
use super::{NAME, rate, routes, signature, window};
use crate::answer::{AnswerContext, Charged, HttpAnswer, RateHeaders};
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::routes::RestRoute;
use crate::{effect, limits};

/// The header that names the key, in lower case.
pub const API_KEY_HEADER: &str = "x-mbx-apikey";

/// The REST side of the dialect.
#[derive(Clone, Copy, Debug, Default)]
pub struct BinanceRest;

impl Dialect for BinanceRest {
    fn name(&self) -> &'static str {
        NAME
    }

    fn purpose(&self) -> Purpose {
        Purpose::Binance
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        match security {
            Security::None => Answer::NotMine,
            Security::ApiKey => match unsigned_key(request) {
                Ok(true) => Answer::NotMine,
                Ok(false) => present_signed(request).into(),
                Err(fault) => Answer::Malformed(fault.into()),
            },
            Security::Signed => present_signed(request).into(),
        }
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[API_KEY_HEADER]
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        headers.find(API_KEY_HEADER) != Header::Absent
    }

    fn refuse(&self, refusal: &Refusal, context: &AnswerContext) -> HttpAnswer {
        RejectBody::of(refusal, context).http()
    }

    fn rate_headers(&self, charged: &Charged, _: &AnswerContext) -> RateHeaders {
        let used = charged.weight.map_or(0, |weight| weight.used);
        let headers = rate::headers(used, charged.orders.map(|orders| orders.used));
        headers.into_iter().map(|(name, count)| (name, count.to_string().into())).collect()
    }

    fn unrouted_paths(&self) -> &'static [&'static str] {
        routes::UNROUTED
    }

    fn rest_routes(&self) -> &'static [RestRoute] {
        routes::REST
    }
}

/// For routes that only need a key to be named: `true` when the request names one and is not signed.
fn unsigned_key(request: &RequestView<'_>) -> Result<bool, Fault> {
    api_key(request)?;
    Ok(Parameters::read(request)?.signature.is_none())
}

fn present_signed<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let parameters = Parameters::read(request)?;
    let key_id = api_key(request)?;
    let signature = parameters.signature.filter(|found| !found.value.is_empty()).ok_or(Fault::SignatureMissing)?;
    let freshness = window::freshness(parameters.timestamp, parameters.recv_window)?;
    Ok(Presented {
        purpose: Purpose::Binance,
        key_id,
        signature: signature::from_form(signature.value),
        signed: signed_bytes(request, &signature),
        passphrase: None,
        freshness,
        once: Once::SignedBytes,
        effect: effect(request),
    })
}

/// `GET` and `HEAD` read; everything else is taken to change something, but for the `DELETE`s that cancel.
fn effect(request: &RequestView<'_>) -> Effect {
    match request.method {
        "GET" | "HEAD" => Effect::Read,
        "DELETE" => effect::of_request(Purpose::Binance, routes::REST, request.method, request.path()),
        _ => Effect::Write,
    }
}

/// The key that a request names, proved or not.
pub(super) fn api_key(request: &RequestView<'_>) -> Result<ApiKeyId, Fault> {
    let text = match request.headers.find(API_KEY_HEADER) {
        Header::Absent | Header::Once([]) => return Err(Fault::ApiKeyHeaderMissing),
        Header::Once(text) => text,
        Header::Repeated => return Err(Fault::ApiKeyRepeated),
    };
    let text = str::from_utf8(text).map_err(|_| Fault::ApiKeyMalformed)?;
    ApiKeyId::parse(text).map_err(|_| Fault::ApiKeyMalformed)
}

/// Where a parameter was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Body,
    Query,
}

/// The signature parameter and its place.
#[derive(Clone, Debug)]
struct Found<'m> {
    part: Part,
    /// Of `signature=…` within its part.
    place: Range<usize>,
    value: &'m [u8],
}

/// The parameters that the signature rule needs.
#[derive(Debug, Default)]
struct Parameters<'m> {
    signature: Option<Found<'m>>,
    timestamp: Option<&'m [u8]>,
    recv_window: Option<&'m [u8]>,
    names: Names<'m>,
}

impl<'m> Parameters<'m> {
    fn read(request: &RequestView<'m>) -> Result<Self, Fault> {
        if request.body.len() > limits::BODY_BYTES_MAX {
            return Err(Fault::BodyTooLarge);
        }
        let mut parameters = Self::default();
        parameters.read_part(Part::Query, request.query())?;
        if !is_json(request.body) {
            parameters.read_part(Part::Body, request.body)?;
        }
        Ok(parameters)
    }

    /// One pass over the text: this is the hot part of every signed request.
    fn read_part(&mut self, part: Part, text: &'m [u8]) -> Result<(), Fault> {
        let mut start = 0;
        while start < text.len() {
            let Some(equals) = name_end(text, start)? else {
                start += 1;
                continue;
            };
            let end = text[equals..].iter().position(|byte| *byte == b'&').map_or(text.len(), |length| equals + length);
            self.take(part, &text[start..equals], &text[equals + 1..end], start..end)?;
            start = end + 1;
        }
        Ok(())
    }

    fn take(&mut self, part: Part, name: &'m [u8], value: &'m [u8], place: Range<usize>) -> Result<(), Fault> {
        self.names.add(name)?;
        match name {
            b"recvWindow" => self.recv_window = Some(value),
            b"signature" => self.signature = Some(Found { part, place, value }),
            b"timestamp" => self.timestamp = Some(value),
            _ => {}
        }
        Ok(())
    }
}

/// Where the name that starts at `start` ends: at an equals sign. `None` when there is nothing between two separators.
fn name_end(text: &[u8], start: usize) -> Result<Option<usize>, Fault> {
    let length = text[start..].iter().position(|byte| !IS_NAME[usize::from(*byte)]).ok_or(Fault::ParameterWithoutValue)?;
    match (length, text[start + length]) {
        (0, b'&') => Ok(None),
        (1.., b'=') => Ok(Some(start + length)),
        (_, b'&') => Err(Fault::ParameterWithoutValue),
        (_, _) => Err(Fault::ParameterNameIllegal),
    }
}

/// The bytes that names have, as a table.
static IS_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']');
        byte += 1;
    }
    table
};

/// The names seen so far, query and body together.
#[derive(Debug, Default)]
struct Names<'m> {
    seen: SmallVec<[&'m [u8]; 24]>,
    /// One bit of 64 per name, by a sum over its bytes: most new names are new by this alone.
    marks: u64,
}

impl<'m> Names<'m> {
    fn add(&mut self, name: &'m [u8]) -> Result<(), Fault> {
        let mark = 1_u64 << (name.iter().fold(name.len(), |sum, byte| sum.wrapping_mul(5).wrapping_add(usize::from(*byte))) % 64);
        if self.marks & mark != 0 && self.seen.contains(&name) {
            return Err(Fault::ParameterRepeated);
        }
        if self.seen.len() == limits::PARAMETERS_MAX {
            return Err(Fault::ParametersTooMany);
        }
        self.marks |= mark;
        self.seen.push(name);
        Ok(())
    }
}

/// Whether a body is a JSON object or array: then it is no form, whatever its content type says. Clients are known to label forms
/// as JSON, and a form cannot start so: names have no brackets at their beginning.
fn is_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// Query and body as received, without the signature and the one `&` that joined it to the rest of its part.
fn signed_bytes<'m>(request: &RequestView<'m>, signature: &Found<'m>) -> SignedBytes<'m> {
    let mut signed = SignedBytes::new();
    for (part, text) in [(Part::Query, request.query()), (Part::Body, request.body)] {
        if part == signature.part {
            let (before, after) = without(text, &signature.place);
            signed.push(before);
            signed.push(after);
        } else {
            signed.push(text);
        }
    }
    signed
}

/// What is left before and after `text[place]` and one adjoining `&`: the one before it, else the one after it.
fn without<'m>(text: &'m [u8], place: &Range<usize>) -> (&'m [u8], &'m [u8]) {
    match place.start.checked_sub(1) {
        Some(before) => (&text[..before], &text[place.end..]),
        None => (&[], text.get(place.end + 1..).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
