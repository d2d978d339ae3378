//! One head: its lines, its fields, and how the body behind it is framed.

use countersign_core::{Refusal, Reject};
use countersign_dialects::head_fields::{LOOK_ALIKE, is_look_alike};

use super::super::limits;
use super::{ambiguous, malformed};

/// How far a partial head was looked through, so that one dripped byte by byte costs no more than one sent at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeadScan {
    at: usize,
    line_start: usize,
}

/// Length of the head with its empty line; refuses bytes that never occur in one as soon as they are seen.
pub(super) fn head_length(bytes: &[u8], scan: &mut HeadScan) -> Result<Option<usize>, Refusal> {
    while let Some(found) = bytes.get(scan.at..).and_then(|rest| memchr::memchr3(b'\r', b'\n', 0, rest)) {
        scan.at += found;
        match bytes[scan.at] {
            b'\r' => match bytes.get(scan.at + 1) {
                Some(b'\n') if scan.at == scan.line_start => {
                    let length = scan.at + 2;
                    *scan = HeadScan::default();
                    return Ok(Some(length));
                }
                Some(b'\n') => *scan = HeadScan { at: scan.at + 2, line_start: scan.at + 2 },
                Some(_) => return Err(ambiguous("bare CR")),
                None => return Ok(None),
            },
            b'\n' => return Err(ambiguous("bare LF")),
            _ => return Err(ambiguous("NUL byte")),
        }
    }
    scan.at = bytes.len();
    Ok(None)
}

/// How the body of a message is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// A head that can be read in one way only.
#[derive(Clone, Copy, Debug)]
pub struct Head<'h> {
    /// Upper-case letters.
    pub method: &'h str,
    /// A path, or in absolute form.
    pub target: &'h str,
    /// The one `Host`.
    pub host: &'h str,
    /// What follows.
    pub framing: Framing,
    /// Whether the target is in origin form, of bytes that every reader takes as they are.
    pub target_is_plain: bool,
}

/// Reads a head that is there as a whole; tells each field, its value trimmed. With the head comes its length.
///
/// # Errors
/// As [`Lexer::feed`](super::Lexer::feed); `None` while it is not whole.
pub fn read_head<'h>(
    bytes: &'h [u8],
    bytes_max: usize,
    each: impl FnMut(&'h [u8], &'h [u8]),
) -> Result<Option<(Head<'h>, usize)>, Refusal> {
    let Some(length) = head_length(bytes, &mut HeadScan::default())? else { return Ok(None) };
    if length > bytes_max {
        return Err(Reject::TooLarge.into());
    }
    Ok(Some((check_head(&bytes[..length], each)?, length)))
}

#[derive(Default)]
struct Fields<'h> {
    count: usize,
    host: Option<&'h [u8]>,
    length: Option<u64>,
    chunked: bool,
}

pub(super) fn check_head<'h>(head: &'h [u8], mut each: impl FnMut(&'h [u8], &'h [u8])) -> Result<Head<'h>, Refusal> {
    let mut lines = Lines(head);
    let (method, target, is_plain) = check_request_line(lines.next().unwrap_or_default())?;
    let mut fields = Fields::default();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = check_field(line, &mut fields)?;
        each(name, value);
    }
    let host = fields.host.ok_or_else(|| malformed("no Host"))?;
    check_target(target, host)?;
    let framing = match (fields.length, fields.chunked) {
        (Some(_), true) => return Err(ambiguous("Content-Length and Transfer-Encoding")),
        (None, true) => Framing::Chunked,
        (Some(length), false) => Framing::Length(length),
        (None, false) => Framing::None,
    };
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| malformed("not ASCII"));
    let target_is_plain = is_plain && target.starts_with(b"/");
    Ok(Head { method: text(method)?, target: text(target)?, host: text(host)?, framing, target_is_plain })
}

/// Method and target, and whether all bytes of the target are plain.
fn check_request_line(line: &[u8]) -> Result<(&[u8], &[u8], bool), Refusal> {
    let cut = |text: &'_ [u8]| memchr::memchr(b' ', text);
    let not_three = || malformed("request line is not three words");
    let (method, rest) = line.split_at(cut(line).ok_or_else(not_three)?);
    let (target, version) = rest[1..].split_at(cut(&rest[1..]).ok_or_else(not_three)?);
    if cut(&version[1..]).is_some() {
        return Err(not_three());
    }
    if method.is_empty() || method.len() > limits::METHOD_BYTES_MAX || !method.iter().all(u8::is_ascii_uppercase) {
        return Err(malformed("method is not upper-case letters"));
    }
    // Nearly every target: looked through once.
    let is_plain = !target.is_empty() && target.iter().all(|byte| PLAIN[usize::from(*byte)]);
    if !is_plain {
        check_target_bytes(target)?;
    }
    if version != b" HTTP/1.1" {
        return Err(Refusal::operator(Reject::VersionUnsupported, "not HTTP/1.1"));
    }
    Ok((method, target, is_plain))
}

