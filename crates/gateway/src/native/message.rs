//! The body of an application message, read as far as the gateway must: which operation, and what to call it in a refusal.
//!
//! The body is forwarded as the bytes received. So that gateway and upstream cannot read two operations in one body, a name that
//! stands twice is refused, however it is spelled, and so is what some reader may take for `op` in other letters.

use std::borrow::Cow;
use std::fmt;

use countersign_core::{Refusal, Reject};
use countersign_dialects::raw_object::is_alike;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::limits::{MESSAGE_MEMBERS_MAX, OP_BYTES_MAX, REPEATED_ID_BYTES_MAX};

/// What of a body the gateway looks at.
#[derive(Debug)]
pub(super) struct Request<'m> {
    /// The operation.
    pub(super) op: Cow<'m, str>,
    /// The client's own name of the request.
    id: Option<&'m RawValue>,
}

impl<'m> Request<'m> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Reject::RouteUnknown`]: the frame was well formed, so the session goes on.
    pub(super) fn read(body: &'m RawValue) -> Result<Self, Refusal> {
        let refused = |sentence: &'static str| Refusal::operator(Reject::RouteUnknown, sentence);
        let members: Members<'m> =
            serde_json::from_str(body.get()).map_err(|_| refused("the body is no object, or names a member twice"))?;
        let op = members.op.ok_or_else(|| refused("the body has no op"))?;
        let op: Text<'m> = serde_json::from_str(op.get()).map_err(|_| refused("op is no text"))?;
        if op.0.len() > OP_BYTES_MAX {
            return Err(refused("op is longer than any operation"));
        }
        Ok(Self { op: op.0, id: members.id })
    }

    /// The client's name of the request, as JSON, if it is short enough to be repeated.
    pub(super) fn id(&self) -> Option<&'m str> {
        self.id.map(RawValue::get).filter(|id| id.len() <= REPEATED_ID_BYTES_MAX)
    }
}

struct Members<'m> {
    op: Option<&'m RawValue>,
    id: Option<&'m RawValue>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without repeated names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names: SmallVec<[Cow<'de, str>; 16]> = SmallVec::new();
        let mut members = Members { op: None, id: None };
        while let Some(Text(name)) = map.next_key_seed(TextSeed)? {
            if names.len() == MESSAGE_MEMBERS_MAX || names.contains(&name) {
                return Err(A::Error::custom("repeated or too many names"));
            }
            let value: &'de RawValue = map.next_value()?;
            match &*name {
                "id" => members.id = Some(value),
                "op" => members.op = Some(value),
                // Readers of JSON in Go do not mind the case: they would take this for the operation.
                twin if is_alike(twin, "op") => return Err(A::Error::custom("a second name of the operation")),
                _ => {}
            }
            names.push(name);
        }
        Ok(members)
    }
}

/// Text, borrowed where it has no escapes.
struct Text<'m>(Cow<'m, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TextSeed.deserialize(deserializer)
    }
}

struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn finds_op_and_id_wherever_they_stand() {
        for (text, op, id) in [
            (r#"{"op":"order.place","id":7}"#, "order.place", Some("7")),
            (r#"{"qty":"1","id":"a\"b","op":"book"}"#, "book", Some(r#""a\"b""#)),
            (r#"{"\u006fp":"b\u006fok","d":{"op":"order.place"}}"#, "book", None),
            (r#"{"op":"book","id":{"op":[1, 2]}}"#, "book", Some(r#"{"op":[1, 2]}"#)),
        ] {
            let body = raw(text);
            let request = Request::read(&body).unwrap();
            assert_eq!((&*request.op, request.id()), (op, id), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for text in [
            r#"{"op":"book","op":"order.place"}"#,
            r#"{"op":"book","\u006fp":"order.place"}"#,
            r#"{"op":"book","a":1,"a":1}"#,
            r#"{"op":"book","Op":"order.place"}"#,
            r#"{"OP":"order.place","op":"book"}"#,
            r#"{"Op":"order.place"}"#,
            r#"{"id":1}"#,
            r#"{"op":1}"#,
            r#"{"op":null}"#,
            r#"["op","book"]"#,
            "\"book\"",
            "null",
        ] {
            assert_eq!(Request::read(&raw(text)).unwrap_err().reject, Reject::RouteUnknown, "{text}");
        }
        let many: String = (0..70).map(|n| format!("\"m{n}\":1,")).collect();
        assert!(Request::read(&raw(&format!("{{{many}\"op\":\"book\"}}"))).is_err());
        assert!(Request::read(&raw(&format!(r#"{{"op":"{}"}}"#, "x".repeat(65)))).is_err());
        let long = raw(&format!(r#"{{"op":"book","id":"{}"}}"#, "x".repeat(200)));
        assert_eq!(Request::read(&long).unwrap().id(), None, "an id that is too long is not repeated");
    }
}
