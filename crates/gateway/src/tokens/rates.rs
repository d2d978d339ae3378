//! How often one source may ask the token endpoints: the assertion of a stranger costs a signature check.
//!
//! Keys have their own limit besides, charged after they proved themselves. The table is emptied every minute, so it is never larger
//! than one minute of sources; when it is full, newcomers wait for the next minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use countersign_core::{Detail, Refusal, Reject, Timestamp};
use parking_lot::Mutex;

/// Requests of one source (a /24, a /48) a minute: a fleet of two hundred processes behind one address, three tokens each.
pub(super) const REQUESTS_PER_SOURCE_MAX: u32 = 600;
/// Sources in one minute: 16 bytes each.
const SOURCES_MAX: usize = 65_536;
const WINDOW_SECONDS: u64 = 60;

/// The counters.
#[derive(Debug, Default)]
pub(super) struct SourceRates(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    number: u64,
    requests: HashMap<[u8; 6], u32>,
}

impl SourceRates {
    /// Counts one request.
    ///
    /// # Errors
    /// [`Reject::RateLimited`], with the time until the next minute.
    pub(super) fn charge(&self, source: IpAddr, now: Timestamp) -> Result<(), Refusal> {
        let number = now.as_secs() / WINDOW_SECONDS;
        let mut window = self.0.lock();
        if window.number != number {
            *window = Window { number, requests: HashMap::new() };
        }
        let known = window.requests.len();
        let prefix = prefix(source);
        let requests = match window.requests.get_mut(&prefix) {
            Some(requests) => requests,
            None if known >= SOURCES_MAX => return Err(limited(now)),
            None => window.requests.entry(prefix).or_insert(0),
        };
        if *requests >= REQUESTS_PER_SOURCE_MAX {
            return Err(limited(now));
        }
        *requests += 1;
        Ok(())
    }
}

fn limited(now: Timestamp) -> Refusal {
    let wait = Duration::from_secs(WINDOW_SECONDS - now.as_secs() % WINDOW_SECONDS);
    Refusal::with(Reject::RateLimited, Detail::RetryAfter(wait))
}

/// The part of an address that one party usually owns.
fn prefix(address: IpAddr) -> [u8; 6] {
    let mut prefix = [0; 6];
    match address.to_canonical() {
        IpAddr::V4(v4) => prefix[..3].copy_from_slice(&v4.octets()[..3]),
        IpAddr::V6(v6) => prefix.copy_from_slice(&v6.octets()[..6]),
    }
    prefix
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_source_waits_for_the_next_minute_and_others_do_not() {
        let rates = SourceRates::default();
        let now = Timestamp::from_secs(1_790_000_050);
        let (one, same, other): (IpAddr, IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "::ffff:192.0.2.9".parse().unwrap(), "2001:db8::1".parse().unwrap());
        for _ in 0..REQUESTS_PER_SOURCE_MAX {
            rates.charge(one, now).unwrap();
        }
        let refusal = rates.charge(same, now).unwrap_err();
        assert_eq!(refusal, Refusal::with(Reject::RateLimited, Detail::RetryAfter(Duration::from_secs(60 - now.as_secs() % 60))));
        rates.charge(other, now).unwrap();
        rates.charge(one, now.saturating_add(Duration::from_secs(60))).unwrap();
    }

    #[test]
    fn a_full_table_takes_no_newcomer() {
        let rates = SourceRates::default();
        let now = Timestamp::from_secs(60);
        for n in 0..u32::try_from(SOURCES_MAX).unwrap() {
            rates.charge(IpAddr::from((n << 8).to_be_bytes()), now).unwrap();
        }
        assert!(rates.charge("255.255.255.1".parse().unwrap(), now).is_err());
        rates.charge("0.0.0.1".parse().unwrap(), now).unwrap();
    }
}
