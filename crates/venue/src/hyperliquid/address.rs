//! Which account an address means.
//!
//! An identity whose key is named by an address (`0x` and forty hex digits) teaches the venue
//! that address when it acts, asks or connects here. Of one that has not, the embedding process may
//! know whose it is: a client reads its balance before it acts, and names nobody to read it. Else
//! nobody has heard of it, and questions about it are answered as the venue answers about a user it
//! has never seen.

use std::collections::HashMap;
use std::sync::OnceLock;

use parking_lot::Mutex;

use crate::exchange::account::AccountIndex;
use crate::identity::Identity;
use crate::limits::ACCOUNTS_MAX;

/// An address, which is written in any case and compared as a number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Address([u8; 20]);

impl Address {
    /// Reads `0x` and forty hex digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let mut bytes = [0; 20];
        for (number, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * number..2 * number + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Names the account of a key that is named by an address, written in lower case.
pub(crate) type Owners = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The addresses that identities have used, and who else would know.
#[derive(Default)]
pub(crate) struct Addresses {
    used: Mutex<HashMap<Address, AccountIndex>>,
    owners: OnceLock<Owners>,
}

impl Addresses {
    /// Remembers the address that names the identity's key, if one does.
    pub(super) fn remember(&self, identity: &Identity, account: AccountIndex) {
        let Some(address) = Address::parse(&identity.key) else {
            return;
        };
        let mut known = self.used.lock();
        // One account may have several keys, but not more addresses than there may be accounts.
        if known.len() < ACCOUNTS_MAX || known.contains_key(&address) {
            known.insert(address, account);
        }
    }

    pub(super) fn find(&self, address: Address) -> Option<AccountIndex> {
        self.used.lock().get(&address).copied()
    }

    /// Whose an address is that may not have been used yet.
    pub(super) fn owner(&self, address: Address) -> Option<String> {
        self.owners.get().and_then(|owners| owners(&address.to_string()))
    }

    /// Who knows; the first who is told of stays.
    pub(crate) fn ask_of(&self, owners: Owners) {
        let _one_is_enough = self.owners.set(owners);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_addresses_in_any_case_and_prints_them_in_lower() {
        let address = Address::parse("0xABcdef0123456789abcdef0123456789ABCDEF01").unwrap();
        assert_eq!(address.to_string(), "0xabcdef0123456789abcdef0123456789abcdef01");
        for text in ["", "0x", "key-1", "0xabcdef0123456789abcdef0123456789abcdef0", "0x+bcdef0123456789abcdef0123456789abcdef01"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
