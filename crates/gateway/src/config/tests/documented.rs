//! What documents say of a setting is what may be written.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::*;

#[test]
fn the_issuer_of_tokens_is_a_text_as_the_reference_says() {
    // A list of one was the only form that a file could have once.
    for form in ["\"https://x.example\"", "[\"https://x.example\"]"] {
        let settings = settings(&format!("[tokens]\nissuer = {form}\n"));
        assert_eq!(settings.tokens.issuer.as_deref(), Some("https://x.example"), "{form}");
    }
    let sources = Sources { environment: vec![variable("COUNTERSIGN_TOKENS__ISSUER", "https://x.example")], ..Sources::default() };
    assert_eq!(load(&sources).unwrap().tokens.issuer.as_deref(), Some("https://x.example"));
    assert!(problems("[tokens]\nissuer = [\"https://x.example\", \"https://y.example\"]\n").contains("tokens.issuer"));
    assert!(problems("[tokens]\nissuer = []\n").contains("tokens.issuer"));
}

/// Markdown of the documentation, and the README.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root.join("docs")];
    let mut found = vec![root.join("README.md")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// With keys, each another one, where a document has an ellipsis for them.
fn keyed(block: &str) -> String {
    let keys = ('A'..='Z').map(|letter| format!("{}A", letter.to_string().repeat(42)));
    keys.fold(block.to_owned(), |text, key| text.replacen('…', &key, 1))
}

/// Blocks of one document are parts of one file, or where they say the same twice a file each.
#[test]
fn every_example_in_a_document_is_valid() {
    let mut seen = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        let blocks: Vec<_> =
            text.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| keyed(block)).collect();
        if blocks.is_empty() {
            continue;
        }
        seen += blocks.len();
        let read = |text: &str| check(file(text).path()).map(drop).map_err(|errors| format!("{}: {errors:#?}", path.display()));
        let apart = || blocks.iter().try_for_each(|block| read(block));
        if let (Err(_), Err(error)) = (read(&blocks.concat()), apart()) {
            panic!("{error}");
        }
    }
    assert!(seen >= 12, "{seen} blocks");
}

/// One of the examples says that it is what the gateway does without any.
#[test]
fn the_example_files_are_valid_and_one_of_them_changes_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for name in ["minimal.toml", "own-routes.toml", "paper-venue.toml"] {
        check(&folder.join(name)).unwrap();
    }
    let shown = |file: Option<PathBuf>| {
        let mut shown: Vec<_> = load(&Sources { file, ..Sources::default() }).unwrap().show();
        // Paths in a file are relative to it.
        shown.retain(|(key, ..)| !["state_dir", "operator.socket"].contains(&key.as_str()));
        shown.into_iter().map(|(key, value, _)| (key, value)).collect::<Vec<_>>()
    };
    assert_eq!(shown(Some(folder.join("paper-venue.toml"))), shown(None));
}

/// As a text, else as what it looks like; what stands for "nothing" is said in words and is in the snapshot.
#[test]
fn every_default_in_the_reference_may_be_written() {
    let mut defaults = load(&Sources::default()).unwrap().show();
    defaults.retain(|(key, ..)| !key.starts_with("route."));
    let list = |value: &str| value.split(", ").map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", ");
    let other = |value: &str| {
        let is_bare = value.parse::<u64>().is_ok() || value.parse::<bool>().is_ok();
        if is_bare { value.to_owned() } else { format!("[{}]", list(value)) }
    };
    let refused = |texts: &BTreeSet<String>| {
        let lines = defaults.iter().map(|(key, value, _)| {
            let written = if texts.contains(key) { other(value) } else { format!("{value:?}") };
            format!("{key} = {written}\n")
        });
        let errors = check(file(&lines.collect::<String>()).path()).map(drop).err().unwrap_or_default();
        errors.into_iter().filter_map(|error| error.key).collect::<BTreeSet<_>>()
    };
    let words: Vec<_> = refused(&refused(&BTreeSet::new())).into_iter().collect();
    insta::assert_snapshot!(words.join("\n"));
}

/// The document contains the reference as it follows from the declarations. `UPDATE_DOCS=1` writes it.
#[test]
fn the_reference_in_the_documentation_is_the_real_one() {
    const BEGIN: &str = "<!-- reference: begin -->\n";
    const END: &str = "<!-- reference: end -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (middle, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{}{END}{tail}", reference())).unwrap();
        return;
    }
    assert_eq!(middle, reference(), "docs/configuration.md is out of date: run this test with UPDATE_DOCS=1");
}

#[test]
fn every_example_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    assert!(examples.len() >= 3, "{examples:?}");
    for path in examples {
        check(&path).unwrap_or_else(|errors| panic!("{}: {errors:#?}", path.display()));
    }
}
