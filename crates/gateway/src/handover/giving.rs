//! The predecessor's side: offers what it has, and when the successor serves, drains towards it.
//!
//! | state \ heard | hello | release | ready | take | end, or nonsense |
//! |---|---|---|---|---|---|
//! | Alone | offer: Offered | refused | refused | refused | Alone |
//! | Offered | - | journals closed: Released | - | - | Alone |
//! | Released | - | - | Leaving | - | journals taken back: Alone |
//! | Leaving | - | - | - | the session, or that there is none | what is left ends here |

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use countersign_core::SessionId;
use rustix::net::sockopt::socket_peercred;
use tokio::net::UnixListener;
use tokio::sync::{Notify, mpsc};

use super::guards::Lender;
use super::limits::{DESCRIPTORS_MAX, LOOK, OUTBOX_MAX, PREPARE_DEADLINE, RELEASE_DEADLINE};
use super::wire::{self, Descriptor, Frame, Offer, VERSION, unexpected};
use super::{Doors, Handed, RunSecrets, socket_of};
use crate::operator::OperatorSocket;
use crate::shared::Shared;

/// Why nothing is given: the successor reads halts from the store, and would let pass what is stopped here.
const UNCOMMITTED: &str = "a halt that holds here is not in the store yet";

/// What a gateway has to give.
pub struct Giver {
    /// Its listening sockets.
    pub doors: Doors,
    /// The lock of the state folder.
    pub lock: OwnedFd,
    /// Its journals.
    pub lender: Arc<Lender>,
    /// The secrets of the run.
    pub secrets: RunSecrets,
}

/// Waits for a successor and hands over to it; returns when the gateway has drained, with or without one. `given` is told when there is
/// one: then it is time to stop.
///
/// # Errors
/// The socket cannot be made: nobody can take over then.
pub(crate) async fn give(shared: Arc<Shared>, giver: Giver, given: Arc<Notify>) -> io::Result<()> {
    let socket = OperatorSocket::bind(&socket_of(&shared.settings.state_dir))?;
    let listener = UnixListener::from_std(socket.listener.try_clone()?)?;
    let giver = Arc::new(giver);
    let stream = loop {
        let mut draining = shared.drain.subscribe();
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0.into_std()?,
            () = draining.wait() => return Ok(()),
        };
        stream.set_nonblocking(false)?;
        let talk = stream.try_clone()?;
        let (offering, asked) = (Arc::clone(&giver), Arc::clone(&shared));
        let mut offered = tokio::task::spawn_blocking(move || offering.offer(&stream, &asked));
        let outcome = tokio::select! {
            outcome = &mut offered => outcome,
            () = draining.wait() => {
                // Whoever was about to take over finds nobody any more.
                let _ = talk.shutdown(std::net::Shutdown::Both);
                drop(offered.await);
                return Ok(());
            }
        };
        match outcome.map_err(io::Error::other)? {
            Ok(()) => break talk,
            Err(error) => tracing::warn!(%error, "nobody took over"),
        }
    };
    let (outbox, sessions) = mpsc::channel(OUTBOX_MAX);
    let giver = Arc::into_inner(giver).ok_or_else(|| io::Error::other("somebody else is offering"))?;
    giver.doors.handed_over.store(true, Ordering::Relaxed);
    // Only the successor has them from now on, as soon as each worker has let go of its own.
    drop((giver, listener));
    shared.drain.start_handing_over(outbox);
    drop(socket);
    tracing::info!("another process of this node took over");
    wire::send(&stream, &Frame::Leaving)?;
    given.notify_one();
    hand_over(&shared, stream, sessions).await
}

impl Giver {
    /// Until the successor is ready. An error leaves everything as it was.
    fn offer(&self, stream: &UnixStream, shared: &Shared) -> io::Result<()> {
        check_peer(stream)?;
        stream.set_read_timeout(Some(PREPARE_DEADLINE))?;
        stream.set_write_timeout(Some(RELEASE_DEADLINE))?;
        let Frame::Hello { version } = wire::receive(stream)? else { return Err(unexpected()) };
        let why = match version {
            VERSION if shared.has_predecessor() => "the process before the running one has not drained yet".to_owned(),
            VERSION if shared.halts.has_uncommitted() => UNCOMMITTED.to_owned(),
            VERSION => return self.offer_all(stream, shared),
            _ => format!("the running gateway hands over by version {VERSION}, not {version}: stop it instead"),
        };
        refuse(stream, why)
    }

