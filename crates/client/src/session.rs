//! An open session on raw TLS or a WebSocket. It outlives its connection where the contract has `resume_s`.
//!
//! ```text
//!   connected ── lost, silent, closed ──▶ away ── dial, resume ──▶ connected          told: Away, Resumed
//!                                          │ refused, window over ──▶ NotResumed       the caller decides whether to begin anew
//! ```
//!
//! A node that says that it leaves is left for another connection before the present one breaks ([`moving`]).
//!
//! Nothing is ever sent again by itself: [`Incoming::Resumed`] names what was not applied, and the caller decides.

mod incoming;
mod moving;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{AlertCode, Now, Scopes};
use countersign_handshake::contract::Choice;
use countersign_handshake::{ClientSession, GapHow, Numbers, Resumption};
use countersign_pki::NegotiatedParameters;
use countersign_session::{Event, Keeping, Liveness, SessionMachine, Side, Standing, frame::Range};
use tokio::task::JoinHandle;

use crate::clock;
use crate::error::ClientError;
use crate::ladder::Ladder;
use crate::opening::{Shaken, open};
use crate::options::Options;
use crate::reconnect::{self, Returned};
use crate::renewal::Renewal;
use crate::transport::Transport;
use incoming::end_of;
use moving::Leaving;

pub use incoming::{Incoming, Resumed};

/// How long to wait where the machine names no deadline.
const IDLE_WAIT: Duration = Duration::from_secs(1);

/// How long the other side may take to close after our `bye`: a round trip across the world, and a little.
const CLOSE_WAIT: Duration = Duration::from_millis(500);

/// An open session.
pub struct Session {
    link: Link,
    options: Arc<Options>,
    machine: SessionMachine,
    agreed: Box<ClientSession>,
    negotiated: NegotiatedParameters,
    ladder: Ladder,
    /// A control frame that is being sent: kept until it is out, so that a cancelled [`Session::next`] loses none. Sent twice at
    /// worst, which heartbeats, pings and nacks survive.
    unsent: Option<String>,
    renewal: Renewal,
    /// Set while the node leaves.
    leaving: Option<Leaving>,
    /// What happened while a message was sent, and is still to be told.
    untold: VecDeque<Incoming>,
}

enum Link {
    /// Being resumed. A task of its own, so that a cancelled [`Session::next`] does not begin anew.
    Away(JoinHandle<Result<Returned, ClientError>>),
    /// Lost, and the loss is still to be told.
    Lost(String),
    /// Being resumed on another connection, while this one is still there.
    Moving(Transport, JoinHandle<Result<Returned, ClientError>>),
    Up(Transport),
}

impl Session {
    /// Connects, shakes hands, verifies the contract.
    ///
    /// # Errors
    /// [`ClientError`]; the steps that did succeed are in `ladder` if the caller gave one.
    pub async fn connect(options: &Options, ladder: &mut Ladder) -> Result<Self, ClientError> {
        let Shaken { transport, agreed, negotiated } = open(options, None, ladder).await?;
        let machine = SessionMachine::new(Side::Client, agreed.contract.heartbeat(), agreed.contract.life(), clock::now());
        let recoverable = agreed.contract.choice(Choice::Rx) == "recoverable";
        let machine = if recoverable { machine.recoverable(Keeping::default()) } else { machine };
        let options = Arc::new(options.clone());
        Ok(Self {
            link: Link::Up(transport),
            options,
            machine,
            agreed,
            negotiated,
            ladder: ladder.clone(),
            unsent: None,
            renewal: Renewal::default(),
            leaving: None,
            untold: VecDeque::new(),
        })
    }

    /// What was agreed. After a resume it is the same contract, signed anew.
    pub fn agreed(&self) -> &ClientSession {
        &self.agreed
    }

    /// What TLS agreed on.
    #[must_use]
    pub const fn negotiated(&self) -> &NegotiatedParameters {
        &self.negotiated
    }

