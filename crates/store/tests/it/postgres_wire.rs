//! Stands between a node and its PostgreSQL server, and delays or loses what it is told to.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_store::DatabaseAddress;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};

/// The name that PostgreSQL gives its socket.
const SOCKET: &str = ".s.PGSQL.5432";

/// What happens to a statement.
#[derive(Clone, Copy)]
pub enum Fate {
    /// It is prepared, and its values stay on the way until [`PostgresWire::release`].
    Delayed(&'static str),
    /// It stays on the way itself until [`PostgresWire::release`].
    Held(&'static str),
    /// It is carried out, and the answer is lost with its connection.
    Unanswered(&'static str),
}

#[derive(Clone)]
struct State {
    server: PathBuf,
    fate: Arc<Mutex<Option<Fate>>>,
    holds: watch::Sender<bool>,
    /// Ends of connections on which something was delayed.
    ends: Arc<Mutex<Vec<oneshot::Receiver<()>>>>,
}

pub struct PostgresWire {
    folder: TempDir,
    state: State,
}

impl PostgresWire {
    /// In front of the server whose socket is in `server`.
    pub fn start(server: &std::path::Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let (server, holds) = (server.join(SOCKET), watch::Sender::new(true));
        let state = State { server, fate: Arc::default(), holds, ends: Arc::default() };
        let accepting = state.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let carries = accepting.clone();
                tokio::spawn(async move { carries.carry(near).await });
            }
        });
        Self { folder, state }
    }

    pub fn address(&self, name: &str) -> DatabaseAddress {
        let folder = self.folder.path().display();
        DatabaseAddress::parse(&format!("postgresql://countersign@localhost/{name}?host={folder}")).unwrap()
    }

    /// What happens from now on.
    pub fn tell(&self, fate: Option<Fate>) {
        *self.state.fate.lock() = fate;
    }

    /// Whether something is on the way.
    pub fn holds_something(&self) -> bool {
        !self.state.ends.lock().is_empty()
    }

    /// What was delayed arrives; until the server is done with the connections that were given up for it.
    pub async fn release(&self) {
        self.tell(None);
        self.state.holds.send_replace(false);
        let ends = std::mem::take(&mut *self.state.ends.lock());
        assert!(!ends.is_empty(), "nothing was delayed");
        for end in ends {
            let _ = end.await;
        }
    }
}

impl State {
    /// Until both sides are gone. A server hears all that was sent, also from somebody who is gone.
    async fn carry(&self, near: UnixStream) {
        let Ok(far) = UnixStream::connect(&self.server).await else { return };
        let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
        let (lost, is_lost) = watch::channel(false);
        let there = async move {
            let (mut chunk, mut delayed, mut ended) = (vec![0; 65_536], false, None);
            while let Ok(count @ 1..) = from_near.read(&mut chunk).await {
                let has = |needle: &str| chunk[..count].windows(needle.len()).any(|part| part == needle.as_bytes());
                let held = matches!(*self.fate.lock(), Some(Fate::Held(statement)) if has(statement));
                if std::mem::take(&mut delayed) || held {
                    let (told, end) = oneshot::channel::<()>();
                    self.ends.lock().push(end);
                    ended = Some(told);
                    let _ = self.holds.subscribe().wait_for(|holds| !holds).await;
                }
                match *self.fate.lock() {
                    Some(Fate::Delayed(statement)) => delayed = has(statement),
                    Some(Fate::Unanswered(statement)) if has(statement) => drop(lost.send_replace(true)),
                    Some(Fate::Held(_) | Fate::Unanswered(_)) | None => {}
                }
                if to_far.write_all(&chunk[..count]).await.is_err() {
                    break;
                }
            }
            ended
        };
        let back = async move {
            let mut chunk = vec![0; 65_536];
            while let Ok(count @ 1..) = from_far.read(&mut chunk).await {
                if *is_lost.borrow() {
                    return;
                }
                // Whoever is gone hears nothing; the server ends by itself.
                let _ = to_near.write_all(&chunk[..count]).await;
            }
        };
        let (ended, ()) = tokio::join!(there, back);
        drop(ended);
    }
}
