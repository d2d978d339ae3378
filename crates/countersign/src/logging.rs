//! Log lines on standard error: for people, or one JSON object per line.
//!
//! A line that cannot be written is lost: standard error may be a file on a disk that is full, or a pipe whose reader stands still, and then
//! nothing of the gateway may fail or wait for that. So lines go through a queue to a thread of their own, and what the queue does not hold
//! is counted, and told by a line once there is room.

use std::time::Duration;

use countersign_gateway::config::{LogFormat, LogSettings};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait while standard error takes none: seconds of a busy gateway, and a few megabytes.
const LINES_WAITING_MAX: usize = 8_192;
/// How often is looked whether lines were lost.
const LOOKED_AT: Duration = Duration::from_secs(1);
/// The TLS library quotes what strangers sent, in lines as long as they like and before anybody is known. What of a handshake matters is in
/// the gateway's own lines and in the audit log.
const QUIET: &str = "rustls=error";

/// The log of this process. What waits is written when it is dropped, or lost after a second.
#[must_use = "lines are written only while it is there"]
#[derive(Debug)]
pub(crate) struct Log {
    lost: ErrorCounter,
    _writer: WorkerGuard,
}

/// Starts logging. `RUST_LOG` overrides the configured level, as everywhere.
pub(crate) fn start(settings: &LogSettings) -> Log {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("{},{QUIET}", settings.level)));
    let queue = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_WAITING_MAX).thread_name("log");
    let (queue, writer) = queue.finish(std::io::stderr());
    let log = Log { lost: queue.error_counter(), _writer: writer };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(queue).with_target(false).log_internal_errors(false);
    // A second start in one process (the demo) keeps the first.
    match settings.format {
        LogFormat::Json => drop(builder.json().try_init()),
        LogFormat::Text => drop(builder.with_ansi(use_color()).try_init()),
    }
    log
}

impl Log {
    /// Tells of lines that were lost, for as long as it is polled.
    pub(crate) async fn tell_of_losses(&self) {
        let mut told = 0;
        let mut look = tokio::time::interval(LOOKED_AT);
        loop {
            look.tick().await;
            let lost = self.lost.dropped_lines();
            if lost > told {
                tracing::warn!(lines = lost - told, "lines of this log were lost: standard error did not take them");
                told = lost;
            }
        }
    }
}

/// Colour only on a terminal, and never against the user's word (<https://no-color.org>).
pub(crate) fn use_color() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
