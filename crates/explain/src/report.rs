//! What is found, as data: a shell prints it or writes it as JSON.
//!
//! # Security
//! No report holds a secret, a passphrase, or a signature or MAC that would be right. It shows the text that is signed, which the sender
//! of the request could compose as well.

use aws_lc_rs::digest;
use serde::Serialize;

use crate::catalogue::Mistake;
use crate::draft::{Draft, Form, Hash, Name, Scheme, Text};
use crate::keys::Named;
use crate::limits::{CONTEXT_BYTES, SHOWN_BYTES_MAX};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The proof is right.
    Correct,
    /// Nothing is wrong that shows without the key.
    Unchecked,
    /// It is of no dialect that is known.
    Unrecognized,
    /// It is wrong, and the findings say why.
    Wrong,
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It is why the request is refused.
    Fault,
    /// It is odd, and may be right.
    Note,
}

/// A mistake that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The stable id.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What was seen, with the particulars of this request.
    pub saw: String,
    /// What to do.
    pub remedy: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// Its row of the catalogue.
    #[serde(skip)]
    pub mistake: Mistake,
}

impl Finding {
    pub(crate) fn fault(mistake: Mistake, detail: impl AsRef<str>) -> Self {
        let detail = detail.as_ref();
        let saw = if detail.is_empty() { mistake.saw().to_owned() } else { format!("{} ({detail})", mistake.saw().trim_end_matches('.')) };
        Self { id: mistake.id(), title: mistake.title(), saw, remedy: mistake.remedy(), weight: Weight::Fault, mistake }
    }

    pub(crate) fn note(mistake: Mistake, detail: impl AsRef<str>) -> Self {
        Self { weight: Weight::Note, ..Self::fault(mistake, detail) }
    }
}

impl From<&Named> for Finding {
    fn from(named: &Named) -> Self {
        Self::fault(named.mistake, &named.detail)
    }
}

/// A name and a value that were found in the request.
#[derive(Clone, Debug, Serialize)]
pub struct Field {
    /// What it is.
    pub name: &'static str,
    /// Its text, or what is to be known of it where the text itself is secret.
    pub value: String,
}

/// Which dialect, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Recognized {
    /// Its name.
    pub name: &'static str,
    /// What speaks for it.
    pub why: String,
}

/// A part of the signed text.
#[derive(Clone, Debug, Serialize)]
pub struct ShownPart {
    /// What it is.
    pub name: String,
    /// Its text, with escapes.
    pub text: String,
    /// Its bytes.
    pub bytes: usize,
    /// What is done with it.
    pub form: String,
}

/// The text that should have been signed.
#[derive(Clone, Debug, Serialize)]
pub struct SignedText {
    /// With what it is signed, and how the result is written.
    pub algorithm: String,
    /// Its parts, in signing order.
    pub parts: Vec<ShownPart>,
    /// All of it, with escapes, before any inner hash.
    pub text: String,
    /// How many bytes are signed.
    pub bytes: usize,
    /// SHA-256 of those bytes, to compare with what a program signed; none where a passphrase is among them.
    pub sha256: Option<String>,
}

/// Where the signed text and the right one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which byte, from 0.
    pub at: usize,
    /// In which part of the right text.
    pub part: Option<String>,
    /// The right text around it; `⟦` stands before the byte.
    pub expected: String,
    /// The signed text around it.
    pub signed: String,
}

/// The clock of the request against the time of arrival.
#[derive(Clone, Debug, Serialize)]
pub struct Clock {
    /// The signed time, ISO 8601.
    pub signed: String,
    /// The time it is measured against.
    pub against: String,
    /// Signed time minus that, in milliseconds.
    pub skew_ms: i64,
    /// How old it may be, in milliseconds.
    pub window_ms: Option<u64>,
    /// How far ahead it may be, in milliseconds.
    pub ahead_ms: Option<u64>,
    /// In words.
    pub sentence: String,
}

/// All that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the input is.
    pub input: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// Which dialect.
    pub dialect: Option<Recognized>,
    /// What the gateway makes of it: `accept`, or the label of the refusal.
    pub gateway: Option<String>,
    /// What was found in it.
    pub fields: Vec<Field>,
    /// What should have been signed.
    pub text: Option<SignedText>,
    /// The clock.
    pub clock: Option<Clock>,
    /// Mistakes, the weightiest first.
    pub findings: Vec<Finding>,
    /// Where the signed text differs.
    pub difference: Option<Difference>,
    /// Other remarks.
    pub notes: Vec<String>,
}

impl Report {
    pub(crate) const fn new(input: &'static str) -> Self {
        Self {
            input,
            verdict: Verdict::Unchecked,
            dialect: None,
            gateway: None,
            fields: Vec::new(),
            text: None,
            clock: None,
            findings: Vec::new(),
            difference: None,
            notes: Vec::new(),
        }
    }

    /// Puts stars for a text that must not be shown, in everything that repeats what was sent.
    pub(crate) fn hide(&mut self, secret: &str) {
        let stars = "*".repeat(secret.len());
        let hide = |text: &mut String| {
            if text.contains(secret) {
                *text = text.replace(secret, &stars);
            }
        };
        self.fields.iter_mut().for_each(|field| hide(&mut field.value));
        self.findings.iter_mut().for_each(|finding| hide(&mut finding.saw));
        self.notes.iter_mut().for_each(hide);
        if let Some(dialect) = &mut self.dialect {
            hide(&mut dialect.why);
        }
        if let Some(text) = &mut self.text {
            hide(&mut text.text);
            text.parts.iter_mut().for_each(|part| hide(&mut part.text));
            // Who knows all else of the text could try secrets against its hash.
            if text.text.contains(&stars) {
                text.sha256 = None;
            }
        }
        if let Some(difference) = &mut self.difference {
            // Of what is cut at its ends a part would stay.
            if difference.expected.contains(secret)
                || difference.signed.contains(secret)
                || self.fields.iter().any(|field| field.value.contains(&stars))
            {
                self.difference = None;
            }
        }
    }

