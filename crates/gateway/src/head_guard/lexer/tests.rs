#![allow(clippy::unwrap_used)]
use super::*;

fn feed(bytes: &[u8]) -> Progress {
    Lexer::default().feed(bytes)
}

fn refusal(bytes: &[u8]) -> Option<Reject> {
    match feed(bytes) {
        Progress::Refused(_, refusal) => Some(refusal.reject),
        Progress::Consumed | Progress::PartialHead(_) => None,
    }
}

#[test]
fn passes_ordinary_requests_whole_and_pipelined() {
    let get = b"GET /a?b=c HTTP/1.1\r\nHost: h:1\r\nX: y z\r\n\r\n";
    let post = b"POST /a HTTP/1.1\r\nhost: h\r\nContent-Length: 3\r\n\r\nabc";
    let chunked = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
    let all = [&get[..], post, chunked, get].concat();
    assert_eq!(feed(&all), Progress::Consumed);
    for cut in 1..get.len() {
        assert_eq!(feed(&get[..cut]), Progress::PartialHead(0), "{cut}");
    }
}

#[test]
fn follows_bodies_across_reads() {
    let mut lexer = Lexer::default();
    let bytes = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(lexer.feed(bytes), Progress::Consumed);
    for byte in b"3\r\nabc\r\n0\r\n\r\n" {
        assert!(!lexer.expects_head());
        assert_eq!(lexer.feed(&[*byte]), Progress::Consumed);
    }
    assert!(lexer.expects_head());
    assert!(matches!(lexer.feed(b"smuggled\r\n\r\n"), Progress::Refused(0, _)));
}

#[test]
fn refuses_every_ambiguous_framing() {
    let head = |fields: &str| format!("POST /a HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n").into_bytes();
    for fields in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Content-Length: 0x3",
        "Content-Length: ",
        "Content-Length: 99999999999",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "X: a\r\n folded",
        "X: a\nTransfer-Encoding: chunked",
        "X: a\rb",
        "X: a\0b",
        "Host: other",
        "X y: z",
        ": z",
    ] {
        assert_eq!(refusal(&head(fields)), Some(Reject::FramingAmbiguous), "{fields:?}");
    }
}

#[test]
fn refuses_bad_chunks() {
    for body in [
        "3;ext=1\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "\r\n",
        "3\r\nabcX",
        "0\r\nTrailer: x\r\n\r\n",
        "g\r\n",
        "00000003\r\n",
        "-1\r\n",
    ] {
        let bytes = format!("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        assert_eq!(refusal(bytes.as_bytes()), Some(Reject::FramingAmbiguous), "{body:?}");
    }
}

#[test]
fn refuses_bad_request_lines_and_targets() {
    for (line, reject) in [
        ("get / HTTP/1.1", Reject::Malformed),
        ("GET  / HTTP/1.1", Reject::Malformed),
        ("GET / HTTP/1.1 ", Reject::Malformed),
        ("GET /a#b HTTP/1.1", Reject::Malformed),
        ("GET /\u{e9} HTTP/1.1", Reject::Malformed),
        ("GET * HTTP/1.1", Reject::Malformed),
        ("CONNECT h:443 HTTP/1.1", Reject::Malformed),
        ("GET https://other/ HTTP/1.1", Reject::HostMismatch),
        ("GET http://h/ HTTP/1.1", Reject::HostMismatch),
        ("GET HTTP://h/ HTTP/1.1", Reject::HostMismatch),
        ("GET http:/h/ HTTP/1.1", Reject::Malformed),
        ("GET https:h/ HTTP/1.1", Reject::Malformed),
        ("GET / HTTP/1.0", Reject::VersionUnsupported),
        ("GET / HTTP/2.0", Reject::VersionUnsupported),
        ("", Reject::Malformed),
    ] {
        assert_eq!(refusal(format!("{line}\r\nHost: h\r\n\r\n").as_bytes()), Some(reject), "{line:?}");
    }
    assert_eq!(feed(b"GET https://h/x HTTP/1.1\r\nHost: h\r\n\r\n"), Progress::Consumed);
    assert_eq!(refusal(b"GET / HTTP/1.1\r\n\r\n"), Some(Reject::Malformed), "no Host");
}

#[test]
fn bounds_the_head() {
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "a".repeat(limits::HEAD_BYTES_MAX));
    assert_eq!(refusal(long.as_bytes()), Some(Reject::TooLarge));
    assert_eq!(refusal(&long.as_bytes()[..=limits::HEAD_BYTES_MAX]), Some(Reject::TooLarge), "before it is complete");
    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: a\r\n".repeat(limits::HEADER_FIELDS_MAX));
    assert_eq!(refusal(many.as_bytes()), Some(Reject::TooLarge));
}

#[test]
fn refuses_a_target_that_the_library_would_not_take() {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes();
    for target in ["/a?b=\"c\"", "/a?<", "/a?>", "/<", "/>", "/`", "https://h/a?\""] {
        assert_eq!(refusal(&get(target)), Some(Reject::Malformed), "{target}");
        assert!(target.parse::<http::Uri>().is_err(), "{target}");
    }
    for byte in (b'!'..=b'~').filter(|byte| *byte != b'#') {
        for target in [format!("/a{}b", char::from(byte)), format!("/a?b{}c", char::from(byte))] {
            let passes = refusal(&get(&target)).is_none();
            assert!(!passes || target.parse::<http::Uri>().is_ok(), "{target}");
        }
    }
}
