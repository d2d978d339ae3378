//! What strangers may ask of public routes: weight per minute and source. The same table counts what is refused of each source.
//!
//! A table of fixed size, so that no number of sources makes it grow; sources that fall on one place share it. Places are chosen by
//! a hash with a key of this run: nobody can look for a source that shares one with somebody else.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use countersign_core::rate::{Usage, WindowCounter};
use countersign_core::{Refusal, Timestamp};

use crate::connection::SourcePrefix;

/// Places of the table, 24 bytes each. With a thousand busy sources one newcomer in 65 shares a place with one of them.
const PLACES: usize = 65_536;
/// As venues count: per minute.
const WINDOW: Duration = Duration::from_secs(60);

/// The counters.
pub struct PublicRates {
    counters: Box<[WindowCounter]>,
    places: RandomState,
    weight_max: u32,
}

impl PublicRates {
    /// Counters that admit `weight_max` a minute for each source.
    #[must_use]
    pub fn new(weight_max: u32) -> Self {
        let counters = (0..PLACES).map(|_| WindowCounter::new(WINDOW)).collect();
        Self { counters, places: RandomState::new(), weight_max }
    }

    /// How much one source may ask for in a minute.
    #[must_use]
    pub const fn weight_max(&self) -> u32 {
        self.weight_max
    }

    /// Charges a request from `address`.
    ///
    /// # Errors
    /// [`Reject::RateLimited`](countersign_core::Reject::RateLimited) with the time until the next minute.
    pub fn charge(&self, address: IpAddr, weight: u32, now: Timestamp) -> Result<Usage, Refusal> {
        self.counters[self.place_of(address)].charge(weight, self.weight_max, now)
    }

    fn place_of(&self, address: IpAddr) -> usize {
        let hash = self.places.hash_one(SourcePrefix::of(address));
        usize::try_from(hash % (PLACES as u64)).expect("below the number of places")
    }
}

impl std::fmt::Debug for PublicRates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicRates({} a minute)", self.weight_max)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_source_uses_up_its_own_and_nobody_elses() {
        let rates = PublicRates::new(3);
        let at = Timestamp::from_secs(1_000_000);
        let from = |text: &str| text.parse::<IpAddr>().unwrap();
        rates.charge(from("192.0.2.1"), 2, at).unwrap();
        rates.charge(from("192.0.2.77"), 1, at).unwrap();
        assert!(rates.charge(from("::ffff:192.0.2.1"), 1, at).is_err(), "the same network, written otherwise");
        // One of these may share its place with the first, not all of them.
        let others = (0..8).filter(|number| rates.charge(from(&format!("198.51.{number}.1")), 3, at).is_ok()).count();
        assert!(others >= 6, "{others}");
        rates.charge(from("192.0.2.1"), 3, Timestamp::from_secs(1_000_060)).unwrap();
    }
}
