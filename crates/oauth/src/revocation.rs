//! What was revoked: single tokens, sessions with all their tokens, all tokens of a key so far.
//!
//! Each revocation has a number, the epoch. A token names the epoch it was made in, so "all tokens of this key until now" needs no
//! clock: those with an earlier epoch are void, those made afterwards are not. Entries are forgotten when every token they could
//! name has long expired.

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{CredentialId, Refusal, Reject, SessionId, Timestamp};

use crate::claims::TokenMark;

/// What the names of operators begin with in [`Revocation::by`]. Nobody else is written so.
pub const BY_OPERATOR: &str = "operator ";

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RevocationTarget {
    /// All tokens and families of a key so far.
    Credential(CredentialId),
    /// A session: its family of refresh tokens and all its access tokens.
    Session(SessionId),
    /// One access token.
    Token([u8; 16]),
}

impl fmt::Display for RevocationTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(id) => write!(f, "key:{id}"),
            Self::Session(sid) => write!(f, "sid:{sid}"),
            Self::Token(jti) => write!(f, "jti:{}", URL_SAFE_NO_PAD.encode(jti)),
        }
    }
}

impl RevocationTarget {
    /// Reads a text as `Display` writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("key", id) => CredentialId::parse(id).ok().map(Self::Credential),
            ("sid", sid) => SessionId::parse(sid).map(Self::Session),
            ("jti", jti) => Some(Self::Token(URL_SAFE_NO_PAD.decode(jti).ok()?.try_into().ok()?)),
            _ => None,
        }
    }
}

/// One revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What.
    pub target: RevocationTarget,
    /// Its number.
    pub epoch: u64,
    /// When it can be forgotten.
    pub until: Timestamp,
    /// Who revoked it: an operator, its client, or what was seen.
    pub by: Box<str>,
}

impl Revocation {
    /// Whether an operator revoked it.
    #[must_use]
    pub fn is_by_operator(&self) -> bool {
        self.by.starts_with(BY_OPERATOR)
    }
}

/// What is remembered of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The number of its latest revocation.
    epoch: u64,
    until: Timestamp,
    /// Whether an operator is among those who revoked it.
    by_operator: bool,
}

/// All revocations that still matter.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    epoch: u64,
    entries: HashMap<RevocationTarget, Entry>,
}

impl Revocations {
    /// The number of the latest.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether this was revoked.
    #[must_use]
    pub fn has(&self, target: &RevocationTarget) -> bool {
        self.entries.contains_key(target)
    }

    /// Whether an operator is among those who revoked this; `None` when it was not revoked.
    #[must_use]
    pub fn by_operator(&self, target: &RevocationTarget) -> Option<bool> {
        self.entries.get(target).map(|entry| entry.by_operator)
    }

    /// Remembers one; the order in which they come does not matter, nor does one that comes twice.
    pub fn note(&mut self, revocation: Revocation) {
        self.epoch = self.epoch.max(revocation.epoch);
        let by_operator = revocation.is_by_operator();
        let Revocation { target, epoch, until, by: _ } = revocation;
        let entry = self.entries.entry(target).or_insert(Entry { epoch, until, by_operator });
        *entry = Entry { epoch: entry.epoch.max(epoch), until: entry.until.max(until), by_operator: entry.by_operator || by_operator };
    }

    /// Forgets those that name nothing any more.
    pub fn forget(&mut self, now: Timestamp) {
        self.entries.retain(|_, entry| entry.until > now);
    }

