//! A log in memory, and the tree as the RFC defines it.

use countersign_audit_tree::proof::{Collector, Span};
use countersign_audit_tree::{AuditKey, Frontier, Hash, Link, SignedHead, TreeHead, leaf_hash, node_hash};

/// MTH of RFC 9162, section 2.1.1, word for word.
pub fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => countersign_audit_tree::hash::empty_root(),
        [leaf] => *leaf,
        more => {
            let split = more.len().next_power_of_two() / 2;
            node_hash(naive_root(&more[..split]), naive_root(&more[split..]))
        }
    }
}

/// PATH of RFC 9162, section 2.1.3.1.
pub fn naive_inclusion(n: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(split);
    let (mut path, beside) =
        if n < split { (naive_inclusion(n, left), naive_root(right)) } else { (naive_inclusion(n - split, right), naive_root(left)) };
    path.push(beside);
    path
}

/// SUBPROOF of RFC 9162, section 2.1.4.1.
pub fn naive_consistency(first: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if first == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(split);
    let (mut path, beside) = if first <= split {
        (naive_consistency(first, left, whole), naive_root(right))
    } else {
        (naive_consistency(first - split, right, false), naive_root(left))
    };
    path.push(beside);
    path
}

pub fn collect(spans: Vec<Span>, leaves: &[Hash]) -> Option<Vec<Hash>> {
    let mut collector = Collector::new(spans);
    leaves.iter().zip(0..).for_each(|(leaf, n)| collector.leaf(n, *leaf));
    collector.finish()
}

pub fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

pub fn key() -> AuditKey {
    AuditKey::from_seed(&[9; 32]).unwrap()
}

/// A chained log: files of lines, and the tree behind them.
#[derive(Clone, Default)]
pub struct Log {
    pub files: Vec<Vec<String>>,
    pub tree: Frontier,
    pub leaves: Vec<Hash>,
    last: Option<Hash>,
}

impl Log {
    pub fn new_file(&mut self) {
        self.files.push(Vec::new());
        let tree: Vec<_> = self.tree.peaks().iter().map(|peak| format!("\"{peak}\"")).collect();
        self.push(&format!(r#"{{"at":1,"event":"log_file","tree":[{}]}}"#, tree.join(",")));
    }

    pub fn push(&mut self, body: &str) {
        let mut line = Vec::new();
        Link { n: self.tree.size(), prev: self.last.unwrap_or(Hash::ZERO) }.write(body.as_bytes(), &mut line);
        let leaf = leaf_hash(&line);
        self.tree.push(leaf);
        self.leaves.push(leaf);
        self.last = Some(leaf);
        self.files.last_mut().unwrap().push(String::from_utf8(line).unwrap());
    }

    pub fn record(&mut self) {
        let n = self.tree.size();
        self.push(&format!(r#"{{"at":{},"event":"accept","correlation":"c{n}"}}"#, 100 + n));
    }

    /// `files` files of `records` records each, their file records not counted.
    pub fn of(files: usize, records: usize) -> Self {
        let mut log = Self::default();
        for _ in 0..files {
            log.new_file();
            (0..records).for_each(|_| log.record());
        }
        log
    }

    pub fn head(&self) -> SignedHead {
        key().sign(TreeHead { size: self.tree.size(), root: self.tree.root(), at: 5 })
    }

    pub fn path(&self, n: u64) -> Vec<Hash> {
        let size = self.tree.size();
        collect(countersign_audit_tree::proof::inclusion(n, size).unwrap(), &self.leaves).unwrap()
    }

    pub fn line(&self, n: usize) -> String {
        self.files.iter().flatten().nth(n).unwrap().clone()
    }
}
