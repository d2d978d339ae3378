//! `cargo xtask trace`: every requirement `HS-<n>` of the specification is cited where it is implemented and where it is tested.
//!
//! A citation counts as code in a Rust file under `crates/*/src` outside its tests, and as test in a test module, a file under a
//! `tests` folder, or a black-box test. Citing a requirement that the specification does not have is a fault too: it was
//! renumbered or mistyped.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::arch::sources;
use crate::machine::Machine;

const SPECIFICATION: &str = "docs/spec/handshake.md";
const PREFIX: &str = "HS-";

/// Where requirements are cited.
#[derive(Default)]
struct Citations {
    code: BTreeSet<u32>,
    tests: BTreeSet<u32>,
}

/// Reads the specification and the tree and reports every fault.
pub(crate) fn check(machine: &Machine) -> Result<()> {
    let text = fs::read_to_string(machine.path(SPECIFICATION)).with_context(|| format!("{SPECIFICATION} cannot be read"))?;
    let required = ids(&text);
    ensure!(!required.is_empty(), "{SPECIFICATION} has no requirement {PREFIX}<n>: nothing was checked");
    let faults = faults(&required, &citations(machine.root())?);
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{} requirements, {} faults:\n  {}", required.len(), faults.len(), faults.join("\n  "));
}

fn faults(required: &BTreeSet<u32>, cited: &Citations) -> Vec<String> {
    let mut faults = Vec::new();
    for id in required {
        match (cited.code.contains(id), cited.tests.contains(id)) {
            (true, true) => {}
            (true, false) => faults.push(format!("{PREFIX}{id} is cited by no test")),
            (false, true) => faults.push(format!("{PREFIX}{id} is cited by no code")),
            (false, false) => faults.push(format!("{PREFIX}{id} is cited by neither code nor test")),
        }
    }
    for id in cited.code.union(&cited.tests).filter(|id| !required.contains(id)) {
        faults.push(format!("{PREFIX}{id} is cited but not in {SPECIFICATION}"));
    }
    faults
}

fn citations(root: &Path) -> Result<Citations> {
    let mut cited = Citations::default();
    for path in sources(&root.join("crates"))? {
        let below = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let text = fs::read_to_string(&path)?;
        let (code, tests) = if is_test_file(&below) { ("", text.as_str()) } else { split_tests(&text) };
        cited.code.extend(ids(code));
        cited.tests.extend(ids(tests));
    }
    for entry in fs::read_dir(root.join("tests/conformance")).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            cited.tests.extend(ids(&fs::read_to_string(&path)?));
        }
    }
    Ok(cited)
}

/// Files that hold nothing but tests.
fn is_test_file(below: &str) -> bool {
    below.contains("/tests/") || below.ends_with("/tests.rs")
}

/// Splits a source file at its test module, which by custom is the last item.
fn split_tests(text: &str) -> (&str, &str) {
    text.find("#[cfg(test)]").map_or((text, ""), |at| text.split_at(at))
}

/// All requirement numbers in a text.
fn ids(text: &str) -> BTreeSet<u32> {
    let after_prefix = text.match_indices(PREFIX).filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric()));
    after_prefix.filter_map(|(at, prefix)| number(&text[at + prefix.len()..])).collect()
}

fn number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn finds_ids_and_nothing_that_only_looks_like_one() {
        assert_eq!(ids("HS-1, (HS-22) and `HS-3`; not XHS-4, HS-x"), BTreeSet::from([1, 22, 3]));
    }

    #[test]
    fn names_each_requirement_without_code_or_test() {
        let cited = Citations { code: BTreeSet::from([1, 2, 9]), tests: BTreeSet::from([1, 3]) };
        let faults = faults(&BTreeSet::from([1, 2, 3, 4]), &cited);
        assert_eq!(
            faults,
            [
                "HS-2 is cited by no test",
                "HS-3 is cited by no code",
                "HS-4 is cited by neither code nor test",
                "HS-9 is cited but not in docs/spec/handshake.md"
            ]
        );
    }

    #[test]
    fn a_test_module_is_test_and_the_rest_is_code() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("crates/a/src");
        fs::create_dir_all(folder.join("b")).unwrap();
        let requirement = |number: u32| format!("// {PREFIX}{number}\n");
        fs::write(folder.join("lib.rs"), format!("{}#[cfg(test)]\nmod tests {{\n{}}}", requirement(5), requirement(6))).unwrap();
        fs::write(folder.join("b/tests.rs"), requirement(7)).unwrap();
        let cited = citations(root.path()).unwrap();
        assert_eq!(cited.code, BTreeSet::from([5]));
        assert_eq!(cited.tests, BTreeSet::from([6, 7]));
    }
}
