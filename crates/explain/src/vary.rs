//! Known mistakes as variations of a signed text: each is what a client with that mistake would have signed.
//!
//! | file | mistakes |
//! |---|---|
//! | [`parameters`] | order, left out, after the signature |
//! | [`encoding`] | percent-encoding |
//! | `target` | method, path, query |
//! | `body`, [`json`] | body left out, added, written again; inner hashes |
//! | `payload` | JSON in base64 |
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
mod payload;
mod target;
mod whole;

use std::ops::ControlFlow;

use crate::catalogue::Mistake;
use crate::draft::{Draft, Name, Text};
use crate::search::Budget;

/// What would have been signed with a mistake.
#[derive(Clone, Debug)]
pub(crate) struct Variation {
    pub(crate) mistake: Mistake,
    /// What exactly, where the mistake's own words leave it open.
    pub(crate) detail: String,
    pub(crate) text: Text,
}

/// Which variations are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Some hundreds, of which two may come together.
    Narrow,
    /// The many that are never combined with another mistake: other times, other orders, other ways to write JSON.
    Wide,
}

/// Who is given each variation as it is made, and says whether to go on.
pub(crate) type Take<'t> = dyn FnMut(Variation) -> ControlFlow<()> + 't;

/// Hands on variations of one text. None is kept: a text may be 64 KiB, and there are thousands of them.
pub(crate) struct Variations<'d> {
    pub(crate) draft: &'d Draft,
    pub(crate) base: &'d Text,
    which: Which,
    budget: &'d Budget,
    take: &'d mut Take<'d>,
    ended: bool,
}

impl Variations<'_> {
    /// Adds a text, unless it is the same as without the mistake.
    pub(crate) fn add(&mut self, mistake: Mistake, detail: impl Into<String>, text: Text) {
        self.push(mistake, detail, text, Which::Narrow);
    }

    /// Adds one of very many.
    pub(crate) fn add_wide(&mut self, mistake: Mistake, detail: impl Into<String>, text: Text) {
        self.push(mistake, detail, text, Which::Wide);
    }

    /// Adds the base with other bytes in one part.
    pub(crate) fn add_bytes(&mut self, mistake: Mistake, detail: impl Into<String>, name: Name, bytes: impl Into<Vec<u8>>) {
        if self.which == Which::Narrow && !self.has_ended() {
            let text = self.base.with_bytes(name, bytes);
            self.add(mistake, detail, text);
        }
    }

    /// Whether the many are asked for, and more of them.
    pub(crate) fn are_wide(&self) -> bool {
        self.which == Which::Wide && !self.has_ended()
    }

    /// Whether no more are taken: who makes them one by one from what a client sent asks between them.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended || self.budget.is_spent()
    }

    /// Each that is made is paid for, also where nobody tries it.
    fn push(&mut self, mistake: Mistake, detail: impl Into<String>, text: Text, which: Which) {
        if which != self.which || self.has_ended() {
            return;
        }
        let detail = detail.into();
        self.budget.text(detail.len() + text.parts.iter().map(|part| part.bytes.len()).sum::<usize>());
        if text != *self.base {
            self.ended = (self.take)(Variation { mistake, detail, text }).is_break();
        }
    }
}

/// Hands on the variations of a text of this draft, the likely ones first.
pub(crate) fn texts<'d>(draft: &'d Draft, base: &'d Text, which: Which, budget: &'d Budget, take: &'d mut Take<'d>) {
    let mut variations = Variations { draft, base, which, budget, take, ended: false };
    if which == Which::Narrow {
        target::vary(&mut variations);
        whole::vary(&mut variations);
        encoding::vary(&mut variations);
    }
    parameters::vary(&mut variations);
    body::vary(&mut variations);
    payload::vary(&mut variations);
    order::vary(&mut variations);
    if draft.around.fix {
        fix::vary(&mut variations);
    }
    foreign::vary(&mut variations);
    clock::vary(&mut variations);
    whole::cut(&mut variations);
}

#[cfg(test)]
mod tests {
    use countersign_core::Purpose;

    use super::*;
    use crate::draft::{Encoding, Hash, Part, Scheme};

    fn given(which: Which, most: usize) -> usize {
        given_of(which, most, [(Name::Method, "POST"), (Name::Path, "/a/b"), (Name::Body, r#"{"a":1.50,"b":"x"}"#)])
    }

    fn given_of<const N: usize>(which: Which, most: usize, parts: [(Name, &str); N]) -> usize {
        let mut draft = Draft::new(Purpose::Okx, Scheme::Hmac(Hash::Sha256), Encoding::Base64);
        draft.text = Text::new(parts.map(|(name, text)| Part::plain(name, text)).to_vec());
        let mut given = 0;
        texts(&draft, &draft.text, which, &Budget::whole(), &mut |_| {
            given += 1;
            if given == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        given
    }

    #[test]
    fn a_text_has_some_hundreds_whatever_its_length() {
        let (path, query) = ("/a".repeat(4_000), vec!["a=1.5"; 2_000].join("&"));
        let parts = [(Name::Method, "GET"), (Name::Path, path.as_str()), (Name::Query, query.as_str())];
        for which in [Which::Narrow, Which::Wide] {
            let given = given_of(which, usize::MAX, parts);
            assert!(given < 1_000, "{which:?}: {given}");
        }
    }

    #[test]
    fn who_has_enough_is_given_no_more() {
        for which in [Which::Narrow, Which::Wide] {
            assert_eq!((given(which, 1), given(which, 7)), (1, 7));
            assert!(given(which, usize::MAX) > 50, "{which:?}");
        }
    }
}
