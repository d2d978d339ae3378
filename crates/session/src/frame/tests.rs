#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Frame<'_>, Reject> {
    Frame::read(text.as_bytes(), limits::CLIENT_FRAME_BYTES_MAX).map_err(|refusal| refusal.reject)
}

#[test]
fn the_body_is_passed_through_byte_for_byte() {
    // HS-70
    let body = r#"{ "px" : 1.50,  "px":2e0, "x":"\u0061" }"#;
    let text = app(7, 3, body);
    let Ok(Frame::App(message)) = read(&text) else { panic!() };
    assert_eq!((message.s, message.a, message.d.get()), (7, Some(3), body));
}

#[test]
fn a_frame_says_one_thing() {
    // HS-70
    for text in [
        "",
        "{}",
        "[]",
        "1",
        "nonsense",
        r#"{"s":1}"#,
        r#"{"d":{}}"#,
        r#"{"s":1,"s":2,"d":{}}"#,
        r#"{"s":1,"d":{},"ping":"x"}"#,
        r#"{"ping":"a","pong":"a"}"#,
        r#"{"halt":1,"lift":1}"#,
        r#"{"s":-1,"d":{}}"#,
        r#"{"s":1.0,"d":{}}"#,
        r#"{"unknown":1}"#,
        "[1,2]",
        " {\"ping\":\"a\"}",
    ] {
        assert_eq!(read(text).unwrap_err(), Reject::Malformed, "{text}");
    }
    let long = format!("{{\"ping\":\"{}\"}}", "x".repeat(limits::TEXT_BYTES_MAX + 1));
    assert_eq!(read(&long).unwrap_err(), Reject::Malformed);
    assert_eq!(Frame::read(b"{\"ping\":\"a\"}", 5).unwrap_err().reject, Reject::TooLarge);
}

#[test]
fn what_is_written_is_read() {
    let beat = Heartbeat { s: 1, a: 2, t: 3, e: None };
    assert!(matches!(read(&heartbeat(beat)), Ok(Frame::Hb(read)) if read == beat));
    assert!(matches!(read(&ping("p")), Ok(Frame::Ping(id)) if id == "p"));
    assert!(matches!(read(&pong("p")), Ok(Frame::Pong(id)) if id == "p"));
    let range = Range { from: 3, count: 4 };
    assert!(matches!(read(&nack(range)), Ok(Frame::Nack(read)) if read == range));
    assert!(matches!(read(&bye("done", 9)), Ok(Frame::Bye(read)) if read.code == "done" && read.last == Some(9)));
    assert!(matches!(read(&drain(Duration::from_secs(1), &["a:1".to_owned()], "upgrade")), Ok(Frame::Drain(read)) if read.by_ms == 1_000));
    assert!(matches!(read(&busy(Duration::from_secs(1))), Ok(Frame::Busy(read)) if read.retry_ms == 1_000));
    assert!(matches!(read(&halt("H-1", "freeze", "runaway")), Ok(Frame::Halt(read)) if read.id == "H-1" && read.action == "freeze"));
    assert!(matches!(read(&lift()), Ok(Frame::Lift)));
    assert!(matches!(read(&replay(range)), Ok(Frame::Replay(read)) if read == range));
    assert!(matches!(read(&lost(range)), Ok(Frame::Gap(read)) if (read.from, read.count, &*read.how) == (3, 4, "lost")));
    assert!(matches!(read(&replayed(7, 2, "{}")), Ok(Frame::App(read)) if (read.s, read.a, read.dup) == (7, Some(2), true)));
    assert!(matches!(read(&ask_nonce()), Ok(Frame::Nonce(nonce)) if nonce.is_empty()));
    assert!(matches!(read(r#"{"reauth":"t"}"#), Ok(Frame::Reauth(token)) if token == "t"));
    assert!(matches!(read(r#"{"regrant":"t","sec":"s"}"#), Ok(Frame::Regrant { token, sec }) if token == "t" && sec == "s"));
    assert_eq!(read(r#"{"regrant":"t"}"#).unwrap_err(), Reject::Malformed);
    for name in ["refresh", "resume"] {
        assert!(matches!(read(&format!("{{\"{name}\":{{}}}}")), Ok(Frame::Reserved(read)) if read == name));
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Frame::read(&bytes, 100);
    }

    #[test]
    fn never_panics_on_json_like_text(text in "\\{(\"(s|a|d|hb|ping|nack|bye)\":(1|-1|\"x\"|\\{\\}|null|\\[\\]),?){0,4}\\}?") {
        let _ = Frame::read(text.as_bytes(), 1_000);
    }
}
