//! What proxies are told, decision by decision; how nginx and Envoy really ask is in `tests/conformance/test_authz.py`.
#![allow(clippy::unwrap_used)]

use countersign_core::{IpAllowList, Reject};
use http::{Method, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::answer::{for_envoy, for_nginx};
use super::*;
use crate::testing::{READER, Stage, TRADER, on_stage, signed_query};

const CLIENT: [u8; 4] = [192, 0, 2, 7];
const ORDER: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=1000";

fn original(method: Method, key_id: &str, path: &str, parameters: &str) -> Original {
    let target = if parameters.is_empty() { path.to_owned() } else { format!("{path}?{parameters}") };
    let mut headers = HeaderMap::new();
    headers.insert("x-mbx-apikey", HeaderValue::from_str(key_id).unwrap());
    headers.insert("countersign-identity", HeaderValue::from_static("forged"));
    let host = HeaderValue::from_static("localhost");
    Original::new(method.as_str().as_bytes(), &target, host, CLIENT.into(), headers, Some(Bytes::new())).unwrap()
}

fn account() -> Original {
    original(Method::GET, TRADER, "/api/v3/account", &signed_query(TRADER, ""))
}

fn order(key_id: &str) -> Original {
    original(Method::POST, key_id, "/api/v3/order", &signed_query(key_id, ORDER))
}

struct Asking {
    stage: Stage,
    authz: Authz,
    proxy: Rc<Connection>,
}

impl Asking {
    fn on(stage: Stage) -> Self {
        let (authz, proxy) = (Authz::new(Rc::clone(&stage.worker)), stage.connection());
        Self { stage, authz, proxy }
    }

    fn ask(&self, original: Original) -> Verdict {
        self.authz.decide(&self.proxy, Ok(original))
    }

    fn permitted(&self, original: Original) -> Permitted {
        match self.ask(original) {
            Verdict::Permitted(permitted) => permitted,
            Verdict::Refused(answer) => panic!("refused: {:?}", text(answer)),
        }
    }

    fn refused(&self, original: Original) -> (u16, String, String) {
        match self.ask(original) {
            Verdict::Refused(answer) => {
                let code = answer.headers()["countersign-refusal-code"].to_str().unwrap().to_owned();
                assert!(!answer.headers().contains_key("connection"), "the connection is the proxy's");
                (answer.status().as_u16(), code, text(answer))
            }
            Verdict::Permitted(permitted) => panic!("permitted: {permitted:?}"),
        }
    }
}

fn text(answer: Answer) -> String {
    String::from_utf8(answer.into_body().into_own().unwrap_or_default().to_vec()).unwrap()
}

#[tokio::test]
async fn a_permitted_request_is_named_and_recorded_as_asked_by_a_proxy() {
    on_stage(async |stage| {
        let asking = Asking::on(stage);
        let permitted = asking.permitted(account());
        let header = |name: &str| permitted.upstream[name].to_str().unwrap();
        assert_eq!((header("x-countersign-account"), header("x-countersign-key-id")), ("desk", TRADER));
        assert_eq!(header("x-countersign-scopes"), "account:read order:read order:write");
        assert_eq!(header("countersign-identity").split('.').count(), 3);
        assert!(permitted.client.contains_key("x-mbx-used-weight-1m"), "what the venue tells of its limits");
        let again = asking.permitted(account());
        assert_eq!(again.upstream["countersign-identity"], permitted.upstream["countersign-identity"], "signed once while it is young");
        assert_ne!(again.upstream["countersign-correlation"], permitted.upstream["countersign-correlation"]);
    })
    .await;
}

#[tokio::test]
async fn refusals_are_in_the_venues_words_with_one_code_beside_them() {
    on_stage(async |stage| {
        let asking = Asking::on(stage);
        let mut forged = account();
        forged.target = forged.target.replace("timestamp=", "timestamp=1");
        forged.target = forged.target.replacen("timestamp=1", "recvWindow=5000&timestamp=", 1);
        let (status, code, body) = asking.refused(forged);
        assert_eq!((status, code.as_str()), (400, "auth.failed"));
        assert!(body.contains("-1022"), "{body}");
        let (status, code, body) = asking.refused(order(READER));
        assert_eq!((status, code.as_str()), (401, "scope.denied"));
        assert!(body.contains("-2015"), "{body}");
        let (status, code, _) = asking.refused(original(Method::GET, TRADER, "/nowhere", ""));
        assert_eq!((status, code.as_str()), (404, "route.unknown"));
        let audited = asking.stage.audited("bad_signature");
        assert_eq!(audited["channel"]["via"], "authz");
        assert_eq!(audited["remote"], "192.0.2.7", "the client, not the proxy");
    })
    .await;
}

#[tokio::test]
async fn an_order_passes_once() {
    on_stage(async |stage| {
        let asking = Asking::on(stage);
        let order = order(TRADER);
        asking.permitted(order.clone());
        let (_, code, _) = asking.refused(order);
        assert_eq!(code, "replay.detected");
    })
    .await;
}

#[tokio::test]
async fn without_the_whole_body_nothing_is_verified_and_nothing_is_spent() {
    on_stage(async |stage| {
        let asking = Asking::on(stage);
        let whole = order(TRADER);
        let (status, code, _) = asking.refused(Original { body: None, ..whole.clone() });
        assert_eq!((status, code.as_str()), (501, "authz.body_missing"));
        assert!(asking.stage.refused("authz_body_missing"));
        asking.permitted(whole);
        asking.permitted(Original { body: None, ..original(Method::GET, TRADER, "/api/v3/time", "") });
    })
    .await;
}

#[tokio::test]
async fn a_public_request_carries_no_identity_of_the_client() {
    on_stage(async |stage| {
        let asking = Asking::on(stage);
        let time = original(Method::GET, TRADER, "/api/v3/time", "");
        assert!(asking.permitted(time.clone()).upstream.keys().all(|name| name == "countersign-correlation"));
        let answer = for_envoy(asking.ask(time));
        let removed = answer.headers()["x-envoy-auth-headers-to-remove"].to_str().unwrap();
        assert_eq!(removed, "countersign-identity,x-countersign-account,x-countersign-key-id,x-countersign-scopes");
        assert!(!for_envoy(asking.ask(account())).headers().contains_key("x-envoy-auth-headers-to-remove"));
    })
    .await;
}

#[tokio::test]
async fn the_allow_list_of_a_key_is_about_the_client_and_not_about_the_proxy() {
    on_stage(async |stage| {
        let asking = Asking::on(stage);
        asking.stage.change_credentials(|credential| credential.ip_allow = IpAllowList::parse(["192.0.2.0/24"]).unwrap());
        asking.permitted(account());
        let elsewhere = Original { address: [198, 51, 100, 1].into(), ..account() };
        asking.refused(elsewhere);
        assert!(asking.stage.refused("address_not_allowed"));
    })
    .await;
}

#[tokio::test]
async fn what_is_bound_to_a_connection_or_logs_in_inside_is_not_decided_here() {
    on_stage(async |stage| {
        let asking = Asking::on(stage);
        let routes = asking.stage.worker.shared.routes.load_full();
        let native = routes.all().iter().find(|route| route.family == Family::NATIVE && route.requirement.access != Access::Public);
        assert_eq!(check_offered(native.unwrap()).unwrap_err().reject, Reject::Unsupported);
        for kind in [RouteKind::BinanceWsApi, RouteKind::DialectSocket, RouteKind::NativeSession, RouteKind::Local] {
            let route = routes.all().iter().find(|route| route.kind == kind).unwrap();
            assert_eq!(check_offered(route).unwrap_err().reject, Reject::Unsupported, "{kind:?}");
        }
        let (status, code, _) = asking.refused(original(Method::GET, TRADER, "/ws-api/v3", ""));
        assert_eq!((status, code.as_str()), (400, "unsupported"));
    })
    .await;
}

#[tokio::test]
async fn another_host_is_refused() {
    on_stage(async |stage| {
        let asking = Asking::on(stage);
        let (status, ..) = asking.refused(Original { host: HeaderValue::from_static("evil.example"), ..account() });
        assert_eq!(status, 421);
        assert_eq!(asking.authz.clients.at(&asking.stage.worker, CLIENT.into()).authority.borrow().as_ref(), None);
    })
    .await;
}

#[tokio::test]
async fn nginx_gets_a_status_that_it_takes_and_the_rest_in_headers() {
    on_stage(async |stage| {
        let asking = Asking::on(stage);
        assert_eq!(for_nginx(asking.ask(account())).status(), 204);
        for (refused, status, told) in [
            (order(READER), 401, "401"),
            (Original { body: None, ..account() }, 503, "501"),
            (original(Method::GET, TRADER, "/x", ""), 403, "404"),
        ] {
            let answer = for_nginx(asking.ask(refused));
            assert_eq!((answer.status().as_u16(), answer.headers()["countersign-refusal-status"].to_str().unwrap()), (status, told));
            let (parts, body) = answer.into_parts();
            let body = body.into_own().unwrap();
            assert_eq!(parts.headers["countersign-refusal"].as_bytes(), &body[..]);
            assert!(parts.headers["countersign-refusal-type"].to_str().unwrap().starts_with("application/json"));
        }
    })
    .await;
}

#[test]
fn a_refusal_that_no_header_can_hold_is_in_the_body_only() {
    for body in ["two\nlines".to_owned(), "x".repeat(limits::REFUSAL_HEADER_BYTES_MAX + 1)] {
        let refusal = Response::builder().status(429).body(body.clone().into()).unwrap();
        let answer = for_nginx(Verdict::Refused(refusal));
        assert_eq!(answer.status(), 403);
        assert!(!answer.headers().contains_key("countersign-refusal"));
        assert_eq!(text(answer), body);
    }
}

/// Writes one question to a listener and returns the answer's head.
async fn over_the_wire(stage: &Stage, question: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::task::spawn_local(listener::accept_loop(Rc::clone(&stage.worker), listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(question.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serving.abort();
    answer
}

#[tokio::test]
async fn a_question_over_the_wire_is_about_what_the_proxy_says_and_not_about_itself() {
    on_stage(async |stage| {
        let Original { target, .. } = account();
        let head = |method: &str, twice: &str| {
            format!(
                "{method} /authz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-MBX-APIKEY: {TRADER}\r\nX-Original-Method: GET\r\n\
                 X-Original-URI: {target}\r\n{twice}X-Original-Host: localhost\r\nX-Real-IP: 192.0.2.7\r\nX-Original-Framing: HTTP/1.1;;\r\n\r\n"
            )
        };
        assert!(over_the_wire(&stage, &head("GET", "")).await.starts_with("HTTP/1.1 204"));
        let smuggled = over_the_wire(&stage, &head("GET", "X-Original-URI: /api/v3/time\r\n")).await;
        assert!(smuggled.starts_with("HTTP/1.1 403"), "{smuggled}");
        assert!(smuggled.contains("proto.malformed"));
        let elsewhere = over_the_wire(&stage, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(elsewhere.starts_with("HTTP/1.1 404"), "{elsewhere}");
        let ambiguous = "GET /authz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(over_the_wire(&stage, ambiguous).await.starts_with("HTTP/1.1 400"));
    })
    .await;
}
