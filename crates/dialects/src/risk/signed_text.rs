//! The signed bytes of a request or message, and what stands in them where one reading only is possible.

use crate::fields::{object, pair};
use crate::raw_object::{RawObject, is_alike};

/// The signed bytes of a request or message.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignedText<'m> {
    /// The query, without its question mark.
    pub query: &'m [u8],
    /// The body, or the whole text of a message.
    pub body: &'m [u8],
}

impl<'m> SignedText<'m> {
    pub(super) fn json(&self) -> Option<RawObject<'m>> {
        object(std::str::from_utf8(self.body).ok()?).ok()
    }

    /// The value of a parameter that stands once in the query or in the form, without escapes. Nothing where there are both: venues
    /// differ in which they read. Nothing in JSON: a string in it may look like a form. Nothing beside a `;`, which some take for `&`.
    pub(super) fn parameter(&self, name: &str) -> Option<&'m str> {
        let ((text, b"") | (b"", text)) = (self.query, self.body) else { return None };
        if text.trim_ascii_start().starts_with(b"{") || text.trim_ascii_start().starts_with(b"[") || text.contains(&b';') {
            return None;
        }
        let mut found = None;
        for each in text.split(|byte| *byte == b'&') {
            let (key, value) = pair(std::str::from_utf8(each).ok()?);
            if key.contains(['%', '+']) {
                return None;
            }
            if is_alike(key, name) {
                if key != name || found.is_some() || value.contains(['%', '+']) {
                    return None;
                }
                found = Some(value);
            }
        }
        found
    }

    /// Whether the query has a parameter of this name, or of one that a reader may take for it.
    pub(super) fn has_parameter_alike(&self, name: &str) -> bool {
        let like = |each: &[u8]| std::str::from_utf8(each).is_ok_and(|each| is_alike(pair(each).0, name));
        self.query.split(|byte| *byte == b'&').any(like)
    }
}
