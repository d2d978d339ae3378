//! A frame of the WebSocket API, read without losing a literal.
//!
//! Members keep the text they had on the wire. A name that stands twice, at the top or in `params`, is refused: readers differ
//! in which one they take.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::binance::fault::Fault;
use crate::limits;
use crate::raw_object::{RawObject, literal};

/// The id of a request, as it stands on the wire: it is echoed, never interpreted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId<'f>(&'f str);

impl<'f> RequestId<'f> {
    /// `null`: the id of a reply to a frame without a usable one.
    pub const NULL: RequestId<'static> = RequestId("null");

    fn read(value: &'f RawValue) -> Option<Self> {
        let text = value.get();
        let fine = match text.as_bytes() {
            b"null" => true,
            [b'"', ..] => literal(value)?.chars().count() <= limits::REQUEST_ID_CHARS_MAX,
            [b'-', digits @ ..] | digits => digits.len() <= limits::REQUEST_ID_DIGITS_MAX && digits.iter().all(u8::is_ascii_digit),
        };
        fine.then_some(Self(text))
    }

    /// The JSON text.
    #[must_use]
    pub const fn as_json(self) -> &'f str {
        self.0
    }
}

/// A request.
#[derive(Debug)]
pub struct Frame<'f> {
    /// The frame as received: what is forwarded.
    pub text: &'f str,
    /// Its id.
    pub id: RequestId<'f>,
    /// Its method, with the version prefix if it had one.
    pub method: Cow<'f, str>,
    /// Its parameters.
    pub params: RawObject<'f>,
}

/// Why a frame was not read, and the id to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError<'f> {
    /// The id, if it could be read.
    pub id: RequestId<'f>,
    /// What is wrong.
    pub fault: Fault,
}

impl<'f> Frame<'f> {
    /// Reads a text frame.
    ///
    /// # Errors
    /// [`FrameError`] for anything that is not one request in the documented form.
    pub fn read(text: &'f str) -> Result<Self, FrameError<'f>> {
        let anonymous = |fault| FrameError { id: RequestId::NULL, fault };
        if text.len() > limits::FRAME_BYTES_MAX {
            return Err(anonymous(Fault::FrameTooLarge));
        }
        let object: RawObject<'f> = serde_json::from_str(text).map_err(|_| anonymous(Fault::FrameNotJson))?;
        let id = object.member("id").ok_or_else(|| anonymous(Fault::FrameIdMissing))?;
        let id = RequestId::read(id).ok_or_else(|| anonymous(Fault::FrameIdMalformed))?;
        let named = |fault| FrameError { id, fault };
        let method = object.only_member("method").and_then(method_name).ok_or_else(|| named(Fault::FrameMethodMalformed))?;
        let params = match object.optional_member("params").map_err(|_| named(Fault::FrameParamsMalformed))? {
            Some(params) => serde_json::from_str(params.get()).map_err(|_| named(Fault::FrameParamsMalformed))?,
            None => RawObject::default(),
        };
        Ok(Self { text, id, method, params })
    }

    /// The literal text of a parameter; `None` when it is absent, `null` or empty.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'f, str>> {
        let value = self.params.member(name).filter(|value| value.get() != "null")?;
        literal(value).filter(|text| !text.is_empty())
    }
}

fn method_name(value: &RawValue) -> Option<Cow<'_, str>> {
    literal(value).filter(|name| value.get().starts_with('"') && !name.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fault(text: &str) -> Fault {
        Frame::read(text).unwrap_err().fault
    }

    #[test]
    fn keeps_every_literal() {
        let frame =
            Frame::read(r#" {"id":"a","method":"v3/order.place","params":{"a":1.0,"b":1e3,"c":true,"d":"1\u0031","e":[1, 2],"f":-0}} "#);
        let frame = frame.unwrap();
        assert_eq!(frame.method, "v3/order.place");
        let literals: Vec<_> = frame.params.members().map(|(name, value)| format!("{name}={}", literal(value).unwrap())).collect();
        assert_eq!(literals, ["a=1.0", "b=1e3", "c=true", "d=11", "e=[1, 2]", "f=-0"]);
    }

    #[test]
    fn ids_are_short_strings_integers_or_null() {
        for id in ["\"\"", "\"d9ac143b-8c7d-4fa0-af6a-395788490094\"", "0", "-7", "9223372036854775807", "null"] {
            let text = format!(r#"{{"id":{id},"method":"ping"}}"#);
            assert_eq!(Frame::read(&text).unwrap().id.as_json(), id);
        }
        for id in ["1.0", "1e3", "true", "[]", "{}", "123456789012345678901", "\"d9ac143b-8c7d-4fa0-af6a-395788490094x\"", "\"\\ud800\""] {
            assert_eq!(fault(&format!(r#"{{"id":{id},"method":"ping"}}"#)), Fault::FrameIdMalformed, "{id}");
        }
        assert_eq!(fault(r#"{"method":"ping"}"#), Fault::FrameIdMissing);
    }

    #[test]
    fn repeated_names_are_refused_however_they_are_spelled() {
        assert_eq!(fault(r#"{"id":1,"id":2,"method":"ping"}"#), Fault::FrameNotJson);
        assert_eq!(fault(r#"{"id":1,"method":"ping","params":{"a":1,"a":1}}"#), Fault::FrameParamsMalformed);
        assert_eq!(fault(r#"{"id":1,"method":"ping","params":{"a":1,"\u0061":1}}"#), Fault::FrameParamsMalformed);
        assert_eq!(fault(r#"{"id":1,"method":"ping","m\u0065thod":"time"}"#), Fault::FrameNotJson);
    }

    #[test]
    fn a_twin_of_what_decides_is_refused() {
        assert_eq!(fault(r#"{"id":1,"method":"ping","Method":"order.place"}"#), Fault::FrameMethodMalformed);
        assert_eq!(fault(r#"{"id":1,"METHOD":"order.place"}"#), Fault::FrameMethodMalformed);
        assert_eq!(fault(r#"{"id":1,"method":"time","params":{},"Params":{"symbol":"BTCUSDT"}}"#), Fault::FrameParamsMalformed);
        assert_eq!(fault(r#"{"id":1,"method":"time","Params":{"symbol":"BTCUSDT"}}"#), Fault::FrameParamsMalformed);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in ["", "null", "[]", "1", "{", r#"{"id":1,"method":"ping"}x"#, r#"{"id":1,"method":"ping",}"#, "{'id':1}", "\u{0}"] {
            assert_eq!(fault(text), Fault::FrameNotJson, "{text}");
        }
        for method in ["1", "null", "\"\"", "[\"ping\"]"] {
            assert_eq!(fault(&format!(r#"{{"id":1,"method":{method}}}"#)), Fault::FrameMethodMalformed, "{method}");
        }
        for params in ["1", "null", "[]", "\"a=1\""] {
            assert_eq!(fault(&format!(r#"{{"id":1,"method":"ping","params":{params}}}"#)), Fault::FrameParamsMalformed, "{params}");
        }
        assert_eq!(fault(&" ".repeat(limits::FRAME_BYTES_MAX + 1)), Fault::FrameTooLarge);
        let deep = format!(r#"{{"id":1,"method":"ping","params":{{"a":{}{}}}}}"#, "[".repeat(20_000), "]".repeat(20_000));
        assert!(Frame::read(&deep).is_ok() || fault(&deep) == Fault::FrameNotJson, "deep nesting neither overflows nor panics");
    }
}
