//! What stands around an input when people paste it, and is not part of it: a fence, marks of quotation, the stamp of a log.

use std::borrow::Cow;

/// Longest stamp of a log in front of a FIX message: date, time, level, session and direction are shorter.
const STAMP_BYTES_MAX: usize = 128;
const FENCE: &[u8] = b"```";

/// The input alone.
pub(super) fn unwrap(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = unfenced(bytes.trim_ascii_start());
    match bytes.split(|byte| *byte == b'\n').next() {
        Some([b'>' | b'*', b' ', ..]) => Cow::Owned(unquoted(bytes)),
        Some(first) => Cow::Borrowed(&bytes[stamp(first)..]),
        None => Cow::Borrowed(bytes),
    }
}

/// Without the lines of a Markdown fence.
fn unfenced(bytes: &[u8]) -> &[u8] {
    let Some(inner) = bytes.strip_prefix(FENCE) else { return bytes };
    let inner = inner.iter().position(|byte| *byte == b'\n').map_or(&[][..], |end| &inner[end + 1..]);
    let end = inner.windows(FENCE.len()).rposition(|window| window == FENCE).unwrap_or(inner.len());
    inner[..end].trim_ascii_start()
}

/// The lines that begin with `>`, without it: what `curl -v` and `wscat` show of what was sent, or a quotation. Those of `curl -v`
/// that begin with `*` or `<` are not of the request.
fn unquoted(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let sent = lines.filter_map(|line| line.strip_prefix(b"> ").or_else(|| line.strip_prefix(b">")));
    sent.flatten().copied().collect()
}

/// How much of the first line stands before a FIX message, as engines write their logs.
fn stamp(first: &[u8]) -> usize {
    let begin = first.windows(BEGIN.len()).position(|window| window == BEGIN);
    begin.filter(|at| *at <= STAMP_BYTES_MAX && !first[..*at].contains(&b'=')).unwrap_or(0)
}

const BEGIN: &[u8] = b"8=FIX";

#[cfg(test)]
mod tests {
    use super::unwrap;

    #[test]
    fn what_stands_around_an_input_is_taken_away() {
        for (pasted, input) in [
            ("```bash\ncurl http://h/\n```\n", "curl http://h/\n"),
            ("```\r\nGET / HTTP/1.1\r\n```", "GET / HTTP/1.1\r\n"),
            ("> GET /a HTTP/1.1\r\n> Host: h\r\n>\r\n< HTTP/1.1 200 OK\r\n", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("* Connected\n> GET /a HTTP/1.1\n> Host: h\n> \n", "GET /a HTTP/1.1\nHost: h\n\n"),
            ("> {\"id\":1}", "{\"id\":1}"),
            ("20240627-11:17:25.223 : 8=FIX.4.4|9=5|", "8=FIX.4.4|9=5|"),
            ("  8=FIX.4.4|9=5|", "8=FIX.4.4|9=5|"),
            ("35=D|58=8=FIX|", "35=D|58=8=FIX|"),
            ("GET /a HTTP/1.1\n> b", "GET /a HTTP/1.1\n> b"),
            ("```", ""),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8_lossy(&unwrap(pasted.as_bytes())), input, "{pasted}");
        }
    }
}
