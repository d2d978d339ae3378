//! The successor's side: takes what the running process offers, and then the sessions that it lets go of.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use countersign_core::SessionId;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use super::guards::{Lender, answer_questions};
use super::limits::{FIX_DEADLINE, OUTBOX_MAX, PREPARE_DEADLINE, RELEASE_DEADLINE, TAKE_DEADLINE};
use super::wire::{self, Descriptor, Frame, Offer, VERSION, unexpected};
use super::{Doors, Handed, RunSecrets, socket_of};

/// Why nothing was taken over. The running gateway goes on.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The conversation failed.
    #[error("the running gateway does not hand over: {0}")]
    Failed(#[from] io::Error),
    /// It does not want to.
    #[error("the running gateway does not hand over: {0}")]
    Refused(String),
}

/// What a running gateway offers. When it is dropped, the gateway goes on as if nothing had been.
#[derive(Debug)]
pub struct Offered {
    /// Its listening sockets.
    pub doors: Doors,
    /// The lock of the state folder.
    pub lock: OwnedFd,
    /// The secrets of the run.
    pub secrets: RunSecrets,
    stream: UnixStream,
    questions: UnixStream,
}

/// Asks the gateway that runs on a state folder. `None`: there is none. Blocks.
///
/// # Errors
/// [`TakeError`].
pub fn ask(state: &Path) -> Result<Option<Offered>, TakeError> {
    let stream = match UnixStream::connect(socket_of(state)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    stream.set_read_timeout(Some(RELEASE_DEADLINE))?;
    stream.set_write_timeout(Some(RELEASE_DEADLINE))?;
    wire::send(&stream, &Frame::Hello { version: VERSION })?;
    let (Offer { descriptors: names, tickets, tokens, .. }, descriptors) = match wire::receive_with(&stream)? {
        (Frame::Offer(offer), descriptors) if offer.version == VERSION => (offer, descriptors),
        (Frame::Refused { why }, _) => return Err(TakeError::Refused(why)),
        _ => return Err(unexpected().into()),
    };
    if names.len() != descriptors.len() {
        return Err(TakeError::Refused("not all descriptors arrived".to_owned()));
    }
    let (mut doors, mut lock, mut questions) = (Doors::default(), None, None);
    for (name, descriptor) in names.into_iter().zip(descriptors) {
        match name {
            Descriptor::Clients => doors.clients.push(TcpListener::from(descriptor)),
            Descriptor::Proxies => doors.proxies.push(TcpListener::from(descriptor)),
            Descriptor::Operators => doors.operators = Some(TcpListener::from(descriptor)),
            Descriptor::OperatorSocket => doors.operator_socket = Some(descriptor.into()),
            Descriptor::Lock => lock = Some(descriptor),
            Descriptor::Questions => questions = Some(UnixStream::from(descriptor)),
        }
    }
    let (Some(lock), Some(questions)) = (lock, questions) else { return Err(unexpected().into()) };
    Ok(Some(Offered { doors, lock, secrets: RunSecrets { tickets, tokens }, stream, questions }))
}

impl Offered {
    /// Has the journals closed. From now on the running gateway waits for us: be quick. Blocks.
    ///
    /// # Errors
    /// [`TakeError`]; the gateway goes on.
    pub fn release(&self) -> Result<(), TakeError> {
        self.stream.set_read_timeout(Some(PREPARE_DEADLINE))?;
        wire::send(&self.stream, &Frame::Release)?;
        match wire::receive(&self.stream)? {
            Frame::Released => Ok(()),
            Frame::Refused { why } => Err(TakeError::Refused(why)),
            Frame::FixOver
            | Frame::Handed { .. }
            | Frame::Hello { .. }
            | Frame::Leaving
            | Frame::Nonce { .. }
            | Frame::Offer(_)
            | Frame::Ready
            | Frame::Release
            | Frame::Replay { .. }
            | Frame::Take { .. }
            | Frame::Verdict { .. } => Err(unexpected().into()),
        }
    }

    /// Our side of what follows: known to whoever looks for a session before the first connection is accepted.
    #[must_use]
    pub fn into_predecessor(self, lender: Arc<Lender>) -> (Arc<Predecessor>, Pending) {
        let (outbox, wishes) = mpsc::channel(OUTBOX_MAX);
        let (came, adopted) = mpsc::channel(OUTBOX_MAX);
        let predecessor = Arc::new(Predecessor {
            outbox,
            waiting: Mutex::default(),
            adopted: Mutex::new(Some(adopted)),
            arrived: Mutex::default(),
            gone: watch::Sender::new(false),
            fix_over: watch::Sender::new(false),
        });
        let pending =
            Pending { predecessor: Arc::clone(&predecessor), stream: self.stream, questions: self.questions, lender, wishes, came };
        (predecessor, pending)
    }
}

/// The process that served before this one and still drains.
#[derive(Debug)]
pub struct Predecessor {
    outbox: mpsc::Sender<SessionId>,
    /// Told when there is an answer: the session is in `arrived` then, or there is none.
    waiting: Mutex<HashMap<SessionId, Vec<oneshot::Sender<()>>>>,
    adopted: Mutex<Option<mpsc::Receiver<SessionId>>>,
    /// Sessions that came and that nobody has taken in. No other place has them: whoever asked for one may be gone by then.
    arrived: Mutex<HashMap<SessionId, Handed>>,
    gone: watch::Sender<bool>,
    fix_over: watch::Sender<bool>,
}

/// Why a session did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StillThere;

impl Predecessor {
    /// Whether it has drained, or is gone otherwise.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        *self.gone.borrow()
    }

    /// Has a session brought to rest and handed over. May be dropped at any point: a session that comes then is taken in like one that
    /// nobody asked for.
    ///
    /// # Errors
    /// Nobody can tell yet: the client is to come again.
    pub(crate) async fn session(&self, sid: SessionId) -> Result<Handed, StillThere> {
        if let Some(handed) = self.claim(sid) {
            return Ok(handed);
        }
        self.ask(sid).await?;
        Ok(self.claim(sid).unwrap_or(Handed::Unknown))
    }

    /// One that is here already.
    pub(crate) fn claim(&self, sid: SessionId) -> Option<Handed> {
        self.arrived.lock().remove(&sid)
    }

    /// Waits until it has come, or will not come any more.
    async fn ask(&self, sid: SessionId) -> Result<(), StillThere> {
        let mut gone = self.gone.subscribe();
        if *gone.borrow() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().entry(sid).or_default().push(answer);
        let asked = tokio::time::timeout(TAKE_DEADLINE, async {
            self.outbox.send(sid).await.map_err(|_| StillThere)?;
            tokio::select! {
                answer = answered => answer.map_err(|_| StillThere),
                // What it said before that has been heard.
                _ = gone.wait_for(|gone| *gone) => Ok(()),
            }
        });
        asked.await.unwrap_or(Err(StillThere))
    }

    /// Waits until no FIX session is open there. Whether that came about in time.
    pub(crate) async fn fix_is_over(&self) -> bool {
        let mut over = self.fix_over.subscribe();
        tokio::time::timeout(FIX_DEADLINE, over.wait_for(|over| *over)).await.is_ok()
    }

    /// Sessions that have come: whoever asked for one is quicker than whoever follows this. Given out once.
    pub(crate) fn take_adopted(&self) -> Option<mpsc::Receiver<SessionId>> {
        self.adopted.lock().take()
    }

    /// Keeps a session for whoever takes it in, and tells those who wait for it; whether there is one.
    fn deliver(&self, sid: SessionId, what: Handed) -> bool {
        let came = what != Handed::Unknown;
        if came {
            self.arrived.lock().insert(sid, what);
        }
        for waiting in self.waiting.lock().remove(&sid).unwrap_or_default() {
            // Who has gone asks no more.
            let _ = waiting.send(());
        }
        came
    }
}

