#![allow(clippy::unwrap_used)]
use super::*;

fn passed(answer: &str, to_head: bool, ours: &Ours) -> (AnswerHead, String) {
    let mut out = BytesMut::new();
    let head = read(answer.as_bytes(), to_head, ours, &mut out).unwrap().unwrap();
    (head, String::from_utf8(out.to_vec()).unwrap())
}

#[test]
fn the_end_of_a_body_is_found_as_the_standard_has_it() {
    for (answer, to_head, body, keeps_alive) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, BodyEnd::Length(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, BodyEnd::Length(0), true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, BodyEnd::Length(0), true),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, BodyEnd::Length(0), true),
        ("HTTP/1.1 100 Continue\r\n\r\n", false, BodyEnd::Length(0), true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, BodyEnd::Chunked, true),
        ("HTTP/1.1 200 OK\r\n\r\n", false, BodyEnd::Close, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, BodyEnd::Length(5), false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", false, BodyEnd::Length(5), true),
        ("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\n", false, BodyEnd::Length(5), false),
    ] {
        let (head, _) = passed(answer, to_head, &Ours::default());
        assert_eq!((head.body, head.keeps_alive, head.length), (body, keeps_alive, answer.len()), "{answer}");
    }
}

#[test]
fn an_answer_that_can_be_read_in_two_ways_is_none() {
    for fields in [
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: \r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length : 1\r\n",
        "A: b\r\n c\r\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        assert!(read(answer.as_bytes(), false, &Ours::default(), &mut BytesMut::new()).is_err(), "{fields}");
    }
    let old = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(read(old, false, &Ours::default(), &mut BytesMut::new()).is_err());
}

#[test]
fn half_a_head_is_waited_for_but_not_for_ever() {
    let mut out = BytesMut::new();
    assert!(read(b"HTTP/1.1 200 OK\r\nA: b\r\n", false, &Ours::default(), &mut out).unwrap().is_none());
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(ANSWER_HEAD_BYTES_MAX));
    assert!(read(endless.as_bytes(), false, &Ours::default(), &mut out).is_err());
    assert!(out.is_empty());
}

#[test]
fn hop_by_hop_and_identity_headers_stop_here_and_ours_take_the_place_of_the_upstreams() {
    let answer = "HTTP/1.1 200 Fine\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nCountersign-Correlation: forged\r\n\
        X-Forwarded-For: 1\r\nX-MBX-Used-Weight: 9\r\nCache-Control: public\r\nX-Kept: Yes\r\nContent-Length: 0\r\n\r\n";
    let login = (CORRELATION_HEADER, HeaderValue::from_static("login"));
    let ours = Ours { rates: SmallVec::from_iter([("x-mbx-used-weight", "2".into())]), login: SmallVec::from_iter([login]) };
    let (_, text) = passed(answer, false, &ours);
    assert_eq!(
        text,
        "HTTP/1.1 200 OK\r\nx-kept: Yes\r\ncontent-length: 0\r\nx-mbx-used-weight: 2\r\ncache-control: no-store\r\n\
         countersign-correlation: login\r\n"
    );
    let (_, text) = passed(answer, false, &Ours::default());
    assert!(text.contains("cache-control: public") && text.contains("x-mbx-used-weight: 9"), "{text}");
}

#[test]
fn a_body_without_length_gets_chunks() {
    let (head, text) = passed("HTTP/1.0 200 OK\r\n\r\n", false, &Ours::default());
    assert_eq!(text, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n");
    assert!(!head.dated && !head.keeps_alive);
}
