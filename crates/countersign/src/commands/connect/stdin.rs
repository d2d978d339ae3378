//! Lines from standard input, beside a session that must be kept alive.
//!
//! A thread of its own reads them: a terminal cannot be read without blocking somebody, and nobody joins the thread, so that the
//! process can end while it waits for a key.

use std::io::{BufRead, Read as _};

use tokio::sync::mpsc::{Receiver, channel};

/// Longest line: larger than any message the gateway takes.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Lines read ahead.
const LINES_AHEAD: usize = 16;

/// What was read: a line without its end, or why it is none.
pub(super) type Read = Result<String, &'static str>;

/// The lines; closed at the end of the input. One that cannot be taken is told in its place, and those behind it follow.
pub(super) fn lines() -> Receiver<Read> {
    let (sender, receiver) = channel(LINES_AHEAD);
    let read = move || {
        let mut input = std::io::stdin().lock();
        while let Some(line) = next(&mut input) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    // Without a thread there is no input: the receiver is closed at once.
    drop(std::thread::Builder::new().name("stdin".to_owned()).spawn(read));
    receiver
}

/// The next line; none at the end, or where the input cannot be read.
fn next(input: &mut impl BufRead) -> Option<Read> {
    let mut line = Vec::new();
    let count = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).ok()?;
    if count == 0 {
        return None;
    }
    if count as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
        input.skip_until(b'\n').ok()?;
        return Some(Err("the line is longer than 1 MiB"));
    }
    let text = String::from_utf8(line).map_err(|_bytes| "the line is not UTF-8");
    Some(text.map(|text| text.trim_end_matches(['\n', '\r']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_taken_is_told_in_its_place_and_those_behind_it_follow() {
        let long = "x".repeat((1 << 20) + 1);
        let input = [b"a\r\n\xff\n", long.as_bytes(), b"\n\nb"].concat();
        let mut input = input.as_slice();
        let read: Vec<_> = std::iter::from_fn(|| next(&mut input)).collect();
        let long = Err("the line is longer than 1 MiB");
        assert_eq!(read, [Ok("a".to_owned()), Err("the line is not UTF-8"), long, Ok(String::new()), Ok("b".to_owned())]);
    }
}
