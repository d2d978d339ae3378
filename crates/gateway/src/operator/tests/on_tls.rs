//! The port: who comes in, and under which name.

use super::*;

pub(super) struct OnTls {
    pub(super) authority: PrivateAuthority,
    pub(super) address: std::net::SocketAddr,
    pub(super) backend: Arc<Notebook>,
}

impl OnTls {
    pub(super) async fn start() -> Self {
        let now = UnixTime::now();
        let authority = PrivateAuthority::create(now).unwrap();
        let server = authority.issue_server(&ServerCertificateRequest::default(), now).unwrap();
        let mut policy = ListenerPolicy::new("operators");
        policy.client_auth = ClientAuth::Required;
        policy.client_trust = authority.trust().unwrap();
        policy.revocation = RevocationLists::none();
        let clock = Arc::new(DefaultTimeProvider);
        let tickets = Arc::new(TicketKeyRing::new(clock.clone()).unwrap());
        let certificate = ServerCertificate::from_issued(&server).unwrap();
        let tls = Arc::new(ServerTls::new(policy, vec![certificate], tickets, clock).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let backend = Arc::new(Notebook::default());
        tokio::spawn(serve_tls(listener, tls, Arc::clone(&backend), CancellationToken::new()));
        Self { authority, address, backend }
    }

    /// A client whose certificate has this URI.
    pub(super) fn client(&self, uri: Option<&str>) -> tokio_rustls::TlsConnector {
        let mut client = ClientTls::new(self.authority.trust().unwrap());
        if let Some(uri) = uri {
            let issued = self.authority.issue_client(&ClientCertificateRequest::new("somebody", uri), UnixTime::now()).unwrap();
            client = client.with_certificate(ClientCertificate::from_issued(&issued).unwrap());
        }
        client.build().unwrap().into()
    }

    pub(super) async fn connect(&self, client: &tokio_rustls::TlsConnector) -> Option<tokio_rustls::client::TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        client.connect("localhost".try_into().unwrap(), stream).await.ok()
    }

    /// The answer to a client whose certificate has this URI; `None` when the connection breaks.
    pub(super) async fn ask(&self, uri: Option<&str>, request: &str) -> Option<String> {
        let mut stream = self.connect(&self.client(uri)).await?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        (!answer.is_empty()).then_some(answer)
    }
}

#[tokio::test]
async fn an_operator_certificate_opens_the_port_under_its_name() {
    let on_tls = OnTls::start().await;
    let answer = on_tls.ask(Some("countersign:operator:alice"), &post("/v1/reload", "")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(*on_tls.backend.changes.lock(), ["alice reload"]);
}

#[tokio::test]
async fn any_other_certificate_gets_nothing() {
    let on_tls = OnTls::start().await;
    for path in ["/metrics", "/healthz", "/v1/status", "/nowhere"] {
        let answer = on_tls.ask(Some("countersign:account:demo"), &get(path)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path} {answer}");
    }
    let change = on_tls.ask(Some("countersign:account:demo"), &post("/v1/reload", "")).await.unwrap();
    assert!(change.starts_with("HTTP/1.1 403 "), "{change}");
    assert_eq!(on_tls.ask(None, &get("/metrics")).await, None, "no certificate, no connection");
    assert!(on_tls.backend.changes.lock().is_empty());
}

#[test]
fn only_one_plain_operator_name_counts() {
    let now = UnixTime::now();
    let authority = PrivateAuthority::create(now).unwrap();
    let issued = authority.issue_client(&ClientCertificateRequest::new("alice", "countersign:operator:alice"), now).unwrap();
    let mut certificate = issued.identities().clone();
    let name =
        |certificate: &CertificateIdentities| OperatorIdentity::of_certificate(certificate).map(|identity| identity.name().to_owned());
    assert_eq!(name(&certificate).as_deref(), Some("alice"));
    for uris in [
        &[][..],
        &["countersign:operator:"],
        &["countersign:operator:a b"],
        &["countersign:account:alice"],
        &["COUNTERSIGN:OPERATOR:alice"],
        &["x-countersign:operator:alice"],
        &["countersign:operator:alice", "countersign:operator:bob"],
    ] {
        certificate.uris = uris.iter().map(ToString::to_string).collect();
        assert_eq!(name(&certificate), None, "{uris:?}");
    }
}
