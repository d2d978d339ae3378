//! A signature by the standard alone: for its own examples, which cover less than a gateway asks for.

use countersign_core::{Algorithm, Effect, Once, Presented, PresentedSignature, Purpose, Refusal, SignatureForm, SignedBytes};
use smallvec::SmallVec;

use super::fields::Signed;
use super::{base, content_digest, freshness};
use crate::dialect::RequestView;
use crate::fields::{key_id, missing};

/// What a request presents under RFC 9421 with a key that is registered for `algorithm`.
///
/// Left out of what [`super::HttpSignature`] asks for: which components are signed, and that `alg` says with what (3.2, 6: it may be the
/// key's). Base, digest of the body, `created` and `expires` are read by the same functions.
///
/// # Errors
/// As [`super::HttpSignature`], but for what is left out.
///
/// # Security
/// For recorded requests only: a signature that does not cover method and target proves nothing about a request.
pub(crate) fn present(request: &RequestView<'_>, algorithm: Algorithm) -> Result<Presented<'static>, Refusal> {
    let signed = Signed::read(request.headers)?;
    content_digest::check(request)?;
    let base = base::of(&signed, request)?;
    let created = signed.seconds("created")?.ok_or_else(|| missing("created"))?;
    let key = signed.text("keyid")?.ok_or_else(|| missing("keyid"))?;
    Ok(Presented {
        purpose: Purpose::HttpSignature,
        key_id: key_id(key, "keyid")?,
        freshness: freshness(created, signed.seconds("expires")?)?,
        signature: PresentedSignature { form: SignatureForm::Implied(algorithm), bytes: Some(SmallVec::from_vec(signed.signature)) },
        signed: SignedBytes::from_piece(base),
        passphrase: None,
        once: Once::Freshness,
        effect: Effect::Read,
    })
}
