//! Standard output: lines, tables, JSON. Notes that are no result go to standard error.
//!
//! Nothing here knows colours: tables are plain text on a terminal and in a pipe alike.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::time::Duration;

use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use serde::Serialize;

/// How often what goes on is shown anew.
const TICK: Duration = Duration::from_millis(120);

/// Writes a line.
pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.as_ref())?;
    Ok(out.flush()?)
}

/// Writes text that has its own line ends.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Writes a value as JSON, indented: one document for a machine, still legible.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Tells a person something that is no result. When standard error is gone there is nobody to tell.
pub(crate) fn note(text: impl AsRef<str>) {
    drop(writeln!(std::io::stderr(), "{}", text.as_ref()));
}

/// Progress on standard error, of so many steps or of nobody knows how many: where that is a terminal and things may move, which they
/// may not where colours are unwanted. It is gone with the value.
pub(crate) fn progress(steps: Option<u64>, still: bool) -> ProgressBar {
    let still = still || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let target = if still { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    ProgressBar::with_draw_target(steps, target).with_finish(ProgressFinish::AndClear)
}

/// Tells whoever watches that something goes on, and for how long, until the value is gone.
pub(crate) fn working(what: &'static str, still: bool) -> ProgressBar {
    let shown = progress(None, still).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        shown.set_style(style);
    }
    shown.tick();
    shown.enable_steady_tick(TICK);
    shown
}

/// A table with a header.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    table
}

/// A table of names and values.
pub(crate) fn sheet<'r>(rows: impl IntoIterator<Item = (&'r str, String)>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    table
}

/// Writes a table, without blanks at line ends. Of one without rows standard output gets nothing, and a person a word.
pub(crate) fn print(table: &Table) -> anyhow::Result<()> {
    if table.is_empty() {
        note("none");
        return Ok(());
    }
    text(&layout(table))
}

/// A table as text: no blanks around its lines.
pub(crate) fn layout(table: &Table) -> String {
    let bare = |line: String| format!("{}\n", line.strip_prefix(' ').map_or(line.as_str(), |rest| rest).trim_end());
    table.lines().map(bare).collect()
}

/// Whether the reader of our output went away: `countersign ... | head` is no failure.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    error.downcast_ref::<std::io::Error>().is_some_and(|error| broken(error))
}

/// A path as a shell takes it for one word.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_is_one_word_of_a_shell() {
        assert_eq!(quoted(Path::new("state/demo/a-1_b.json")), "state/demo/a-1_b.json");
        assert_eq!(quoted(Path::new("/my state/ca.pem")), "'/my state/ca.pem'");
        assert_eq!(quoted(Path::new("it's $HOME")), r"'it'\''s $HOME'");
    }
}
