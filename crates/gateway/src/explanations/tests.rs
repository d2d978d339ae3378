#![allow(clippy::unwrap_used)]

use std::rc::Rc;

use bytes::Bytes;
use countersign_core::{AccountId, Algorithm, CredentialId, IpAllowList, Scopes};
use countersign_store::{Change, NewCredential, PolicyUpdate};
use futures_util::SinkExt as _;
use http::Request;
use http::header::{DATE, HOST};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio_websockets::Message;

use super::*;
use crate::control::reload_credentials;
use crate::exchange::exchange;
use crate::respond::{CORRELATION_HEADER, EXPLAIN_HEADER};
use crate::testing::{Stage, on_stage};
use crate::websocket::tests::{connect_client, next_text};

const SECRET: &str = "the secret of a sandbox key that has sixty-four bytes of its own";
const OTHER: &str = "the secret of another key, which is never to be seen in any page";

/// A stage whose store has a key that is explained and one that is not.
struct Sandbox {
    stage: Stage,
    open: CredentialId,
}

fn change() -> Change {
    Change::new(clock::wall(), "a test")
}

impl Sandbox {
    async fn on(stage: Stage) -> Self {
        let store = &stage.worker.shared.store;
        store.create_account(AccountId::parse("desk").unwrap(), "", &change()).await.unwrap();
        for (name, secret, explain) in [("open", SECRET, true), ("closed", OTHER, false)] {
            let material = Material::Secret(Secret::new(secret.into()), Algorithm::HmacSha256);
            let mut new = NewCredential::new(AccountId::parse("desk").unwrap(), Purpose::Binance, material);
            new.key_id = Some(ApiKeyId::parse(name).unwrap());
            new.scopes = Scopes::parse("account:read").unwrap();
            new.explain = explain;
            store.create_credential(new, &change()).await.unwrap();
        }
        let open = store.find_credential(Purpose::Binance, &ApiKeyId::parse("open").unwrap()).await.unwrap().unwrap().id;
        let sandbox = Self { stage, open };
        sandbox.reload().await;
        sandbox
    }

    async fn reload(&self) {
        reload_credentials(&self.stage.worker.shared).await.unwrap();
    }

    async fn update(&self, id: &CredentialId, update: PolicyUpdate) {
        self.stage.worker.shared.store.update_policy(id, update, &change()).await.unwrap();
        self.reload().await;
    }

    /// Sends one request on a connection of its own; the answer without what differs in every answer.
    async fn ask(&self, request: http::request::Builder) -> (http::response::Parts, String) {
        let (client, server) = tokio::io::duplex(1 << 16);
        let (worker, connection) = (Rc::clone(&self.stage.worker), self.stage.connection());
        let service = service_fn(move |request| exchange(Rc::clone(&worker), Rc::clone(&connection), request));
        tokio::task::spawn_local(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));
        let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
        tokio::task::spawn_local(driver);
        let request = request.header(HOST, "localhost:8443").body(Full::new(Bytes::new())).unwrap();
        let (mut parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let correlation = parts.headers.remove(CORRELATION_HEADER).unwrap();
        parts.headers.remove(DATE);
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        (parts, body.replace(correlation.to_str().unwrap(), "ID"))
    }

    async fn refused(&self, key: &str, query: &str) -> (http::response::Parts, String) {
        self.ask(Request::get(format!("/api/v3/account?{query}")).header("x-mbx-apikey", key)).await
    }

    /// The path of the explanation of a refused request.
    async fn link(&self, key: &str, query: &str) -> Option<String> {
        let (parts, _) = self.refused(key, query).await;
        let link = parts.headers.get(EXPLAIN_HEADER)?.to_str().unwrap();
        Some(link.strip_prefix("https://localhost:8443").unwrap().to_owned())
    }
}

/// A query that is signed by `secret` as `signed`, with the time of now in both for `T`.
fn query(secret: &str, sent: &str, signed: &str) -> String {
    let now = clock::wall().as_millis().to_string();
    let (sent, signed) = (sent.replace('T', &now), signed.replace('T', &now));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let mac: String = aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{sent}&signature={mac}")
}

fn unsorted(secret: &str) -> String {
    query(secret, "omitZeroBalances=true&a=1&timestamp=T", "a=1&omitZeroBalances=true&timestamp=T")
}

