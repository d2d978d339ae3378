#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::entropy::SeededEntropy;
use countersign_core::public_key::VerifyingKey;
use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Credential, CredentialId, Entropy as _, MemoryNonceGuard, MemoryReplayGuard, Monotonic, Now, Presented,
    Purpose, Refusal, Reject, Scopes, Secret, Timestamp, Token, TokenKind, TokenSealer, VerifiedIdentity, Verifier, VerifyContext,
    redeem_token, verify,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::http::Deribit;
use super::methods::{self, Method};
use super::reply::{self, Asked};
use super::scope::{Session, Wanted};
use super::socket::DeribitSocket;
use crate::answer::AnswerContext;
use crate::dialect::{Answer, Dialect as _, LocalRequest, RequestView, Security};
use crate::routes::Handling;
use crate::socket::{Desk, DialectSocket as _, Step};

mod cancels;
mod in_body;
mod story;

const VECTORS: &str = include_str!("../../../../tests/vectors/deribit.json");
const NOW_MS: u64 = 1_795_222_428_600;
const SECRET: &str = "a secret for tests only";

fn credential() -> Arc<Credential> {
    credential_of("key-1", "desk")
}

fn credential_of(key: &str, account: &str) -> Arc<Credential> {
    Arc::new(Credential {
        scopes: Scopes::parse("account:read order:read order:write").unwrap(),
        ..Credential::new(
            CredentialId::parse(&format!("cred-{key}")).unwrap(),
            AccountId::parse(account).unwrap(),
            Purpose::Deribit,
            ApiKeyId::parse(key).unwrap(),
            Verifier::mac_keeping_secret(Algorithm::HmacSha256, &Secret::new(SECRET.as_bytes().to_vec())).unwrap(),
        )
    })
}

/// What the shell has: guards, the key of the tokens, a connection.
struct Shell {
    replay: MemoryReplayGuard,
    nonces: MemoryNonceGuard,
    desk: TestDesk,
    now_ms: u64,
}

struct TestDesk {
    sealer: TokenSealer,
    entropy: SeededEntropy,
    channel: Option<[u8; 32]>,
    /// Whether the account wants its new connections to cancel.
    cancels: bool,
}

impl Desk for TestDesk {
    fn seal(&mut self, token: &Token) -> String {
        self.sealer.seal(token, &mut self.entropy)
    }

    fn open(&self, text: &str, kind: TokenKind, purpose: Purpose, now: Timestamp) -> Result<Token, Refusal> {
        self.sealer.open(text, kind, purpose, now)
    }

    fn random(&mut self) -> [u8; 16] {
        self.entropy.array()
    }

    fn authority(&self) -> &'static str {
        "api.test"
    }

    fn channel(&self) -> Option<[u8; 32]> {
        self.channel
    }

    fn cancels_on_disconnect(&self, account: &AccountId) -> bool {
        self.cancels && account.as_str() == "desk"
    }
}

impl Shell {
    fn new() -> Self {
        let desk = TestDesk {
            sealer: TokenSealer::new(&[1; 32]),
            entropy: SeededEntropy::new_dangerous_for_tests(1),
            channel: Some([7; 32]),
            cancels: false,
        };
        Self { replay: MemoryReplayGuard::default(), nonces: MemoryNonceGuard::default(), desk, now_ms: NOW_MS }
    }

    fn now(&mut self) -> Timestamp {
        self.now_ms += 1;
        Timestamp::from_millis(self.now_ms)
    }