    /// Whether a token still stands.
    ///
    /// # Errors
    /// [`Reject::TokenInvalid`].
    pub fn check(&self, mark: &TokenMark) -> Result<(), Refusal> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let revoked = |sentence: &'static str| Err(Refusal::operator(Reject::TokenInvalid, sentence));
        if self.has(&RevocationTarget::Token(mark.jti)) {
            return revoked("the token was revoked");
        }
        if mark.from.iter().any(|jti| self.has(&RevocationTarget::Token(*jti))) {
            return revoked("a token that this one was exchanged for was revoked");
        }
        if self.has(&RevocationTarget::Session(mark.sid)) {
            return revoked("the session of the token was revoked");
        }
        let of_key = self.entries.get(&RevocationTarget::Credential(mark.credential.clone()));
        if of_key.is_some_and(|entry| mark.epoch < entry.epoch) {
            return revoked("all tokens of this key were revoked");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn mark(jti: u8, sid: u8, epoch: u64) -> TokenMark {
        let credential = CredentialId::parse("cred-1").unwrap();
        TokenMark { jti: [jti; 16], from: Vec::new(), sid: SessionId::from_bytes([sid; 16]), credential, epoch }
    }

    fn revocation(target: RevocationTarget, epoch: u64) -> Revocation {
        let by = if epoch.is_multiple_of(2) { "operator test" } else { "its client" };
        Revocation { target, epoch, until: Timestamp::from_secs(100), by: by.into() }
    }

    #[test]
    fn each_kind_ends_what_it_names_and_nothing_else() {
        let mut all = Revocations::default();
        all.note(revocation(RevocationTarget::Token([1; 16]), 1));
        all.note(revocation(RevocationTarget::Session(SessionId::from_bytes([2; 16])), 2));
        all.note(revocation(RevocationTarget::Credential(CredentialId::parse("cred-1").unwrap()), 3));
        assert_eq!(all.epoch(), 3);
        assert!(all.check(&mark(1, 9, 3)).is_err() && all.check(&mark(9, 2, 3)).is_err(), "named");
        assert!(all.check(&mark(9, 9, 2)).is_err(), "made before the key's revocation");
        all.check(&mark(9, 9, 3)).unwrap();
        let exchanged = |from: &[u8]| TokenMark { from: from.iter().map(|jti| [*jti; 16]).collect(), ..mark(9, 9, 3) };
        assert!(all.check(&exchanged(&[1])).is_err() && all.check(&exchanged(&[1, 7])).is_err() && all.check(&exchanged(&[7, 1])).is_err());
        all.check(&exchanged(&[7, 8])).unwrap();
        let other = TokenMark { credential: CredentialId::parse("cred-2").unwrap(), ..mark(9, 9, 0) };
        all.check(&other).unwrap();
        all.forget(Timestamp::from_secs(100));
        assert_eq!((all.len(), all.epoch()), (0, 3), "the epoch never goes back");
    }

    #[test]
    fn who_revoked_is_remembered_as_far_as_it_was_an_operator() {
        let mut all = Revocations::default();
        let target = RevocationTarget::Token([1; 16]);
        assert_eq!(all.by_operator(&target), None);
        for (epoch, expected) in [(1, false), (2, true), (3, true)] {
            all.note(revocation(target.clone(), epoch));
            assert_eq!(all.by_operator(&target), Some(expected), "{epoch}");
        }
    }

    #[test]
    fn targets_read_back() {
        let sid = RevocationTarget::Session(SessionId::from_bytes([255; 16]));
        for target in [sid, RevocationTarget::Token([7; 16]), RevocationTarget::Credential(CredentialId::parse("c").unwrap())] {
            assert_eq!(RevocationTarget::parse(&target.to_string()), Some(target));
        }
        assert_eq!(RevocationTarget::parse("all:"), None);
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(epochs in prop::collection::vec((1_u64..20, 0_u8..3), 1..12), seed in any::<prop::sample::Index>()) {
            let entries: Vec<_> = epochs.iter().map(|(epoch, kind)| revocation(match kind {
                0 => RevocationTarget::Token([1; 16]),
                1 => RevocationTarget::Session(SessionId::from_bytes([1; 16])),
                _ => RevocationTarget::Credential(CredentialId::parse("cred-1").unwrap()),
            }, *epoch)).collect();
            let mut turned = entries.clone();
            turned.rotate_left(seed.index(entries.len()));
            turned.extend(entries.first().cloned());
            let fold = |list: Vec<Revocation>| list.into_iter().fold(Revocations::default(), |mut all, each| { all.note(each); all });
            let (one, other) = (fold(entries), fold(turned));
            prop_assert_eq!(one.epoch(), other.epoch());
            prop_assert_eq!(one.entries, other.entries);
        }
    }
}
