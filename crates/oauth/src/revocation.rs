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

/// All revocations that still matter.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    epoch: u64,
    entries: HashMap<RevocationTarget, (u64, Timestamp)>,
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

    /// Remembers one; the order in which they come does not matter, nor does one that comes twice.
    pub fn note(&mut self, revocation: Revocation) {
        self.epoch = self.epoch.max(revocation.epoch);
        let entry = self.entries.entry(revocation.target).or_insert((revocation.epoch, revocation.until));
        *entry = (entry.0.max(revocation.epoch), entry.1.max(revocation.until));
    }

    /// Forgets those that name nothing any more.
    pub fn forget(&mut self, now: Timestamp) {
        self.entries.retain(|_, (_, until)| *until > now);
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
        if of_key.is_some_and(|(epoch, _)| mark.epoch < *epoch) {
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
        Revocation { target, epoch, until: Timestamp::from_secs(100), by: "operator test".into() }
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
