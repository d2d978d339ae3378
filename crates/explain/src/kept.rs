//! A refused login, kept by a gateway for whoever was given its link: what is kept of it, and what may be told.
//!
//! ```text
//!   request, frame, Logon ──▶ Kept: the message without what no dialect reads, the key that it names
//!                               │  (nothing is computed before somebody asks)
//!   key and passphrase ────────▶ Page: the report of `explain`, as JSON and as text
//! ```
//!
//! # Security
//! Whoever reads a page has not proved to hold the key: the operator allowed that for this key. The signature of a gateway is an oracle
//! for its secret already, and a page adds none for another one: the passphrase is only compared where the signature is right, as the
//! gateway itself does. A message whose proof is the secret itself, as some logins have it, is not kept at all; one that has the secret
//! where a signature belongs is, and its page says so without repeating it.

mod parcel;

use std::fmt;

use countersign_core::{Purpose, Secret, Timestamp};
use countersign_dialects::dialect::{Header, RequestView};
use serde_json::json;

use crate::draft::{self, Draft, Scheme, frame, http};
use crate::explain::{Options, explain_within};
use crate::input::{Input, InputError};
use crate::limits::KEPT_BYTES_MAX;
use crate::report::Report;
use crate::request::Request;
use crate::search::Budget;
use crate::{jwt, recognize, text};
use countersign_core::civil::iso;

/// A message that names a key.
pub struct Kept {
    purpose: Purpose,
    input: Input,
    key: String,
}

impl fmt::Debug for Kept {
    /// Without the message: it may have a passphrase.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({}, {}, {})", self.purpose, self.input.kind(), self.key)
    }
}

/// When and how the login was refused.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// When it arrived.
    pub arrived: Timestamp,
    /// Until when the page is there.
    pub expires: Timestamp,
    /// The label of the refusal.
    pub refused: &'static str,
    /// The highest nonce used before, where that was the matter.
    pub last_nonce: Option<u64>,
}

/// An explanation, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// For programs.
    pub json: String,
    /// For people.
    pub text: String,
}

impl Kept {
    /// Keeps a request; `None` where it is longer than [`KEPT_BYTES_MAX`], names no key, or shows its secret.
    ///
    /// Kept are method, target, body, authority and the headers that the dialect reads. Cookies and the like are not.
    #[must_use]
    pub fn of_request(purpose: Purpose, view: &RequestView<'_>) -> Option<Self> {
        let known = recognize::headers(purpose);
        let names = known.required.iter().chain(known.optional).chain(&["authorization"]);
        let mut headers = Vec::new();
        if let Some(host) = view.host {
            headers.push(("host".to_owned(), host.as_bytes().to_vec()));
        }
        for name in names {
            match view.headers.find(name) {
                Header::Absent => {}
                Header::Once(value) => headers.push(((*name).to_owned(), value.to_vec())),
                // That it is there twice is all that matters of it.
                Header::Repeated => headers.extend([((*name).to_owned(), Vec::new()), ((*name).to_owned(), Vec::new())]),
            }
        }
        let bytes = view.target.len() + view.body.len() + headers.iter().map(|(_, value)| value.len()).sum::<usize>();
        if bytes > KEPT_BYTES_MAX {
            return None;
        }
        let (method, target, body) = (view.method.to_owned(), view.target.to_vec(), view.body.to_vec());
        let request = Request { method, target, headers, body, scheme: Some("https".to_owned()), notes: Vec::new() };
        Self::of(purpose, Input::Http(request, false))
    }

    /// Keeps a text frame of a WebSocket.
    #[must_use]
    pub fn of_frame(purpose: Purpose, text: &str) -> Option<Self> {
        if text.len() > KEPT_BYTES_MAX { None } else { Self::of(purpose, Input::Frame(text.to_owned())) }
    }

    /// Keeps a Logon as it was on the wire.
    #[must_use]
    pub fn of_logon(purpose: Purpose, message: &[u8]) -> Option<Self> {
        let input = if message.len() > KEPT_BYTES_MAX { None } else { Input::read(message).ok() }?;
        if matches!(input, Input::Fix(_)) { Self::of(purpose, input) } else { None }
    }

    fn of(purpose: Purpose, input: Input) -> Option<Self> {
        let key = named(purpose, &input).filter(|key| !key.is_empty())?;
        Some(Self { purpose, input, key })
    }

    /// The key that the message names.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Explains it with the key as it is registered: a secret in the form that its owner has, a public key in PEM.
    ///
    /// # Errors
    /// [`InputError`] when the key cannot be one of this dialect.
    pub fn explain(&self, secret: &Secret, passphrase: Option<&Secret>, told: Told) -> Result<Page, InputError> {
        let options = Options {
            dialect: Some(self.purpose),
            secret: Some(secret.clone()),
            passphrase: None,
            api_key: Some(self.key.clone()),
            at: Some(told.arrived),
            now: told.arrived,
            last_nonce: told.last_nonce,
        };
        let passphrase = match passphrase {
            Some(passphrase) if self.is_proved(&options)? => Some(passphrase.clone()),
            Some(_) | None => None,
        };
        // Nothing is hidden in what a stranger sent: which of a thousand guesses has stars would tell the passphrase.
        let mut report = explain_within(&self.input, &Options { passphrase, ..options }, &Budget::whole())?;
        if matches!(self.input, Input::Http(..)) {
            report.notes.push("only the headers that the dialect reads were kept: a misspelt one is called missing here".to_owned());
        }
        Ok(page(&report, told))
    }

    /// Whether the signature is right, whatever the clock says.
    fn is_proved(&self, options: &Options) -> Result<bool, InputError> {
        let anytime = Options { at: None, ..options.clone() };
        // The verdict is there without any search: that is made once, and then by whoever knows all.
        Ok(explain_within(&self.input, &anytime, &Budget::nothing())?.gateway.as_deref() == Some("accept"))
    }
}

/// The name of the key in a message whose proof is made of a text.
fn named(purpose: Purpose, input: &Input) -> Option<String> {
    let of_draft = |draft: Draft| (draft.scheme != Scheme::Bare).then_some(draft.key);
    match input {
        Input::Fix(line) => of_draft(draft::logon::read(draft::logon::of_purpose(purpose)?, line)),
        Input::Frame(text) if purpose == Purpose::Coinbase => jwt::key_of_frame(text),
        Input::Frame(text) => frame::read(purpose, text).and_then(of_draft),
        Input::Http(request, _) if purpose == Purpose::Coinbase => jwt::key_of_request(request),
        Input::Http(request, _) => http::read(purpose, request).and_then(of_draft),
    }
}

fn page(report: &Report, told: Told) -> Page {
    let (arrived, expires) = (iso(told.arrived), iso(told.expires));
    let json = json!({ "refused": told.refused, "arrived": arrived, "expires": expires, "report": report });
    let head = format!("refused as {} at {arrived}; this page is there until {expires}\n\n", told.refused);
    Page { json: json.to_string(), text: head + &text(report) }
}

#[cfg(test)]
mod tests;