    fn context(&self) -> VerifyContext<'_> {
        let now = Now { wall: Timestamp::from_millis(self.now_ms), mono: Monotonic::from_micros(1) };
        VerifyContext { now, remote: None, replay: &self.replay, nonces: &self.nonces }
    }

    fn verify(&self, presented: &Presented<'_>) -> Result<VerifiedIdentity, Refusal> {
        let known = [credential(), credential_of("second", "other")].into_iter().find(|known| known.key_id == presented.key_id);
        verify(presented, known.as_ref(), &self.context())
    }

    fn redeem(&self, token: &Token) -> Result<VerifiedIdentity, Refusal> {
        redeem_token(token, Some(&credential()), self.desk.channel.as_ref(), &self.context())
    }

    /// A frame, all the way.
    fn feed(&mut self, socket: &mut DeribitSocket, frame: &str) -> Step<'static> {
        let now = self.now();
        let result = match socket.handle_text(frame, now, &mut self.desk) {
            Step::Verify(presented) => self.verify(&presented),
            Step::VerifyToken(token) => self.redeem(&token),
            Step::Close { reply, code, reason } => return Step::Close { reply, code, reason },
            Step::Forward(forward) => return Step::Forward(forward),
            Step::Refuse { refusal, reply, close } => return Step::Refuse { refusal, reply, close },
            Step::Reply(replies) => {
                if let Some(wanted) = socket.take_cancel_on_disconnect() {
                    assert_eq!(wanted.identity.account().as_str(), "desk");
                    assert!(methods::MESSAGES.iter().any(|row| row.name == wanted.message && row.scope.is_none()));
                    self.desk.cancels = wanted.enabled;
                }
                return Step::Reply(replies);
            }
        };
        socket.conclude(result, now, &mut self.desk)
    }

    /// The result of a call that is answered here.
    fn call(&mut self, socket: &mut DeribitSocket, method: &str, params: &Value) -> Result<Value, Reject> {
        let frame = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        match self.feed(socket, &frame) {
            Step::Reply(replies) => Ok(serde_json::from_str::<Value>(&replies[0]).unwrap()["result"].clone()),
            Step::Refuse { refusal, .. } => Err(refusal.reject),
            Step::Forward(forward) => Ok(json!({"forwarded": forward.message, "as": forward.identity.map(|who| who.scopes().to_string())})),
            Step::Close { reason, .. } => Ok(json!({"closed": reason})),
            Step::Verify(_) | Step::VerifyToken(_) => panic!("a verification was answered by another"),
        }
    }

    fn request(&mut self, method: &str, target: &str, authorization: &str, body: &str) -> Result<Value, Reject> {
        let headers = if authorization.is_empty() { vec![] } else { vec![("Authorization", authorization)] };
        let request = RequestView { method, target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
        let now = self.now();
        let asked = methods::REST.iter().find(|route| route.matches(method, request.path())).ok_or(Reject::RouteUnknown)?;
        let route = match asked.handling {
            Handling::InBody => {
                let path = Deribit.named_in_body(&request).map_err(|refusal| refusal.reject)?;
                methods::REST.iter().find(|route| route.matches(method, path.as_bytes())).unwrap()
            }
            Handling::Forward | Handling::Local => asked,
        };
        let identity = match Deribit.present(&request, route.security) {
            Answer::Malformed(refusal) => Err(refusal),
            Answer::NotMine => Ok(None),
            Answer::Presented(presented) => self.verify(&presented).map(Some),
            Answer::Token { text, kind } => {
                self.desk.open(text, kind, Purpose::Deribit, now).and_then(|token| self.redeem(&token)).map(Some)
            }
        };
        let identity = identity.map_err(|refusal| refusal.reject)?;
        if route.handling == Handling::Forward {
            return Ok(json!({"forwarded": route.path, "as": identity.map(|who| who.scopes().to_string())}));
        }
        let mut local = LocalRequest { identity: identity.as_ref(), desk: &mut self.desk, now };
        let answer = Deribit.answer(&request, &mut local).map_err(|refusal| refusal.reject)?;
        Ok(serde_json::from_str::<Value>(&answer.body).unwrap()["result"].clone())
    }
}

fn socket() -> DeribitSocket {
    DeribitSocket::new(Monotonic::from_micros(5))
}

fn login(scope: &str) -> Value {
    json!({"grant_type": "client_credentials", "client_id": "key-1", "client_secret": SECRET, "scope": scope})
}

