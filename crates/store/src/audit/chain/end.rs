//! What is known of the end of the log.

use countersign_audit_tree::judge::subtrees;
use countersign_audit_tree::{Frontier, Hash, Link, Tail, leaf_hash, link};

/// What is known of the end.
#[derive(Clone, Debug, Default)]
pub(super) struct End {
    pub(super) offset: u64,
    pub(super) tree: Frontier,
    pub(super) last: Option<Hash>,
    /// The time of the newest record, in microseconds.
    pub(super) at: u64,
    /// Records behind the newest head that is known of.
    pub(super) unsigned: Option<Tail>,
}

impl End {
    pub(super) fn link(&self) -> Link {
        Link { n: self.tree.size(), prev: self.last.unwrap_or(Hash::ZERO) }
    }

    /// Adds a line, of which it is known when it was.
    pub(super) fn add(&mut self, line: &[u8], at: Option<u64>) {
        let leaf = leaf_hash(line);
        self.unsigned = Some(Tail::with(self.unsigned, self.tree.size(), at.unwrap_or(0)));
        self.tree.push(leaf);
        self.last = Some(leaf);
        self.at = self.at.max(at.unwrap_or(0));
    }

    /// Takes a line that continues the chain; any other is left to `audit verify`.
    pub(super) fn continue_with(&mut self, line: &[u8]) {
        let Some(link) = Link::parse(line).filter(|_| link::is_whole(line)) else { return };
        let may_begin = self.tree.size() == 0 || self.offset == 0;
        if may_begin
            && link.n > self.tree.size()
            && let Some(tree) = subtrees(line, link.n)
        {
            (self.tree, self.last) = (tree, Some(link.prev));
        }
        if link == self.link() {
            self.add(line, link::time_of(line));
        }
    }
}
