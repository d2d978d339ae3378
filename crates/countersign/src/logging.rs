//! Log lines on standard error: for people, or one JSON object per line.
//!
//! A line that cannot be written is lost: standard error may be a file on a disk that is full, or a pipe whose reader stands still, and then
//! nothing of the gateway may fail or wait for that. So lines go through a queue to a thread of their own, and what the queue does not hold
//! is counted, and told by a line once there is room.

use std::io::Write;
use std::time::Duration;

use countersign_gateway::config::{LogFormat, LogSettings};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
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
    let (queue, log) = Log::to(std::io::stderr(), LINES_WAITING_MAX);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(queue).with_target(false).log_internal_errors(false);
    // A second start in one process (the demo) keeps the first.
    match settings.format {
        LogFormat::Json => drop(builder.json().try_init()),
        LogFormat::Text => drop(builder.with_ansi(use_color()).try_init()),
    }
    log
}

impl Log {
    /// Lines go there, and so many wait.
    fn to(place: impl Write + Send + 'static, lines: usize) -> (NonBlocking, Self) {
        let queue = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(lines).thread_name("log");
        let (queue, writer) = queue.finish(place);
        let lost = queue.error_counter();
        (queue, Self { lost, _writer: writer })
    }

    /// Tells of lines that were lost, for as long as it is polled.
    pub(crate) async fn tell_of_losses(&self) {
        let mut told = 0;
        let mut look = tokio::time::interval(LOOKED_AT);
        loop {
            look.tick().await;
            told = self.tell_of_more_than(told);
        }
    }

    /// Tells of all lines that were lost, where they are more than were told of; how many they were. Of all: what tells of them may be lost,
    /// too, and is one more then.
    fn tell_of_more_than(&self, told: usize) -> usize {
        let lost = self.lost.dropped_lines();
        if lost > told {
            tracing::warn!(lines = lost, "lines of this log were lost since the start: standard error did not take them");
        }
        lost
    }
}

/// Colour only on a terminal, and never against the user's word (<https://no-color.org>).
pub(crate) fn use_color() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Longer than a thread is kept from running.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Takes nothing until it is let, and then gives each line away.
    struct Reader {
        waits: Sender<()>,
        let_go: Receiver<()>,
        lines: Sender<String>,
    }

    impl Write for Reader {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.waits.send(());
            // Nobody is to let it any more: it goes on for good.
            let _ = self.let_go.recv();
            let _ = self.lines.send(String::from_utf8_lossy(line).into_owned());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_were_lost_are_told_of_also_where_the_line_that_tells_of_them_was_lost() {
        let ((stands_still, let_go), (lines, read), (waits, taken)) = (channel::<()>(), channel(), channel());
        let (queue, log) = Log::to(Reader { waits, let_go, lines }, 2);
        let subscriber = tracing_subscriber::fmt().with_writer(queue).with_ansi(false).with_target(false).finish();
        let _here = tracing::subscriber::set_default(subscriber);
        tracing::info!(said = 0, "something");
        // From here on the queue holds two, whatever the other thread is given time for.
        taken.recv_timeout(PATIENCE).unwrap();
        let mut said = 1;
        while log.lost.dropped_lines() < 5 {
            tracing::info!(said, "something");
            said += 1;
        }
        assert_eq!(log.tell_of_more_than(5), 5, "nothing that was not told");
        let told = log.tell_of_more_than(0);
        assert_eq!((told, log.lost.dropped_lines()), (5, 6), "this one was lost, too");
        drop(stands_still);
        for number in 0..said - 5 {
            let line = read.recv_timeout(PATIENCE).unwrap();
            assert!(line.contains(&format!("something said={number}")), "{line}");
        }
        assert_eq!(log.tell_of_more_than(told), 6);
        let line = read.recv_timeout(PATIENCE).unwrap();
        assert!(line.contains("lines of this log were lost") && line.contains("lines=6"), "{line}");
        assert_eq!(log.tell_of_more_than(6), 6, "once");
        drop(log);
        assert!(read.recv_timeout(PATIENCE).is_err(), "nothing follows");
    }
}
