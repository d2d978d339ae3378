//! A JSON-RPC call, read from a WebSocket frame, the body of a request or the query of a GET.
//!
//! Values keep the text they had. A name that stands twice is refused: readers differ in which one they take.

use std::borrow::Cow;

use countersign_core::{Detail, Refusal, Reject};
use serde_json::value::RawValue;

use super::methods::Method;
use crate::answer::quoted;
use crate::dialect::RequestView;
use crate::fields::{member, pair};
use crate::limits;
use crate::raw_object::{RawObject, is_alike, literal};

/// Where every method is over HTTP.
pub const PATH_PREFIX: &str = "/api/v2/";

/// Where all of them are, named in the body of a POST.
pub const ENDPOINT: &str = "/api/v2";

/// The parameter that is a token.
const TOKEN: &str = "access_token";

/// One call.
#[derive(Debug)]
pub struct Call<'m> {
    /// Its id as it stood there; `None` without a usable one.
    pub id: Option<&'m str>,
    /// The method.
    pub method: Cow<'m, str>,
    /// The parameters.
    pub params: Params<'m>,
}

/// Parameters of a call.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once per call and read at once; a box would cost an allocation")]
pub enum Params<'m> {
    /// Of a frame or a body.
    Json(RawObject<'m>),
    /// Of a GET without a body, percent-encoded.
    Query(&'m str),
}

pub(super) fn malformed(parameter: &'static str) -> Refusal {
    Refusal::with(Reject::Malformed, Detail::Parameter(parameter))
}

/// The id of a text, if it can be read at all.
#[must_use]
pub fn id_of(text: &str) -> Option<&str> {
    let object: RawObject<'_> = (text.len() <= limits::FRAME_BYTES_MAX).then(|| serde_json::from_str(text).ok()).flatten()?;
    id_in(&object)
}

fn id_in<'m>(object: &RawObject<'m>) -> Option<&'m str> {
    let text = object.member("id")?.get();
    let fine = match text.as_bytes() {
        [b'"', ..] => text.len() <= limits::RPC_ID_CHARS_MAX && literal(object.member("id")?).is_some(),
        [b'-', digits @ ..] | digits => digits.len() <= limits::REQUEST_ID_DIGITS_MAX && digits.iter().all(u8::is_ascii_digit),
    };
    fine.then_some(text)
}

impl<'m> Call<'m> {
    /// Reads a frame or a body.
    ///
    /// # Errors
    /// [`Reject::TooLarge`], [`Reject::Malformed`].
    pub fn read(text: &'m str) -> Result<Self, Refusal> {
        if text.len() > limits::FRAME_BYTES_MAX {
            return Err(Reject::TooLarge.into());
        }
        let object: RawObject<'m> = serde_json::from_str(text).map_err(|_| malformed("body"))?;
        let method = object.only_member("method").filter(|value| value.get().starts_with('"')).and_then(literal);
        let method = method.ok_or_else(|| malformed("method"))?;
        let params = match member(&object, "params")?.filter(|params| params.get() != "null") {
            Some(params) => serde_json::from_str(params.get()).map_err(|_| malformed("params"))?,
            None => RawObject::default(),
        };
        Ok(Self { id: id_in(&object), method, params: Params::Json(params) })
    }

    /// Reads a request: the method is in its path, the parameters in the body of a POST or GET, else in the query; or all of it is in the
    /// body.
    ///
    /// # Errors
    /// As [`Call::read`]; [`Reject::Malformed`] for a body that names another method than the path, and for parameters in body and
    /// query of a GET, or beside a body that names its method: readers differ in which they take.
    pub fn of_request(request: &RequestView<'m>) -> Result<Self, Refusal> {
        if is_at_endpoint(request) {
            let call = Self::read(str::from_utf8(request.body).map_err(|_| malformed("body"))?)?;
            return if request.query().is_empty() { Ok(call) } else { Err(malformed("query")) };
        }
        let method = method_in_path(request).ok_or(Reject::RouteUnknown)?;
        if has_call(request) {
            let body = str::from_utf8(request.body).map_err(|_| malformed("body"))?;
            let call = Self::read(body)?;
            if call.method != method {
                return Err(malformed("method"));
            }
            if request.method == "GET" && !request.query().is_empty() {
                return Err(malformed("body"));
            }
            return Ok(call);
        }
        let query = str::from_utf8(request.query()).map_err(|_| malformed("query"))?;
        Ok(Self { id: None, method: Cow::Borrowed(method), params: Params::Query(query) })
    }
}