    /// The steps that led to the present connection.
    #[must_use]
    pub const fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// Whether there is no connection at the moment.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        !matches!(self.link, Link::Moving(..) | Link::Up(_))
    }

    /// Asks for other scopes, with a proof of the key; [`Incoming::Regranted`] or [`Incoming::RegrantRefused`] follows. The life of the
    /// session is renewed in any case, and without asking, before it is over.
    pub fn ask_scopes(&mut self, scopes: Scopes) {
        self.renewal.wish(scopes);
    }

    /// Sends a message body (JSON); its number, by which its fate is told if the connection is lost.
    ///
    /// # Errors
    /// [`ClientError::Away`] while the session is being resumed: nothing was sent. [`ClientError::Protocol`] when the connection is
    /// gone and the session with it.
    pub async fn send(&mut self, body: &str) -> Result<u64, ClientError> {
        if let Some(moved) = self.finish_moving().await {
            self.untold.push_back(moved);
        }
        let Link::Up(transport) = &mut self.link else { return Err(ClientError::Away) };
        let number = self.machine.standing().tx;
        let frame = self.machine.send(body, clock::now());
        match transport.send(&frame).await {
            Ok(()) => Ok(number),
            // Whether it arrived is told when the session is resumed.
            Err(error) => self.lose(error).map(|()| number),
        }
    }

    /// Waits for what the gateway says next, keeping the session alive meanwhile. Safe to cancel: nothing that arrived is lost.
    ///
    /// # Errors
    /// [`ClientError::Bye`], [`ClientError::Closed`], [`ClientError::Dead`], [`ClientError::Expired`] and
    /// [`ClientError::NotResumed`] end the session.
    pub async fn next(&mut self) -> Result<Incoming, ClientError> {
        loop {
            match self.step().await {
                Ok(Some(incoming)) => return Ok(incoming),
                Ok(None) => {}
                Err(error) => self.lose(error)?,
            }
        }
    }

    async fn step(&mut self) -> Result<Option<Incoming>, ClientError> {
        if let Some(told) = self.untold.pop_front() {
            return Ok(Some(told));
        }
        let transport = match &mut self.link {
            Link::Away(returning) => {
                let returned = returning.await.unwrap_or(Err(ClientError::Closed));
                return returned.map(|returned| Some(self.go_on(returned)));
            }
            Link::Lost(why) => {
                let why = std::mem::take(why);
                self.begin_return()?;
                return Ok(Some(Incoming::Away(why)));
            }
            Link::Moving(..) => return Ok(self.finish_moving().await),
            Link::Up(_) => {
                self.check_alive()?;
                self.transmit().await?;
                if let Some(frame) = self.renewal.begin(&self.agreed) {
                    self.unsent = Some(frame);
                    self.transmit().await?;
                }
                let Link::Up(transport) = &mut self.link else { return Ok(None) };
                transport
            }
        };
        let wait = self.machine.poll_timeout().map_or(IDLE_WAIT, |at| at.saturating_since(clock::now().mono));
        let wait = wait.min(self.renewal.due_in(&self.agreed));
        let dialled = async {
            match &mut self.leaving {
                Some(leaving) => leaving.dialled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            frame = transport.next() => {
                let frame = frame?.ok_or(ClientError::Closed)?;
                self.take(&frame, clock::now())
            }
            dialled = dialled => {
                self.on_dialled(dialled);
                Ok(None)
            }
            // A deadline is due: the next round acts on it.
            () = tokio::time::sleep(wait) => Ok(None),
        }
    }

    /// Notes that the connection is gone, if that is all that happened and the session can come back.
    fn lose(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !error.is_loss() || self.agreed.resumption.is_none() || self.machine.is_over() || !matches!(self.link, Link::Up(_)) {
            return Err(error);
        }
        self.machine.leave();
        self.unsent = None;
        self.renewal.forget();
        self.leaving = None;
        self.link = Link::Lost(error.to_string());
        Ok(())
    }

    fn begin_return(&mut self) -> Result<(), ClientError> {
        let Standing { rx, tx } = self.machine.standing();
        let resumption = self.agreed.resumption.clone().ok_or(ClientError::Closed)?;
        let resumption = Resumption { numbers: Numbers { rx, tx }, ..resumption };
        self.link = Link::Away(tokio::spawn(reconnect::come_back(Arc::clone(&self.options), resumption)));
        Ok(())
    }

    fn go_on(&mut self, returned: Returned) -> Incoming {
        let Returned { shaken: Shaken { transport, agreed, negotiated }, ladder, attempts, took } = returned;
        let ours = self.machine.standing();
        let lost = agreed.gap.filter(|gap| gap.how == GapHow::Lost).map(|gap| Range { from: gap.from, count: gap.count });
        let theirs = Standing { rx: agreed.seq.rx, tx: agreed.seq.tx };
        self.machine.go_on(theirs, lost, clock::now());
        let behind = ours.tx.saturating_sub(theirs.rx);
        let resumed = Resumed {
            attempts,
            took,
            replayed: theirs.tx.saturating_sub(self.machine.standing().rx),
            not_applied: (behind > 0).then_some((theirs.rx, behind)),
            lost: lost.map(|range| (range.from, range.count)),
        };
        (self.agreed, self.negotiated, self.ladder) = (agreed, negotiated, ladder);
        self.link = Link::Up(transport);
        Incoming::Resumed(Box::new(resumed))
    }

    /// Sends what the machine has to say by itself.
    async fn transmit(&mut self) -> Result<(), ClientError> {
        let Link::Up(transport) = &mut self.link else { return Ok(()) };
        loop {
            if self.unsent.is_none() {
                self.unsent = self.machine.poll_transmit(clock::now());
            }
            let Some(frame) = &self.unsent else { return Ok(()) };
            transport.send(frame).await?;
            self.unsent = None;
        }
    }

    /// Leaves the connection without a word, as a network that fails does. The session is resumed by [`Session::next`], where its
    /// contract has `resume_s`; else it is over.
    pub fn cut(&mut self) {
        // What is lost here is told by the next call, whatever it is.
        if self.lose(ClientError::Closed).is_err() {
            self.link = Link::Lost(ClientError::Closed.to_string());
        }
    }

    /// Ends the session in order: `bye`, then waits a moment until the other side has closed, so that it is not lost.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] when the connection is gone already, [`ClientError::Away`] while it is being resumed: the session
    /// then waits for its client until `resume_s` is over.
    pub async fn close(mut self) -> Result<(), ClientError> {
        drop(self.finish_moving().await);
        let Link::Up(transport) = &mut self.link else { return Err(ClientError::Away) };
        let frame = self.machine.bye("done");
        transport.send(&frame).await?;
        // What follows is courtesy: the session has ended, whatever comes of it.
        drop(tokio::time::timeout(CLOSE_WAIT, transport.close()).await);
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
            // Where it goes on is known, or looked for.
            Event::Bye { code, .. } if self.leaving.is_some() && code == AlertCode::SessionTakenOver.as_str() => {
                return Err(ClientError::Transport("the node has left".to_owned()));
            }
            Event::Bye { code, missed } => return Err(ClientError::Bye(end_of(code, missed))),
            Event::Deliver { d, .. } => Some(Incoming::Message(d.get().to_owned())),
            Event::Drain { by, to } => {
                self.begin_to_leave(&to);
                Some(Incoming::Drain(by))
            }
            Event::Err(err) if self.renewal.is_refused(&self.agreed, err.get()) => Some(Incoming::RegrantRefused(err.get().to_owned())),
            Event::Err(err) => Some(Incoming::Refused(err.get().to_owned())),
            Event::Lost(range) => Some(Incoming::Lost { from: range.from, count: range.count }),
            Event::Halt { id, action, reason } => Some(Incoming::Halt { id, action, reason }),
            Event::Lift => Some(Incoming::Lift),
            Event::NotApplied(range) => Some(Incoming::NotApplied { from: range.from, count: range.count }),
            Event::Nonce(nonce) => {
                // Nothing waits to be sent while we read.
                self.unsent = self.renewal.prove(&mut self.agreed, &self.options, &nonce)?;
                None
            }
            Event::Regrant { token, sec } => {
                let told = self.renewal.granted(&mut self.agreed, &self.options, &token, sec)?;
                self.machine.extend(self.agreed.ends);
                Some(told)
            }
            Event::NonceAsked | Event::Nothing | Event::Ready(_) | Event::Reauth(_) => None,
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Link::Away(returning) | Link::Moving(_, returning) = &self.link {
            returning.abort();
        }
    }
}
