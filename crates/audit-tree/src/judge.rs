//! Reads the lines of a log in order and names what is wrong with them.
//!
//! ```text
//!   line ──▶ no link ──▶ before the chain: an old record │ no JSON: torn by a crash │ else: smuggled in
//!        └─▶ n, prev
//!              n == next, prev == hash of the line before     the chain goes on
//!              n == next, prev another                        the record before was changed
//!              n > next                                       records are missing, or come later
//!              n < next                                       moved, if it was missing; else repeated
//! ```
//!
//! A leaf enters the tree when the record after it tells its hash: so the tree is that of the log as it was written, a changed
//! line does not hide what else is wrong, and a signed head that still fits proves that nothing else is.
//! When several records in a row are gone the tree cannot be computed further, until a file begins with the subtrees of all
//! before it (`log_file`).

use std::collections::BTreeSet;

use crate::frontier::Frontier;
use crate::hash::{Hash, leaf_hash};
use crate::head::TreeHead;
use crate::limits;
use crate::link::{self, Link};
use crate::tail::Tail;

mod report;

pub use report::{Fault, Place, Report};

/// The event of the record that begins a file: it carries the subtrees of everything before it.
pub const LOG_FILE: &str = "log_file";

/// The event of the record in which a start says that it found the log other than it must be.
pub const LOG_FAULT: &str = "log_fault";

/// Judges one log.
#[derive(Debug)]
pub struct Judge {
    /// Heads that were verified, smallest last.
    heads: Vec<TreeHead>,
    /// The log may begin after record 0: files before were moved to an archive.
    beginning_may_be_gone: bool,
    /// Whole, or `None` while records before are gone. Its last leaf is still `held`.
    tree: Option<Frontier>,
    held: Option<Held>,
    next: u64,
    missing: BTreeSet<u64>,
    /// Records behind the newest head so far.
    tail: Option<Tail>,
    report: Report,
}

#[derive(Clone, Debug)]
struct Held {
    n: u64,
    leaf: Hash,
    place: Place,
}

impl Judge {
    /// A judge that holds the log against these verified heads.
    #[must_use]
    pub fn new(mut heads: Vec<TreeHead>, beginning_may_be_gone: bool) -> Self {
        heads.sort_unstable_by_key(|head| std::cmp::Reverse(head.size));
        Self {
            heads,
            beginning_may_be_gone,
            tree: Some(Frontier::new()),
            held: None,
            next: 0,
            missing: BTreeSet::new(),
            tail: None,
            report: Report::default(),
        }
    }

    /// Takes the next line, without its end.
    pub fn line(&mut self, line: &[u8], place: &Place) {
        let Some(link) = Link::parse(line) else { return self.unlinked(line, place) };
        if !link::is_whole(line) {
            // A link in front of something torn or mangled proves nothing.
            return self.unlinked(line, place);
        }
        let leaf = leaf_hash(line);
        if self.report.begins.is_none() {
            self.begin(line, link, place);
        }
        match link.n.cmp(&self.next) {
            std::cmp::Ordering::Less => return self.out_of_order(link.n, place),
            std::cmp::Ordering::Equal => self.settle(Some(link.prev)),
            std::cmp::Ordering::Greater => self.gap(link, place),
        }
        self.seed(line, link, place);
        self.check_heads(link.n);
        if let Some(detail) = found(line) {
            self.report.fault(Fault::Found { n: link.n, place: place.clone(), detail });
        }
        self.tail = Some(Tail::with(self.tail, link.n, link::time_of(line).unwrap_or(0)));
        self.held = Some(Held { n: link.n, leaf, place: place.clone() });
        self.next = link.n.saturating_add(1);
        self.report.records += 1;
    }

    /// The log ends here. `last` is the leaf hash of the last record, where something signed or kept elsewhere tells it for a log of
    /// that many records.
    #[must_use]
    pub fn finish(mut self, last: Option<(u64, Hash)>) -> Report {
        let told = last.filter(|(size, _)| *size == self.next).map(|(_, leaf)| leaf);
        self.settle(told.or_else(|| self.held.as_ref().map(|held| held.leaf)));
        self.check_heads(self.next);
        let promised = self.heads.iter().map(|head| head.size).chain(last.map(|(size, _)| size)).max();
        if let Some(promised) = promised.filter(|promised| *promised > self.next) {
            self.report.fault(Fault::CutOff { from: self.next, to: promised - 1 });
        }
        self.lost();
        if let Some(Tail { from, first, last }) = self.tail.filter(Tail::is_too_long) {
            self.report.fault(Fault::Unsigned { from, to: self.next - 1, first, last });
        }
        self.report.size = self.next;
        self.report.root = self.tree.map(|tree| tree.root());
        self.report
    }

    fn unlinked(&mut self, line: &[u8], place: &Place) {
        if !link::is_whole(line) {
            self.report.torn_total += 1;
            if self.report.torn.len() < limits::FAULTS_LISTED_MAX {
                self.report.torn.push(place.clone());
            }
        } else if self.report.begins.is_none() {
            self.report.before_chain += 1;
        } else {
            self.report.fault(Fault::Smuggled { place: place.clone() });
        }
    }

