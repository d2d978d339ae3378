//! A connection to a session: dial, shake hands, confirm the contract.
//!
//! ```text
//!   dial ─▶ (upgrade) ─▶ (nonce) ─▶ hello or resume ─▶ welcome verified ─▶ ready
//! ```

use std::sync::Arc;

use countersign_core::AlertCode;
use countersign_handshake::{
    AwaitWelcome, Channel, ClientConfig, ClientHandshake, ClientSession, ClientStep, HandshakeError, Numbers, Resumption, Signer as _,
    frame,
};
use countersign_pki::NegotiatedParameters;

use crate::clock::{self, SystemEntropy};
use crate::dial::{Dialled, dial};
use crate::error::ClientError;
use crate::ladder::Ladder;
use crate::options::{Carriage, Options};
use crate::transport::Transport;

/// A connection whose handshake is done.
pub(crate) struct Shaken {
    pub(crate) transport: Transport,
    pub(crate) agreed: Box<ClientSession>,
    pub(crate) negotiated: NegotiatedParameters,
}

/// Connects and shakes hands, for a new session or for one that was left; confirms the contract.
pub(crate) async fn open(options: &Options, resumption: Option<&Resumption>, ladder: &mut Ladder) -> Result<Shaken, ClientError> {
    let Dialled { stream, channel, negotiated } = dial(options, ladder).await?;
    let mut transport = match options.carriage {
        Carriage::Raw => Transport::lines(stream),
        Carriage::WebSocket => {
            let authority = options.endpoint.authority();
            let upgrading = Transport::websocket(stream, &authority);
            let transport =
                tokio::time::timeout(options.deadline, upgrading).await.map_err(|_| ClientError::Deadline("WebSocket upgrade"))??;
            ladder.step("upgrade", "WebSocket");
            transport
        }
        Carriage::Http => return Err(ClientError::Http("sessions over HTTP are made by HttpSession".to_owned())),
    };
    let shaking = shake(&mut transport, options, channel, resumption, ladder);
    let agreed = tokio::time::timeout(options.deadline, shaking).await.map_err(|_| ClientError::Deadline("native handshake"))??;
    transport.send(&agreed.ready_frame()).await?;
    ladder.step("ready", format!("contract {}", agreed.ch.text()));
    Ok(Shaken { transport, agreed, negotiated })
}

/// The configuration of the client machine.
pub(crate) fn handshake_config(options: &Options) -> Result<Arc<ClientConfig>, ClientError> {
    let key = options.credential.signing_key()?;
    Ok(Arc::new(ClientConfig {
        algorithms: vec![key.algorithm()],
        key: Arc::new(key),
        pins: options.credential.gateway_pins.clone(),
        host: options.endpoint.authority(),
        offer: options.offer.clone(),
        pipe: false,
    }))
}

async fn shake(
    transport: &mut Transport,
    options: &Options,
    channel: Channel,
    resumption: Option<&Resumption>,
    ladder: &mut Ladder,
) -> Result<Box<ClientSession>, ClientError> {
    let mut handshake = ClientHandshake::new(handshake_config(options)?, channel, clock::now())?;
    let mut nonce = None;
    if handshake.needs_nonce() {
        nonce = Some(receive_nonce(transport).await?);
        ladder.step("nonce", "from the gateway");
    }
    loop {
        let mut waiting = speak_first(handshake, options, nonce.as_deref(), resumption, ladder)?;
        transport.send(waiting.first_frame().expose()).await?;
        loop {
            let frame = transport.next().await?.ok_or(ClientError::Closed)?;
            match waiting.receive_frame(frame.as_bytes(), clock::now())? {
                ClientStep::Open(session) => {
                    ladder.step("welcome", format!("countersigned by {}, scopes {}", session.gateway, session.contract.scopes));
                    return Ok(session);
                }
                ClientStep::Retry(again, fresh) => {
                    ladder.step("nonce", AlertCode::NonceStale.as_str());
                    (handshake, nonce) = (*again, Some(fresh));
                    break;
                }
                ClientStep::Wait(same) => waiting = *same,
            }
        }
    }
}

/// Hello or resume.
fn speak_first(
    handshake: ClientHandshake,
    options: &Options,
    nonce: Option<&str>,
    resumption: Option<&Resumption>,
    ladder: &mut Ladder,
) -> Result<AwaitWelcome, ClientError> {
    let Some(resumption) = resumption else {
        let waiting = handshake.hello(nonce, &mut SystemEntropy, clock::now())?;
        ladder.step("hello", format!("{} {}, bound by {}", options.credential.alg, options.credential.kid, options.offer.bind));
        return Ok(waiting);
    };
    let waiting = handshake.resume(resumption, nonce, &mut SystemEntropy, clock::now())?;
    let Numbers { rx, tx } = resumption.numbers;
    ladder.step("resume", format!("session {}, received before {rx}, sent before {tx}", resumption.sid));
    Ok(waiting)
}

async fn receive_nonce(transport: &mut Transport) -> Result<String, ClientError> {
    let frame = transport.next().await?.ok_or(ClientError::Closed)?;
    match frame::ServerFrame::read(frame.as_bytes()) {
        Some(frame::ServerFrame::Nonce(nonce)) => Ok(nonce),
        Some(frame::ServerFrame::Error(error)) => Err(HandshakeError::Refused(error).into()),
        Some(_) | None => Err(HandshakeError::UnexpectedFrame.into()),
    }
}
