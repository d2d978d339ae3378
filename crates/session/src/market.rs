//! Which messages are market data: of what is kept for the client, they are forgotten first (HS-135).
//!
//! Market data can be had again, from a snapshot; an execution report cannot.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};

/// The events of the native façade that are market data. Whatever else a venue says may be about the client's own orders.
const EVENTS: [&str; 3] = ["book", "ticker", "trade"];

/// Whether a body is market data: its `ev` says so. What cannot be read is none.
#[must_use]
pub fn is_market_data(body: &str) -> bool {
    let mut event = None;
    // The error is that we do not read to the end: a book may be long, and its first member is what we look for.
    let _ = serde_json::Deserializer::from_str(body).deserialize_map(Event(&mut event));
    event.is_some_and(|event| EVENTS.contains(&&*event))
}

/// A text that is copied only where it has escapes.
#[derive(Deserialize)]
struct Text<'b>(#[serde(borrow)] Cow<'b, str>);

/// Where the value of the first `ev` goes.
struct Event<'e, 'b>(&'e mut Option<Cow<'b, str>>);

impl<'b> Visitor<'b> for Event<'_, 'b> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'b>>(self, mut members: M) -> Result<(), M::Error> {
        while let Some(Text(name)) = members.next_key()? {
            if name == "ev" {
                *self.0 = members.next_value::<Option<Text<'b>>>()?.map(|text| text.0);
                return Ok(());
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn market_data_is_known_by_its_event() {
        // HS-135
        for body in [r#"{"ev":"book"}"#, r#"{ "t" : [1], "ev" : "ticker" }"#, r#"{"ev":"trade","px":"1"}"#, r#"{"e\u0076":"bo\u006fk"}"#] {
            assert!(is_market_data(body), "{body}");
        }
        for body in
            [r#"{"ev":"fill"}"#, r#"{"ev":"order","was":{"ev":"book"}}"#, r#"{"re":1,"book":{"ev":"book"}}"#, r#"{"ev":7}"#, "{", "[]", ""]
        {
            assert!(!is_market_data(body), "{body}");
        }
    }
}
