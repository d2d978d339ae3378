//! The places of operators' connections.
//!
//! ```text
//!   take ──▶ waiting ──a request is there──▶ at work ──answered──▶ waiting
//!               │ none is free: the oldest waiting one of whoever holds most
//!               ▼
//!            displaced
//! ```
//!
//! A connection that is silent, or has sent half a request, or does not read its answer, holds a place as long as nobody else comes.
//! So whoever has an operator's certificate, and their own forgotten connections too, cannot keep anybody from a halt. What is at work
//! is never displaced: a change that was asked for is finished, and told to whoever reads.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// All places of one transport.
#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    per_operator_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// By number: the oldest first.
    held: BTreeMap<u64, Held>,
    next: u64,
}

#[derive(Debug)]
struct Held {
    operator: String,
    requests: usize,
    displaced: CancellationToken,
}

/// A place of one connection; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    displaced: CancellationToken,
}

/// A request is being answered.
#[derive(Debug)]
pub(super) struct AtWork(Arc<Place>);

impl Taken {
    fn of(&self, operator: &str) -> usize {
        self.held.values().filter(|held| held.operator == operator).count()
    }

    /// The oldest that waits, of whoever has most, or of one operator.
    fn to_displace(&self, of: Option<&str>) -> Option<u64> {
        let waits = |held: &Held| held.requests == 0 && of.is_none_or(|operator| held.operator == operator);
        let waiting = self.held.iter().filter(|(_, held)| waits(held));
        waiting.max_by_key(|(number, held)| (self.of(&held.operator), Reverse(**number))).map(|(number, _)| *number)
    }
}

impl Places {
    /// So many in all, and of one operator.
    pub(super) fn new(max: usize, per_operator_max: usize) -> Arc<Self> {
        Arc::new(Self { max, per_operator_max, taken: Mutex::default() })
    }

    /// Takes one; `None` only where everything that could make room is at work.
    pub(super) fn take(self: &Arc<Self>, operator: &str) -> Option<Arc<Place>> {
        let mut taken = self.taken.lock();
        let own_are_used_up = taken.of(operator) >= self.per_operator_max;
        if own_are_used_up || taken.held.len() >= self.max {
            let number = taken.to_displace(own_are_used_up.then_some(operator))?;
            if let Some(held) = taken.held.remove(&number) {
                held.displaced.cancel();
            }
        }
        let (number, displaced) = (taken.next, CancellationToken::new());
        taken.next += 1;
        taken.held.insert(number, Held { operator: operator.to_owned(), requests: 0, displaced: displaced.clone() });
        drop(taken);
        Some(Arc::new(Place { places: Arc::clone(self), number, displaced }))
    }
}

impl Place {
    /// Returns when somebody else got it.
    pub(super) async fn displaced(&self) {
        self.displaced.cancelled().await;
    }

    /// Begins a request; `None` when the place is somebody else's already.
    pub(super) fn begin(self: &Arc<Self>) -> Option<AtWork> {
        let mut taken = self.places.taken.lock();
        taken.held.get_mut(&self.number)?.requests += 1;
        drop(taken);
        Some(AtWork(Arc::clone(self)))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(held) = self.0.places.taken.lock().held.get_mut(&self.0.number) {
            held.requests -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.lock().held.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn is_displaced(place: &Place) -> bool {
        place.displaced.is_cancelled()
    }

    #[test]
    fn one_operator_displaces_its_own_and_no_other() {
        let places = Places::new(100, 2);
        let bob = places.take("bob").unwrap();
        let alice: Vec<_> = std::iter::repeat_with(|| places.take("alice").unwrap()).take(5).collect();
        assert_eq!(alice.iter().map(|place| is_displaced(place)).collect::<Vec<_>>(), [true, true, true, false, false]);
        assert!(!is_displaced(&bob));
    }

    #[test]
    fn where_all_are_taken_whoever_has_most_makes_room() {
        let places = Places::new(6, 4);
        let alice: Vec<_> = std::iter::repeat_with(|| places.take("alice").unwrap()).take(4).collect();
        let bob: Vec<_> = std::iter::repeat_with(|| places.take("bob").unwrap()).take(2).collect();
        let carol = places.take("carol").unwrap();
        assert!(is_displaced(&alice[0]) && alice[1..].iter().chain(&bob).all(|place| !is_displaced(place)));
        drop(carol);
        let dave = places.take("dave").unwrap();
        assert!(!is_displaced(&alice[1]) && !is_displaced(&dave), "one had become free");
    }

    #[test]
    fn who_works_stays() {
        let places = Places::new(100, 2);
        let (first, second) = (places.take("alice").unwrap(), places.take("alice").unwrap());
        let (at_first, at_second) = (first.begin().unwrap(), second.begin().unwrap());
        assert!(places.take("alice").is_none());
        drop(at_second);
        let third = places.take("alice").unwrap();
        assert!(is_displaced(&second) && second.begin().is_none(), "what it asked for is not begun");
        assert!(!is_displaced(&first) && third.begin().is_some());
        drop((at_first, first, second));
        assert_eq!(places.taken.lock().held.len(), 1);
    }
}
