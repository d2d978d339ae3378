//! What is held: bounded, for a while, found by a name that nobody guesses.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::rate::WindowCounter;
use countersign_core::{ApiKeyId, CredentialId, Entropy, Purpose, Timestamp};
use countersign_explain::{Kept, Page, Told};

use super::limits::{HELD_MAX, HELD_PER_KEY_MAX, LIFE, OFFERS_PER_KEY_AND_MINUTE_MAX};
use crate::cluster::Cluster;

/// The name of an explanation: 128 random bits; among nodes 96, and how they know that one of them drew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExplanationId([u8; 16]);

impl ExplanationId {
    /// Reads what [`Self::text`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }

    /// A fresh one.
    pub(super) fn draw(cluster: Option<&Cluster>, entropy: &mut impl Entropy, now: Timestamp) -> Self {
        Self(match cluster {
            Some(cluster) => cluster.shelf().name(entropy.array(), now),
            None => entropy.array(),
        })
    }

    pub(crate) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Its bits.
    pub(super) const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

/// A refused login that may be explained.
#[derive(Debug)]
pub(crate) struct Held {
    id: ExplanationId,
    /// Whether this node refused it; else it was fetched from the one that did.
    own: bool,
    /// Whose it is: the key is looked at again before it is told.
    pub(crate) credential: CredentialId,
    pub(crate) purpose: Purpose,
    pub(crate) key_id: ApiKeyId,
    /// The message.
    pub(crate) kept: Kept,
    /// How it was refused.
    pub(crate) told: Told,
    /// The explanation, once it was asked for.
    pub(crate) page: OnceLock<Page>,
}

/// A login to be held.
pub(crate) struct Offered {
    pub(crate) credential: CredentialId,
    pub(crate) purpose: Purpose,
    pub(crate) key_id: ApiKeyId,
    pub(crate) kept: Kept,
    pub(crate) told: Told,
}

/// All that is held, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    held: VecDeque<Arc<Held>>,
    /// One counter for each key that was offered; there are no more than keys whose operator allowed it.
    offers: HashMap<CredentialId, WindowCounter>,
    /// Own ones that gave way before their time: other nodes shall not show them either.
    given_up: Vec<ExplanationId>,
}

impl Shelf {
    /// Holds a login; `None` when its key had enough for this minute.
    pub(crate) fn offer(&mut self, offered: Offered, draw: impl FnOnce() -> ExplanationId) -> Option<ExplanationId> {
        let now = offered.told.arrived;
        self.forget(now);
        let counter = self.offers.entry(offered.credential.clone()).or_insert_with(|| WindowCounter::new(Duration::from_secs(60)));
        counter.charge(1, OFFERS_PER_KEY_AND_MINUTE_MAX, now).ok()?;
        let id = draw();
        self.place(id, true, offered);
        Some(id)
    }

    /// Holds what another node refused.
    pub(crate) fn adopt(&mut self, id: ExplanationId, offered: Offered) -> Arc<Held> {
        self.place(id, false, offered)
    }

    fn place(&mut self, id: ExplanationId, own: bool, offered: Offered) -> Arc<Held> {
        self.make_room(&offered.credential);
        let Offered { credential, purpose, key_id, kept, told } = offered;
        let held = Arc::new(Held { id, own, credential, purpose, key_id, kept, told, page: OnceLock::new() });
        self.held.push_back(Arc::clone(&held));
        held
    }

    fn make_room(&mut self, credential: &CredentialId) {
        let of_key = self.held.iter().filter(|held| held.credential == *credential).count();
        let gone = if of_key >= HELD_PER_KEY_MAX {
            let oldest = self.held.iter().position(|held| held.credential == *credential);
            oldest.and_then(|oldest| self.held.remove(oldest))
        } else if self.held.len() >= HELD_MAX {
            self.held.pop_front()
        } else {
            None
        };
        self.given_up.extend(gone.filter(|held| held.own).map(|held| held.id));
    }

    /// What gave way since the last call. As many as were offered meanwhile at most: whoever offers calls it.
    pub(crate) fn take_given_up(&mut self) -> Vec<ExplanationId> {
        std::mem::take(&mut self.given_up)
    }

    /// What has this name. All names are compared, each in constant time.
    pub(crate) fn find(&mut self, id: ExplanationId, now: Timestamp) -> Option<Arc<Held>> {
        self.forget(now);
        let mut found = None;
        for held in &self.held {
            if verify_slices_are_equal(&held.id.0, &id.0).is_ok() {
                found = Some(Arc::clone(held));
            }
        }
        found
    }

