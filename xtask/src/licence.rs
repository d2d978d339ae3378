//! Licence expressions: does what a package offers fit into what we allow?
//!
//! SPDX expressions with `AND`, `OR`, `WITH` and parentheses, and the older `/` for `OR`.

use anyhow::{Result, bail, ensure};

/// Whether `expression` can be satisfied with licences for which `allowed` holds.
///
/// # Errors
/// When the expression cannot be read: an unreadable licence is no licence.
pub(crate) fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { tokens: &tokens, at: 0, allowed };
    let result = reader.either()?;
    ensure!(reader.at == tokens.len(), "licence expression goes on after its end: {expression}");
    Ok(result)
}

struct Reader<'t> {
    tokens: &'t [&'t str],
    at: usize,
    allowed: &'t dyn Fn(&str) -> bool,
}

impl<'t> Reader<'t> {
    fn take(&mut self, word: &str) -> bool {
        let taken = self.tokens.get(self.at) == Some(&word);
        self.at += usize::from(taken);
        taken
    }

    fn next(&mut self) -> Result<&'t str> {
        let Some(token) = self.tokens.get(self.at) else { bail!("licence expression ends too early") };
        self.at += 1;
        Ok(token)
    }

    fn either(&mut self) -> Result<bool> {
        let mut result = self.both()?;
        while self.take("OR") {
            result |= self.both()?;
        }
        Ok(result)
    }

    fn both(&mut self) -> Result<bool> {
        let mut result = self.one()?;
        while self.take("AND") {
            result &= self.one()?;
        }
        Ok(result)
    }

    fn one(&mut self) -> Result<bool> {
        if self.take("(") {
            let result = self.either()?;
            ensure!(self.take(")"), "licence expression lacks a closing parenthesis");
            return Ok(result);
        }
        let name = self.next()?;
        ensure!(!["OR", "AND", "WITH", ")"].contains(&name), "licence expression has {name} where a licence belongs");
        if self.take("WITH") {
            let exception = self.next()?;
            return Ok((self.allowed)(&format!("{name} WITH {exception}")) || (self.allowed)(name));
        }
        Ok((self.allowed)(name))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(expression: &str) -> bool {
        satisfied(expression, &|name| ["MIT", "Apache-2.0", "ISC"].contains(&name)).unwrap()
    }

    #[test]
    fn one_of_several_is_enough_for_or_and_all_are_needed_for_and() {
        assert!(check("GPL-3.0 OR MIT"));
        assert!(check("MIT/Unlicense"));
        assert!(check("ISC AND (Apache-2.0 OR GPL-2.0)"));
        assert!(!check("MIT AND OpenSSL"));
        assert!(!check("GPL-3.0"));
    }

    #[test]
    fn and_binds_more_tightly_than_or() {
        assert!(check("MIT OR GPL-3.0 AND OpenSSL"));
        assert!(!check("(MIT OR GPL-3.0) AND OpenSSL"));
    }

    #[test]
    fn an_exception_widens_an_allowed_licence() {
        assert!(check("Apache-2.0 WITH LLVM-exception"));
    }

    #[test]
    fn an_unreadable_expression_is_an_error() {
        for broken in ["", "MIT OR", "(MIT", "MIT ISC", "OR MIT"] {
            assert!(satisfied(broken, &|_| true).is_err(), "{broken}");
        }
    }
}
