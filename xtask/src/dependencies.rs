//! `cargo xtask dependencies`: bans, licences and sources of everything in the product, by the rules of `deny.toml`.
//!
//! The same rules that cargo-deny reads, checked in a second from `cargo tree`; `cargo xtask test --full` runs cargo-deny
//! itself, which takes minutes to install.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::licence::satisfied;
use crate::machine::Machine;
use crate::metadata::{Reached, reached};

/// The part of `deny.toml` that is checked here.
#[derive(Deserialize)]
struct Rules {
    bans: Bans,
    licenses: Licences,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<LicenceException>,
}

#[derive(Deserialize)]
struct LicenceException {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

/// Checks every package that the product is made of or built with.
pub(crate) fn check(machine: &Machine) -> Result<()> {
    let text = fs::read_to_string(machine.path("deny.toml")).context("deny.toml cannot be read")?;
    let rules: Rules = toml::from_str(&text).context("deny.toml is not understood")?;
    let mut faults = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for package in reached(machine, &["--workspace"], "normal,build")?.iter().filter(|package| !package.ours) {
        if let Some(ban) = rules.bans.deny.iter().find(|ban| ban.name == package.name) {
            faults.insert(format!("{} is banned ({}): {}", package.name, ban.reason, package.chain.join(" → ")));
        }
        if seen.insert((package.name.clone(), package.version.clone())) {
            faults.extend(licence_fault(package, &rules.licenses)?);
            faults.extend(source_fault(package));
        }
    }
    ensure!(!seen.is_empty(), "no dependency was found: nothing was checked");
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{} faults in {} packages:\n  {}", faults.len(), seen.len(), faults.into_iter().collect::<Vec<_>>().join("\n  "));
}

fn licence_fault(package: &Reached, rules: &Licences) -> Result<Option<String>> {
    let exception = rules.exceptions.iter().find(|exception| exception.name == package.name);
    let allowed = |name: &str| {
        let also = exception.is_some_and(|exception| exception.allow.iter().any(|one| one == name));
        also || rules.allow.iter().any(|one| one == name)
    };
    let Reached { name, version, licence, .. } = package;
    let fits = satisfied(licence, &allowed).with_context(|| format!("the licence of {name} {version}"))?;
    Ok((!fits).then(|| format!("{name} {version} is under {licence}, which is not allowed")))
}

fn source_fault(package: &Reached) -> Option<String> {
    package.foreign_source.as_ref().map(|source| format!("{} {} comes from {source}", package.name, package.version))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn package(licence: &str, foreign_source: Option<&str>) -> Reached {
        let (name, version) = ("a".to_owned(), "1.0.0".to_owned());
        Reached {
            name,
            version,
            licence: licence.to_owned(),
            foreign_source: foreign_source.map(str::to_owned),
            ours: false,
            chain: Vec::new(),
        }
    }

    fn rules() -> Licences {
        toml::from_str("allow = ['MIT']\nexceptions = [{ crate = 'a', allow = ['OpenSSL'] }]").unwrap()
    }

    #[test]
    fn a_licence_outside_the_list_is_a_fault() {
        assert!(licence_fault(&package("GPL-3.0", None), &rules()).unwrap().is_some());
        assert!(licence_fault(&package("MIT AND OpenSSL", None), &rules()).unwrap().is_none());
    }

    #[test]
    fn a_package_without_a_licence_is_a_fault() {
        assert!(licence_fault(&package("", None), &rules()).is_err());
    }

    #[test]
    fn a_source_outside_the_registry_is_a_fault() {
        assert!(source_fault(&package("MIT", Some("https://example.org/a"))).is_some());
        assert!(source_fault(&package("MIT", None)).is_none());
    }
}