#[tokio::test]
async fn a_refused_login_is_explained_to_whoever_has_its_link() {
    on_stage(|stage| async move {
        let sandbox = Sandbox::on(stage).await;
        let (parts, body) = sandbox.refused("open", &unsorted(SECRET)).await;
        assert_eq!((parts.status.as_u16(), serde_json::from_str::<Value>(&body).unwrap()["code"].as_i64()), (400, Some(-1022)));
        let path = sandbox.link("open", &unsorted(SECRET)).await.unwrap();
        let (parts, text) = sandbox.ask(Request::get(&path)).await;
        assert_eq!((parts.status.as_u16(), &parts.headers["content-type"]), (200, &HeaderValue::from_static("text/plain; charset=utf-8")));
        for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
            assert_eq!(parts.headers[name], value);
        }
        assert!(text.starts_with("refused as bad_signature at ") && text.contains("WRONG: parameters-sorted"), "{text}");
        let (parts, json) = sandbox.ask(Request::get(&path).header("accept", "application/json")).await;
        assert_eq!(parts.headers["content-type"], "application/json");
        let page: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(page["report"]["findings"][0]["id"], "parameters-sorted");
        assert_eq!(page["report"]["difference"]["at"], 0, "{json}");
        let right = unsorted(SECRET);
        let (_, right) = right.rsplit_once('=').unwrap();
        for hidden in [SECRET, OTHER, right] {
            assert!(!text.contains(hidden) && !json.contains(hidden));
        }
    })
    .await;
}

#[tokio::test]
async fn without_the_flag_a_key_looks_like_none() {
    on_stage(|stage| async move {
        let sandbox = Sandbox::on(stage).await;
        for sent in [unsorted("guessed"), query(OTHER, "timestamp=1", "timestamp=1"), "signature=x".to_owned(), "timestamp=T".to_owned()] {
            let (known, known_body) = sandbox.refused("closed", &sent).await;
            let (unknown, unknown_body) = sandbox.refused("nobody", &sent).await;
            assert_eq!((known.status, &known.headers, known_body), (unknown.status, &unknown.headers, unknown_body), "{sent}");
            assert!(!known.headers.contains_key(EXPLAIN_HEADER));
        }
        let (with, with_body) = sandbox.refused("open", &unsorted("guessed")).await;
        let (without, without_body) = sandbox.refused("nobody", &unsorted("guessed")).await;
        assert_eq!((with.status, with_body), (without.status, without_body), "the body is the venue's own");
        assert_eq!(with.headers.len(), without.headers.len() + 1);
    })
    .await;
}

