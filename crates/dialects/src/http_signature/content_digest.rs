//! `Content-Digest` (RFC 9530): whether it is that of the body.
//!
//! All digests with an algorithm that is known must hold, and there must be one. Algorithms that the registry calls insecure (`md5`,
//! `sha`, `adler`, …) count as unknown.

use aws_lc_rs::digest;
use countersign_core::Refusal;
use sfv::ListEntry;

use super::{CONTENT_DIGEST, unique};
use crate::dialect::{Header, RequestView};
use crate::fields::malformed;

/// Checks the digest of a request that has one. That one with a body has one is asked by whoever checks what is covered.
///
/// # Errors
/// [`Reject::Malformed`](countersign_core::Reject::Malformed), naming the field: it tells nothing about any key.
pub(super) fn check(request: &RequestView<'_>) -> Result<(), Refusal> {
    let line = match request.headers.find(CONTENT_DIGEST) {
        Header::Absent => return Ok(()),
        Header::Once(line) => line,
        Header::Repeated => return Err(malformed(CONTENT_DIGEST)),
    };
    let digests = unique::dictionary(line).ok_or_else(|| malformed(CONTENT_DIGEST))?;
    let mut known = 0;
    for (name, member) in &digests {
        let algorithm = match name.as_str() {
            "sha-256" => &digest::SHA256,
            "sha-512" => &digest::SHA512,
            _ => continue,
        };
        let claimed = match member {
            ListEntry::Item(item) => item.bare_item.as_byte_sequence(),
            ListEntry::InnerList(_) => None,
        };
        if claimed != Some(digest::digest(algorithm, request.body).as_ref()) {
            return Err(malformed(CONTENT_DIGEST));
        }
        known += 1;
    }
    if known == 0 { Err(malformed(CONTENT_DIGEST)) } else { Ok(()) }
}
