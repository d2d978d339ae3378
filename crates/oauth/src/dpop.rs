//! A DPoP proof (RFC 9449) at our endpoints and with our tokens. The check is `countersign_core::dpop`, as for tokens of others; here is
//! which algorithms are offered.
//!
//! The caller remembers [`DpopProof::once`], so that a proof is good for one request, and compares the thumbprint with the token's.

use countersign_core::{Algorithm, Detail, DpopNonces, Refusal, Reject, Timestamp};

pub use countersign_core::{DpopExpectation as Target, DpopShown as DpopProof};

/// The header that carries a proof.
pub const DPOP_HEADER: &str = "dpop";
/// The algorithms taken, as `WWW-Authenticate` and the metadata name them.
pub const DPOP_ALGORITHMS: [&str; 2] = ["EdDSA", "ES256"];

/// Verifies a proof for a request. With `nonces` it must have one of them, too.
///
/// # Errors
/// As [`countersign_core::DpopProof::read`] and [`countersign_core::DpopProof::show`]; [`Reject::WrongAlgorithm`] for one that is not
/// offered; [`Reject::NonceInvalid`] without a nonce of ours.
///
/// # Security
/// The signature proves nothing but possession of the key in the header. It means something only when the token is bound to that key.
pub fn verify(text: &str, target: &Target<'_>, nonces: Option<&DpopNonces>, now: Timestamp) -> Result<DpopProof, Refusal> {
    let proof = countersign_core::DpopProof::read(text)?;
    if !matches!(proof.algorithm(), Algorithm::Ed25519 | Algorithm::EcdsaP256Sha256) {
        return Err(Refusal::with(Reject::WrongAlgorithm, Detail::Parameter(DPOP_HEADER)));
    }
    let shown = proof.show(target, now)?;
    // After the signature: a proof of nothing is told so, and not to come again with a nonce.
    nonces.map_or(Ok(()), |nonces| proof.check_nonce(nonces, now))?;
    Ok(shown)
}

#[cfg(test)]
mod tests;