/// Whether the body of a request is a call: that of a POST always, that of a GET as in the examples of the venue's reference. Libraries send
/// `{}` with a GET without meaning anything; what else is no call is not passed over, because the venue may read more in it than we do.
pub(super) fn has_call(request: &RequestView<'_>) -> bool {
    let names_nothing = || serde_json::from_slice::<RawObject<'_>>(request.body).is_ok_and(|body| body.is_empty());
    !request.body.is_empty() && (request.method != "GET" || !names_nothing())
}

impl Call<'_> {
    /// Whether there is a token among the parameters, or what a reader may take for one.
    pub(super) fn shows_token(&self) -> bool {
        match &self.params {
            Params::Json(params) => params.has_alike(TOKEN),
            Params::Query(_) => self.params.text(TOKEN) != Ok(None),
        }
    }

    /// The call without it: that is the gateway's.
    pub(super) fn without_token(&self) -> String {
        let mut text = String::from(r#"{"jsonrpc":"2.0","#);
        if let Some(id) = self.id {
            text.push_str(&format!(r#""id":{id},"#));
        }
        let params = match &self.params {
            Params::Json(params) => params.without(&[TOKEN]),
            Params::Query(_) => "{}".to_owned(),
        };
        text.push_str(&format!(r#""method":{},"params":{params}}}"#, quoted(&self.method)));
        text
    }
}

/// Whether the method of a request is in its body and nowhere else.
pub(super) fn is_at_endpoint(request: &RequestView<'_>) -> bool {
    request.path() == ENDPOINT.as_bytes()
}

fn method_in_path<'m>(request: &RequestView<'m>) -> Option<&'m str> {
    str::from_utf8(request.path()).ok()?.strip_prefix(PATH_PREFIX)
}

/// The method that a request names, if it is one of the table.
#[must_use]
pub fn method_of(request: &RequestView<'_>) -> Option<&'static Method> {
    if is_at_endpoint(request) {
        return Call::of_request(request).ok().and_then(|call| Method::find(&call.method));
    }
    method_in_path(request).and_then(Method::find)
}

impl<'m> Params<'m> {
    /// The text of a parameter: a string without its quotes, anything else as it stands; `None` without it.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for one that is there twice, beside one that a reader may take for it, or cannot be decoded.
    pub fn text(&self, name: &'static str) -> Result<Option<Cow<'m, str>>, Refusal> {
        match self {
            Self::Json(object) => match member(object, name)?.filter(|value| value.get() != "null") {
                Some(value) if value.get().starts_with(['{', '[']) => Err(malformed(name)),
                Some(value) => literal(value).map(Some).ok_or_else(|| malformed(name)),
                None => Ok(None),
            },
            Self::Query(query) => {
                let mut alike = query.split('&').map(pair).filter(|(each, _)| decoded(each).is_none_or(|each| is_alike(&each, name)));
                match (alike.next(), alike.next()) {
                    (None, _) => Ok(None),
                    (Some((each, value)), None) if each == name => decoded(value).map(Some).ok_or_else(|| malformed(name)),
                    (Some(_), _) => Err(malformed(name)),
                }
            }
        }
    }

    /// A parameter whose text needs no decoding: a token.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`] without it, [`Reject::Malformed`] where it is written with escapes.
    pub fn plain(&self, name: &'static str) -> Result<&'m str, Refusal> {
        match self.text(name)? {
            Some(Cow::Borrowed(text)) if !text.is_empty() => Ok(text),
            Some(Cow::Owned(_)) => Err(malformed(name)),
            Some(Cow::Borrowed(_)) | None => Err(missing(name)),
        }
    }

    /// The members of a JSON list of strings.
    pub(super) fn list(&self, name: &'static str) -> Result<Vec<String>, Refusal> {
        match self {
            Self::Json(object) => {
                let list = member(object, name)?.map(RawValue::get).ok_or_else(|| missing(name))?;
                serde_json::from_str(list).map_err(|_| malformed(name))
            }
            Self::Query(_) => Err(malformed(name)),
        }
    }
}

pub(super) fn missing(parameter: &'static str) -> Refusal {
    Refusal::with(Reject::MissingParameter, Detail::Parameter(parameter))
}

/// A form value; borrowed where nothing was encoded.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |digit: &u8| char::from(*digit).to_digit(16);
                bytes.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
                after
            }
            (b'%', _) => return None,
            (b'+', _) => {
                bytes.push(b' ');
                tail
            }
            (plain, _) => {
                bytes.push(*plain);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
