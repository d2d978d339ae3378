//! What must hold in every dialect, whatever its rule is.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use countersign_core::entropy::SeededEntropy;
use countersign_core::reject::Blame;
use countersign_core::{Detail, Entropy as _, Monotonic, Now, Purpose, Refusal, Reject, Timestamp, Token, TokenKind, TokenSealer};
use proptest::prelude::*;

use crate::answer::{AnswerContext, LAST_NONCE_HEADER};
use crate::dialect::{Answer, RequestView, Security};
use crate::registry::ALL;
use crate::routes::SocketKind;
use crate::socket::{Desk, Opening, Step};
use crate::vectors::look_alike::before_proof;

const NOW: Timestamp = Timestamp::from_millis(1_795_222_400_000);

/// Seals tokens, as the gateway does.
pub(crate) struct TestDesk(TokenSealer, SeededEntropy);

impl TestDesk {
    pub(crate) fn new() -> Self {
        Self(TokenSealer::new(&[1; 32]), SeededEntropy::new_dangerous_for_tests(1))
    }
}

impl Desk for TestDesk {
    fn seal(&mut self, token: &Token) -> String {
        self.0.seal(token, &mut self.1)
    }

    fn open(&self, text: &str, kind: TokenKind, purpose: Purpose, now: Timestamp) -> Result<Token, Refusal> {
        self.0.open(text, kind, purpose, now)
    }

    fn random(&mut self) -> [u8; 16] {
        self.1.array()
    }

    fn authority(&self) -> &str {
        "localhost:8443"
    }

    fn channel(&self) -> Option<[u8; 32]> {
        Some([7; 32])
    }
}

fn context() -> AnswerContext {
    AnswerContext { now: NOW, ..AnswerContext::default() }
}

