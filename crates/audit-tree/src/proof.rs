//! Inclusion and consistency (RFC 9162, sections 2.1.3 and 2.1.4).
//!
//! A proof is a list of subtree roots. Which ones is known before a leaf is read, so a proof is made in one pass over the
//! leaves, in logarithmic space, however long the log is:
//!
//! ```text
//!   inclusion(n, size) ──▶ spans of leaves ──▶ Collector ◀── leaves in order, or subtrees known from a file head
//!                                                  └──▶ one root for each span
//! ```

use crate::hash::{Hash, empty_root, node_hash};

/// A run of leaves, from `start`, `leaves` long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first leaf.
    pub start: u64,
    /// How many.
    pub leaves: u64,
}

impl Span {
    const fn end(self) -> u64 {
        self.start + self.leaves
    }
}

/// The largest power of two below `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The spans whose roots prove that leaf `n` is in the tree of `size` leaves, from the leaf to the root; `None` if it is not.
#[must_use]
pub fn inclusion(n: u64, size: u64) -> Option<Vec<Span>> {
    if n >= size {
        return None;
    }
    let mut spans = Vec::new();
    let mut tree = Span { start: 0, leaves: size };
    while tree.leaves > 1 {
        let left = Span { start: tree.start, leaves: split(tree.leaves) };
        let right = Span { start: left.end(), leaves: tree.leaves - left.leaves };
        let (inside, beside) = if n < right.start { (left, right) } else { (right, left) };
        spans.push(beside);
        tree = inside;
    }
    spans.reverse();
    Some(spans)
}

/// The spans whose roots prove that the tree of `first` leaves is the beginning of the tree of `second`; `None` unless
/// `0 < first <= second`.
#[must_use]
pub fn consistency(first: u64, second: u64) -> Option<Vec<Span>> {
    if first == 0 || first > second {
        return None;
    }
    let mut spans = Vec::new();
    let mut tree = Span { start: 0, leaves: second };
    // The first tree is whole on the left of where we are; its last subtree is told unless it is the first tree itself.
    while tree.end() > first {
        let left = Span { start: tree.start, leaves: split(tree.leaves) };
        let right = Span { start: left.end(), leaves: tree.leaves - left.leaves };
        let (inside, beside) = if first <= right.start { (left, right) } else { (right, left) };
        spans.push(beside);
        tree = inside;
    }
    if tree.start != 0 {
        spans.push(tree);
    }
    spans.reverse();
    Some(spans)
}

/// Gathers the roots of spans from leaves that come in order.
#[derive(Clone, Debug)]
pub struct Collector {
    spans: Vec<(Span, Vec<(u64, Hash)>)>,
}

impl Collector {
    /// For these spans.
    #[must_use]
    pub fn new(spans: Vec<Span>) -> Self {
        Self { spans: spans.into_iter().map(|span| (span, Vec::new())).collect() }
    }

    /// Takes leaf `n`.
    pub fn leaf(&mut self, n: u64, hash: Hash) {
        self.subtree(n, 1, hash);
    }

    /// Takes the root of the complete subtree of `leaves` leaves (a power of two) from `start`.
    pub fn subtree(&mut self, start: u64, leaves: u64, hash: Hash) {
        for (span, stack) in &mut self.spans {
            if start < span.start || start.saturating_add(leaves) > span.end() {
                continue;
            }
            let (mut size, mut hash) = (leaves, hash);
            while let Some((below, left)) = stack.last().copied()
                && below == size
            {
                stack.pop();
                hash = node_hash(left, hash);
                size *= 2;
            }
            stack.push((size, hash));
        }
    }

    /// The roots, in the order of the spans; `None` if a leaf of one did not come.
    #[must_use]
    pub fn finish(self) -> Option<Vec<Hash>> {
        let root = |(span, stack): (Span, Vec<(u64, Hash)>)| {
            let leaves: u64 = stack.iter().map(|(leaves, _)| leaves).sum();
            let root = stack.into_iter().rev().map(|(_, hash)| hash).reduce(|right, left| node_hash(left, right));
            root.filter(|_| leaves == span.leaves)
        };
        self.spans.into_iter().map(root).collect()
    }
}

/// Whether `leaf` is leaf `n` of the tree of `size` leaves with this root (RFC 9162, section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(n: u64, size: u64, leaf: Hash, path: &[Hash], root: Hash) -> bool {
    if n >= size {
        return false;
    }
    let (mut position, mut last, mut hash) = (n, size - 1, leaf);
    for beside in path {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            hash = node_hash(*beside, hash);
            while position & 1 == 0 && position != 0 {
                (position, last) = (position >> 1, last >> 1);
            }
        } else {
            hash = node_hash(hash, *beside);
        }
        (position, last) = (position >> 1, last >> 1);
    }
    last == 0 && hash == root
}

/// Whether the tree of `first` leaves is the beginning of the tree of `second` (RFC 9162, section 2.1.4.2).
/// Every tree begins with the empty one; the proof is empty then.
#[must_use]
pub fn verify_consistency(first: u64, second: u64, first_root: Hash, second_root: Hash, path: &[Hash]) -> bool {
    if first > second {
        return false;
    }
    if first == 0 {
        return path.is_empty() && first_root == empty_root();
    }
    if first == second {
        return path.is_empty() && first_root == second_root;
    }
    // A first tree that is complete is not told: its root is known.
    let (seed, path) = if first.is_power_of_two() {
        (first_root, path)
    } else {
        (path.first().copied().unwrap_or(Hash::ZERO), path.get(1..).unwrap_or_default())
    };
    if path.is_empty() {
        return false;
    }
    let shift = (first - 1).trailing_ones();
    let (mut position, mut last) = ((first - 1) >> shift, (second - 1) >> shift);
    let (mut old, mut new) = (seed, seed);
    for beside in path {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            old = node_hash(*beside, old);
            new = node_hash(*beside, new);
            while position & 1 == 0 && position != 0 {
                (position, last) = (position >> 1, last >> 1);
            }
        } else {
            new = node_hash(new, *beside);
        }
        (position, last) = (position >> 1, last >> 1);
    }
    last == 0 && old == first_root && new == second_root
}
