#![allow(clippy::unwrap_used)]
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use countersign_core::{CredentialId, SessionId};
use countersign_oauth::RevocationTarget;
use countersign_pki::{
    ClientAuth, ClientCertificate, ClientCertificateRequest, ClientTls, ListenerPolicy, PrivateAuthority, RevocationLists,
    ServerCertificate, ServerCertificateRequest, ServerTls, TicketKeyRing, UnixTime,
};
use parking_lot::Mutex;
use rustls::time_provider::DefaultTimeProvider;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

mod health;
mod hostile;
mod notebook;
mod on_tls;

use self::notebook::Notebook;
use self::on_tls::OnTls;
use super::*;
use crate::halts::report::{DrillReport, DrillRequest, HaltReport, HaltRequest, HaltStatus, LiftReport, LiftRequest, SignatureRequest};

const SLOW: &str = "node:slow";

struct OnSocket {
    folder: tempfile::TempDir,
    backend: Arc<Notebook>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl OnSocket {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = OperatorSocket::bind(&folder.path().join("operator.sock")).unwrap();
        let (backend, stop) = (Arc::new(Notebook::default()), CancellationToken::new());
        let serving = tokio::spawn(serve_socket(socket, Arc::clone(&backend), stop.clone()));
        Self { folder, backend, stop, serving }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("operator.sock")
    }

    fn client(&self) -> OperatorClient {
        OperatorClient::new(self.path())
    }

    async fn raw(&self, request: &str) -> String {
        ask(UnixStream::connect(self.path()).await.unwrap(), request).await
    }
}

/// Sends a request as it is and reads until the end.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A peer that closes without TLS farewell has still said everything.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

fn post(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}content-length: 0\r\n\r\n")
}

#[tokio::test]
async fn the_client_reads_every_answer() {
    let on_socket = OnSocket::start();
    let client = on_socket.client();
    assert_eq!(client.status().await.unwrap().uptime_s, 5);
    assert_eq!(client.metrics().await.unwrap(), "# EOF\n");
    assert_eq!(client.sessions(2).await.unwrap().len(), 2);
    assert!(client.connections(2).await.unwrap().is_empty());
    assert_eq!(client.config().await.unwrap()[0].key, "workers");
    let query = AuditQuery { correlation: Some("abc-_".to_owned()), limit: 5_000 };
    assert_eq!(client.audit(&query).await.unwrap().len(), 1);
    assert_eq!(*on_socket.backend.audit.lock(), [AuditQuery { limit: 1_000, ..query }], "an answer is bounded");
    let refused = client.ready().await.unwrap_err();
    assert_eq!(refused.to_string(), "the audit log cannot be written");
}

#[tokio::test]
async fn halts_and_lifts_reach_the_backend_with_who_asked() {
    let on_socket = OnSocket::start();
    let client = on_socket.client();
    let halt = |scope: &str| HaltRequest {
        cancel: false,
        scope: scope.to_owned(),
        action: "freeze".to_owned(),
        reason: "runaway".to_owned(),
        text: String::new(),
        review_by_ms: None,
    };
    assert_eq!(client.halt(&halt("venue")).await.unwrap().epoch, Some(8));
    assert_eq!(client.halts().await.unwrap().quorum, (2, 3));
    let refused = client.halt(&halt("nowhere")).await.unwrap_err();
    assert!(matches!(refused, OperatorClientError::Refused { status: http::StatusCode::BAD_REQUEST, .. }), "{refused}");
    let lift = LiftRequest { halts: vec!["H-1".to_owned()], to: None, reason: "over".to_owned() };
    client.propose_lift(&lift).await.unwrap();
    let id = countersign_halt::LiftId::parse("P-0123456789ab").unwrap();
    client.sign_lift(id, &SignatureRequest { operator: "bob".to_owned(), signature: String::new() }).await.unwrap();
    client.apply_lift(id).await.unwrap();
    let me = format!("uid-{}", rustix::process::geteuid().as_raw());
    let expected = ["{me} halt venue", "{me} halt nowhere", "{me} propose H-1", "bob sign P-0123456789ab", "{me} apply P-0123456789ab"];
    assert_eq!(*on_socket.backend.changes.lock(), expected.map(|line| line.replace("{me}", &me)));
}