#[test]
fn all_recorded_requests_get_their_verdict() {
    let report = crate::vectors::run(VECTORS, None).unwrap();
    assert_eq!(report.failed, []);
    assert!(report.passed >= 80 && report.skipped.is_empty(), "{}", report.passed);
}

/// As in the examples of the venue's reference.
#[test]
fn a_get_may_have_its_call_in_the_body() {
    let mut shell = Shell::new();
    let call = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
    let auth = call("public/auth", login("account:read"));
    let granted = shell.request("GET", "/api/v2/public/auth", "", &auth).unwrap();
    let bearer = format!("Bearer {}", granted["access_token"].as_str().unwrap());
    let summary = "/api/v2/private/get_account_summary";
    let asked = call("private/get_account_summary", json!({"currency": "BTC"}));
    assert!(shell.request("GET", summary, &bearer, &asked).is_ok());
    // What names nothing is no call.
    let query = "?grant_type=client_credentials&client_id=key-1&client_secret=a+secret+for+tests+only";
    for body in ["{}", " {} ", ""] {
        assert!(shell.request("GET", &format!("/api/v2/public/auth{query}"), "", body).is_ok(), "{body}");
    }
    for (target, authorization, body) in [
        (summary.to_owned(), bearer.as_str(), call("private/buy", json!({}))),
        ("/api/v2/public/test".to_owned(), "", call("private/buy", json!({}))),
        (format!("{summary}?currency=BTC"), bearer.as_str(), asked),
        (format!("/api/v2/public/auth{query}"), "", auth),
    ] {
        assert_eq!(shell.request("GET", &target, authorization, &body), Err(Reject::Malformed), "{target} {body}");
    }
    // What is no call to us may be one to the venue.
    for body in [r#"{"method":"x","method":"private/buy"}"#, r#"{"jsonrpc":"2.0","jsonrpc":"2.0"}"#, "[{}]", "hello", r#"{"params":{}}"#] {
        assert_eq!(shell.request("GET", summary, &bearer, body), Err(Reject::Malformed), "{body}");
    }
}

/// Which of two is meant, readers of forms do not agree on.
#[test]
fn a_parameter_of_a_query_has_no_twin() {
    let login = "grant_type=client_credentials&client_id=key-1&client_secret=a+secret+for+tests+only";
    let asked = |query: &str| Shell::new().request("GET", &format!("/api/v2/public/auth?{query}"), "", "").map(drop);
    assert_eq!(asked(&format!("{login}&scope=account:read")), Ok(()));
    for twin in ["client_id", "Client_Id", "client%5Fid", "client_id[]", "client_id.x", "clientId", "+client_id", "%zz"] {
        assert_eq!(asked(&format!("{login}&{twin}=key-2")), Err(Reject::Malformed), "{twin}");
        assert_eq!(asked(&format!("{twin}=key-2&{login}")), Err(Reject::Malformed), "{twin}");
    }
    assert_eq!(asked(&login.replace("client_id", "client%5Fid")), Err(Reject::Malformed));
}

