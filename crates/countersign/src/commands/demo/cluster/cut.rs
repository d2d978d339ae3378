//! The network between a node and the servers it shares with others: when it is cut, nothing arrives and nobody is told.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::servers::{POSTGRES_SOCKET, REDIS_SOCKET};

/// Bytes carried at once.
const PIECE: usize = 16 * 1024;

/// Sockets of its own that lead to those of the servers.
pub(super) struct Network {
    whole: watch::Sender<bool>,
    _carriers: JoinSet<()>,
}

impl Network {
    /// Listens in `folder` under the names that the servers have in `servers`.
    pub(super) fn between(folder: &Path, servers: &Path) -> anyhow::Result<Self> {
        let whole = watch::Sender::new(true);
        let mut carriers = JoinSet::new();
        for name in [POSTGRES_SOCKET, REDIS_SOCKET] {
            let listener = UnixListener::bind(folder.join(name)).with_context(|| format!("cannot listen at {name}"))?;
            carriers.spawn(accept(listener, servers.join(name), whole.subscribe()));
        }
        Ok(Self { whole, _carriers: carriers })
    }

    /// From now on nothing is carried.
    pub(super) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// What was held back goes on.
    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn accept(listener: UnixListener, target: PathBuf, mut whole: watch::Receiver<bool>) {
    let mut carriers = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        if whole.wait_for(|whole| *whole).await.is_err() {
            return;
        }
        let Ok(far) = UnixStream::connect(&target).await else { continue };
        let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
        carriers.spawn(carry(near_read, far_write, whole.clone()));
        carriers.spawn(carry(far_read, near_write, whole.clone()));
    }
}

/// One way. What ends here ends at the other end, because the halves are dropped.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut whole: watch::Receiver<bool>) {
    let mut piece = vec![0; PIECE];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        if whole.wait_for(|whole| *whole).await.is_err() || to.write_all(&piece[..count]).await.is_err() {
            return;
        }
    }
}
