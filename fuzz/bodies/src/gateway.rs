//! What the shell reads before anybody is known: what a load balancer says first, HTTP/1.1 framing, and the configuration file.

use std::io::Write as _;

use countersign_gateway::config;
use countersign_gateway::head_guard::lexer::{Lexer, Progress};
use countersign_gateway::proxy_protocol::{Arriving, BINARY_BYTES_MAX, Header, HeaderError};

/// How far a connection's bytes may be passed on, and whether they end in a refusal.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    passed: usize,
    refused: bool,
}

/// The verdict does not depend on how the bytes are cut into packets: whole, byte by byte, and in two halves.
pub fn http_framing(data: &[u8]) {
    let whole = verdict(data, data.len().max(1));
    assert_eq!(verdict(data, 1), whole, "byte by byte");
    assert_eq!(verdict(data, data.len() / 2 + 1), whole, "in two halves");
    assert!(whole.passed <= data.len());
}

fn verdict(data: &[u8], step: usize) -> Verdict {
    let mut lexer = Lexer::default();
    let (mut start, mut end) = (0, 0);
    while end < data.len() {
        end = (end + step).min(data.len());
        match lexer.feed(&data[start..end]) {
            Progress::Consumed => start = end,
            Progress::PartialHead(at) => start += at,
            Progress::Refused(at, _) => return Verdict { passed: start + at, refused: true },
        }
    }
    Verdict { passed: start, refused: false }
}

/// What a header says, and how many bytes it has, do not depend on how the bytes are cut into packets; what follows it says nothing.
pub fn proxy_header(data: &[u8]) {
    let whole = said(data, data.len().max(1));
    assert_eq!(said(data, 1), whole, "byte by byte");
    assert_eq!(said(data, data.len() / 2 + 1), whole, "in two halves");
    let Ok((length, Some(header))) = whole else { return };
    assert!(length <= data.len().min(BINARY_BYTES_MAX));
    assert_eq!(said(&data[..length], length), whole, "without what follows");
    if let Header::Client(client) = header {
        assert!(!client.ip().is_unspecified() && client.ip() == client.ip().to_canonical());
    }
}

fn said(data: &[u8], step: usize) -> Result<(usize, Option<Header>), HeaderError> {
    let (mut arriving, mut taken) = (Arriving::default(), 0);
    for packet in data.chunks(step) {
        let (more, header) = arriving.take(packet)?;
        taken += more;
        if header.is_some() {
            return Ok((taken, header));
        }
    }
    Ok((taken, None))
}

/// A configuration is accepted with every value shown, or refused with at least one problem.
pub fn configuration(data: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("the system has a folder for temporary files");
    file.write_all(data).expect("a temporary file can be written");
    match config::check(file.path()) {
        Ok(settings) => assert!(!settings.show().is_empty(), "every value can be shown"),
        Err(problems) => assert!(!problems.is_empty(), "a refusal says why"),
    }
}
