//! Log lines on standard error: for people, or one JSON object per line. A line that cannot be written is lost: standard error may be a
//! file on a disk that is full, and then nothing of the gateway may fail for that.

use countersign_gateway::config::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` overrides the configured level, as everywhere.
pub(crate) fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(settings.level));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).log_internal_errors(false);
    // A second start in one process (the demo) keeps the first.
    match settings.format {
        LogFormat::Json => drop(builder.json().try_init()),
        LogFormat::Text => drop(builder.with_ansi(use_color()).try_init()),
    }
}

/// Colour only on a terminal, and never against the user's word (<https://no-color.org>).
pub(crate) fn use_color() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
