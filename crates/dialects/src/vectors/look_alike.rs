//! Recorded logins of WebSockets, each refused for every reason that is there before possession is proved: whoever has no key must not
//! learn from the words, or from the end of the connection, which reason it was.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use countersign_core::{AlertCode, Monotonic, Now, Reject};

use super::VectorFile;
use super::connection::family;
use super::format::{Request, Vector, purpose_of};
use crate::every_dialect::TestDesk;
use crate::registry::of_purpose;
use crate::socket::{Opening, Step};

const LOGINS: &str = include_str!("../../../../tests/vectors/websocket-logins.json");

/// Asked only after the signature: whoever hears of them has the secret, or a captured message that was signed with it.
const AFTER_PROOF: [Reject; 4] = [Reject::AddressNotAllowed, Reject::KeyExpired, Reject::KeyRevoked, Reject::WrongPassphrase];

/// Every reason that a client may know as `auth.failed` alone.
pub(crate) fn before_proof() -> impl Iterator<Item = Reject> {
    Reject::ALL.iter().copied().filter(|reject| reject.alert() == AlertCode::AuthFailed && !AFTER_PROOF.contains(reject))
}

/// What the client sees when this login is refused so; `None` when it asks for no verification.
fn seen(vector: &Vector, reject: Reject) -> Option<String> {
    let Request::Ws { text, url_path, issued_challenge } = &vector.request else { return None };
    let now = Now { wall: vector.now(), mono: Monotonic::from_micros(vector.now().as_micros()) };
    let opening = Opening { target: url_path.as_deref().unwrap_or("/"), now, issued_challenge: issued_challenge.as_deref() };
    let mut socket = purpose_of(family(vector)).and_then(of_purpose)?.open_socket(&opening)?;
    let mut desk = TestDesk::new();
    let asks = matches!(socket.handle_text(text, now.wall, &mut desk), Step::Verify(_) | Step::VerifyToken(_));
    asks.then(|| match socket.conclude(Err(reject.into()), now.wall, &mut desk) {
        Step::Refuse { reply, close, .. } => format!("{reply} {close}"),
        Step::Close { reply, code, reason } => format!("{reply:?} {code} {reason}"),
        step @ (Step::Forward(_) | Step::Reply(_) | Step::Verify(_) | Step::VerifyToken(_)) => panic!("{}: {step:?}", vector.id),
    })
}

#[test]
fn a_login_that_fails_before_the_proof_fails_in_the_same_words() {
    let file = VectorFile::parse(LOGINS).unwrap();
    let mut families = BTreeSet::new();
    for vector in &file.vectors {
        let Some(bad) = seen(vector, Reject::BadSignature) else { continue };
        families.insert(family(vector));
        for reject in before_proof() {
            assert_eq!(seen(vector, reject).unwrap(), bad, "{} {reject}", vector.id);
        }
    }
    assert!(families.len() >= 8, "{families:?}");
}
