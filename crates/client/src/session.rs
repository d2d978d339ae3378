//! An open session on raw TLS or a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{AlertCode, Now};
use countersign_handshake::{Channel, ClientConfig, ClientHandshake, ClientSession, ClientStep, HandshakeError, Signer as _, frame};
use countersign_pki::NegotiatedParameters;
use countersign_session::{Event, Liveness, SessionMachine, Side};

use crate::clock::{self, SystemEntropy};
use crate::dial::{Dialled, dial};
use crate::error::ClientError;
use crate::ladder::Ladder;
use crate::options::{Carriage, Options};
use crate::transport::Transport;

/// What the gateway says on an open session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The node leaves; connect again within this time.
    Drain(Duration),
    /// A halt covers this client: its name, what it stops, why.
    Halt {
        /// Its name.
        id: String,
        /// What it stops.
        action: String,
        /// Why, as a code.
        reason: String,
    },
    /// No halt covers this client any more.
    Lift,
    /// A message body (JSON), as received.
    Message(String),
    /// These messages of ours were not applied; never sent again by this crate.
    NotApplied {
        /// The number of the first.
        from: u64,
        /// How many.
        count: u64,
    },
    /// The gateway refused something; the member `err` (JSON), as received.
    Refused(String),
}

/// An open session.
pub struct Session {
    transport: Transport,
    machine: SessionMachine,
    agreed: Box<ClientSession>,
    negotiated: NegotiatedParameters,
    ladder: Ladder,
    /// A control frame that is being sent: kept until it is out, so that a cancelled [`Session::next`] loses none. Sent twice at
    /// worst, which heartbeats, pings and nacks survive.
    unsent: Option<String>,
}

impl Session {
    /// Connects, shakes hands, verifies the contract.
    ///
    /// # Errors
    /// [`ClientError`]; the steps that did succeed are in `ladder` if the caller gave one.
    pub async fn connect(options: &Options, ladder: &mut Ladder) -> Result<Self, ClientError> {
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
        let shaking = shake(&mut transport, options, channel, ladder);
        let agreed = tokio::time::timeout(options.deadline, shaking).await.map_err(|_| ClientError::Deadline("native handshake"))??;
        transport.send(&agreed.ready_frame()).await?;
        ladder.step("ready", format!("contract {}", agreed.ch.text()));
        let machine = SessionMachine::new(Side::Client, agreed.contract.heartbeat(), agreed.contract.life(), clock::now());
        Ok(Self { transport, machine, agreed, negotiated, ladder: ladder.clone(), unsent: None })
    }

    /// What was agreed.
    pub fn agreed(&self) -> &ClientSession {
        &self.agreed
    }

    /// What TLS agreed on.
    #[must_use]
    pub const fn negotiated(&self) -> &NegotiatedParameters {
        &self.negotiated
    }

    /// The steps that led here.
    #[must_use]
    pub const fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// Sends a message body (JSON).
    ///
    /// # Errors
    /// [`ClientError::Protocol`] when the connection is gone.
    pub async fn send(&mut self, body: &str) -> Result<(), ClientError> {
        let frame = self.machine.send(body, clock::now());
        self.transport.send(&frame).await
    }

    /// Waits for what the gateway says next, keeping the session alive meanwhile. Safe to cancel: nothing that arrived is lost.
    ///
    /// # Errors
    /// [`ClientError::Bye`], [`ClientError::Closed`], [`ClientError::Dead`], [`ClientError::Expired`] end the session.
    pub async fn next(&mut self) -> Result<Incoming, ClientError> {
        loop {
            self.check_alive()?;
            self.transmit().await?;
            let wait = self.machine.poll_timeout().map_or(IDLE_WAIT, |at| at.saturating_since(clock::now().mono));
            // A wait that is over means that a deadline is due: the next round acts on it.
            let Ok(frame) = tokio::time::timeout(wait, self.transport.next()).await else { continue };
            let frame = frame?.ok_or(ClientError::Closed)?;
            if let Some(incoming) = self.take(&frame, clock::now())? {
                return Ok(incoming);
            }
        }
    }

    /// Sends what the machine has to say by itself.
    async fn transmit(&mut self) -> Result<(), ClientError> {
        loop {
            if self.unsent.is_none() {
                self.unsent = self.machine.poll_transmit(clock::now());
            }
            let Some(frame) = &self.unsent else { return Ok(()) };
            self.transport.send(frame).await?;
            self.unsent = None;
        }
    }

    /// Ends the session in order: `bye`, then waits a moment until the other side has closed, so that it is not lost.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] when the connection is gone already.
    pub async fn close(mut self) -> Result<(), ClientError> {
        let frame = self.machine.bye("done");
        self.transport.send(&frame).await?;
        // What follows is courtesy: the session has ended, whatever comes of it.
        drop(tokio::time::timeout(CLOSE_WAIT, self.transport.close()).await);
        Ok(())
    }

    fn check_alive(&mut self) -> Result<(), ClientError> {
        match self.machine.handle_timeout(clock::now()) {
            Liveness::Alive => Ok(()),
            Liveness::Dead => Err(ClientError::Dead),
            Liveness::Expired => Err(ClientError::Expired),
        }
    }

    fn take(&mut self, frame: &str, now: Now) -> Result<Option<Incoming>, ClientError> {
        let event = self.machine.handle_frame(frame.as_bytes(), now).map_err(|refusal| ClientError::Protocol(refusal.to_string()))?;
        Ok(match event {
            Event::Busy { retry } => return Err(ClientError::Bye(format!("busy, retry after {} ms", retry.as_millis()))),
            Event::Bye { code } => return Err(ClientError::Bye(code)),
            Event::Deliver { d, .. } => Some(Incoming::Message(d.get().to_owned())),
            Event::Drain { by, .. } => Some(Incoming::Drain(by)),
            Event::Err(err) => Some(Incoming::Refused(err.get().to_owned())),
            Event::Halt { id, action, reason } => Some(Incoming::Halt { id, action, reason }),
            Event::Lift => Some(Incoming::Lift),
            Event::NotApplied(range) => Some(Incoming::NotApplied { from: range.from, count: range.count }),
            Event::Nothing | Event::Ready(_) => None,
        })
    }
}

/// How long to wait where the machine names no deadline.
const IDLE_WAIT: Duration = Duration::from_secs(1);

/// How long the other side may take to close after our `bye`: a round trip across the world, and a little.
const CLOSE_WAIT: Duration = Duration::from_millis(500);

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
    ladder: &mut Ladder,
) -> Result<Box<ClientSession>, ClientError> {
    let mut handshake = ClientHandshake::new(handshake_config(options)?, channel, clock::now())?;
    let mut nonce = None;
    if handshake.needs_nonce() {
        nonce = Some(receive_nonce(transport).await?);
        ladder.step("nonce", "from the gateway");
    }
    loop {
        let mut waiting = handshake.hello(nonce.as_deref(), &mut SystemEntropy, clock::now())?;
        transport.send(&waiting.hello_frame()).await?;
        ladder.step("hello", format!("{} {}, bound by {}", options.credential.alg, options.credential.kid, options.offer.bind));
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

async fn receive_nonce(transport: &mut Transport) -> Result<String, ClientError> {
    let frame = transport.next().await?.ok_or(ClientError::Closed)?;
    match frame::ServerFrame::read(frame.as_bytes()) {
        Some(frame::ServerFrame::Nonce(nonce)) => Ok(nonce),
        Some(frame::ServerFrame::Error(error)) => Err(HandshakeError::Refused(error).into()),
        Some(_) | None => Err(HandshakeError::UnexpectedFrame.into()),
    }
}
