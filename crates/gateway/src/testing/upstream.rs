//! An upstream that counts what arrives.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_websockets::{Message, ServerBuilder, WebSocketStream};

/// One message as the upstream got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Which of the upstream's connections, from 0.
    pub(crate) connection: usize,
    /// The text.
    pub(crate) text: String,
}

/// One upgrade as the upstream got it.
#[derive(Clone, Debug)]
pub(crate) struct Upgraded {
    /// Path and query.
    pub(crate) target: String,
    /// Claims of the identity assertion, if there was one.
    pub(crate) identity: Option<Value>,
    /// Names of all headers.
    pub(crate) headers: Vec<String>,
}

/// An upstream that counts.
#[derive(Clone, Default)]
pub(crate) struct StubUpstream {
    pub(crate) upgrades: Rc<RefCell<Vec<Upgraded>>>,
    pub(crate) arrivals: Rc<RefCell<Vec<Arrival>>>,
    /// What has `later` in it is answered when this is told.
    pub(crate) later: Rc<Notify>,
    /// Whether all that `flood` asks for was sent, and read.
    pub(crate) flooded: Rc<Cell<bool>>,
}

impl StubUpstream {
    pub(crate) fn texts(&self) -> Vec<String> {
        self.arrivals.borrow().iter().map(|arrival| arrival.text.clone()).collect()
    }

    /// Whom each connection is from.
    pub(crate) fn identities(&self) -> Vec<Option<String>> {
        let upgrades = self.upgrades.borrow();
        upgrades.iter().map(|upgrade| upgrade.identity.as_ref().map(|claims| claims["client_id"].as_str().unwrap().to_owned())).collect()
    }

    pub(super) async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let stub = self.clone();
            tokio::task::spawn_local(async move {
                let Ok((request, mut socket)) = ServerBuilder::new().accept(stream).await else { return };
                let number = stub.note_upgrade(&request);
                while let Some(Ok(message)) = socket.next().await {
                    let Some(text) = message.as_text() else { continue };
                    stub.arrivals.borrow_mut().push(Arrival { connection: number, text: text.to_owned() });
                    let Some(answer) = answer(text) else { return };
                    if text.contains("later") {
                        stub.later.notified().await;
                    }
                    if text.contains("flood") && stub.flood(&mut socket).await.is_none() {
                        return;
                    }
                    if socket.send(Message::text(answer)).await.is_err() {
                        return;
                    }
                }
            });
        }
    }

    /// A fill, and then a feed of more than a session keeps: [`Self::flooded`] when all of it was read.
    async fn flood<S: AsyncRead + AsyncWrite + Unpin>(&self, socket: &mut WebSocketStream<S>) -> Option<()> {
        socket.send(Message::text(r#"{"ev":"fill","trade":1}"#)).await.ok()?;
        let book = format!(r#"{{"bids":"{}","ev":"book"}}"#, "x".repeat(1_000));
        for _ in 0..2_000 {
            socket.send(Message::text(book.clone())).await.ok()?;
        }
        socket.send(Message::text(r#"{"ev":"fill","trade":2}"#)).await.ok()?;
        socket.send(Message::ping("read?")).await.ok()?;
        while !socket.next().await?.ok()?.is_pong() {}
        self.flooded.set(true);
        Some(())
    }

    fn note_upgrade(&self, request: &http::Request<()>) -> usize {
        let identity = request.headers().get("countersign-identity").map(|token| claims(token.to_str().unwrap()));
        let mut headers: Vec<_> = request.headers().keys().map(|name| name.as_str().to_owned()).collect();
        headers.sort();
        let mut upgrades = self.upgrades.borrow_mut();
        upgrades.push(Upgraded { target: request.uri().to_string(), identity, headers });
        upgrades.len() - 1
    }
}

/// What the stub answers, in the form of the question; `None` ends the connection.
fn answer(text: &str) -> Option<String> {
    let question: Value = serde_json::from_str(text).unwrap();
    if text.contains("die") {
        return None;
    }
    if text.contains("mute") {
        return Some(r#"{"ev":"noted"}"#.to_owned());
    }
    let id = &question["id"];
    Some(match (question.get("method"), question.get("op")) {
        (Some(_), _) => format!(r#"{{"id":{id},"status":200,"result":{{}},"rateLimits":[{{"count":999}}]}}"#),
        (None, Some(op)) if op == "order.cancel_all" => format!(r#"{{"re":{id},"ok":true,"canceled":[7,8,9]}}"#),
        (None, Some(_)) => format!("{{\"re\":{id},\n \"ok\":true}}"),
        (None, None) => text.to_owned(),
    })
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
