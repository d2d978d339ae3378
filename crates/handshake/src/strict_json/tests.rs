#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: JsonError) {
    assert_eq!(Object::parse(text.as_bytes()), Err(expected), "{text}");
}

#[test]
fn refuses_a_name_twice_at_any_depth() {
    // HS-5
    for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"b":2}]}"#, r#"{"a":1,"\u0061":2}"#] {
        check(text, JsonError::Duplicate);
    }
}

#[test]
fn refuses_what_is_nested_too_deeply() {
    // HS-6
    assert!(Object::parse(br#"{"a":{"b":{"c":{}}}}"#).is_ok());
    check(r#"{"a":{"b":{"c":{"d":{}}}}}"#, JsonError::Depth);
    check(r#"{"a":[[[[1]]]]}"#, JsonError::Depth);
    check(&format!("{{\"a\":{}", "[".repeat(4_000)), JsonError::Depth);
}

#[test]
fn refuses_numbers_that_languages_read_differently() {
    // HS-7
    assert!(Object::parse(br#"{"a":9007199254740991,"b":-9007199254740991,"c":0}"#).is_ok());
    for number in ["9007199254740992", "-9007199254740992", "18446744073709551616", "1.0", "1e3", "-0", "0.5"] {
        check(&format!("{{\"a\":{number}}}"), JsonError::Number);
    }
    for text in ["{\"a\":01}", "{\"a\":+1}", "{\"a\":NaN}", "{\"a\":0x1}"] {
        check(text, JsonError::Syntax);
    }
}

#[test]
fn refuses_what_is_not_one_object() {
    // HS-5
    for text in ["[]", "1", "\"a\"", "null", "true"] {
        check(text, JsonError::NotAnObject);
    }
    for text in ["", "{", "{}{}", "{} x", "{\"a\":1,}", "{'a':1}", "\u{feff}{}", "{\"a\":\"\\ud800\"}"] {
        check(text, JsonError::Syntax);
    }
    assert_eq!(Object::parse(b"{\"a\":\"\xff\"}"), Err(JsonError::Syntax));
}

#[test]
fn refuses_what_is_too_wide() {
    // HS-6
    let members = |count: usize| (0..count).map(|index| format!("\"m{index}\":1")).collect::<Vec<_>>().join(",");
    assert!(Object::parse(format!("{{{}}}", members(limits::JSON_MEMBERS_MAX)).as_bytes()).is_ok());
    check(&format!("{{{}}}", members(limits::JSON_MEMBERS_MAX + 1)), JsonError::Width);
    check(&format!("{{\"a\":[{}]}}", vec!["1"; limits::JSON_MEMBERS_MAX + 1].join(",")), JsonError::Width);
}

#[test]
fn keeps_unknown_members() {
    // HS-8
    let object = Object::parse(br#"{"new":[null,true],"v":1}"#).unwrap();
    assert_eq!(object.len(), 2);
    assert_eq!(object.member("v").and_then(Value::as_u64), Some(1));
    assert_eq!(object.member("new"), Some(&Value::List(vec![Value::Null, Value::Bool(true)])));
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Object::parse(&bytes);
    }

    #[test]
    fn never_panics_on_json_like_text(text in "[\\{\\}\\[\\],:\"a0-9e.\\\\u-]{0,80}") {
        let _ = Object::parse(text.as_bytes());
    }
}
