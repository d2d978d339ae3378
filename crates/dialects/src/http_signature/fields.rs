//! `Signature-Input` and `Signature` (RFC 9421, 4): which components, which parameters, which bytes.
//!
//! Both are dictionaries of structured fields (RFC 9651), here with one member each, of one label. The text must be the one that
//! serializing the parsed value gives: so what is signed as `@signature-params` is what was on the wire, and a repeated key, which a
//! parser would drop, is refused.

use countersign_core::{Algorithm, Detail, Refusal, Reject};
use sfv::{BareItem, Dictionary, InnerList, Item, ListEntry, Parser};
use smallvec::SmallVec;

use super::{ALGORITHMS, SIGNATURE, SIGNATURE_INPUT};
use crate::dialect::Headers;
use crate::fields::{header, malformed, missing};
use crate::limits;

/// One signature as it came.
pub(super) struct Signed {
    /// Components and parameters.
    pub(super) input: InnerList,
    /// The same, as it stands on the wire: the value of `@signature-params`.
    pub(super) input_text: String,
    /// The bytes of the signature.
    pub(super) signature: Vec<u8>,
}

/// The parameters of a signature (RFC 9421, 2.3).
pub(super) struct Parameters {
    /// When it was made, Unix seconds.
    pub(super) created: u64,
    /// From when on it is nothing, Unix seconds.
    pub(super) expires: Option<u64>,
    /// Used once.
    pub(super) nonce: Option<SmallVec<[u8; 64]>>,
    /// The name of the key.
    pub(super) key: String,
    /// What it claims to be made with.
    pub(super) algorithm: Algorithm,
}

impl Signed {
    /// Reads both fields.
    ///
    /// # Errors
    /// [`Reject::MissingCredentials`] without them; [`Reject::TooLarge`]; [`Reject::Malformed`] naming the field.
    pub(super) fn read(headers: &dyn Headers) -> Result<Self, Refusal> {
        let input = header(headers, SIGNATURE_INPUT)?;
        let signature = header(headers, SIGNATURE)?;
        if input.len() > limits::SIGNATURE_INPUT_BYTES_MAX || signature.len() > limits::SIGNATURE_TEXT_BYTES_MAX {
            return Err(Reject::TooLarge.into());
        }
        let (label, input, input_text) = match only_member(input, SIGNATURE_INPUT)? {
            (label, ListEntry::InnerList(input), text) => (label, input, text),
            (_, ListEntry::Item(_), _) => return Err(malformed(SIGNATURE_INPUT)),
        };
        check_components(&input)?;
        // Parameters of the signature itself are covered by nothing (RFC 9421, 4.2: a byte sequence, and no more).
        let signature = match only_member(signature, SIGNATURE)? {
            (own, ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), params }), _) if own == label && params.is_empty() => {
                bytes
            }
            (_, ListEntry::InnerList(_) | ListEntry::Item(_), _) => return Err(malformed(SIGNATURE)),
        };
        Ok(Self { input, input_text, signature })
    }

    /// Whether the component of this name, without parameters, is among the signed ones.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.input.items.iter().any(|item| item.params.is_empty() && item.bare_item.as_string().is_some_and(|own| own.as_str() == name))
    }

    /// Reads the parameters. Others than those here are signed, too, and mean nothing.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`], [`Reject::MissingCredentials`], [`Reject::Malformed`] naming it, [`Reject::WrongAlgorithm`].
    pub(super) fn parameters(&self) -> Result<Parameters, Refusal> {
        let nonce = self.text("nonce")?;
        if nonce.is_some_and(|nonce| nonce.is_empty() || nonce.len() > limits::SIGNATURE_NONCE_BYTES_MAX) {
            return Err(malformed("nonce"));
        }
        let absent = |name| Refusal::with(Reject::MissingParameter, Detail::Parameter(name));
        let _tag = self.text("tag")?;
        let algorithm = self.text("alg")?.ok_or_else(|| absent("alg"))?;
        let known = ALGORITHMS.iter().find(|(name, _)| *name == algorithm);
        let (_, algorithm) =
            known.ok_or_else(|| Refusal::operator(Reject::WrongAlgorithm, "the alg of the signature is none that a key here may have"))?;
        Ok(Parameters {
            created: self.seconds("created")?.ok_or_else(|| absent("created"))?,
            expires: self.seconds("expires")?,
            nonce: nonce.map(|nonce| SmallVec::from_slice(nonce.as_bytes())),
            key: self.text("keyid")?.ok_or_else(|| missing("keyid"))?.to_owned(),
            algorithm: *algorithm,
        })
    }

    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        let value = self.input.params.get(name);
        value.map(|value| value.as_string().map(|text| text.as_str()).ok_or_else(|| malformed(name))).transpose()
    }

    pub(super) fn seconds(&self, name: &'static str) -> Result<Option<u64>, Refusal> {
        let value = self.input.params.get(name);
        value.map(|value| value.as_integer().and_then(|number| u64::try_from(number).ok()).ok_or_else(|| malformed(name))).transpose()
    }
}

/// The one member of a dictionary, with the text of its value; the field must be spelled as a serializer spells it.
fn only_member(field: &str, name: &'static str) -> Result<(String, ListEntry, String), Refusal> {
    let mut members: Dictionary = Parser::new(field).parse().map_err(|_| malformed(name))?;
    let (label, member) = members.pop().filter(|_| members.is_empty()).ok_or_else(|| malformed(name))?;
    let value = super::component::serialized(&member).ok_or_else(|| malformed(name))?;
    let spelled = field.strip_prefix(label.as_str()).and_then(|rest| rest.strip_prefix('='));
    if spelled != Some(value.as_str()) {
        return Err(malformed(name));
    }
    Ok((label.as_str().to_owned(), member, value))
}

/// Components are strings, each named once (RFC 9421, 2.5).
fn check_components(input: &InnerList) -> Result<(), Refusal> {
    let items = &input.items;
    let fine = items.len() <= limits::SIGNATURE_COMPONENTS_MAX && items.iter().all(|item| item.bare_item.as_string().is_some());
    let twice = items.iter().enumerate().any(|(index, item)| items[..index].iter().any(|earlier| is_same(earlier, item)));
    if fine && !twice { Ok(()) } else { Err(malformed(SIGNATURE_INPUT)) }
}

/// The order of parameters does not make another component.
fn is_same(one: &Item, two: &Item) -> bool {
    one.bare_item == two.bare_item
        && one.params.len() == two.params.len()
        && one.params.iter().all(|(key, value)| two.params.get(key) == Some(value))
}
