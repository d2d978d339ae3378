//! Scopes: what a credential, a contract and a route name as permission.

use std::fmt;

/// One permission, `area:right`, lower case. Routes name the scope they need; credentials list the scopes they have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Box<str>);

/// A text that is not a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeError(pub String);

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a scope: {:?} (a scope is area:right in lower case, such as order:write)", self.0)
    }
}

impl std::error::Error for ScopeError {}

impl Scope {
    /// Read market data.
    pub const MD_READ: &'static str = "md:read";
    /// Read balances, positions and own trades.
    pub const ACCOUNT_READ: &'static str = "account:read";
    /// Read own orders.
    pub const ORDER_READ: &'static str = "order:read";
    /// Place, change and cancel orders.
    pub const ORDER_WRITE: &'static str = "order:write";
    /// Move funds out. Needs binding `exp` in native sessions.
    pub const FUNDS_WITHDRAW: &'static str = "funds:withdraw";
    /// The scopes the paper venue and the default routes use, in the order they are shown.
    pub const KNOWN: [&'static str; 5] = [Self::MD_READ, Self::ACCOUNT_READ, Self::ORDER_READ, Self::ORDER_WRITE, Self::FUNDS_WITHDRAW];
    /// The longest scope, in bytes: two short words.
    pub const BYTES_MAX: usize = 48;

    /// Reads a scope.
    ///
    /// # Errors
    /// [`ScopeError`] when the text is not `area:right` in `a-z 0-9 . _ -`.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let fine = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
        };
        match text.split_once(':') {
            Some((area, right)) if fine(area) && fine(right) && text.len() <= Self::BYTES_MAX => Ok(Self(text.into())),
            Some(_) | None => Err(ScopeError(text.chars().take(Self::BYTES_MAX).collect())),
        }
    }

    /// The scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({})", self.0)
    }
}

/// A sorted set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Most scopes in one set: a contract lists them all, so the list stays readable.
    pub const COUNT_MAX: usize = 32;

    /// The empty set.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Reads scopes separated by spaces or commas.
    ///
    /// # Errors
    /// [`ScopeError`] naming the first text that is not a scope, or the first one beyond [`Self::COUNT_MAX`].
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        Self::collect(text.split([' ', ',']).filter(|part| !part.is_empty()))
    }

    /// Reads scopes from a list of texts.
    ///
    /// # Errors
    /// As [`Scopes::parse`].
    pub fn collect<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, ScopeError> {
        let mut scopes = Vec::new();
        for text in texts {
            if scopes.len() == Self::COUNT_MAX {
                return Err(ScopeError(text.to_owned()));
            }
            scopes.push(Scope::parse(text)?);
        }
        Ok(scopes.into_iter().collect())
    }

    /// Whether the set has this scope.
    #[must_use]
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.binary_search(scope).is_ok()
    }

    /// Whether the set has all of `other`.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }

    /// The scopes in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|scope| other.contains(scope)).cloned().collect())
    }

    /// The set without one scope.
    #[must_use]
    pub fn without(&self, scope: &str) -> Self {
        Self(self.0.iter().filter(|held| held.as_str() != scope).cloned().collect())
    }

    /// The scopes, sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Scopes {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort();
        scopes.dedup();
        Self(scopes)
    }
}

impl fmt::Display for Scopes {
    /// Separated by single spaces, as the `scope` claim of RFC 8693 has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_and_writes_the_claim_form() {
        let scopes = Scopes::parse("order:write, md:read md:read").unwrap();
        assert_eq!(scopes.to_string(), "md:read order:write");
        assert!(scopes.contains(&Scope::parse(Scope::ORDER_WRITE).unwrap()));
        assert!(!scopes.contains(&Scope::parse(Scope::FUNDS_WITHDRAW).unwrap()));
    }

    #[test]
    fn refuses_what_is_not_a_scope() {
        for text in ["order", "Order:write", ":write", "order:", "order:wr ite", "a:b:c", "1a:b"] {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
    }
}
