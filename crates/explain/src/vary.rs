//! Known mistakes as variations of a signed text: each is what a client with that mistake would have signed.
//!
//! | file | mistakes |
//! |---|---|
//! | [`parameters`] | order, left out, after the signature |
//! | [`encoding`] | percent-encoding |
//! | `target` | method, path, query |
//! | `body`, [`json`] | body left out, added, written again; inner hashes |
//! | `clock` | units and other times |
//! | `order` | order of the parts, separators |
//! | `whole` | the text as a whole |
//! | `foreign` | signed too much, rules of older versions and of other venues |
//! | `fix` | fields of a Logon |

mod body;
mod clock;
pub(crate) mod encoding;
mod fix;
mod foreign;
pub(crate) mod json;
mod order;
pub(crate) mod parameters;
mod target;
mod whole;

use crate::catalogue::Mistake;
use crate::draft::{Draft, Name, Text};

/// What would have been signed with a mistake.
#[derive(Clone, Debug)]
pub(crate) struct Variation {
    pub(crate) mistake: Mistake,
    /// What exactly, where the mistake's own words leave it open.
    pub(crate) detail: String,
    pub(crate) text: Text,
    /// One of very many: never combined with another mistake.
    pub(crate) wide: bool,
}

/// Collects variations of one text.
pub(crate) struct Variations<'d> {
    pub(crate) draft: &'d Draft,
    pub(crate) base: &'d Text,
    found: Vec<Variation>,
}

impl Variations<'_> {
    /// Adds a text, unless it is the same as without the mistake.
    pub(crate) fn add(&mut self, mistake: Mistake, detail: impl Into<String>, text: Text) {
        self.push(mistake, detail, text, false);
    }

    /// Adds one of very many.
    pub(crate) fn add_wide(&mut self, mistake: Mistake, detail: impl Into<String>, text: Text) {
        self.push(mistake, detail, text, true);
    }

    /// Adds the base with other bytes in one part.
    pub(crate) fn add_bytes(&mut self, mistake: Mistake, detail: impl Into<String>, name: Name, bytes: impl Into<Vec<u8>>) {
        let text = self.base.with_bytes(name, bytes);
        self.add(mistake, detail, text);
    }

    fn push(&mut self, mistake: Mistake, detail: impl Into<String>, text: Text, wide: bool) {
        if text != *self.base {
            self.found.push(Variation { mistake, detail: detail.into(), text, wide });
        }
    }
}

/// All variations of a text of this draft, the likely ones first.
pub(crate) fn texts(draft: &Draft, base: &Text, wide: bool) -> Vec<Variation> {
    let mut variations = Variations { draft, base, found: Vec::new() };
    target::vary(&mut variations);
    whole::vary(&mut variations);
    encoding::vary(&mut variations);
    parameters::vary(&mut variations, wide);
    body::vary(&mut variations);
    order::vary(&mut variations, wide);
    if draft.around.fix {
        fix::vary(&mut variations);
    }
    foreign::vary(&mut variations);
    clock::vary(&mut variations, wide);
    // What is cheap comes first: there are thousands of other times.
    variations.found.sort_by_key(|variation| variation.wide);
    variations.found
}
