//! The places that connections take: among all, of their source while nobody has proved anything on them, and of their account.
//!
//! A place is given back when it is dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_core::AccountId;
use parking_lot::Mutex;

/// Counts open connections: all of them, per source those on which nobody has proved anything yet, and per account the others.
#[derive(Debug)]
pub struct ConnectionLimits {
    open: AtomicUsize,
    open_max: usize,
    by_source: Mutex<HashMap<SourcePrefix, usize>>,
    by_source_max: usize,
    by_account: Mutex<HashMap<AccountId, usize>>,
    by_account_max: usize,
}

/// The part of an address that one party usually owns: /24 of IPv4, /48 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SourcePrefix([u8; 6]);

impl SourcePrefix {
    /// That of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        let mut prefix = [0; 6];
        match address.to_canonical() {
            IpAddr::V4(v4) => prefix[..3].copy_from_slice(&v4.octets()[..3]),
            IpAddr::V6(v6) => prefix.copy_from_slice(&v6.octets()[..6]),
        }
        Self(prefix)
    }
}

/// A place among all open connections; given back when dropped.
#[derive(Debug)]
pub struct OpenSlot(Arc<ConnectionLimits>);

/// A place among the unauthenticated connections of one source; given back when dropped.
#[derive(Debug)]
pub struct UnauthenticatedSlot(Arc<ConnectionLimits>, SourcePrefix);

impl UnauthenticatedSlot {
    pub(super) const fn limits(&self) -> &Arc<ConnectionLimits> {
        &self.0
    }
}

/// A place among the connections of one account; given back when dropped.
#[derive(Debug)]
pub struct AccountSlot(Arc<ConnectionLimits>, AccountId);

/// Both places of a new connection.
#[derive(Debug)]
pub struct Slots {
    pub(super) open: OpenSlot,
    pub(super) unauthenticated: UnauthenticatedSlot,
}

impl ConnectionLimits {
    /// Limits: connections in all, unauthenticated ones per source, and those per account that count against no source.
    #[must_use]
    pub fn new(open_max: usize, by_source_max: usize, by_account_max: usize) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            open_max,
            by_source: Mutex::default(),
            by_source_max,
            by_account: Mutex::default(),
            by_account_max,
        })
    }

    /// Takes a place for a connection of an account, if it has one left.
    pub(super) fn admit_account(self: &Arc<Self>, account: &AccountId) -> Option<AccountSlot> {
        let mut by_account = self.by_account.lock();
        let count = by_account.entry(account.clone()).or_default();
        if *count >= self.by_account_max {
            return None;
        }
        *count += 1;
        drop(by_account);
        Some(AccountSlot(Arc::clone(self), account.clone()))
    }

    /// Takes both places for a connection from `address`; `None` when one of them is used up.
    #[must_use]
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Slots> {
        self.admit_unnamed()?.of_source(address)
    }

    /// Takes a place among all for a connection whose source is still to be told.
    pub(crate) fn admit_unnamed(self: &Arc<Self>) -> Option<OpenSlot> {
        let open = OpenSlot(Arc::clone(self));
        (self.open.fetch_add(1, Ordering::Relaxed) < self.open_max).then_some(open)
    }

    /// Open connections now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl OpenSlot {
    /// Takes the place of a source beside it; `None`, and this one given back, when the source has none left.
    pub(crate) fn of_source(self, address: IpAddr) -> Option<Slots> {
        let source = SourcePrefix::of(address);
        let mut by_source = self.0.by_source.lock();
        let count = by_source.entry(source).or_default();
        if *count >= self.0.by_source_max {
            return None;
        }
        *count += 1;
        drop(by_source);
        let unauthenticated = UnauthenticatedSlot(Arc::clone(&self.0), source);
        Some(Slots { open: self, unauthenticated })
    }
}

impl Drop for OpenSlot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for UnauthenticatedSlot {
    fn drop(&mut self) {
        let mut by_source = self.0.by_source.lock();
        if let Some(count) = by_source.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                by_source.remove(&self.1);
            }
        }
    }
}

impl Drop for AccountSlot {
    fn drop(&mut self) {
        let mut by_account = self.0.by_account.lock();
        if let Some(count) = by_account.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                by_account.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_account_does_not_take_the_places_of_all_sources() {
        let limits = ConnectionLimits::new(100, 2, 3);
        let near: IpAddr = "192.0.2.1".parse().unwrap();
        let (greedy, other) = (AccountId::parse("greedy").unwrap(), AccountId::parse("other").unwrap());
        let open = |account: &AccountId| {
            let slots = limits.admit(near)?;
            let place = limits.admit_account(account);
            // As a connection does: it gives back the place that it needs no more.
            let (unauthenticated, kept) = if place.is_some() { (None, place) } else { (Some(slots.unauthenticated), None) };
            Some((slots.open, unauthenticated, kept))
        };
        let held: Vec<_> = std::iter::repeat_with(|| open(&greedy)).take_while(Option::is_some).collect();
        assert_eq!(held.len(), 5, "three of the account, and two of its source");
        assert!(open(&other).is_none(), "of the same source");
        drop(held);
        assert!(open(&other).is_some() && limits.by_account.lock().is_empty() && limits.by_source.lock().is_empty());
    }

    #[test]
    fn counts_per_source_until_authenticated_and_in_all() {
        let limits = ConnectionLimits::new(3, 2, 3);
        let near: IpAddr = "192.0.2.1".parse().unwrap();
        let same_net: IpAddr = "192.0.2.200".parse().unwrap();
        let far: IpAddr = "198.51.100.1".parse().unwrap();
        let first = limits.admit(near).unwrap();
        let _second = limits.admit(same_net).unwrap();
        assert!(limits.admit(near).is_none(), "two of this /24 are unauthenticated");
        assert_eq!(limits.open(), 2, "a refused connection takes no place");
        let Slots { open, unauthenticated } = first;
        drop(unauthenticated);
        let _third = limits.admit(near).unwrap();
        assert!(limits.admit(far).is_none(), "three in all");
        drop(open);
        assert!(limits.admit(far).is_some());
    }
}
