//! What one explanation may spend: on texts that are made, on MACs over them, on verifications.

use std::cell::Cell;

use crate::limits;

/// What is left. It is charged from where texts are made and from where they are tried, so it is shared.
///
/// A search has two stages, and each has half of it: what the many other times of the first spend is not missing in the second.
#[derive(Debug)]
pub(crate) struct Budget {
    texts: Left,
    macs: Left,
    bytes: Left,
    verifications: Left,
}

#[derive(Debug)]
struct Left {
    now: Cell<usize>,
    later: Cell<usize>,
}

impl Left {
    const fn of(whole: usize) -> Self {
        Self { now: Cell::new(whole / 2), later: Cell::new(whole - whole / 2) }
    }

    fn take(&self, what: usize) {
        self.now.set(self.now.get().saturating_sub(what));
    }

    fn is_spent(&self) -> bool {
        self.now.get() == 0
    }
}

impl Budget {
    /// That of a whole explanation.
    pub(crate) const fn whole() -> Self {
        Self {
            texts: Left::of(limits::VARIATIONS_MAX),
            macs: Left::of(limits::MACS_MAX),
            bytes: Left::of(limits::TEXT_BYTES_MAX),
            verifications: Left::of(limits::VERIFICATIONS_MAX),
        }
    }

    /// For whoever only asks whether the signature is right.
    pub(crate) const fn nothing() -> Self {
        Self { texts: Left::of(0), macs: Left::of(0), bytes: Left::of(0), verifications: Left::of(0) }
    }

    fn all(&self) -> [&Left; 4] {
        [&self.texts, &self.macs, &self.bytes, &self.verifications]
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.all().into_iter().any(Left::is_spent)
    }

    /// The second stage begins, with its own half.
    pub(super) fn second_stage(&self) {
        for left in self.all() {
            left.now.set(left.later.take());
        }
    }

    /// A text of so many bytes is about to be tried.
    pub(crate) fn text(&self, bytes: usize) {
        self.texts.take(1);
        self.bytes.take(bytes);
    }

    pub(super) fn mac(&self, bytes: usize) {
        self.macs.take(1);
        self.bytes.take(bytes);
    }

    pub(super) fn verification(&self) {
        self.verifications.take(1);
    }

    /// How many texts were made with it.
    #[cfg(test)]
    pub(crate) fn texts_made(&self) -> usize {
        limits::VARIATIONS_MAX - self.texts.now.get() - self.texts.later.get()
    }
}
