//! What the input is: recognised by how it begins.
//!
//! | begins with | is |
//! |---|---|
//! | `curl ` | a command line ([`curl`]) |
//! | `{` or `[` | a WebSocket frame |
//! | `8=FIX`, or has `35=` between SOH, `\|` or `^A` | a FIX message ([`fix`]) |
//! | `METHOD target` | a raw HTTP request ([`http`]) |
//!
//! What stands around it when people paste it is taken away before ([`pasted`]).

pub mod curl;
pub mod fix;
pub mod http;
mod pasted;
mod shell;

use std::fmt;

use crate::limits;
use crate::request::Request;

/// What was given.
#[derive(Clone, Debug)]
pub enum Input {
    /// A FIX message.
    Fix(fix::FixLine),
    /// A text frame of a WebSocket.
    Frame(String),
    /// An HTTP request; `true` when it came as a curl command.
    Http(Request, bool),
}

/// An input that is nothing of what can be explained, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError(pub String);

impl InputError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InputError {}

impl Input {
    /// Recognises and reads an input.
    ///
    /// # Errors
    /// [`InputError`] with what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, InputError> {
        if bytes.len() > limits::INPUT_BYTES_MAX {
            return Err(InputError::new("the input is longer than a megabyte: no request is"));
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let start = &*pasted::unwrap(bytes);
        if start.is_empty() {
            return Err(InputError::new("the input is empty"));
        }
        if let Some(line) = fix::read(start) {
            return Ok(Self::Fix(line));
        }
        let text = str::from_utf8(start);
        if start.starts_with(b"{") || start.starts_with(b"[") {
            let text = text.map_err(|_| InputError::new("a WebSocket text frame is UTF-8, and this is not"))?;
            return Ok(Self::Frame(text.trim_end().to_owned()));
        }
        let first = text.unwrap_or_default().trim_start_matches("$ ");
        if ["curl ", "curl\t", "curl\\", "curl.exe "].iter().any(|command| first.starts_with(command)) {
            return curl::read(first).map(|request| Self::Http(request, true));
        }
        http::read(start).map(|request| Self::Http(request, false))
    }

    /// What it is, in a word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Fix(_) => "FIX message",
            Self::Frame(_) => "WebSocket frame",
            Self::Http(_, true) => "curl command",
            Self::Http(_, false) => "HTTP request",
        }
    }
}
