//! A request that is plain: complete in the buffer, framed in the simplest way, without anything that concerns the connection.

use countersign_dialects::{Header, Headers};
use smallvec::SmallVec;

use super::limits::{BUFFER_BYTES, FIELD_NAME_BYTES_MAX};
use crate::head_guard::lexer::{self, Framing, Head};

/// What the bytes in the buffer are.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once per request and taken apart at once; a box would cost an allocation")]
pub(super) enum Reading<'h> {
    /// Something for the long way.
    NotPlain,
    /// A plain head; with its body the message has so many bytes.
    Needs(usize),
    /// A whole message.
    Whole(Plain<'h>),
}

/// A plain request, as it stands in the buffer.
#[derive(Debug)]
pub(super) struct Plain<'h> {
    /// Method, target, authority.
    pub(super) head: Head<'h>,
    /// The fields as received.
    pub(super) fields: Fields<'h>,
    /// The body, or what is there of it.
    pub(super) body: &'h [u8],
    /// Bytes that the sender says the body has.
    pub(super) body_length: usize,
    /// Bytes of the whole message.
    pub(super) length: usize,
    /// Whether the client wants no other answer after this.
    pub(super) closes: bool,
}

impl<'h> Plain<'h> {
    /// Reads the first message in `bytes`.
    pub(super) fn read(bytes: &'h [u8], head_bytes_max: usize) -> Reading<'h> {
        let Some(plain) = Self::without_body(bytes, head_bytes_max) else { return Reading::NotPlain };
        if plain.length > BUFFER_BYTES {
            return Reading::NotPlain;
        }
        if plain.length > bytes.len() { Reading::Needs(plain.length) } else { Reading::Whole(plain) }
    }

    /// The same, with as much of the body as is there.
    pub(super) fn without_body(bytes: &'h [u8], head_bytes_max: usize) -> Option<Self> {
        let mut fields = Fields(SmallVec::new());
        let (mut plain, mut closes) = (true, false);
        let read = lexer::read_head(bytes, head_bytes_max, |name, value| {
            plain &= match kind(name) {
                Kind::Connection => {
                    let close = value.eq_ignore_ascii_case(b"close");
                    closes |= close;
                    close || value.eq_ignore_ascii_case(b"keep-alive")
                }
                Kind::Other => true,
                Kind::Special => false,
            };
            fields.0.push((name, value));
        });
        let Ok(Some((head, head_length))) = read else { return None };
        let body_length = match head.framing {
            Framing::None => 0,
            Framing::Length(length) => usize::try_from(length).ok()?,
            Framing::Chunked => return None,
        };
        if !plain || !head.target_is_plain {
            return None;
        }
        let length = head_length.checked_add(body_length)?;
        let body = &bytes[head_length..bytes.len().min(length)];
        Some(Self { head, fields, body, body_length, length, closes })
    }

    /// The target up to its question mark.
    pub(super) fn path(&self) -> &'h str {
        let target = self.head.target;
        memchr::memchr(b'?', target.as_bytes()).map_or(target, |end| &target[..end])
    }
}

enum Kind {
    Connection,
    Other,
    Special,
}

fn kind(name: &[u8]) -> Kind {
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
    match name.len() {
        10 if is("connection") => Kind::Connection,
        2 if is("te") => Kind::Special,
        6 if is("expect") => Kind::Special,
        7 if is("upgrade") => Kind::Special,
        14 if is("http2-settings") => Kind::Special,
        17 if is("transfer-encoding") => Kind::Special,
        FIELD_NAME_BYTES_MAX.. => Kind::Special,
        _ => Kind::Other,
    }
}

/// The fields of a request in its buffer.
#[derive(Debug)]
pub(super) struct Fields<'h>(SmallVec<[(&'h [u8], &'h [u8]); 16]>);

impl<'h> Fields<'h> {
    /// Name as sent, value trimmed.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'h [u8], &'h [u8])> {
        self.0.iter().copied()
    }
}

impl Headers for Fields<'_> {
    fn find(&self, name: &str) -> Header<'_> {
        let mut values = self.0.iter().filter(|(each, _)| each.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (None, _) => Header::Absent,
            (Some(value), None) => Header::Once(value),
            (Some(_), Some(_)) => Header::Repeated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 32 * 1024;

    fn with(field: &str) -> String {
        format!("GET /a?b=c HTTP/1.1\r\nHost: h\r\n{field}\r\n")
    }

    #[test]
    fn what_concerns_the_connection_is_not_plain() {
        for field in [
            "Upgrade: websocket\r\n",
            "Expect: 100-continue\r\n",
            "TE: trailers\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Connection: upgrade\r\n",
            "Connection: keep-alive, x-mine\r\n",
            "HTTP2-Settings: AA\r\n",
        ] {
            assert!(matches!(Plain::read(with(field).as_bytes(), MAX), Reading::NotPlain), "{field}");
        }
        let long = format!("{}: 1\r\n", "x".repeat(FIELD_NAME_BYTES_MAX));
        assert!(matches!(Plain::read(with(&long).as_bytes(), MAX), Reading::NotPlain));
    }

    #[test]
    fn what_the_lexer_refuses_is_not_plain() {
        for bytes in [
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            "GET / HTTP/1.1\nHost: h\n\n",
            "GET / HTTP/1.0\r\nHost: h\r\n\r\n",
            "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /{a} HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n",
        ] {
            assert!(matches!(Plain::read(bytes.as_bytes(), MAX), Reading::NotPlain), "{bytes}");
        }
    }

    #[test]
    fn a_body_belongs_to_its_message_and_what_follows_does_not() {
        let bytes = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /";
        let Reading::Whole(plain) = Plain::read(bytes.as_bytes(), MAX) else { panic!("not whole") };
        assert_eq!((plain.body, plain.length), (&b"abc"[..], bytes.len() - 5));
        let Reading::Needs(length) = Plain::read(&bytes.as_bytes()[..bytes.len() - 6], MAX) else { panic!("whole") };
        assert_eq!(length, bytes.len() - 5);
        let large = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\n";
        assert!(matches!(Plain::read(large.as_bytes(), MAX), Reading::NotPlain));
    }

    #[test]
    fn fields_are_found_in_any_case_and_counted() {
        let text = with("X-A: 1\r\nx-b: 2\r\nX-B: 3\r\nConnection: close\r\n");
        let Reading::Whole(plain) = Plain::read(text.as_bytes(), MAX) else { panic!("not whole") };
        assert_eq!(plain.fields.find("x-a"), Header::Once(b"1"));
        assert_eq!(plain.fields.find("x-b"), Header::Repeated);
        assert_eq!(plain.fields.find("x-c"), Header::Absent);
        assert!(plain.closes && plain.path() == "/a");
    }
}
