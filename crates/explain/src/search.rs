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

mod ways;

use countersign_core::Purpose;

use crate::draft::{Draft, Text};
use crate::keys::Named;
use crate::signature::Reading;
use crate::vary::{self, Variation};

pub(crate) use ways::{Budget, Ways};

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
    wide: bool,
}

impl From<Variation> for Candidate {
    fn from(variation: Variation) -> Self {
        let mistakes = vec![Named::new(variation.mistake, variation.detail)];
        Self { mistakes, text: variation.text, wide: variation.wide }
    }
}

/// Searches from the texts that may be right: the expected one, and the one as sent where that is another.
pub(crate) fn search(draft: &Draft, bases: &[Text], ways: &Ways, readings: &[Reading], budget: &mut Budget) -> Option<Hit> {
    let mut search = Search { ways, readings, budget, best: None };
    let bases: Vec<_> = bases.iter().map(|text| Candidate { mistakes: Vec::new(), text: text.clone(), wide: false }).collect();
    search.stage(&bases, 0, false);
    search.stage(&bases, 1, false);
    if search.is_done(1) {
        return search.best;
    }
    let singles: Vec<Candidate> = bases.iter().flat_map(|base| vary::texts(draft, &base.text, true)).map(Candidate::from).collect();
    search.stage(&singles, 0, false);
    if search.best.as_ref().is_some_and(|hit| hit.mistakes.len() <= 1) {
        return search.best;
    }
    // What the many other times spent is not missing here.
    *search.budget = Budget::default();
    search.stage(&bases, 2, false);
    search.stage(&singles, 1, true);
    if search.is_done(2) {
        return search.best;
    }
    for single in singles.iter().filter(|single| !single.wide) {
        let pairs: Vec<Candidate> = vary::texts(draft, &single.text, false)
            .into_iter()
            .filter(|variation| single.mistakes.iter().all(|named| named.mistake != variation.mistake))
            .map(|variation| {
                let mut pair = Candidate::from(variation);
                pair.mistakes.splice(0..0, single.mistakes.iter().cloned());
                pair
            })
            .collect();
        search.stage(&pairs, 0, true);
        if search.is_done(2) {
            break;
        }
    }
    search.best
}

struct Search<'s> {
    ways: &'s Ways,
    readings: &'s [Reading],
    budget: &'s mut Budget,
    best: Option<Hit>,
}

impl Search<'_> {
    /// Whether nothing shorter than this can be found any more, or nothing may be tried.
    fn is_done(&self, mistakes: usize) -> bool {
        self.best.as_ref().is_some_and(|hit| hit.mistakes.len() <= mistakes) || self.budget.is_spent()
    }

    /// Tries texts under all ways with so many mistakes of their own.
    fn stage(&mut self, candidates: &[Candidate], way_mistakes: usize, narrow: bool) {
        for candidate in candidates.iter().filter(|candidate| !(narrow && candidate.wide)) {
            let least = candidate.mistakes.len() + way_mistakes;
            if self.best.as_ref().is_some_and(|hit| hit.mistakes.len() <= least) || self.budget.is_spent() {
                return;
            }
            let composed = candidate.text.compose();
            for (way, reading) in self.ways.hits(&composed, way_mistakes, self.readings, self.budget) {
                let mistakes: Vec<Named> = candidate.mistakes.iter().chain(way).chain(&reading).cloned().collect();
                if self.best.as_ref().is_none_or(|hit| mistakes.len() < hit.mistakes.len()) {
                    self.best = Some(Hit { mistakes, text: candidate.text.clone() });
                }
            }
        }
    }
}

/// Whether the MAC of the right text begins with the bytes that were presented.
pub(crate) fn is_cut_off(base: &Text, ways: &Ways, readings: &[Reading]) -> bool {
    ways.begins_with(&base.compose(), readings)
}

/// Whether public keys verify at this dialect.
pub(crate) fn takes_public_keys(purpose: Purpose) -> bool {
    purpose.algorithms().iter().any(|algorithm| algorithm.is_public_key())
}
