//! The search: which known mistakes turn the expected text into one whose signature is the one presented.
//!
//! ```text
//!   texts (base, one mistake, two)  ×  ways (secret, hash; or algorithm of a public key)  ×  readings of the signature
//!
//!   stages, cheapest explanation first:   base × right way │ base × one │ one × right │ one × one │ base × two │ two × right
//! ```
//!
//! A hit is proof: the signature is that of the text under the key. There are no guesses in it. What was searched is bounded by
//! [`crate::limits`]; the first explanation with the fewest mistakes wins.

mod budget;
mod public;
mod rare;
#[cfg(test)]
mod tests;
mod ways;

use std::ops::ControlFlow;

use countersign_core::Purpose;

use crate::draft::{Draft, Text};
use crate::keys::Named;
use crate::signature::Reading;
use crate::vary::{self, Variation, Which};

pub(crate) use budget::Budget;
pub(crate) use ways::Ways;

/// What explains a signature.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    /// None: it is right.
    pub(crate) mistakes: Vec<Named>,
    /// The text that was signed.
    pub(crate) text: Text,
}

/// A text with the mistakes that make it.
struct Candidate {
    mistakes: Vec<Named>,
    text: Text,
}

impl From<Variation> for Candidate {
    fn from(variation: Variation) -> Self {
        Self { mistakes: vec![Named::new(variation.mistake, variation.detail)], text: variation.text }
    }
}

/// Searches from the texts that may be right: the expected one, and the one as sent where that is another. Each candidate is tried as
/// it is made.
pub(crate) fn search(draft: &Draft, bases: &[Text], ways: &Ways, readings: &[Reading], budget: &Budget) -> Option<Hit> {
    // What cannot be read, or has a length that no signature has, is made by no text.
    if !ways.may_make(readings) {
        return None;
    }
    let mut search = Search { draft, ways, readings, budget, best: None };
    search.bases(bases, 0);
    search.bases(bases, 1);
    if search.is_done(1) {
        return search.best;
    }
    for which in [Which::Narrow, Which::Wide] {
        search.each(bases, which, &mut |search, single| search.attempt(&single, 0));
    }
    if search.best.as_ref().is_some_and(|hit| hit.mistakes.len() <= 1) {
        return search.best;
    }
    search.budget.second_stage();
    search.bases(bases, 2);
    search.each(bases, Which::Narrow, &mut |search, single| search.attempt(&single, 1));
    if search.is_done(2) {
        return search.best;
    }
    search.each(bases, Which::Narrow, &mut |search, single| search.pairs(&single));
    search.best
}

struct Search<'s> {
    draft: &'s Draft,
    ways: &'s Ways,
    readings: &'s [Reading],
    budget: &'s Budget,
    best: Option<Hit>,
}

/// What is done with a candidate, and whether to go on.
type Then<'s, 't> = dyn FnMut(&mut Search<'s>, Candidate) -> ControlFlow<()> + 't;

impl<'s> Search<'s> {
    /// Whether nothing shorter than this can be found any more, or nothing may be tried.
    fn is_done(&self, mistakes: usize) -> bool {
        self.best.as_ref().is_some_and(|hit| hit.mistakes.len() <= mistakes) || self.budget.is_spent()
    }

    /// The texts themselves, under the ways with so many mistakes.
    fn bases(&mut self, bases: &[Text], way_mistakes: usize) {
        for text in bases {
            if self.attempt(&Candidate { mistakes: Vec::new(), text: text.clone() }, way_mistakes).is_break() {
                return;
            }
        }
    }

    /// The variations of every text.
    fn each(&mut self, bases: &[Text], which: Which, then: &mut Then<'s, '_>) {
        for base in bases {
            let budget = self.budget;
            vary::texts(self.draft, base, which, budget, &mut |variation| then(self, Candidate::from(variation)));
        }
    }

    /// The text of one mistake with a second one.
    fn pairs(&mut self, single: &Candidate) -> ControlFlow<()> {
        vary::texts(self.draft, &single.text, Which::Narrow, self.budget, &mut |variation| {
            if single.mistakes.iter().any(|named| named.mistake == variation.mistake) {
                return ControlFlow::Continue(());
            }
            let mut pair = Candidate::from(variation);
            pair.mistakes.splice(0..0, single.mistakes.iter().cloned());
            self.attempt(&pair, 0)
        });
        if self.is_done(2) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Tries a text under all ways with so many mistakes of their own.
    fn attempt(&mut self, candidate: &Candidate, way_mistakes: usize) -> ControlFlow<()> {
        if self.is_done(candidate.mistakes.len() + way_mistakes) {
            return ControlFlow::Break(());
        }
        let composed = candidate.text.compose();
        for (way, reading) in self.ways.hits(&composed, way_mistakes, self.readings, self.budget) {
            let mistakes: Vec<Named> = candidate.mistakes.iter().chain(way).chain(&reading).cloned().collect();
            if self.best.as_ref().is_none_or(|hit| mistakes.len() < hit.mistakes.len()) {
                self.best = Some(Hit { mistakes, text: candidate.text.clone() });
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether the MAC of the right text begins with the bytes that were presented.
pub(crate) fn is_cut_off(base: &Text, ways: &Ways, readings: &[Reading]) -> bool {
    ways.begins_with(&base.compose(), readings)
}

/// In which way the MAC of the right text was written that no reading finds.
pub(crate) fn written_otherwise(base: &Text, ways: &Ways, signature: &str) -> Option<&'static str> {
    ways.written_otherwise(&base.compose(), signature)
}

/// Whether public keys verify at this dialect.
pub(crate) fn takes_public_keys(purpose: Purpose) -> bool {
    purpose.algorithms().iter().any(|algorithm| algorithm.is_public_key())
}
