//! Domain separation: what a proof is for, as the first 32 bytes of what is signed.
//!
//! A label is the ASCII text `countersign/1 <name>`, padded with zero bytes to 32 (HS-12). The major version is in it, so a
//! proof of one version can never be valid in another.

/// A label, ready to be signed.
pub type Label = [u8; 32];

/// The label of a name of at most 18 bytes.
const fn label(name: &str) -> Label {
    const PREFIX: &[u8] = b"countersign/1 ";
    let name = name.as_bytes();
    assert!(PREFIX.len() + name.len() <= 32, "a label has 32 bytes");
    let mut bytes = [0; 32];
    let mut at = 0;
    while at < PREFIX.len() {
        bytes[at] = PREFIX[at];
        at += 1;
    }
    while at < PREFIX.len() + name.len() {
        bytes[at] = name[at - PREFIX.len()];
        at += 1;
    }
    bytes
}

/// The channel value of mode `chl`.
pub const CB_CHL: Label = label("cb chl");
/// The channel value of mode `sep`.
pub const CB_SEP: Label = label("cb sep");
/// A gateway root delegates to a gateway key.
pub const DELEGATION: Label = label("delegation");
/// A client offers.
pub const HELLO: Label = label("hello");
/// Derives the key of request proofs from the session secret.
pub const KEY_REQUEST: Label = label("key request");
/// Derives the key of resume proofs from the session secret.
pub const KEY_RESUME: Label = label("key resume");
/// A gateway recognises its nonce.
pub const NONCE: Label = label("nonce");
/// A client proves itself again.
pub const REAUTH: Label = label("reauth");
/// A gateway grants anew.
pub const REGRANT: Label = label("regrant");
/// A client resumes a session.
pub const RESUME: Label = label("resume");
/// A gateway seals a resumption ticket.
pub const TICKET: Label = label("ticket");
/// A gateway grants.
pub const WELCOME: Label = label("welcome");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_32_bytes_of_padded_ascii() {
        // HS-12
        assert_eq!(&HELLO, b"countersign/1 hello\0\0\0\0\0\0\0\0\0\0\0\0\0");
    }

    #[test]
    fn labels_differ() {
        let mut labels = [CB_CHL, CB_SEP, DELEGATION, HELLO, KEY_REQUEST, KEY_RESUME, NONCE, REAUTH, REGRANT, RESUME, TICKET, WELCOME];
        labels.sort_unstable();
        assert!(labels.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
