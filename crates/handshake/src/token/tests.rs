#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: TokenError) {
    assert_eq!(Token::parse(text), Err(expected), "{text:?}");
}

#[test]
fn refuses_what_is_not_three_parts() {
    // HS-1
    for text in [
        "",
        "cs1h",
        "cs1h.AA",
        "cs1h.AA.AA.AA",
        "cs1h.AA.AA ",
        " cs1h.AA.AA",
        "CS1h.AA.AA",
        "cs1.AA.AA",
        "cs1hh.AA.AA",
        "cs1z.AA.AA",
        "csh1.AA.AA",
    ] {
        let error = Token::parse(text).unwrap_err();
        assert!(matches!(error, TokenError::Grammar | TokenError::Encoding), "{text:?}: {error:?}");
    }
    check("cs2h.AA.AA", TokenError::Version);
}

#[test]
fn refuses_what_is_not_strict_base64url() {
    // HS-2
    for part in ["", "A", "AB", "AA==", "A+AA", "A/AA", "AA\n", "A A"] {
        check(&format!("cs1h.{part}.AA"), TokenError::Encoding);
        check(&format!("cs1h.AA.{part}"), TokenError::Encoding);
    }
}

#[test]
fn refuses_what_is_too_large_before_decoding_it() {
    // HS-3
    for kind in Kind::ALL {
        let fits = "A".repeat(encoded_len(kind.payload_bytes_max()));
        let whole = format!("cs1{}.{fits}.AA", kind.letter());
        assert_ne!(Token::parse(&whole), Err(TokenError::Size), "{kind:?}");
        check(&format!("cs1{}.{fits}!.AA", kind.letter()), TokenError::Size);
        check(&format!("cs1{}.AA.{}", kind.letter(), "!".repeat(encoded_len(limits::PROOF_BYTES_MAX) + 1)), TokenError::Size);
    }
}

#[test]
fn refuses_a_token_of_another_kind() {
    // HS-4
    for kind in Kind::ALL {
        for other in Kind::ALL.iter().filter(|other| *other != kind) {
            let text = Token::write(*kind, b"{}", b"proof");
            assert_eq!(Token::parse_kind(&text, *other), Err(TokenError::Kind(*kind)));
        }
    }
}

proptest! {
    #[test]
    fn what_is_accepted_is_written_back_unchanged(text in "cs1[a-z]\\.[A-Za-z0-9_-]{0,12}\\.[A-Za-z0-9_-]{0,12}") {
        if let Ok(token) = Token::parse(&text) {
            prop_assert_eq!(token.text(), text);
        }
    }

    #[test]
    fn never_panics(text in any::<String>()) {
        let _ = Token::parse(&text);
    }
}