#[test]
fn every_refusal_has_its_words() {
    let mut table = String::new();
    for dialect in ALL {
        for reject in Reject::ALL {
            let answer = dialect.refuse(&Refusal::from(*reject), &context());
            writeln!(table, "{} {reject}: {} {}", dialect.name(), answer.status, answer.body).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn before_proof_of_possession_all_refusals_of_a_credential_are_the_same_bytes() {
    for dialect in ALL {
        let words = |refusal: Refusal| dialect.refuse(&refusal, &context());
        let unknown = words(Reject::UnknownKey.into());
        for refusal in before_proof().map(Refusal::from).chain([Refusal::operator(Reject::BadSignature, "for the operator only")]) {
            assert_eq!(words(refusal.clone()), unknown, "{} {refusal}", dialect.name());
        }
        assert!(!unknown.body.contains("operator only"));
    }
}

#[test]
fn a_failure_of_ours_is_never_a_bad_key() {
    for dialect in ALL {
        let bad_key = dialect.refuse(&Reject::BadSignature.into(), &context());
        for reject in Reject::ALL.iter().filter(|reject| reject.blame() == Blame::Infrastructure) {
            let answer = dialect.refuse(&(*reject).into(), &context());
            assert_ne!(answer.body, bad_key.body, "{} {reject}", dialect.name());
            assert!(!matches!(answer.status, 401 | 403), "{} {reject}", dialect.name());
        }
    }
}

#[test]
fn the_owner_of_a_key_is_told_the_last_nonce_and_in_the_venues_words_where_they_have_room() {
    let refusal = Refusal::with(Reject::Replayed, Detail::LastNonce(41));
    let mut told = String::new();
    for dialect in ALL.into_iter().filter(|dialect| dialect.purpose().has_nonce()) {
        let answer = dialect.refuse(&refusal, &context());
        let header = answer.headers.iter().find(|(name, _)| *name == LAST_NONCE_HEADER);
        assert!(answer.body.contains("41") || header.is_some_and(|(_, last)| last == "41"), "{}", dialect.name());
        // Without a nonce to tell, no answer has more than the venue's.
        let plain = dialect.refuse(&Reject::Replayed.into(), &context());
        assert!(!plain.body.contains("accepted") && plain.headers.iter().all(|(name, _)| *name != LAST_NONCE_HEADER), "{}", dialect.name());
        writeln!(told, "{}: {} {}", dialect.name(), answer.body, header.map(|(name, last)| format!("{name}: {last}")).unwrap_or_default())
            .unwrap();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn tables_name_valid_scopes_and_no_endpoint_twice() {
    for dialect in ALL {
        let mut seen = BTreeSet::new();
        for route in dialect.rest_routes() {
            assert!(seen.insert((route.method, route.path)), "{} {} {}", dialect.name(), route.method, route.path);
            assert!(route.scope.is_none_or(|scope| countersign_core::Scope::parse(scope).is_ok()), "{}", route.path);
            assert!(route.path.starts_with('/'), "{}", route.path);
        }
        let names: BTreeSet<_> = dialect.message_routes().iter().map(|route| route.name).collect();
        assert_eq!(names.len(), dialect.message_routes().len(), "{}", dialect.name());
        let opening = |target| Opening { target, now: Now::default(), issued_challenge: None };
        for socket in dialect.socket_routes().iter().filter(|socket| socket.kind == SocketKind::Dialect && !socket.path.contains('*')) {
            let opens = dialect.open_socket(&opening(socket.path)).is_some();
            // The WebSocket API of Binance has a machine of its own.
            assert!(opens || dialect.purpose() == Purpose::Binance, "{} {}", dialect.name(), socket.path);
        }
        assert!(dialect.open_socket(&opening("/nowhere")).is_none(), "{}", dialect.name());
    }
}

/// Names that occur in headers of one dialect or another, so that random requests get deep.
const HEADERS: [&str; 27] = [
    "content-digest",
    "signature",
    "signature-input",
    "x-mbx-apikey",
    "x-bapi-api-key",
    "x-bapi-timestamp",
    "x-bapi-sign",
    "x-bapi-recv-window",
    "ok-access-key",
    "ok-access-sign",
    "ok-access-timestamp",
    "ok-access-passphrase",
    "cb-access-key",
    "kc-api-key",
    "kc-api-sign",
    "kc-api-timestamp",
    "key",
    "sign",
    "timestamp",
    "api-key",
    "api-sign",
    "apikey",
    "authent",
    "nonce",
    "authorization",
    "x-gemini-payload",
    "bfx-nonce",
];

proptest! {
    #[test]
    fn any_request_gets_an_answer(
        dialect in 0..ALL.len(), route in any::<prop::sample::Index>(), body in "\\PC{0,80}", query in "[a-z=&%0-9]{0,30}",
        values in prop::collection::vec(("[ -~]{0,40}", any::<prop::sample::Index>()), 0..12),
    ) {
        let dialect = ALL[dialect];
        // A dialect for routes of the operator has none of its own.
        let own = dialect.rest_routes();
        let (method, path) = if own.is_empty() { ("POST", "/orders") } else { (route.get(own).method, route.get(own).path) };
        let headers: Vec<(&str, String)> = values.into_iter().map(|(value, name)| (*name.get(&HEADERS), value)).collect();
        let target = format!("{path}?{query}");
        let request = RequestView {
            method, target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: Some("localhost"),
        };
        for security in [Security::None, Security::ApiKey, Security::Signed] {
            if let Answer::Malformed(refusal) = dialect.present(&request, security) {
                prop_assert_ne!(refusal.reject.blame(), Blame::Infrastructure);
            }
        }
    }

    #[test]
    fn any_frame_gets_a_step(dialect in 0..ALL.len(), socket in any::<prop::sample::Index>(), text in frame()) {
        let dialect = ALL[dialect];
        prop_assume!(!dialect.socket_routes().is_empty());
        let path = socket.get(dialect.socket_routes()).path;
        let now = Now { wall: NOW, mono: Monotonic::from_micros(1) };
        let Some(mut machine) = dialect.open_socket(&Opening { target: path, now, issued_challenge: None }) else { return Ok(()) };
        let mut desk = TestDesk::new();
        let _ = machine.greet(NOW, &mut desk);
        let asks = matches!(machine.handle_text(&text, NOW, &mut desk), Step::Verify(_) | Step::VerifyToken(_));
        if asks {
            let step = machine.conclude(Err(Reject::BadSignature.into()), NOW, &mut desk);
            prop_assert!(matches!(step, Step::Refuse { .. } | Step::Close { .. }), "a proof that failed lets nothing pass");
            prop_assert!(machine.identity().is_none());
        }
    }
}

/// Frames that look like those of one dialect or another.
fn frame() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "op",
        "event",
        "method",
        "type",
        "channel",
        "args",
        "login",
        "auth",
        "subscribe",
        "unsubscribe",
        "orders",
        "user",
        "ping",
        "apiKey",
        "api_key",
        "sign",
        "signature",
        "timestamp",
        "params",
        "token",
        "key",
        "executions",
        "add_order",
        "spot.login",
        "api",
        "spot.orders",
        "challenge",
        "feed",
        "open_orders",
        "original_challenge",
        "signed_challenge",
        "passphrase",
        "payload",
        "post",
    ]);
    let leaf = prop_oneof![words.clone().prop_map(|word| format!("{word:?}")), "[0-9]{1,13}", Just("null".to_owned())];
    let value = leaf.prop_recursive(3, 24, 5, move |inner| {
        let words = words.clone();
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((words, inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    prop_oneof![8 => value, 1 => "\\PC{0,40}"]
}