#[test]
fn scopes_are_read_both_ways() {
    let read = |text: &str| Wanted::read(text).map(|wanted| wanted.rights.map(|rights| rights.to_string()));
    assert_eq!(read(""), Ok(None));
    assert_eq!(read("connection mainaccount"), Ok(None));
    assert_eq!(read("account:read trade:read_write"), Ok(Some("account:read order:read order:write".to_owned())));
    assert_eq!(read("account:read custody:read_write block_rfq:read custody:none"), Ok(Some("account:read".to_owned())));
    assert_eq!(read("custody:read"), Ok(Some(String::new())), "a right that is nothing here is not all of them");
    assert_eq!(read("wallet:read_write,block_trade:read"), Ok(Some("account:read funds:withdraw".to_owned())));
    assert_eq!(read("trade:none"), Ok(Some(String::new())));
    let wanted = Wanted::read("session:h1 expires:60").unwrap();
    assert_eq!(wanted, Wanted { session: Session::Named("h1".to_owned()), rights: None, expires: Some(Duration::from_secs(60)) });
    for name in ["apiconsole-c5i26ds6dsr", "DERIBIT.ws.2", "bot_1"] {
        let wanted = Wanted::read(&format!("session:{name} expires:2592000")).unwrap();
        assert_eq!(wanted.session, Session::Named(name.to_owned()));
    }
    assert_eq!(Wanted::read("name:desk-1").unwrap(), Wanted::default(), "a name is no right and no restriction");
    assert_eq!(Wanted::read("expires:9999999").unwrap().expires, Some(crate::limits::ACCESS_TOKEN_LIFETIME_MAX));
    for text in [
        "ip:1.2.3.4",
        "name:",
        "trade",
        "trade:write",
        "session:",
        "session:a/b",
        &format!("session:{}", "a".repeat(65)),
        "expires:0",
        "x:read",
    ] {
        assert!(Wanted::read(text).is_err(), "{text}");
    }
    let granted = |scopes: &str, session| super::scope::granted(&Scopes::parse(scopes).unwrap(), session);
    assert_eq!(granted("account:read order:read", None), "connection account:read trade:read wallet:read block_trade:none");
    assert_eq!(granted("order:write", Some("h1")), "session:h1 account:none trade:read_write wallet:none block_trade:none");
}

#[test]
fn every_method_has_one_row_and_writes_are_writes() {
    for (index, method) in methods::METHODS.iter().enumerate() {
        assert_eq!(methods::METHODS.iter().position(|other| other.name == method.name), Some(index), "{}", method.name);
        let message = methods::MESSAGES.iter().find(|message| message.name == method.name).unwrap();
        assert_eq!(message.scope.is_some(), method.name.starts_with("private/"), "{}", method.name);
    }
    let buy = methods::REST.iter().find(|route| route.matches("GET", b"/api/v2/private/buy")).unwrap();
    assert!(Method::find("private/create_api_key").is_none());
    assert_eq!((buy.effect(Purpose::Deribit), buy.orders, buy.security), (countersign_core::Effect::Write, 1, Security::Signed));
}

#[test]
fn a_body_for_another_method_is_refused_on_public_paths_too() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"private/buy","params":{}}"#;
    assert_eq!(Shell::new().request("POST", "/api/v2/public/ticker", "", body), Err(Reject::Malformed));
    let right = body.replace("private/buy", "public/ticker");
    assert!(Shell::new().request("POST", "/api/v2/public/ticker", "", &right).is_ok());
}

#[test]
fn refusals_repeat_the_id() {
    let headers: Vec<(&str, &str)> = Vec::new();
    let refused = |target: &str, body: &str| {
        let request = RequestView { method: "POST", target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
        let context = AnswerContext { echo: Deribit.echo(&request), now: Timestamp::from_secs(1), ..AnswerContext::default() };
        serde_json::from_str::<Value>(&Deribit.refuse(&Reject::BadSignature.into(), &context).body).unwrap()
    };
    let answer = refused("/api/v2/public/auth", r#"{"id":"a-1","method":"public/auth"}"#);
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("a-1"), &json!(13_004)));
    let answer = refused("/api/v2/private/buy", r#"{"id":7,"method":"private/buy"}"#);
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(13_009)));
    assert_eq!(refused("/api/v2/private/buy", "").get("id"), None);
}

