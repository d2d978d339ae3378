//! What cargo says about packages: who may name whom (`cargo metadata`), and what is really linked (`cargo tree`).
//!
//! The resolved graph of `cargo metadata` is not used: it contains optional dependencies that no build would ever link.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::machine::Machine;

/// The target whose dependencies count: what the product is built for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A package of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: String,
    /// Workspace packages it names in `[dependencies]` or `[build-dependencies]`.
    pub(crate) knows: BTreeSet<String>,
}

/// A package that another one reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The licence expression; empty when the package names none.
    pub(crate) licence: String,
    /// Where it comes from when that is neither the registry nor this tree.
    pub(crate) foreign_source: Option<String>,
    /// Whether it is part of this tree.
    pub(crate) ours: bool,
    /// Names from the start to this package.
    pub(crate) chain: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

/// The packages of the workspace.
pub(crate) fn members(machine: &Machine) -> Result<Vec<Member>> {
    let json = said(machine, &["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: Metadata = serde_json::from_str(&json).context("cargo metadata is not understood")?;
    ensure!(!metadata.packages.is_empty(), "the workspace has no package");
    Ok(metadata.packages.into_iter().map(Member::from).collect())
}

impl From<Package> for Member {
    fn from(package: Package) -> Self {
        let linked = package.dependencies.into_iter().filter(|one| one.path.is_some() && one.kind.as_deref() != Some("dev"));
        Self { name: package.name, knows: linked.map(|one| one.name).collect() }
    }
}

/// Everything that `roots` (arguments such as `--workspace`) reach by these kinds of edges (`normal`, `normal,build`).
pub(crate) fn reached(machine: &Machine, roots: &[&str], edges: &str) -> Result<Vec<Reached>> {
    let mut arguments = vec!["tree", "--target", TARGET, "--edges", edges, "--prefix", "depth", "--format", "\t{p}\t{l}"];
    arguments.extend(roots);
    parse_tree(&said(machine, &arguments)?, &machine.root().to_string_lossy())
}

/// Reads the lines `<depth>\t<name> v<version> [(notes)]\t<licence>`.
fn parse_tree(text: &str, root: &str) -> Result<Vec<Reached>> {
    let mut chain: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [depth, package, licence] = fields[..] else { bail!("cargo tree says what is not understood: {line}") };
        let depth: usize = depth.parse().with_context(|| format!("cargo tree gives no depth: {line}"))?;
        let (name, rest) = package.split_once(" v").with_context(|| format!("cargo tree names no version: {line}"))?;
        let (version, notes) = rest.split_once(' ').unwrap_or((rest, ""));
        chain.truncate(depth);
        chain.push(name.to_owned());
        let notes = notes.split(['(', ')']).map(str::trim).filter(|note| !["", "*", "proc-macro"].contains(note));
        let (ours, foreign): (Vec<&str>, Vec<&str>) = notes.partition(|note| note.starts_with(root));
        found.push(Reached {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: licence.trim_end_matches("(*)").trim().to_owned(),
            foreign_source: foreign.first().map(|note| (*note).to_owned()),
            ours: !ours.is_empty(),
            chain: chain.clone(),
        });
    }
    Ok(found)
}

fn said(machine: &Machine, arguments: &[&str]) -> Result<String> {
    let output = machine.cargo().args(arguments).output().context("cargo could not be started")?;
    ensure!(output.status.success(), "cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("cargo does not speak UTF-8")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_tree_is_read_with_its_chains() {
        let text = "0\ta v0.1.0 (/tree/a)\tMIT\n1\tb v2.0.1\tMIT OR Apache-2.0\n2\tc v3.0.0 (proc-macro)\tISC\n1\td v1.0.0 (*)\t (*)\n";
        let found = parse_tree(text, "/tree").unwrap();
        assert!(found[0].ours && found[0].foreign_source.is_none());
        assert_eq!(found[2].chain, ["a", "b", "c"]);
        assert_eq!(found[2].foreign_source, None);
        assert_eq!(found[3].chain, ["a", "d"]);
        assert_eq!((found[1].version.as_str(), found[1].licence.as_str()), ("2.0.1", "MIT OR Apache-2.0"));
    }

    #[test]
    fn a_package_from_elsewhere_says_so() {
        let found = parse_tree("0\ta v0.1.0 (https://example.org/a#1234)\tMIT", "/tree").unwrap();
        assert_eq!(found[0].foreign_source.as_deref(), Some("https://example.org/a#1234"));
    }

    #[test]
    fn an_answer_that_is_not_understood_is_an_error() {
        assert!(parse_tree("a v1.0.0", "/tree").is_err());
    }

    #[test]
    fn development_dependencies_are_no_arrows() {
        let json = r#"{"name":"a","dependencies":[{"name":"b","kind":null,"path":"/b"},{"name":"c","kind":"dev","path":"/c"},
            {"name":"serde","kind":null,"path":null}]}"#;
        let member = Member::from(serde_json::from_str::<Package>(json).unwrap());
        assert_eq!(member.knows, BTreeSet::from(["b".to_owned()]));
    }
}
