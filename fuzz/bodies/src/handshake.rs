//! Tokens and payloads of the native handshake.

use std::collections::BTreeSet;

use countersign_handshake::strict_json::{Object, Value};
use countersign_handshake::{CredentialFile, Hello, Reauth, Regrant, Resume, Signer as _, Token, Welcome};

/// An accepted token is written back as the very same text: there is one spelling.
pub fn token(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(token) = Token::parse(text) {
        assert_eq!(token.text(), text, "a token has one spelling");
    }
}

/// What is accepted is JSON for everybody else too, has no name twice at any depth, and only integers below 2^53.
pub fn strict_json(data: &[u8]) {
    let Ok(object) = Object::parse(data) else { return };
    let lenient: serde_json::Value = serde_json::from_slice(data).expect("strict JSON is JSON");
    assert_eq!(lenient.as_object().map(serde_json::Map::len), Some(object.len()), "no member is lost or doubled");
    check_object(&object);
}

fn check_object(object: &Object) {
    let names: BTreeSet<&str> = object.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), object.len(), "names are unique");
    object.iter().for_each(|(_, value)| check_value(value));
}

fn check_value(value: &Value) {
    match value {
        Value::Integer(number) => assert!(number.unsigned_abs() < 1 << 53, "integers are below 2^53"),
        Value::List(list) => list.iter().for_each(check_value),
        Value::Object(object) => check_object(object),
        Value::Bool(_) | Value::Null | Value::Text(_) => {}
    }
}

/// An understood offer means the same after it was written again.
pub fn hello(data: &[u8]) {
    if let Ok(hello) = Hello::read(data) {
        let again = Hello::read(hello.write().as_bytes()).expect("our own writing is understood");
        assert_eq!(again, hello);
    }
}

/// What a session goes on with, read as each of the three: what is understood means the same after it was written again.
pub fn resume_reauth_regrant(data: &[u8]) {
    if let Ok(resume) = Resume::read(data) {
        let written = resume.write();
        let again = Resume::read(written.as_bytes()).expect("our own writing is understood");
        assert_eq!(again.write(), written);
        assert!(resume.rx >= 1 && resume.tx >= 1, "numbers begin with one");
    }
    if let Ok(reauth) = Reauth::read(data) {
        let again = Reauth::read(reauth.write().as_bytes()).expect("our own writing is understood");
        assert_eq!(again, reauth);
    }
    if let Ok(regrant) = Regrant::read(data) {
        let again = Regrant::read(regrant.write().as_bytes()).expect("our own writing is understood");
        assert_eq!(again, regrant);
    }
}

/// A contract that is understood can be written, and is understood again.
pub fn welcome(data: &[u8]) {
    if let Ok(welcome) = Welcome::read(data) {
        assert!(Welcome::read(welcome.write().as_bytes()).is_ok(), "our own writing is understood");
    }
}

/// A credential file that is accepted is accepted after it was written again, and only names its own key.
pub fn credential_file(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(file) = CredentialFile::parse(text) else { return };
    assert!(CredentialFile::parse(file.write().expose()).is_ok(), "our own writing is understood");
    if let Ok(key) = file.signing_key() {
        assert_eq!(*key.kid(), file.kid, "a file names its own key");
    }
}
