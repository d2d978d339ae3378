#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn id() -> CorrelationId {
    CorrelationId::from_bytes([7; 16])
}

#[test]
fn one_frame_says_one_thing() {
    // HS-10
    assert_eq!(ClientFrame::read(br#"{"hello":"t"}"#), Ok(ClientFrame::Hello("t".to_owned())));
    assert_eq!(ClientFrame::read(br#"{"ready":"t","x":1}"#), Ok(ClientFrame::Ready("t".to_owned())));
    assert_eq!(ClientFrame::read(br#"{"s":1,"d":{}}"#), Ok(ClientFrame::Other));
    assert_eq!(ClientFrame::read(br#"{"resume":"t"}"#), Ok(ClientFrame::Resume("t".to_owned())));
    for name in ["reauth", "refresh"] {
        assert_eq!(ClientFrame::read(format!("{{\"{name}\":\"t\"}}").as_bytes()), Ok(ClientFrame::Reserved(name)));
    }
    for text in [
        r#"{"hello":"t","ready":"t"}"#,
        r#"{"hello":"t","hello":"t"}"#,
        r#"{"hello":"t","resume":"t"}"#,
        r#"{"hello":1}"#,
        "[]",
        "1",
        "",
        "[\"t\"]",
    ] {
        assert_eq!(ClientFrame::read(text.as_bytes()).unwrap_err().reject, Reject::Malformed, "{text}");
    }
    let long = vec![b' '; limits::HELLO_FRAME_BYTES_MAX + 1];
    assert_eq!(ClientFrame::read(&long).unwrap_err().reject, Reject::TooLarge);
}

#[test]
fn an_error_tells_the_client_only_what_it_may_know() {
    // HS-60
    let frames: Vec<String> = [Reject::UnknownKey, Reject::BadSignature, Reject::KeyRevoked, Reject::WrongGateway]
        .into_iter()
        .map(|reject| error(&Refusal::operator(reject, "operator words"), id(), ErrorContext::default()))
        .collect();
    assert!(frames.windows(2).all(|pair| pair[0] == pair[1]), "{frames:?}");
    assert!(!frames[0].contains("operator"), "{}", frames[0]);
}

#[test]
fn an_error_is_read_back() {
    // HS-60
    let context = ErrorContext { nonce: Some("cs1n.AA.AA"), min_bind: Some(Binding::Exp) };
    let names = Refusal::with(Reject::NeedUnmet, Detail::Names(vec!["hb_ms".to_owned()]));
    let Some(ServerFrame::Error(read)) = ServerFrame::read(error(&names, id(), context).as_bytes()) else { panic!() };
    assert_eq!((read.code, read.names.as_slice(), read.id), (Some(AlertCode::NeedUnmet), &["hb_ms".to_owned()][..], Some(id())));
    assert_eq!(read.nonce, None, "a nonce only with nonce.stale");
    let stale = error(&Reject::NonceInvalid.into(), id(), context);
    let Some(ServerFrame::Error(read)) = ServerFrame::read(stale.as_bytes()) else { panic!() };
    assert_eq!(read.nonce.as_deref(), Some("cs1n.AA.AA"));
    assert!(error(&Reject::BindingTooWeak.into(), id(), context).contains("\"min_bind\":\"exp\""));
    assert!(error(&Reject::VersionUnsupported.into(), id(), context).contains("\"vers\":[1]"));
    let wait = Refusal::with(Reject::RateLimited, Detail::RetryAfter(Duration::from_millis(250)));
    let Some(ServerFrame::Error(read)) = ServerFrame::read(error(&wait, id(), context).as_bytes()) else { panic!() };
    assert_eq!(read.retry_after, Some(Duration::from_millis(250)));
}

#[test]
fn error_frames_are_stable() {
    // HS-60
    let lines: Vec<String> =
        Reject::ALL.iter().map(|reject| format!("{reject}: {}", error(&Refusal::from(*reject), id(), ErrorContext::default()))).collect();
    insta::assert_snapshot!("error_frames", lines.join("\n"));
}

#[test]
fn a_hostile_error_is_shortened() {
    let text = format!("{{\"err\":{{\"code\":\"{}\"}}}}", "\\u001b[31mx".repeat(100));
    let Some(ServerFrame::Error(read)) = ServerFrame::read(text.as_bytes()) else { panic!() };
    assert_eq!(read.code, None);
    assert!(read.code_text.len() <= limits::NAME_BYTES_MAX && read.code_text.is_ascii());
}

#[test]
fn secrets_ride_in_a_header() {
    let sec = SecretText::new("{\"at\":\"t\"}".to_owned());
    let header = secret_header(&sec);
    assert_eq!(read_secret_header(header.expose()).unwrap().expose(), sec.expose());
    assert!(read_secret_header("not base64!").is_none());
    assert!(read_secret_header(&"A".repeat(4 * limits::SECRETS_BYTES_MAX)).is_none());
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = (ClientFrame::read(&bytes), ServerFrame::read(&bytes));
    }
}