/// A conversation that goes on when this process accepts connections.
pub struct Pending {
    predecessor: Arc<Predecessor>,
    stream: UnixStream,
    questions: UnixStream,
    lender: Arc<Lender>,
    wishes: mpsc::Receiver<SessionId>,
    came: mpsc::Sender<SessionId>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pending(..)")
    }
}

impl Pending {
    /// Tells the predecessor that connections are accepted here, and goes on with its sessions on threads of its own. A predecessor that is
    /// gone by now does not matter any more: its doors are ours. Blocks until it accepts nothing more.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub fn ready(self) -> io::Result<[JoinHandle<()>; 2]> {
        let Self { predecessor, stream, questions, lender, wishes, came } = self;
        // Asked as soon as it knows that we are ready.
        let answering = std::thread::Builder::new().name("lent-guards".to_owned()).spawn(move || answer_questions(&questions, &lender))?;
        let leaving = wire::send(&stream, &Frame::Ready).and_then(|()| wire::receive(&stream));
        let leaving = leaving.and_then(|frame| if matches!(frame, Frame::Leaving) { Ok(()) } else { Err(unexpected()) });
        if let Err(error) = leaving {
            tracing::warn!(%error, "the process before this one ended without handing its sessions over");
        }
        let following = std::thread::Builder::new().name("predecessor".to_owned()).spawn(move || {
            if let Err(error) = follow(&predecessor, stream, wishes, &came) {
                tracing::debug!(%error, "the process before this one is gone");
            }
            predecessor.gone.send_replace(true);
            predecessor.fix_over.send_replace(true);
            predecessor.waiting.lock().clear();
            tracing::info!("the process before this one has drained");
        })?;
        Ok([answering, following])
    }
}