    fn offer_all(&self, stream: &UnixStream, shared: &Shared) -> io::Result<()> {
        let (ours, theirs) = UnixStream::pair()?;
        let (names, descriptors) = self.descriptors(&theirs);
        if names.len() > DESCRIPTORS_MAX {
            return refuse(stream, "more listeners than one message may carry".to_owned());
        }
        let (tickets, tokens) = (self.secrets.tickets, self.secrets.tokens);
        let offer = Offer { version: VERSION, descriptors: names, tickets, tokens };
        wire::send_with(stream, &Frame::Offer(offer), &descriptors)?;
        drop(theirs);
        let Frame::Release = wire::receive(stream)? else { return Err(unexpected()) };
        // It has read the store by now: what was raised meanwhile must be there, too.
        if shared.halts.has_uncommitted() {
            return refuse(stream, UNCOMMITTED.to_owned());
        }
        self.lender.release()?;
        let ready = wire::send(stream, &Frame::Released)
            .and_then(|()| stream.set_read_timeout(Some(RELEASE_DEADLINE)))
            .and_then(|()| wire::receive(stream))
            .and_then(|frame| if matches!(frame, Frame::Ready) { Ok(()) } else { Err(unexpected()) })
            .and_then(|()| self.lender.lend(ours));
        ready.inspect_err(|_| {
            if let Err(error) = self.lender.take_back() {
                tracing::error!(%error, "the replay journal cannot be opened again: nothing that counts once passes");
            }
        })
    }

    fn descriptors<'a>(&'a self, questions: &'a UnixStream) -> (Vec<Descriptor>, Vec<BorrowedFd<'a>>) {
        let doors = &self.doors;
        let clients = doors.clients.iter().map(|door| (Descriptor::Clients, door.as_fd()));
        let proxies = doors.proxies.iter().map(|door| (Descriptor::Proxies, door.as_fd()));
        let operators = doors.operators.iter().map(|door| (Descriptor::Operators, door.as_fd()));
        let socket = doors.operator_socket.iter().map(|door| (Descriptor::OperatorSocket, door.as_fd()));
        let others = [(Descriptor::Lock, self.lock.as_fd()), (Descriptor::Questions, questions.as_fd())];
        clients.chain(proxies).chain(operators).chain(socket).chain(others).unzip()
    }
}

/// Nothing is handed over, and the other process is told why.
fn refuse(stream: &UnixStream, why: String) -> io::Result<()> {
    wire::send(stream, &Frame::Refused { why: why.clone() })?;
    Err(io::Error::other(why))
}

/// The file's mode lets only the owner and root in; the kernel is asked once more.
fn check_peer(stream: &UnixStream) -> io::Result<()> {
    let uid = socket_peercred(stream)?.uid;
    if uid.is_root() || uid == rustix::process::geteuid() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("uid {} is not the owner", uid.as_raw())))
    }
}

/// Hands sessions over, those that are asked for and those that go by themselves, until all is drained.
async fn hand_over(shared: &Arc<Shared>, stream: UnixStream, mut sessions: mpsc::Receiver<(SessionId, Handed)>) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let (mut from, mut to) = tokio::net::UnixStream::from_std(stream)?.into_split();
    let asking = tokio::task::spawn_local({
        let shared = Arc::clone(shared);
        async move {
            while let Ok(Frame::Take { sid }) = wire::read(&mut from).await {
                if let Some(sid) = SessionId::parse(&sid) {
                    tokio::task::spawn_local(ask_for(Arc::clone(&shared), sid));
                }
            }
        }
    });
    let mut over = shared.drain.subscribe();
    let mut look = tokio::time::interval(LOOK);
    let mut fix_over = false;
    // Its files are the successor's, as soon as nobody here is at them.
    let records = shared.fix_records.as_ref();
    if let Some(records) = records {
        records.keep_no_more();
    }
    loop {
        tokio::select! {
            biased;
            Some((sid, what)) = sessions.recv() => wire::write(&mut to, &handed(sid, what)).await?,
            () = over.wait_until_over() => break,
            _ = look.tick(), if !fix_over => {
                if shared.fix_sessions.none_open() && records.is_none_or(|records| records.kept_sessions() == 0) {
                    wire::write(&mut to, &Frame::FixOver).await?;
                    fix_over = true;
                }
            }
        }
    }
    while let Ok((sid, what)) = sessions.try_recv() {
        wire::write(&mut to, &handed(sid, what)).await?;
    }
    asking.abort();
    Ok(())
}

fn handed(sid: SessionId, what: Handed) -> Frame {
    Frame::Handed { sid: sid.to_string(), what }
}

