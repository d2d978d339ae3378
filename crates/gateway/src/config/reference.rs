//! The reference of all keys, as Markdown, from the declarations themselves.

use std::fmt::Write as _;

use super::environment::environment_name;
use super::{Sources, load};

/// A table of every key with its default, its variable and its meaning: the middle part of `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let defaults = load(&Sources::default()).expect("the defaults are valid");
    let mut text = String::new();
    let mut section = None;
    for shown in defaults.shown.iter().filter(|shown| !shown.key.starts_with("route.")) {
        let (head, name) = shown.key.rsplit_once('.').unwrap_or(("", &shown.key));
        if section != Some(head) {
            let title = if head.is_empty() { "Outside sections".to_owned() } else { format!("`[{head}]`") };
            let _ = write!(text, "\n### {title}\n\n| key | default | meaning |\n|---|---|---|\n");
            section = Some(head);
        }
        let _ = writeln!(text, "| `{name}` | `{}` | {}<br>`{}` |", shown.default, shown.about, environment_name(&shown.key));
    }
    text
}
