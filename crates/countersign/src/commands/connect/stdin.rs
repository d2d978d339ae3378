//! Lines from standard input, beside a session that must be kept alive.
//!
//! A thread of its own reads them: a terminal cannot be read without blocking somebody, and nobody joins the thread, so that the
//! process can end while it waits for a key.

use std::io::{BufRead as _, Read as _};

use tokio::sync::mpsc::{Receiver, channel};

/// Longest line: larger than any message the gateway takes.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Lines read ahead.
const LINES_AHEAD: usize = 16;

/// The lines, without their ends; closed at the end of the input, or at a line that is too long or not UTF-8.
pub(super) fn lines() -> Receiver<String> {
    let (sender, receiver) = channel(LINES_AHEAD);
    let read = move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = String::new();
            let Ok(count) = input.by_ref().take(LINE_BYTES_MAX).read_line(&mut line) else { return };
            if count == 0 || (count as u64 == LINE_BYTES_MAX && !line.ends_with('\n')) {
                return;
            }
            let line = line.trim_end_matches(['\n', '\r']).to_owned();
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    // Without a thread there is no input: the receiver is closed at once.
    drop(std::thread::Builder::new().name("stdin".to_owned()).spawn(read));
    receiver
}
