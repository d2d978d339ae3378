//! Help texts, completions, man pages: all from one definition.

use crate::harness::{USAGE, run};

const COMMANDS: &[&[&str]] = &[
    &[],
    &["serve"],
    &["demo"],
    &["connect"],
    &["probe"],
    &["account"],
    &["account", "new"],
    &["account", "list"],
    &["account", "show"],
    &["account", "revoke"],
    &["account", "suspend"],
    &["key"],
    &["key", "new"],
    &["key", "list"],
    &["key", "show"],
    &["key", "rotate"],
    &["key", "set"],
    &["key", "revoke"],
    &["key", "suspend"],
    &["key", "resume"],
    &["operator", "certificate"],
    &["dialect"],
    &["dialect", "list"],
    &["config"],
    &["config", "check"],
    &["config", "show"],
    &["config", "reference"],
    &["vectors"],
    &["venue"],
    &["audit"],
    &["completions"],
    &["man"],
];

#[test]
fn help_texts_are_reviewed() {
    for command in COMMANDS {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let name = if command.is_empty() { "countersign".to_owned() } else { command.join("_") };
        insta::assert_snapshot!(format!("help_{name}"), run(&arguments).succeeded());
    }
}

#[test]
fn an_unknown_word_is_a_usage_error() {
    for arguments in [&["fly"][..], &["serve", "--nowhere"], &["key", "new"], &["vectors"]] {
        run(arguments).failed(USAGE);
    }
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).succeeded();
        for word in ["serve", "rotate", "--overlap"] {
            assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
    }
}

#[test]
fn each_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let man = folder.path().join("deep").join("man");
    run(&["man", man.to_str().unwrap()]).succeeded();
    for page in ["countersign.1", "countersign-serve.1", "countersign-key-rotate.1"] {
        assert!(std::fs::read_to_string(man.join(page)).unwrap().contains(".TH"), "{page}");
    }
}
