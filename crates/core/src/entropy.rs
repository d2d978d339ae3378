//! Randomness as an argument.

/// A source of random bytes. The shell implements it with the operating system's generator; tests with [`SeededEntropy`].
///
/// # Security
/// Session ids, nonces and session secrets are drawn from it: a predictable source outside tests breaks them all.
pub trait Entropy {
    /// Fills `dest` with random bytes.
    fn fill(&mut self, dest: &mut [u8]);

    /// An array of random bytes.
    fn array<const N: usize>(&mut self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, dest: &mut [u8]) {
        (**self).fill(dest);
    }
}

/// A reproducible stream of bytes for tests and test vectors: SHA-256 over a seed and a counter. Never for production.
#[derive(Clone, Debug)]
pub struct SeededEntropy {
    seed: u64,
    counter: u64,
}

impl SeededEntropy {
    /// The stream named by `seed`; the same seed gives the same bytes on every machine.
    #[must_use]
    pub const fn new_dangerous_for_tests(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, dest: &mut [u8]) {
        for chunk in dest.chunks_mut(32) {
            let mut input = [0; 16];
            input[..8].copy_from_slice(&self.seed.to_be_bytes());
            input[8..].copy_from_slice(&self.counter.to_be_bytes());
            self.counter += 1;
            let block = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &input);
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
    }
}