/// Asks a session to come to rest; it hands itself over then. In one channel with those that go by themselves, so that "unknown" is
/// never heard before the session that it is about.
async fn ask_for(shared: Arc<Shared>, sid: SessionId) {
    let asked = match shared.sessions.entry(sid) {
        Some(session) => session.ask_to_leave().await,
        None => false,
    };
    if let Some(successor) = shared.drain.successor().filter(|_| !asked) {
        drop(successor.send((sid, Handed::Unknown)).await);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use countersign_core::AccountId;
    use countersign_fix::{CompId, SessionName, Version};
    use countersign_halt::{Change, HaltRecord};

    use super::super::taking::{self, TakeError};
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::fix::sessions::{FixSessions, UpstreamName};
    use crate::testing::{on_stage, venue_halt};

    fn halt() -> HaltRecord {
        HaltRecord { epoch: 0, change: Change::Raise(venue_halt(1)) }
    }

    fn giver(folder: &Path, shared: &Shared) -> Giver {
        Giver {
            doors: Doors::default(),
            lock: std::fs::File::open(folder).unwrap().into(),
            lender: Lender::open(folder, shared.audit.health()).unwrap(),
            secrets: RunSecrets::draw(&mut SystemEntropy),
        }
    }

    #[tokio::test]
    async fn a_process_whose_halt_is_not_in_the_store_yet_hands_nothing_over() {
        on_stage(|stage| async move {
            let shared = Arc::clone(&stage.worker.shared);
            let folder = tempfile::tempdir().unwrap();
            let giver = giver(folder.path(), &shared);
            shared.halts.hear(&halt());
            let (ours, theirs) = UnixStream::pair().unwrap();
            wire::send(&theirs, &Frame::Hello { version: VERSION }).unwrap();
            assert!(giver.offer(&ours, &shared).is_err());
            let Frame::Refused { why } = wire::receive(&theirs).unwrap() else { panic!("something else") };
            assert_eq!(why, UNCOMMITTED);
            // As soon as it is, the next process knows of it.
            shared.halts.read().await;
            wire::send(&theirs, &Frame::Hello { version: VERSION }).unwrap();
            drop(theirs.shutdown(std::net::Shutdown::Write));
            assert!(giver.offer(&ours, &shared).is_err(), "nobody takes it");
            assert!(matches!(wire::receive_with(&theirs).unwrap().0, Frame::Offer(_)));
        })
        .await;
    }

    #[tokio::test]
    async fn a_halt_raised_behind_the_offer_ends_the_hand_over_and_the_successor_is_told_why() {
        on_stage(|stage| async move {
            let shared = Arc::clone(&stage.worker.shared);
            let folder = tempfile::tempdir().unwrap();
            let giver = giver(folder.path(), &shared);
            let door = std::os::unix::net::UnixListener::bind(socket_of(folder.path())).unwrap();
            let outcome = std::thread::scope(|scope| {
                let offering = scope.spawn(|| giver.offer(&door.accept().unwrap().0, &shared));
                let offered = taking::ask(folder.path()).unwrap().unwrap();
                shared.halts.hear(&halt());
                let told = offered.release().unwrap_err();
                assert!(matches!(&told, TakeError::Refused(why) if why == UNCOMMITTED), "{told}");
                offering.join().unwrap()
            });
            assert_eq!(outcome.unwrap_err().to_string(), UNCOMMITTED);
        })
        .await;
    }

    #[tokio::test]
    async fn the_successor_hears_when_the_last_fix_session_has_ended() {
        on_stage(|stage| async move {
            let shared = Arc::clone(&stage.worker.shared);
            let account = AccountId::parse("desk").unwrap();
            let comp_id = |text: &str| CompId::parse(text.as_bytes()).unwrap();
            let name = |peer| SessionName { version: Version::Fix44, comp_id: comp_id("GATE"), peer: comp_id(peer) };
            let upstream = UpstreamName { upstream: 0, account: None, name: name("VENUE") };
            let open = FixSessions::take(&shared, account, name("FIRM"), upstream).await.unwrap();
            let (ours, theirs) = UnixStream::pair().unwrap();
            let (_outbox, sessions) = mpsc::channel(1);
            let handing = tokio::task::spawn_local({
                let shared = Arc::clone(&shared);
                async move { hand_over(&shared, ours, sessions).await }
            });
            theirs.set_nonblocking(true).unwrap();
            let mut theirs = tokio::net::UnixStream::from_std(theirs).unwrap();
            let early = tokio::time::timeout(5 * LOOK, wire::read(&mut theirs)).await;
            assert!(early.is_err(), "its files are still used: {early:?}");
            drop(open);
            assert!(matches!(wire::read(&mut theirs).await.unwrap(), Frame::FixOver));
            let again = tokio::time::timeout(5 * LOOK, wire::read(&mut theirs)).await;
            assert!(again.is_err(), "it is said once: {again:?}");
            handing.abort();
        })
        .await;
    }
}
