//! Dictionaries without repeated keys.
//!
//! RFC 9651 lets the last of two members with one key win. Whoever reads the field behind us may let the first one win: so a signed
//! dictionary has each key once.

use std::collections::BTreeSet;

use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored};
use sfv::{Dictionary, KeyRef, Parser};

/// Reads a dictionary; `None` when it is none, or has a key twice.
pub(super) fn dictionary(field: &[u8]) -> Option<Dictionary> {
    Parser::new(field).parse_dictionary_with_visitor(Keys::default()).ok()?;
    Parser::new(field).parse().ok()
}

#[derive(Default)]
struct Keys<'f>(BTreeSet<&'f str>);

impl<'f> DictionaryVisitor<'f> for Keys<'f> {
    type Out = ();
    type Error = Repeated;

    fn entry(&mut self, key: &'f KeyRef) -> Result<impl EntryVisitor<'f>, Self::Error> {
        if self.0.insert(key.as_str()) { Ok(Ignored) } else { Err(Repeated) }
    }

    fn finish(self) -> Result<Self::Out, Self::Error> {
        Ok(())
    }
}

/// A key is there twice.
#[derive(Debug)]
struct Repeated;

impl std::fmt::Display for Repeated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key of a dictionary is repeated")
    }
}

impl std::error::Error for Repeated {}
