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
    let mut prepared = connect(options, ladder).await?;
    let agreed = shake_in_time(&mut prepared, options, resumption, ladder).await?;
    Ok(Shaken { transport: prepared.transport, agreed, negotiated: prepared.negotiated })
}

/// A connection on which nothing is said yet of who we are.
pub(crate) struct Prepared {
    transport: Transport,
    channel: Channel,
    negotiated: NegotiatedParameters,
    options: Options,
    ladder: Ladder,
    /// What the gateway said unasked.
    nonce: Option<String>,
}

/// Connects, as far as that goes without a word of the session.
pub(crate) async fn prepare(options: &Options, mut ladder: Ladder) -> Result<Prepared, ClientError> {
    let prepared = connect(options, &mut ladder).await?;
    Ok(Prepared { ladder, ..prepared })
}

/// Shakes hands on a connection that is prepared.
pub(crate) async fn conclude(mut prepared: Prepared, resumption: Option<&Resumption>) -> Result<(Shaken, Ladder), ClientError> {
    let (options, mut ladder) = (prepared.options.clone(), std::mem::take(&mut prepared.ladder));
    let agreed = shake_in_time(&mut prepared, &options, resumption, &mut ladder).await?;
    Ok((Shaken { transport: prepared.transport, agreed, negotiated: prepared.negotiated }, ladder))
}

async fn connect(options: &Options, ladder: &mut Ladder) -> Result<Prepared, ClientError> {
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
    let handshake = ClientHandshake::new(handshake_config(options)?, channel.clone(), clock::now())?;
    let mut nonce = None;
    if handshake.needs_nonce() {
        let receiving = tokio::time::timeout(options.deadline, receive_nonce(&mut transport));
        nonce = Some(receiving.await.map_err(|_| ClientError::Deadline("native handshake"))??);
        ladder.step("nonce", "from the gateway");
    }
    Ok(Prepared { transport, channel, negotiated, options: options.clone(), ladder: Ladder::default(), nonce })
}

async fn shake_in_time(
    prepared: &mut Prepared,
    options: &Options,
    resumption: Option<&Resumption>,
    ladder: &mut Ladder,
) -> Result<Box<ClientSession>, ClientError> {
    let (channel, nonce) = (prepared.channel.clone(), prepared.nonce.take());
    let shaking = shake(&mut prepared.transport, options, channel, nonce, resumption, ladder);
    let agreed = tokio::time::timeout(options.deadline, shaking).await.map_err(|_| ClientError::Deadline("native handshake"))??;
    prepared.transport.send(&agreed.ready_frame()).await?;
    ladder.step("ready", format!("contract {}", agreed.ch.text()));
    Ok(agreed)
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
    mut nonce: Option<String>,
    resumption: Option<&Resumption>,
    ladder: &mut Ladder,
) -> Result<Box<ClientSession>, ClientError> {
    let mut handshake = ClientHandshake::new(handshake_config(options)?, channel, clock::now())?;
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
