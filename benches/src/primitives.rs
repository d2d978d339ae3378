//! What the cryptography alone costs: the floor under every handshake and every signed request.
//!
//! Thread CPU time, so that other jobs on the machine do not count; the median of many short batches, so that a slow moment of the
//! host does not count either.

use anyhow::{Result, anyhow};
use aws_lc_rs::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::clock::thread_cpu_nanos;

/// Batches per primitive.
const BATCHES: usize = 25;
/// Operations per batch.
const OPERATIONS: u32 = 100;

/// CPU time per operation, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Primitives {
    /// A new X25519 key and one agreement with it: the server's share of a key exchange.
    pub(crate) x25519_us: f64,
    /// One ECDSA P-256 signature: the server's CertificateVerify.
    pub(crate) ecdsa_p256_sign_us: f64,
    /// One Ed25519 verification with a parsed key, over 200 bytes.
    pub(crate) ed25519_verify_us: f64,
}

impl Primitives {
    /// The cryptography of a full handshake.
    pub(crate) fn full_handshake_us(&self) -> f64 {
        self.x25519_us + self.ecdsa_p256_sign_us
    }
}

/// Measures them on the calling thread.
pub(crate) fn measure() -> Result<Primitives> {
    let random = SystemRandom::new();
    let failed = |what| move |_| anyhow!("{what} failed");
    let peer = EphemeralPrivateKey::generate(&X25519, &random)?.compute_public_key()?;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)?;
    let ecdsa = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref())?;
    let ed25519 = Ed25519KeyPair::generate()?;
    let message = [0x5a; 200];
    let signature = ed25519.sign(&message);
    let public = ParsedPublicKey::new(&ED25519, ed25519.public_key().as_ref())?;
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..BATCHES {
        samples[0].push(batch(|| {
            let key = EphemeralPrivateKey::generate(&X25519, &random)?;
            std::hint::black_box(key.compute_public_key()?);
            agreement::agree_ephemeral(key, UnparsedPublicKey::new(&X25519, &peer), anyhow!("agreement failed"), |shared| {
                std::hint::black_box(shared[0]);
                Ok(())
            })
        })?);
        samples[1]
            .push(batch(|| ecdsa.sign(&random, &message).map(|signature| _ = std::hint::black_box(signature)).map_err(failed("signing")))?);
        samples[2].push(batch(|| public.verify_sig(&message, signature.as_ref()).map_err(failed("verification")))?);
    }
    let [x25519_us, ecdsa_p256_sign_us, ed25519_verify_us] = samples.map(|mut of_one| median(&mut of_one));
    Ok(Primitives { x25519_us, ecdsa_p256_sign_us, ed25519_verify_us })
}

/// Microseconds per operation of one batch.
fn batch(mut operation: impl FnMut() -> Result<()>) -> Result<f64> {
    let before = thread_cpu_nanos();
    for _ in 0..OPERATIONS {
        operation()?;
    }
    Ok((thread_cpu_nanos() - before) as f64 / 1_000.0 / f64::from(OPERATIONS))
}

/// The median; 0 of nothing.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[length / 2],
        length => f64::midpoint(values[length / 2 - 1], values[length / 2]),
    }
}