    fn forget(&mut self, now: Timestamp) {
        self.held.retain(|held| held.told.expires > now);
        if self.held.is_empty() {
            self.offers.retain(|_, counter| counter.used(now) > 0);
        }
    }
}

/// From when to when a login that is refused now is explained.
pub(crate) fn told(now: Timestamp, refused: &'static str, last_nonce: Option<u64>) -> Told {
    Told { arrived: now, expires: now.saturating_add(LIFE), refused, last_nonce }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use countersign_core::entropy::SeededEntropy;
    use countersign_dialects::RequestView;

    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_795_222_380_000);

    fn later(seconds: u64) -> Timestamp {
        T0.saturating_add(Duration::from_secs(seconds))
    }

    fn offered(key: &str, at: Timestamp) -> Offered {
        let headers = vec![("x-mbx-apikey", key)];
        let view = RequestView { method: "GET", target: b"/api/v3/account", headers: &headers, body: b"", host: None };
        Offered {
            credential: CredentialId::parse(key).unwrap(),
            purpose: Purpose::Binance,
            key_id: ApiKeyId::parse(key).unwrap(),
            kept: Kept::of_request(Purpose::Binance, &view).unwrap(),
            told: told(at, "bad_signature", None),
        }
    }

    fn entropy() -> SeededEntropy {
        SeededEntropy::new_dangerous_for_tests(7)
    }

    #[test]
    fn an_explanation_is_found_by_its_name_until_its_life_is_over() {
        let (mut shelf, mut entropy) = (Shelf::default(), entropy());
        let id = shelf.offer(offered("one", T0), || ExplanationId::draw(None, &mut entropy, T0)).unwrap();
        let end = T0.saturating_add(LIFE);
        let last = Timestamp::from_micros(end.as_micros() - 1);
        assert_eq!(shelf.find(id, last).unwrap().key_id.as_str(), "one");
        assert!(shelf.find(id, end).is_none());
        assert!(shelf.find(id, T0).is_none(), "what is over is gone");
    }

    #[test]
    fn names_are_128_bits_and_nothing_else_is_one() {
        let (mut shelf, mut entropy) = (Shelf::default(), entropy());
        let names: HashSet<String> = (0..100)
            .map(|minute| shelf.offer(offered("one", later(60 * minute)), || ExplanationId::draw(None, &mut entropy, T0)).unwrap().text())
            .collect();
        assert_eq!((names.len(), names.iter().map(String::len).max()), (100, Some(22)));
        let id = shelf.offer(offered("two", later(6_000)), || ExplanationId::draw(None, &mut entropy, T0)).unwrap();
        assert_eq!(ExplanationId::parse(&id.text()), Some(id));
        for bit in 0..128 {
            let mut other = id;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(shelf.find(other, later(6_000)).is_none(), "bit {bit}");
        }
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA=", "../../etc/passwd", "AAAAAAAAAAAAAAAAAAAAAB"] {
            assert_eq!(ExplanationId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn one_key_that_is_flooded_takes_nothing_from_the_others() {
        let (mut shelf, mut entropy) = (Shelf::default(), entropy());
        let other = shelf.offer(offered("other", T0), || ExplanationId::draw(None, &mut entropy, T0)).unwrap();
        let mut names = Vec::new();
        for second in 0..540 {
            names.extend(shelf.offer(offered("flooded", later(second)), || ExplanationId::draw(None, &mut entropy, T0)));
        }
        assert_eq!(u32::try_from(names.len()).unwrap(), 9 * OFFERS_PER_KEY_AND_MINUTE_MAX, "so many a minute");
        let there = names.iter().filter(|id| shelf.find(**id, later(540)).is_some()).count();
        assert_eq!(there, HELD_PER_KEY_MAX);
        assert!(shelf.find(*names.last().unwrap(), later(540)).is_some(), "the newest is there");
        assert!(shelf.find(other, later(540)).is_some());
    }

    #[test]
    fn what_is_held_is_bounded_whatever_the_number_of_keys() {
        let (mut shelf, mut entropy) = (Shelf::default(), entropy());
        for number in 0..1_000 {
            shelf.offer(offered(&format!("key-{number}"), T0), || ExplanationId::draw(None, &mut entropy, T0)).unwrap();
        }
        assert_eq!(shelf.held.len(), HELD_MAX);
        shelf.forget(T0.saturating_add(LIFE));
        assert_eq!((shelf.held.len(), shelf.offers.len()), (0, 0));
    }
}
