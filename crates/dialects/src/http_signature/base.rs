//! The signature base (RFC 9421, 2.5): one line for each component, and the parameters last.

use countersign_core::{Refusal, Reject};
use sfv::FieldType as _;

use super::component;
use super::fields::Signed;
use crate::dialect::RequestView;
use crate::limits;

/// The bytes that are signed.
///
/// # Errors
/// As [`component::value`]; [`Reject::TooLarge`].
pub(super) fn of(signed: &Signed, request: &RequestView<'_>) -> Result<Vec<u8>, Refusal> {
    let mut base = Vec::with_capacity(512);
    for item in &signed.input.items {
        base.extend_from_slice(item.serialize().as_bytes());
        base.extend_from_slice(b": ");
        base.extend_from_slice(&component::value(item, request)?);
        base.push(b'\n');
        if base.len() > limits::SIGNATURE_BASE_BYTES_MAX {
            return Err(Reject::TooLarge.into());
        }
    }
    base.extend_from_slice(b"\"@signature-params\": ");
    base.extend_from_slice(signed.input_text.as_bytes());
    Ok(base)
}
