//! Source addresses a credential may be used from.

use std::net::IpAddr;

use ipnet::IpNet;

/// An allow-list of networks. Empty means any address: a key without a list is not restricted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpAllowList(Vec<IpNet>);

impl IpAllowList {
    /// Most networks on one list: it is walked on each request.
    pub const COUNT_MAX: usize = 64;

    /// No restriction.
    #[must_use]
    pub const fn any() -> Self {
        Self(Vec::new())
    }

    /// Reads addresses and networks (`192.0.2.7`, `2001:db8::/32`).
    ///
    /// # Errors
    /// The first text that is neither an address nor a network, or the first beyond [`Self::COUNT_MAX`].
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let mut networks = Vec::new();
        for text in texts {
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            match network {
                Ok(network) if networks.len() < Self::COUNT_MAX => networks.push(network.trunc()),
                Ok(_) | Err(_) => return Err(text.to_owned()),
            }
        }
        Ok(Self(networks))
    }

    /// Whether `address` may use the key. An IPv4 address inside IPv6 counts as IPv4.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address))
    }

    /// The networks, as text.
    pub fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(ToString::to_string)
    }

    /// Whether any address may use the key.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn allows_listed_networks_only() {
        let list = IpAllowList::parse(["192.0.2.0/24", "::1"]).unwrap();
        for inside in ["192.0.2.9", "::1", "::ffff:192.0.2.9"] {
            assert!(list.allows(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["192.0.3.9", "::2"] {
            assert!(!list.allows(outside.parse().unwrap()), "{outside}");
        }
        assert!(IpAllowList::any().allows("203.0.113.1".parse().unwrap()));
        assert_eq!(IpAllowList::parse(["nonsense"]), Err("nonsense".to_owned()));
    }
}
