//! The API handshake, if the server is a Countersign gateway: nonces on each carriage, published keys, the answer to a stranger,
//! and the weakest binding it takes. The hellos are signed with a key that is made for them and forgotten.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use countersign_core::{AlertCode, Algorithm, Binding};
use countersign_gateway::entropy::SystemEntropy;
use countersign_handshake::{Channel, ClientConfig, ClientHandshake, Need, Offer, ServerError, ServerFrame, SigningKey, Want};
use countersign_pki::{TlsVersion, exporter_binding, leaf_certificate_hash};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::codec::{Framed, LinesCodec};
use tokio_websockets::ClientBuilder;

use super::report::{Mark, Report};
use super::target::Target;
use super::tls::{Attempt, First, why};
use crate::commands::https::{Answer, Https};
use crate::keygen;

/// Longest line taken from a server.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// How long a nonce is waited for: a gateway volunteers it at once.
const NONCE_WAIT: Duration = Duration::from_millis(1_500);

/// All steps; nothing but a word for a server that has no `countersign/1`.
pub(super) async fn look(target: &Target, first: &First, protocols: &[String], report: &mut Report) -> anyhow::Result<()> {
    if !protocols.iter().any(|name| name == "countersign/1") {
        return report.fact(Mark::Note, "countersign/1", "not offered: this is no Countersign gateway, or native sessions are off");
    }
    if first.version != TlsVersion::Tls13 {
        return report.fact(Mark::Bad, "countersign/1", "needs TLS 1.3");
    }
    step(report, "nonce, raw TLS", raw_nonce(target).await, Value::Null)?;
    step(report, "nonce, WebSocket", websocket_nonce(target).await, Value::Null)?;
    step(report, "nonce, HTTP", http_nonce(target).await, Value::Null)?;
    step(report, "published keys", published_keys(target).await, Value::Null)?;
    step(report, "hello of a stranger", stranger(target).await, Value::Null)?;
    let (weakest, findings) = match weakest_binding(target).await {
        Ok((said, weakest)) => (Ok(said), json!({ "min_bind": weakest })),
        Err(error) => (Err(error), Value::Null),
    };
    step(report, "weakest binding", weakest, findings)
}

fn step(report: &mut Report, name: &str, outcome: anyhow::Result<String>, findings: Value) -> anyhow::Result<()> {
    match outcome {
        Ok(said) => report.step_with(Mark::Good, name, said, findings),
        Err(error) => report.step(Mark::Bad, name, why(&error)),
    }
}

async fn dial(target: &Target, alpn: &str) -> anyhow::Result<TlsStream<TcpStream>> {
    target.tls(Attempt::new(target, TlsVersion::Tls13, &[alpn.as_bytes()])?.config).await
}

async fn raw_nonce(target: &Target) -> anyhow::Result<String> {
    let mut lines = Framed::new(dial(target, "countersign/1").await?, LinesCodec::new_with_max_length(LINE_BYTES_MAX));
    let line = tokio::time::timeout(NONCE_WAIT, lines.next()).await.context("none came")?.context("the server closed")??;
    nonce_in(&line)
}

async fn websocket_nonce(target: &Target) -> anyhow::Result<String> {
    let stream = dial(target, "http/1.1").await?;
    let uri = format!("wss://{}/native/v1", target.name()).parse()?;
    let builder = ClientBuilder::from_uri(uri);
    let upgrading = builder.connect_on(stream);
    let (mut socket, _) = tokio::time::timeout(target.deadline, upgrading).await.context("no answer to the upgrade")??;
    let message = tokio::time::timeout(NONCE_WAIT, socket.next()).await.context("none came")?.context("the server closed")??;
    nonce_in(message.as_text().context("a binary frame")?)
}

fn nonce_in(frame: &str) -> anyhow::Result<String> {
    match ServerFrame::read(frame.as_bytes()) {
        Some(ServerFrame::Nonce(nonce)) => Ok(format!("{} characters", nonce.len())),
        Some(ServerFrame::Error(error)) => bail!("the gateway refused: {error}"),
        Some(ServerFrame::Welcome { .. }) | None => bail!("not a nonce frame"),
    }
}

async fn http_get(target: &Target, path: &str) -> anyhow::Result<Answer> {
    let mut https = Https::over(dial(target, "http/1.1").await?, &target.name(), target.deadline).await?;
    https.send("GET", path, &[]).await
}

