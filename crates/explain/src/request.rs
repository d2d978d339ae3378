//! A request as a client sent it, owned, with what reading it leniently noticed.

use std::fmt;

use countersign_dialects::dialect::RequestView;

/// A request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// Path and query, as sent.
    pub target: Vec<u8>,
    /// Headers in their order, names as sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// `https` or `http`, where the input says so.
    pub scheme: Option<String>,
    /// What is odd about the input itself, in sentences.
    pub notes: Vec<String>,
}

impl Request {
    /// The view that dialects look at.
    #[must_use]
    pub fn view(&self) -> RequestView<'_> {
        RequestView { method: &self.method, target: &self.target, headers: &self.headers, body: &self.body, host: self.header("host") }
    }

    /// The first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(each, _)| each.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| str::from_utf8(value).ok())
    }

    /// How many headers have this name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(each, _)| each.eq_ignore_ascii_case(name)).count()
    }

    /// Gives a header another value.
    pub fn set_header(&mut self, name: &str, value: &str) {
        for (each, bytes) in &mut self.headers {
            if each.eq_ignore_ascii_case(name) {
                *bytes = value.as_bytes().to_vec();
            }
        }
    }

    /// The target up to the first `?`.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.view().path()
    }

    /// The target after the first `?`.
    #[must_use]
    pub fn query(&self) -> &[u8] {
        self.view().query()
    }
}

impl fmt::Debug for Request {
    /// Without values: there are passphrases in headers and bodies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Request").field("method", &self.method).field("headers", &names).field("body_bytes", &self.body.len()).finish()
    }
}