#[tokio::test]
async fn without_the_flag_a_key_costs_what_none_costs() {
    on_stage(|stage| async move {
        let sandbox = Sandbox::on(stage).await;
        let (worker, connection) = (&sandbox.stage.worker, sandbox.stage.connection());
        let target = format!("/api/v3/account?{}", unsorted("guessed"));
        let cost = |key: &str| {
            let headers = vec![("x-mbx-apikey", key)];
            let view = RequestView { method: "GET", target: target.as_bytes(), headers: &headers, body: b"", host: Some("localhost:8443") };
            let start = clock::mono();
            for _ in 0..50 {
                assert!(of_request(worker, &connection, Family::BINANCE, &view, &Reject::BadSignature.into()).is_none());
            }
            clock::mono().saturating_since(start)
        };
        // The least of many, taken in turns, is the cost without what else the machine does.
        let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
        for _ in 0..200 {
            (known, unknown) = (known.min(cost("closed")), unknown.min(cost("nobody")));
        }
        assert!(known < 2 * unknown && unknown < 2 * known, "{known:?} for a key, {unknown:?} for none");
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_wrong_over_or_taken_back_is_no_path() {
    on_stage(|stage| async move {
        let sandbox = Sandbox::on(stage).await;
        let path = sandbox.link("open", &unsorted(SECRET)).await.unwrap();
        let (nowhere, nowhere_body) = sandbox.ask(Request::get("/nowhere")).await;
        let is_nowhere = async |request: http::request::Builder, why: &str| {
            let (parts, body) = sandbox.ask(request).await;
            assert_eq!((parts.status, &parts.headers, &body), (nowhere.status, &nowhere.headers, &nowhere_body), "{why}");
        };
        is_nowhere(Request::get(format!("{PATH}AAAAAAAAAAAAAAAAAAAAAA")), "another name").await;
        is_nowhere(Request::get(format!("{PATH}x")), "no name").await;
        is_nowhere(Request::get(PATH), "no name at all").await;
        is_nowhere(Request::post(&path), "another method").await;
        let switch = |on| PolicyUpdate { explain: Some(on), ..PolicyUpdate::default() };
        sandbox.update(&sandbox.open, switch(false)).await;
        is_nowhere(Request::get(&path), "the operator took it back").await;
        assert_eq!(sandbox.link("open", &unsorted(SECRET)).await, None);
        sandbox.update(&sandbox.open, switch(true)).await;
        assert_eq!(sandbox.ask(Request::get(&path)).await.0.status, 200);
        sandbox.stage.worker.shared.store.set_state(&sandbox.open, CredentialState::Suspended, &change()).await.unwrap();
        sandbox.reload().await;
        is_nowhere(Request::get(&path), "the key is suspended").await;
        assert_eq!(sandbox.link("open", &unsorted(SECRET)).await, None);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_matter_of_the_proof_has_no_link() {
    on_stage(|stage| async move {
        let sandbox = Sandbox::on(stage).await;
        let order = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&timestamp=T";
        let target = format!("/api/v3/order?{}", query(SECRET, order, order));
        let (parts, body) = sandbox.ask(Request::post(target).header("x-mbx-apikey", "open")).await;
        assert_eq!((parts.status.as_u16(), parts.headers.contains_key(EXPLAIN_HEADER)), (401, false), "a scope is missing: {body}");
        let elsewhere = IpAllowList::parse(["192.0.2.1"]).unwrap();
        sandbox.update(&sandbox.open, PolicyUpdate { ip_allow: Some(elsewhere), ..PolicyUpdate::default() }).await;
        assert_eq!(sandbox.link("open", &unsorted(SECRET)).await, None, "an address that the key may not be used from");
        assert_eq!(sandbox.link("closed", &unsorted(OTHER)).await, None);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_worked_out_before_it_is_asked_for_and_then_once() {
    on_stage(|stage| async move {
        let sandbox = Sandbox::on(stage).await;
        let explanations = &sandbox.stage.worker.shared.explanations;
        let mut paths = Vec::new();
        for _ in 0..20 {
            paths.extend(sandbox.link("open", &unsorted("guessed")).await);
        }
        let within_a_minute = usize::try_from(limits::OFFERS_PER_KEY_AND_MINUTE_MAX).unwrap();
        assert!((within_a_minute..=2 * within_a_minute).contains(&paths.len()), "{} of 20", paths.len());
        assert_eq!(explanations.worked_out.used(clock::wall()), 0, "a refusal costs no search");
        let id = asked("GET", paths.last().unwrap()).unwrap();
        let Found::Here(held) = find(&sandbox.stage.worker, id).await else { panic!("it was refused here") };
        assert!(held.page.get().is_none());
        let (_, first) = sandbox.ask(Request::get(paths.last().unwrap())).await;
        assert!(first.contains("wrong-secret"), "{first}");
        assert!(held.page.get().is_some());
        // Nobody gets a turn any more, and what is worked out needs none.
        let _turn = Arc::clone(&explanations.turns).try_acquire_owned().unwrap();
        assert_eq!(sandbox.ask(Request::get(paths.last().unwrap())).await.1, first);
    })
    .await;
}

#[tokio::test]
async fn whoever_gets_no_turn_is_told_to_come_again() {
    on_stage(|stage| async move {
        let turns = Arc::clone(&stage.worker.shared.explanations.turns);
        let _turn = turns.acquire_owned().await.unwrap();
        let headers = vec![("x-mbx-apikey", "open")];
        let view = RequestView { method: "GET", target: b"/", headers: &headers, body: b"", host: None };
        let offered = Offered {
            credential: CredentialId::parse("open").unwrap(),
            purpose: Purpose::Binance,
            key_id: ApiKeyId::parse("open").unwrap(),
            kept: Kept::of_request(Purpose::Binance, &view).unwrap(),
            told: held::told(clock::wall(), "bad_signature", None),
        };
        let mut shelf = Shelf::default();
        let id = shelf.offer(offered, || ExplanationId::draw(None, &mut SystemEntropy, countersign_core::Timestamp::MAX)).unwrap();
        let held = shelf.find(id, clock::wall()).unwrap();
        tokio::time::pause();
        let refusal = work_out(&stage.worker, &held).await.unwrap_err();
        assert_eq!((refusal.reject, refusal.detail), (Reject::Busy, Detail::RetryAfter(TURN_WAIT_MAX)));
    })
    .await;
}

#[tokio::test]
async fn a_refused_frame_names_its_explanation_behind_the_venues_members() {
    on_stage(|stage| async move {
        let sandbox = Sandbox::on(stage).await;
        let mut client = connect_client(&sandbox.stage, "/ws-api/v3").await;
        let now = clock::wall().as_millis();
        for (key, linked) in [("open", true), ("closed", false), ("nobody", false)] {
            let frame = format!(
                r#"{{"id":1,"method":"account.status","params":{{"apiKey":"{key}","timestamp":{now},"signature":"{}"}}}}"#,
                "00".repeat(32)
            );
            client.send(Message::text(frame)).await.unwrap();
            let answer: Value = serde_json::from_str(&next_text(&mut client).await).unwrap();
            assert_eq!(answer["error"]["code"], -1022, "{answer}");
            assert_eq!(answer.get(MEMBER).is_some(), linked, "{key}: {answer}");
        }
    })
    .await;
}

#[test]
fn a_link_is_the_last_member_and_only_of_an_object() {
    let with = |reply: &str| linked(reply.to_owned(), Some("https://h/x"));
    assert_eq!(with(r#"{"a":{"b":1}}"#), r#"{"a":{"b":1},"countersign_explain":"https://h/x"}"#);
    for reply in ["", "{}", "{ }", "[{}]", "text", r#"["a",{"b":1}]"#] {
        assert_eq!(with(reply), reply);
    }
    assert_eq!(linked("{\"a\":1}".to_owned(), None), "{\"a\":1}");
}