    /// The mistakes for which the request is refused.
    #[must_use]
    pub fn faults(&self) -> Vec<Mistake> {
        self.findings.iter().filter(|finding| finding.weight == Weight::Fault).map(|finding| finding.mistake).collect()
    }

    pub(crate) fn field(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.fields.push(Field { name, value });
        }
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        if self.findings.iter().all(|known| known.mistake != finding.mistake) {
            self.findings.push(finding);
        }
    }
}

/// A text with escapes for what cannot be seen.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let Ok(text) = str::from_utf8(bytes) else { return bytes.escape_ascii().to_string() };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\\' => shown.push_str("\\\\"),
            c if c.is_control() => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_whitespace() && c != ' ' => shown.push_str(&c.escape_unicode().to_string()),
            c => shown.push(c),
        }
    }
    shown
}

/// Both ends of what is too long to be shown whole.
fn shortened(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN_BYTES_MAX {
        return escaped(bytes);
    }
    let half = SHOWN_BYTES_MAX / 2;
    let (first, last) = (&bytes[..half], &bytes[bytes.len() - half..]);
    format!("{} … {} bytes … {}", escaped(first), bytes.len() - SHOWN_BYTES_MAX, escaped(last))
}

fn form_of(form: Form) -> String {
    match form {
        Form::Plain => String::new(),
        Form::Digest(hash) => format!("into {}, as bytes", hash.name()),
        Form::HexDigest(hash) => format!("{} in hexadecimal", hash.name()),
        Form::Miswritten(hash, _) => hash.name().to_owned(),
    }
}

/// The signed text of a draft, for people.
pub(crate) fn shown(text: &Text, algorithm: String) -> SignedText {
    let composed = text.compose();
    let secret = text.find(Name::Passphrase).is_some();
    let parts = text
        .parts
        .iter()
        .filter(|part| !part.bytes.is_empty() || part.form != Form::Plain)
        .map(|part| ShownPart {
            name: part.name.to_string(),
            text: shortened(&part.name.shown(&part.bytes)),
            bytes: part.bytes.len(),
            form: form_of(part.form),
        })
        .collect();
    SignedText {
        algorithm,
        parts,
        text: shortened(&text.preimage()),
        bytes: composed.len(),
        sha256: (!secret).then(|| hex::encode(digest::digest(Hash::Sha256.algorithm(), &composed))),
    }
}

/// Algorithm and encoding, for people.
pub(crate) fn algorithm_of(draft: &Draft, public: Option<String>) -> String {
    use crate::draft::Encoding;
    let is_public = public.is_some();
    let algorithm = public.unwrap_or_else(|| match draft.scheme {
        Scheme::Bare => "the secret itself".to_owned(),
        Scheme::Hmac(hash) => format!("HMAC-{}", hash.name()),
        Scheme::SecretThenText(hash) => format!("{} over secret and text", hash.name()),
        Scheme::TextThenSecret(hash) => format!("{} over text and secret", hash.name()),
    });
    let encoding = match (draft.encoding, is_public) {
        (Encoding::Hex, _) | (Encoding::HexOrBase64, false) => "hexadecimal",
        (Encoding::Base64, _) | (Encoding::HexOrBase64, true) => "base64",
        (Encoding::Base64Url, _) => "base64url",
    };
    format!("{algorithm}, written in {encoding}")
}

/// Where two texts part; `None` when their parts are the same bytes.
pub(crate) fn difference(expected: &Text, signed: &Text) -> Option<Difference> {
    let (right, wrong) = (expected.preimage(), signed.preimage());
    if right == wrong {
        return None;
    }
    let at = right.iter().zip(&wrong).position(|(one, other)| one != other).unwrap_or_else(|| right.len().min(wrong.len()));
    let part = expected.part_at(at).map(|name| name.to_string());
    Some(Difference { at, part, expected: around(&right, at), signed: around(&wrong, at) })
}

fn around(bytes: &[u8], at: usize) -> String {
    let start = at.saturating_sub(CONTEXT_BYTES);
    let end = (at + CONTEXT_BYTES).min(bytes.len());
    let front = if start > 0 { "…" } else { "" };
    let back = if end < bytes.len() { "…" } else { "" };
    format!("{front}{}⟦{}{back}", escaped(&bytes[start..at]), if at == bytes.len() { "(end)".to_owned() } else { escaped(&bytes[at..end]) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::draft::Part;

    #[test]
    fn the_first_byte_that_differs_is_shown_with_its_part() {
        let text = |query: &str| Text::new(vec![Part::plain(Name::Path, "/p?"), Part::plain(Name::Query, query)]);
        let found = difference(&text("a=1&b=x%2Cy"), &text("a=1&b=x,y")).unwrap();
        assert_eq!((found.at, found.part.as_deref()), (10, Some("query")));
        assert_eq!((found.expected.as_str(), found.signed.as_str()), ("/p?a=1&b=x⟦%2Cy", "/p?a=1&b=x⟦,y"));
        let longer = difference(&text("a=1"), &text("a=1\n")).unwrap();
        assert_eq!((longer.at, longer.expected.as_str(), longer.signed.as_str()), (6, "/p?a=1⟦(end)", "/p?a=1⟦\\n"));
        assert_eq!(difference(&text("a"), &text("a")), None);
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        assert_eq!(escaped("a\n\t\u{1}é\u{a0}".as_bytes()), "a\\n\\t\\x01é\\u{a0}");
        assert_eq!(escaped(&[0xff, b'a']), "\\xffa");
    }
}
