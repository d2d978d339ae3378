//! Frames on a stream: lines on raw TLS, text frames on a WebSocket.

use futures_util::{SinkExt, StreamExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::codec::{Framed, LinesCodec};
use tokio_websockets::{ClientBuilder, Limits, Message, WebSocketStream};

use crate::error::ClientError;

/// Longest frame taken from a gateway: a book snapshot is below.
const FRAME_BYTES_MAX: usize = 1 << 20;
/// The path of native sessions over WebSocket.
const WEBSOCKET_PATH: &str = "/native/v1";

type Tls = TlsStream<TcpStream>;

/// A stream of frames.
pub(crate) enum Transport {
    Lines(Box<Framed<Tls, LinesCodec>>),
    WebSocket(Box<WebSocketStream<Tls>>),
}

impl Transport {
    pub(crate) fn lines(stream: Tls) -> Self {
        Self::Lines(Box::new(Framed::new(stream, LinesCodec::new_with_max_length(FRAME_BYTES_MAX))))
    }

    /// Upgrades an HTTP/1.1 connection.
    pub(crate) async fn websocket(stream: Tls, authority: &str) -> Result<Self, ClientError> {
        let uri = format!("wss://{authority}{WEBSOCKET_PATH}").parse().map_err(|_| ClientError::Url(authority.to_owned()))?;
        let builder = ClientBuilder::from_uri(uri).limits(Limits::default().max_payload_len(Some(FRAME_BYTES_MAX)));
        let (stream, _) = builder.connect_on(stream).await.map_err(|error| ClientError::Http(error.to_string()))?;
        Ok(Self::WebSocket(Box::new(stream)))
    }

    pub(crate) async fn send(&mut self, frame: &str) -> Result<(), ClientError> {
        match self {
            Self::Lines(framed) => framed.send(frame).await.map_err(|error| ClientError::Transport(error.to_string())),
            Self::WebSocket(stream) => {
                stream.send(Message::text(frame.to_owned())).await.map_err(|error| ClientError::Transport(error.to_string()))
            }
        }
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, ClientError> {
        match self {
            Self::Lines(framed) => framed.next().await.transpose().map_err(|error| ClientError::Transport(error.to_string())),
            Self::WebSocket(stream) => loop {
                match stream.next().await {
                    None => return Ok(None),
                    Some(Ok(message)) if message.is_close() => return Ok(None),
                    Some(Ok(message)) => {
                        if let Some(text) = message.as_text() {
                            return Ok(Some(text.to_owned()));
                        }
                    }
                    Some(Err(error)) => return Err(ClientError::Transport(error.to_string())),
                }
            },
        }
    }

    /// Closes our direction and waits until the other side closes its own.
    pub(crate) async fn close(&mut self) -> Result<(), ClientError> {
        let closed = match self {
            Self::Lines(framed) => SinkExt::<&str>::close(framed).await.map_err(|error| error.to_string()),
            Self::WebSocket(stream) => stream.close().await.map_err(|error| error.to_string()),
        };
        closed.map_err(ClientError::Transport)?;
        while self.next().await?.is_some() {}
        Ok(())
    }
}
