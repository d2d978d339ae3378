//! Randomness from the cryptographic library's generator.

use countersign_core::{CorrelationId, Entropy};

/// The generator of AWS-LC, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// When the generator fails: no secret may be made without it, and there is no safe way on.
    fn fill(&mut self, dest: &mut [u8]) {
        aws_lc_rs::rand::fill(dest).expect("the operating system gives randomness");
    }
}

/// Correlation ids: unique in the cluster, cheap to make, no secret. Eight random bytes per worker, then a counter.
#[derive(Debug)]
pub struct CorrelationIds {
    prefix: [u8; 8],
    next: std::cell::Cell<u64>,
}

impl CorrelationIds {
    /// A new series.
    #[must_use]
    pub fn new() -> Self {
        Self { prefix: SystemEntropy.array(), next: std::cell::Cell::new(0) }
    }

    /// The next id.
    #[must_use]
    pub fn next(&self) -> CorrelationId {
        let count = self.next.get();
        self.next.set(count.wrapping_add(1));
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.prefix);
        bytes[8..].copy_from_slice(&count.to_be_bytes());
        CorrelationId::from_bytes(bytes)
    }
}

impl Default for CorrelationIds {
    fn default() -> Self {
        Self::new()
    }
}