fn follow(
    predecessor: &Predecessor,
    stream: UnixStream,
    mut wishes: mpsc::Receiver<SessionId>,
    came: &mpsc::Sender<SessionId>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        stream.set_nonblocking(true)?;
        let (mut from, mut to) = tokio::net::UnixStream::from_std(stream)?.into_split();
        let asking = tokio::spawn(async move {
            while let Some(sid) = wishes.recv().await {
                if wire::write(&mut to, &Frame::Take { sid: sid.to_string() }).await.is_err() {
                    return;
                }
            }
        });
        let outcome = loop {
            match wire::read(&mut from).await {
                Ok(Frame::FixOver) => drop(predecessor.fix_over.send_replace(true)),
                Ok(Frame::Handed { sid, what }) => {
                    let Some(sid) = SessionId::parse(&sid) else { continue };
                    if predecessor.deliver(sid, what) {
                        came.send(sid).await.map_err(io::Error::other)?;
                    }
                }
                Ok(_) => break Err(unexpected()),
                Err(error) => break Err(error),
            }
        };
        asking.abort();
        outcome
    })
}

#[cfg(test)]
impl Predecessor {
    /// One that a test plays, by what it is asked for.
    pub(crate) fn of_tests() -> (Arc<Self>, mpsc::Receiver<SessionId>) {
        let (outbox, wishes) = mpsc::channel(4);
        let predecessor = Self {
            outbox,
            waiting: Mutex::default(),
            adopted: Mutex::default(),
            arrived: Mutex::default(),
            gone: watch::Sender::new(false),
            fix_over: watch::Sender::new(false),
        };
        (Arc::new(predecessor), wishes)
    }

    /// It has drained.
    pub(crate) fn ends(&self) {
        self.gone.send_replace(true);
    }

    /// A session comes.
    pub(crate) fn brings(&self, sid: SessionId, what: Handed) {
        assert!(self.deliver(sid, what));
    }
}

#[cfg(test)]
mod tests;
