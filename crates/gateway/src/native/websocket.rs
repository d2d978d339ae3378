//! The native protocol on a WebSocket: the hello in the header of the upgrade request, or as the first frame.

use std::rc::Rc;

use countersign_core::{Refusal, Reject};
use countersign_handshake::limits::HELLO_FRAME_BYTES_MAX;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::CloseCode;

use super::carriage::{Carriage as _, WebSocketCarriage};
use super::grant::Granted;
use super::http::{Credentials, welcome_headers};
use super::opening::{self, Opened};
use super::sessions::CarriageKind;
use super::{check_offered, line, session};
use crate::connection::Connection;
use crate::rewind::Rewind;
use crate::websocket::UpstreamHead;
use crate::websocket::socket::Socket;
use crate::worker::Worker;

/// A native WebSocket before its 101 was written.
pub(crate) struct Opening {
    granted: Option<Granted>,
    head: UpstreamHead,
}

impl Opening {
    /// Reads the `Authorization` of the upgrade request, if it has one; the welcome goes into the headers of the 101.
    ///
    /// # Errors
    /// As the handshake; [`Reject::Unsupported`] for credentials of another kind, because a WebSocket has its own session.
    pub(crate) fn begin(
        worker: &Rc<Worker>,
        connection: &Rc<Connection>,
        authorization: Option<&HeaderValue>,
        head: UpstreamHead,
        answer: &mut HeaderMap,
    ) -> Result<Self, Refusal> {
        check_offered(worker, connection)?;
        let Some(authorization) = authorization else { return Ok(Self { granted: None, head }) };
        let Credentials::Hello(token) = Credentials::read(authorization.as_bytes())? else {
            return Err(Refusal::operator(Reject::Unsupported, "a WebSocket begins a session of its own"));
        };
        let granted = connection.native.open(worker, connection, token, CarriageKind::WebSocket)?;
        answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.extend(welcome_headers(&granted.established)?);
        Ok(Self { granted: Some(granted), head })
    }

    /// Serves the session until it ends.
    pub(crate) async fn run<S>(self, worker: &Rc<Worker>, connection: &Rc<Connection>, stream: Rewind<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let mut carriage = WebSocketCarriage::new(Socket::of_client(stream, HELLO_FRAME_BYTES_MAX));
        let opened = match self.granted {
            Some(granted) => {
                carriage.set_open();
                Some(Opened::New(Box::new(granted)))
            }
            None => opening::open(worker, connection, &mut carriage, CarriageKind::WebSocket).await,
        };
        match opened {
            Some(Opened::Back(line)) => line::pump(carriage, line).await,
            Some(Opened::New(granted)) => session::drive(worker, Rc::clone(connection), carriage, *granted, self.head).await,
            None => carriage.close(Some(CloseCode::POLICY_VIOLATION), "no session").await,
        }
    }
}
