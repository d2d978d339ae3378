//! A DPoP proof (RFC 9449) at our endpoints and with our tokens. The check is `countersign_core::dpop`, as for tokens of others; here is
//! which algorithms are offered.
//!
//! The caller remembers [`DpopProof::once`], so that a proof is good for one request, and compares the thumbprint with the token's.

use countersign_core::{Algorithm, Detail, Refusal, Reject, Timestamp};

pub use countersign_core::{DpopExpectation as Target, DpopShown as DpopProof};

/// The header that carries a proof.
pub const DPOP_HEADER: &str = "dpop";
/// The algorithms taken, as `WWW-Authenticate` and the metadata name them.
pub const DPOP_ALGORITHMS: [&str; 2] = ["EdDSA", "ES256"];

/// Verifies a proof for a request.
///
/// # Errors
/// As [`countersign_core::DpopProof::read`] and [`countersign_core::DpopProof::show`]; [`Reject::WrongAlgorithm`] for one that is not
/// offered.
///
/// # Security
/// The signature proves nothing but possession of the key in the header. It means something only when the token is bound to that key.
pub fn verify(text: &str, target: &Target<'_>, now: Timestamp) -> Result<DpopProof, Refusal> {
    let proof = countersign_core::DpopProof::read(text)?;
    if !matches!(proof.algorithm(), Algorithm::Ed25519 | Algorithm::EcdsaP256Sha256) {
        return Err(Refusal::with(Reject::WrongAlgorithm, Detail::Parameter(DPOP_HEADER)));
    }
    proof.show(target, now)
}

#[cfg(test)]
mod tests;
