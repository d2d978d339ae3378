//! A connection on which the tour says what a client of ours never would: changed, relayed and repeated hellos.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use countersign_client::{Carriage, Dialled, Ladder, dial, now};
use countersign_core::Binding;
use countersign_gateway::entropy::SystemEntropy;
use countersign_handshake::{Channel, ClientConfig, ClientHandshake, ServerError, ServerFrame, Signer as _};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::codec::{Framed, LinesCodec};

use super::stage::{DEADLINE, Stage};

/// Longest line taken.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// A TLS connection with nothing said yet.
pub(super) struct Raw {
    lines: Framed<TlsStream<TcpStream>, LinesCodec>,
    channel: Channel,
}

/// What the gateway makes of a hello.
pub(super) enum Reply {
    /// A contract.
    Welcome,
    /// A refusal.
    Refused(ServerError),
}

impl Raw {
    /// Connects.
    pub(super) async fn open(stage: &Stage) -> anyhow::Result<Self> {
        let Dialled { stream, channel, .. } = dial(&stage.options(Carriage::Raw, Binding::Exp)?, &mut Ladder::default()).await?;
        Ok(Self { lines: Framed::new(stream, LinesCodec::new_with_max_length(LINE_BYTES_MAX)), channel })
    }

    /// The nonce that the gateway volunteers.
    pub(super) async fn nonce(&mut self) -> anyhow::Result<String> {
        match self.frame().await? {
            ServerFrame::Nonce(nonce) => Ok(nonce),
            ServerFrame::Error(_) | ServerFrame::Welcome { .. } => bail!("a nonce was expected first"),
        }
    }

    /// A hello of the demo account, good for this connection.
    pub(super) fn hello(&self, stage: &Stage, bind: Binding, nonce: Option<&str>) -> anyhow::Result<String> {
        let key = stage.credential.signing_key()?;
        let config = ClientConfig {
            algorithms: vec![key.algorithm()],
            key: Arc::new(key),
            pins: stage.credential.gateway_pins.clone(),
            host: stage.authority.clone(),
            offer: stage.options(Carriage::Raw, bind)?.offer,
            pipe: false,
        };
        let handshake = ClientHandshake::new(Arc::new(config), self.channel.clone(), now())?;
        Ok(handshake.hello(nonce, &mut SystemEntropy, now())?.hello_token().to_owned())
    }

    /// Sends a hello, whatever it is, and waits for what the gateway makes of it.
    pub(super) async fn offer(&mut self, token: &str) -> anyhow::Result<Reply> {
        self.lines.send(countersign_handshake::frame::hello(token)).await?;
        loop {
            match self.frame().await? {
                ServerFrame::Error(error) => return Ok(Reply::Refused(error)),
                ServerFrame::Nonce(_) => {}
                ServerFrame::Welcome { .. } => return Ok(Reply::Welcome),
            }
        }
    }

    async fn frame(&mut self) -> anyhow::Result<ServerFrame> {
        let line = tokio::time::timeout(DEADLINE, self.lines.next()).await.context("no answer in time")?;
        let line = line.context("the gateway closed without a word")??;
        ServerFrame::read(line.as_bytes()).with_context(|| format!("not a frame of the handshake: {line}"))
    }
}