async fn http_nonce(target: &Target) -> anyhow::Result<String> {
    let answer = http_get(target, "/native/v1/balance").await?;
    let nonce =
        answer.header("countersign-nonce").with_context(|| format!("no header Countersign-Nonce in the answer {}", answer.status))?;
    Ok(format!("{} characters, in the answer {} to a request without a proof", nonce.len(), answer.status))
}

async fn published_keys(target: &Target) -> anyhow::Result<String> {
    let answer = http_get(target, "/.well-known/jwks.json").await?;
    let keys = answer.json();
    let keys = keys["keys"].as_array().with_context(|| format!("no key set in the answer {}", answer.status))?;
    let named: Vec<_> =
        keys.iter().map(|key| format!("{} {}", key["alg"].as_str().unwrap_or("?"), key["kid"].as_str().unwrap_or("?"))).collect();
    Ok(format!("{} at /.well-known/jwks.json: {}", keys.len(), named.join(", ")))
}

/// A key that nobody knows must be refused like any other that does not check out.
async fn stranger(target: &Target) -> anyhow::Result<String> {
    let (error, _) = refusal(target, Binding::Exp).await?;
    if error.code != Some(AlertCode::AuthFailed) {
        bail!("refused with {error}, where auth.failed is right");
    }
    Ok(format!("refused as it must be: {error}"))
}

/// The host's policy shows in what it says to the weakest binding: `bind.required` with the weakest it takes, or `auth.failed`.
async fn weakest_binding(target: &Target) -> anyhow::Result<(String, Option<String>)> {
    let (error, frame) = refusal(target, Binding::Chl).await?;
    match error.code {
        Some(AlertCode::BindRequired) => {
            let weakest = frame["err"]["min_bind"].as_str().unwrap_or("not told").to_owned();
            Ok((format!("{weakest} (chl is refused: bind.required)"), Some(weakest)))
        }
        Some(AlertCode::AuthFailed) => Ok(("chl".to_owned(), Some("chl".to_owned()))),
        Some(_) | None => bail!("refused with {error}"),
    }
}

/// Sends a hello on raw TLS; gives the refusal and the frame that it came in.
async fn refusal(target: &Target, bind: Binding) -> anyhow::Result<(ServerError, Value)> {
    let stream = dial(target, "countersign/1").await?;
    let connection = stream.get_ref().1;
    let channel = Channel {
        exporter: exporter_binding(connection),
        server_certificate_sha256: connection.peer_certificates().and_then(leaf_certificate_hash).context("no server certificate")?,
        authority: Some(target.name()),
    };
    let handshake = ClientHandshake::new(throw_away(target, bind)?, channel, countersign_client::now())?;
    let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(LINE_BYTES_MAX));
    let exchange = async {
        let mut nonce = None;
        if handshake.needs_nonce() {
            let line = lines.next().await.context("the server closed before it gave a nonce")??;
            if let Some(ServerFrame::Nonce(given)) = ServerFrame::read(line.as_bytes()) {
                nonce = Some(given);
            }
        }
        let waiting = handshake.hello(nonce.as_deref(), &mut SystemEntropy, countersign_client::now())?;
        lines.send(waiting.hello_frame()).await?;
        loop {
            let line = lines.next().await.context("the server closed without a word")??;
            match ServerFrame::read(line.as_bytes()).context("a frame that is none of the handshake")? {
                ServerFrame::Error(error) => return Ok((error, serde_json::from_str(&line)?)),
                ServerFrame::Nonce(_) => {}
                ServerFrame::Welcome { .. } => bail!("a stranger was let in"),
            }
        }
    };
    tokio::time::timeout(target.deadline, exchange).await.context("no answer in time")?
}

/// A fresh key, and a pin that no gateway has: the answer to a stranger must not depend on it.
fn throw_away(target: &Target, bind: Binding) -> anyhow::Result<Arc<ClientConfig>> {
    let pair = keygen::generate(Algorithm::Ed25519)?;
    let key = SigningKey::from_pkcs8_pem(Algorithm::Ed25519, pair.private_pem.expose())?;
    let pin = pair.public.key_id().to_string();
    Ok(Arc::new(ClientConfig {
        algorithms: vec![Algorithm::Ed25519],
        key: Arc::new(key),
        pins: vec![pin],
        host: target.name(),
        offer: Offer { bind, want: Want::default(), need: Need::default() },
        pipe: false,
    }))
}