#[tokio::test]
async fn a_halt_with_a_member_nobody_knows_is_refused() {
    let on_socket = OnSocket::start();
    let body = r#"{"scope":"venue","action":"freeze","reason":"runaway","until":"tomorrow"}"#;
    let request = format!(
        "POST /v1/halts HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(on_socket.raw(&request).await.starts_with("HTTP/1.1 400"), "a halt never ends by itself, and must not seem to");
    assert!(on_socket.backend.changes.lock().is_empty());
}

#[tokio::test]
async fn changes_tell_the_backend_who_asked() {
    let on_socket = OnSocket::start();
    let client = on_socket.client();
    assert_eq!(client.reload().await.unwrap().routes, 4);
    assert_eq!(client.revoke_key(&CredentialId::parse("cred-1").unwrap()).await.unwrap().sessions_closed, 2);
    let missing = client.revoke_key(&CredentialId::parse("missing").unwrap()).await.unwrap_err();
    assert!(matches!(missing, OperatorClientError::Refused { status: http::StatusCode::NOT_FOUND, .. }), "{missing}");
    let uid = rustix::process::geteuid().as_raw();
    let noted = ["reload", "revoke cred-1", "revoke missing"].map(|change| format!("uid-{uid} {change}"));
    assert_eq!(*on_socket.backend.changes.lock(), noted);
}

#[tokio::test]
async fn a_web_page_changes_nothing() {
    let on_socket = OnSocket::start();
    for path in ["/v1/reload", "/v1/keys/cred-1/revoke", "/v1/halts", "/v1/nothing"] {
        for page in ["origin: https://evil.example", "origin: null", "sec-fetch-site: cross-site", "sec-fetch-site: same-site"] {
            let answer = on_socket.raw(&post(path, &format!("{page}\r\n"))).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{path} {page}: {answer}");
        }
    }
    assert!(on_socket.backend.changes.lock().is_empty());
}

#[tokio::test]
async fn a_web_page_reads_nothing_and_whoever_types_an_address_in_does() {
    let on_socket = OnSocket::start();
    let asked = |field: &str| format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{field}\r\n\r\n");
    for page in ["origin: https://evil.example", "origin: none", "sec-fetch-site: cross-site", "sec-fetch-site: same-origin"] {
        let answer = on_socket.raw(&asked(page)).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{page}: {answer}");
    }
    assert!(on_socket.raw(&asked("sec-fetch-site: none")).await.starts_with("HTTP/1.1 200 "));
    assert!(on_socket.raw(&post("/v1/reload", "sec-fetch-site: none\r\n")).await.starts_with("HTTP/1.1 403 "));
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_one_form() {
    let on_socket = OnSocket::start();
    for (request, status, code) in [
        (get("/v1/nothing"), 404, "not_found"),
        (get("/v1/reload"), 405, "method"),
        (get("/v1/audit?limit=x"), 400, "query"),
        (get("/v1/audit?since=x"), 400, "query"),
        (get("/v1/audit?correlation="), 400, "query"),
        (post("/v1/keys/a%20b/revoke", ""), 400, "id"),
        (get("/readyz"), 503, "not_ready"),
    ] {
        let answer = on_socket.raw(&request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(&format!("\"code\":\"{code}\"")),
            "{request}{answer}"
        );
    }
    assert!(on_socket.raw(&get("/healthz")).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_leaves_nothing_behind() {
    let on_socket = OnSocket::start();
    let path = on_socket.path();
    assert_eq!(std::fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(OperatorSocket::bind(&path).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    on_socket.stop.cancel();
    on_socket.serving.await.unwrap();
    assert!(!path.exists());
    let error = OperatorClient::new(&path).status().await.unwrap_err();
    assert!(error.to_string().starts_with("no running gateway at "), "{error}");
}

#[tokio::test]
async fn a_left_over_socket_is_replaced_and_a_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("operator.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "as after a crash");
    drop(OperatorSocket::bind(&path).unwrap());
    std::fs::write(&path, "precious").unwrap();
    assert_eq!(OperatorSocket::bind(&path).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn sessions_and_tokens_are_ended_by_name() {
    let on = OnSocket::start();
    let client = on.client();
    let (one, two) = (SessionId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
    assert_eq!(client.session(one).await.unwrap().sid, one.to_string());
    assert!(matches!(client.session(two).await, Err(OperatorClientError::Refused { status, .. }) if status == 404));
    assert_eq!(client.kill_session(one).await.unwrap(), KillReport { sid: one.to_string(), was_open: true, epoch: 7, node: None });
    assert!(client.tokens(5).await.unwrap().is_empty());
    let target = RevocationTarget::Session(two);
    let report = TokenRevokeReport { target: target.to_string(), epoch: 8, nobody: true };
    assert_eq!(client.revoke_tokens(&target).await.unwrap(), report);
    let changes = on.backend.changes.lock().clone();
    assert!(changes[0].ends_with(&format!("kill {one}")) && changes[1].ends_with(&format!("revoke {target}")), "{changes:?}");
    let refused = on.raw("POST /v1/tokens/all:/revoke HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    on.stop.cancel();
}
