//! The tree in logarithmic space: the roots of its complete subtrees, largest first.
//!
//! ```text
//!   13 leaves = 1101 in binary:   ▲ 8 leaves   ▲ 4 leaves   ▲ 1 leaf          root = node(8, node(4, 1))
//! ```

use crate::hash::{Hash, empty_root, node_hash};
use crate::limits;

/// A tree that grows at its right edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One for each bit that is set in `size`, from the highest.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of `size` leaves, of which only these roots are known; `None` when their number does not fit the size.
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        let fits = size <= limits::RECORDS_MAX && u32::try_from(peaks.len()).ok()? == size.count_ones();
        fits.then_some(Self { size, peaks })
    }

    /// How many leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("a peak for each bit that is set");
            hash = node_hash(left, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree (RFC 9162, section 2.1.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        self.peaks.iter().rev().copied().reduce(|right, left| node_hash(left, right)).unwrap_or_else(empty_root)
    }

    /// The complete subtrees as `(first leaf, leaves, root)`, left to right.
    pub fn subtrees(&self) -> impl Iterator<Item = (u64, u64, Hash)> {
        let mut start = 0;
        let mut rest = self.size;
        self.peaks.iter().map(move |hash| {
            let leaves = 1 << rest.ilog2();
            let subtree = (start, leaves, *hash);
            start += leaves;
            rest -= leaves;
            subtree
        })
    }
}