    /// The first line with a link: record 0, or the record that begins a file.
    fn begin(&mut self, line: &[u8], link: Link, place: &Place) {
        self.report.begins = Some((link.n, place.clone()));
        if link.n == 0 {
            return;
        }
        self.next = link.n;
        self.tree = subtrees(line, link.n);
        if !self.beginning_may_be_gone || self.tree.is_none() {
            self.report.fault(Fault::Missing { from: 0, to: link.n - 1, before: place.clone() });
        }
        // Heads of what is gone cannot be checked.
        let before = self.heads.len();
        self.heads.retain(|head| head.size >= link.n);
        self.report.gone_heads = before - self.heads.len();
    }

    /// The held record enters the tree under the hash that `told` says it had.
    fn settle(&mut self, told: Option<Hash>) {
        let Some(held) = self.held.take() else {
            // Nothing before: record 0 says so by zeros. The first line of a later file is believed as far as its subtrees are.
            if self.next == 0 && told.is_some_and(|told| told != Hash::ZERO) {
                self.report.fault(Fault::NoBeginning);
            }
            return;
        };
        let told = told.unwrap_or(held.leaf);
        if told != held.leaf {
            self.report.fault(Fault::Changed { n: held.n, place: held.place });
        }
        if let Some(tree) = &mut self.tree {
            tree.push(told);
        }
    }

    fn gap(&mut self, link: Link, place: &Place) {
        let (from, to) = (self.next, link.n - 1);
        // The record before this one is gone, but its hash is told here. With one record gone, the hash of the held one is its own.
        self.settle(None);
        self.check_heads(from);
        match &mut self.tree {
            Some(tree) if from == to => tree.push(link.prev),
            _ => self.tree = None,
        }
        if to - from < limits::MISSING_REMEMBERED_MAX && self.missing.len() < usize::try_from(limits::MISSING_REMEMBERED_MAX).unwrap_or(0) {
            self.missing.extend(from..=to);
            self.report.gap_places.push((from, place.clone()));
        } else {
            self.report.fault(Fault::Missing { from, to, before: place.clone() });
        }
        self.next = link.n;
    }

    fn out_of_order(&mut self, n: u64, place: &Place) {
        let fault =
            if self.missing.remove(&n) { Fault::Moved { n, place: place.clone() } } else { Fault::Repeated { n, place: place.clone() } };
        self.report.fault(fault);
    }

    /// A file's first record tells the subtrees of all before: they must be ours, or become ours when ours are lost.
    fn seed(&mut self, line: &[u8], link: Link, place: &Place) {
        let Some(told) = subtrees(line, link.n) else { return };
        match &self.tree {
            Some(tree) if *tree == told => {}
            Some(_) => self.report.fault(Fault::Subtrees { n: link.n, place: place.clone() }),
            None => self.tree = Some(told),
        }
    }

    /// Holds the tree against the heads of `size` records, when it has that many.
    fn check_heads(&mut self, size: u64) {
        while let Some(head) = self.heads.last().copied().filter(|head| head.size <= size) {
            // Every record so far is one of its own. What is wrong with them is another fault.
            self.tail = None;
            let Some(tree) = &self.tree else {
                self.heads.pop();
                self.report.unchecked += 1;
                continue;
            };
            if tree.size() != head.size {
                self.heads.pop();
                self.report.unchecked += 1;
            } else if tree.root() == head.root {
                self.heads.pop();
                self.report.proved = Some(head);
                self.report.proved_heads += 1;
            } else {
                self.heads.pop();
                let from = self.report.proved.map_or(0, |head| head.size);
                self.report.fault(Fault::Rewritten { from, to: head.size.saturating_sub(1) });
            }
        }
    }

    /// What was missing and never came.
    fn lost(&mut self) {
        let places = std::mem::take(&mut self.report.gap_places);
        let mut lost = std::mem::take(&mut self.missing).into_iter().peekable();
        while let Some(from) = lost.next() {
            let mut to = from;
            while lost.next_if_eq(&(to + 1)).is_some() {
                to += 1;
            }
            let before = places.iter().rev().find(|(first, _)| *first <= from).map(|(_, place)| place.clone()).unwrap_or_default();
            self.report.fault(Fault::Missing { from, to, before });
        }
    }
}

/// The subtrees that the first record of a file tells; `None` for any other record.
#[must_use]
pub fn subtrees(line: &[u8], n: u64) -> Option<Frontier> {
    if !has_near_its_beginning(line, b"\"event\":\"log_file\"") {
        return None;
    }
    #[derive(serde::Deserialize)]
    struct FileRecord {
        event: String,
        tree: Vec<Hash>,
    }
    let record: FileRecord = serde_json::from_slice(line).ok()?;
    (record.event == LOG_FILE).then(|| Frontier::from_peaks(n, record.tree)).flatten()
}

/// What a start found wrong with the log; `None` for any other record.
fn found(line: &[u8]) -> Option<String> {
    if !has_near_its_beginning(line, b"\"event\":\"log_fault\"") {
        return None;
    }
    #[derive(serde::Deserialize)]
    struct FaultRecord {
        event: String,
        detail: String,
    }
    let record: FaultRecord = serde_json::from_slice(line).ok()?;
    let shown = |detail: String| detail.chars().filter(|char| !char.is_control()).take(limits::FOUND_CHARS_MAX).collect();
    (record.event == LOG_FAULT).then(|| shown(record.detail))
}

/// Whether `mark` stands right behind link and time: only such lines are parsed, and they are few.
fn has_near_its_beginning(line: &[u8], mark: &[u8]) -> bool {
    line.windows(mark.len()).take(160).any(|window| window == mark)
}