#[test]
fn keys_with_a_public_half_sign_their_logins() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let verifier = Verifier::PublicKey(VerifyingKey::from_raw(Algorithm::Ed25519, pair.public_key().as_ref()).unwrap());
    let known = Arc::new(Credential { verifier, ..Arc::into_inner(credential()).unwrap() });
    let verdict = |signature: &str, grant_type: &str| {
        let params = json!({
            "grant_type": grant_type, "client_id": "key-1", "client_secret": SECRET, "timestamp": NOW_MS, "nonce": "n", "data": "d",
            "signature": signature,
        });
        let frame = json!({"id": 1, "method": "public/auth", "params": params}).to_string();
        let mut shell = Shell::new();
        let now = shell.now();
        let mut socket = socket();
        let Step::Verify(presented) = socket.handle_text(&frame, now, &mut shell.desk) else { panic!("it is to be verified") };
        verify(&presented, Some(&known), &shell.context()).map(drop).map_err(|refusal| refusal.reject)
    };
    let signature = STANDARD.encode(pair.sign(format!("{NOW_MS}\nn\nd").as_bytes()));
    assert_eq!(verdict(&signature, "client_signature"), Ok(()));
    assert_eq!(verdict(&STANDARD.encode(pair.sign(b"else")), "client_signature"), Err(Reject::BadSignature));
    assert_eq!(verdict("", "client_credentials"), Err(Reject::BadSignature), "such a key has no secret to show");
}

/// `ts \n nonce \n data` and `ts \n nonce \n METHOD \n target \n body \n` have one beginning, and one key signs both.
#[test]
fn the_signature_of_a_request_is_no_login() {
    let target = "/api/v2/private/get_positions";
    let data = format!("GET\n{target}\n\n");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let sig = hex::encode(aws_lc_rs::hmac::sign(&key, format!("{NOW_MS}\nn1\n{data}").as_bytes()));
    let mut shell = Shell::new();
    assert!(shell.request("GET", target, &format!("deri-hmac-sha256 id=key-1,ts={NOW_MS},sig={sig},nonce=n1"), "").is_ok());
    let params = json!({
        "grant_type": "client_signature", "client_id": "key-1", "timestamp": NOW_MS, "nonce": "n1", "data": data, "signature": sig,
    });
    assert_eq!(shell.call(&mut socket(), "public/auth", &params), Err(Reject::Malformed));
}

#[test]
fn every_refusal_has_its_answer() {
    let mut table = String::new();
    for reject in Reject::ALL {
        let refusal = Refusal::from(*reject);
        let http = reply::http(Some("5"), &refusal, Asked::Call, Timestamp::from_secs(1));
        let (code, message) = reply::error_of(&refusal, Asked::Login);
        writeln!(table, "{reject}: {} {} | login: {code} {message}", http.status, http.body).unwrap();
    }
    insta::assert_snapshot!(table);
}

proptest! {
    #[test]
    fn any_changed_bit_of_a_signed_request_is_refused(place: prop::sample::Index, bit in 0_u8..7) {
        let (ts, target) = (NOW_MS, "/api/v2/private/buy?amount=10");
        let text = format!("{ts}\nn1\nGET\n{target}\n\n");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
        let sig = hex::encode(aws_lc_rs::hmac::sign(&key, text.as_bytes()));
        let header = format!("deri-hmac-sha256 id=key-1,ts={ts},sig={sig},nonce=n1");
        let mut shell = Shell::new();
        prop_assert!(shell.request("GET", target, &header, "").is_ok());
        let mut bytes = format!("{target} {header}").into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        // The case of the scheme, of hex digits, and blanks around members mean nothing.
        prop_assume!(!changed.eq_ignore_ascii_case(&format!("{target} {header}")));
        let Some((target, header)) = changed.split_once(' ') else { return Ok(()) };
        prop_assert!(Shell::new().request("GET", target, header, "").is_err());
    }

    #[test]
    fn any_text_is_judged_without_panic(text in "\\PC{0,80}", method in "(public|private)/[a-z_]{0,12}", param in "\\PC{0,20}") {
        let mut shell = Shell::new();
        let _ = shell.feed(&mut socket(), &text);
        let frame = json!({"id": param, "method": method, "params": {"scope": param, "grant_type": param, "interval": param}}).to_string();
        let _ = shell.feed(&mut socket(), &frame);
        let _ = shell.request("POST", "/api/v2/public/auth", &text, &text);
        prop_assert!(shell.request("GET", "/api/v2/private/buy", &text, "").is_err());
    }
}