fn check_target_bytes(target: &[u8]) -> Result<(), Refusal> {
    if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) || target.contains(&b'#') {
        return Err(malformed("request target has a byte that is not allowed"));
    }
    if !is_readable(target) {
        return Err(malformed("request target has a byte that has to be percent-encoded"));
    }
    Ok(())
}

/// Bytes of a target of which every reader makes the same: not those that the URI type of the HTTP library refuses, or that servers
/// like to rewrite.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] =
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
        byte += 1;
    }
    table
};

/// Whether the HTTP library takes the target. What it does not take it answers by itself, without our words and unrecorded.
fn is_readable(target: &[u8]) -> bool {
    let (path, query) = target.split_at(memchr::memchr(b'?', target).unwrap_or(target.len()));
    let has = |part: &[u8], bytes: &[u8]| part.iter().any(|byte| bytes.contains(byte));
    !has(path, b"<>`") && !has(query, b"\"<>")
}

/// The target is a path; or, in absolute form, names the same authority as `Host` (RFC 9112, 3.2.2) and the scheme of what comes
/// through TLS (RFC 9110, 7.4).
fn check_target(target: &[u8], host: &[u8]) -> Result<(), Refusal> {
    if target.starts_with(b"/") {
        return Ok(());
    }
    if target.get(..HTTP.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(HTTP)) {
        return Err(Refusal::operator(Reject::HostMismatch, "the target has another scheme than https"));
    }
    let (scheme, rest) = target.split_at_checked(HTTPS.len()).unwrap_or_default();
    let authority = rest.split(|byte| b"/?".contains(byte)).next().unwrap_or_default();
    if !scheme.eq_ignore_ascii_case(HTTPS) {
        return Err(malformed("request target is neither a path nor an absolute URI"));
    }
    if authority.eq_ignore_ascii_case(host) { Ok(()) } else { Err(Reject::HostMismatch.into()) }
}

const HTTP: &[u8] = b"http://";

const HTTPS: &[u8] = b"https://";

/// Name and value.
fn check_field<'h>(line: &'h [u8], fields: &mut Fields<'h>) -> Result<(&'h [u8], &'h [u8]), Refusal> {
    fields.count += 1;
    if fields.count > limits::HEADER_FIELDS_MAX {
        return Err(Reject::TooLarge.into());
    }
    if matches!(line[0], b' ' | b'\t') {
        return Err(ambiguous("folded header line"));
    }
    let colon = memchr::memchr(b':', line).ok_or_else(|| malformed("header line without a colon"))?;
    let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return Err(ambiguous("field name has a byte that is not allowed"));
    }
    if is_look_alike(name) {
        return Err(ambiguous(LOOK_ALIKE));
    }
    // Without an early end, so that it is done many bytes at a time.
    if value.iter().fold(false, |found, byte| found | (*byte < 0x20 && *byte != b'\t') | (*byte == 0x7f)) {
        return Err(ambiguous("control character in a field value"));
    }
    if name.eq_ignore_ascii_case(b"content-length") {
        let length = content_length(value).ok_or_else(|| ambiguous("Content-Length is not a plain number"))?;
        if fields.length.replace(length).is_some() {
            return Err(ambiguous("more than one Content-Length"));
        }
    } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
        if !value.eq_ignore_ascii_case(b"chunked") || fields.chunked {
            return Err(ambiguous("Transfer-Encoding is not exactly chunked"));
        }
        fields.chunked = true;
    } else if name.eq_ignore_ascii_case(b"upgrade") && !value.eq_ignore_ascii_case(b"websocket") {
        return Err(malformed("an upgrade to something else than a WebSocket"));
    } else if name.eq_ignore_ascii_case(b"host") {
        let plain = !value.is_empty() && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte));
        if !plain || fields.host.replace(value).is_some() {
            return Err(ambiguous("Host is missing, repeated or malformed"));
        }
    }
    Ok((name, value))
}

fn content_length(value: &[u8]) -> Option<u64> {
    let plain = (1..=limits::CONTENT_LENGTH_DIGITS_MAX).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    plain.then(|| value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// `tchar` of RFC 9110, 5.6.2.
const fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

/// Lines that end in CRLF, which [`head_length`] has made sure of.
struct Lines<'h>(&'h [u8]);

impl<'h> Iterator for Lines<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        let end = memchr::memchr(b'\r', self.0)?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 2..];
        Some(line)
    }
}
