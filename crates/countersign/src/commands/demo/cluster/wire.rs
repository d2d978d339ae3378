//! The network between the client and a node: it can be made to carry nothing back, and cut.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes carried at once.
const PIECE: usize = 16 * 1024;

/// A port of its own that leads to a node.
pub(super) struct Wire {
    /// Where clients connect.
    pub(super) address: SocketAddr,
    quiet: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Wire {
    /// Leads to `authority`.
    pub(super) async fn to(authority: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen")?;
        let address = listener.local_addr()?;
        let quiet = Arc::new(watch::Sender::new(false));
        let task = tokio::spawn(accept(listener, authority.to_owned(), Arc::clone(&quiet)));
        Ok(Self { address, quiet, task })
    }

    /// From now on nothing comes back; what the client sends still arrives.
    pub(super) fn mute(&self) {
        self.quiet.send_replace(true);
    }

    /// Gone, with all that was on its way.
    pub(super) fn cut(self) {
        self.task.abort();
    }
}

/// One connection: the demo has one client.
async fn accept(listener: TcpListener, authority: String, quiet: Arc<watch::Sender<bool>>) {
    let Ok((near, _)) = listener.accept().await else { return };
    let Ok(far) = TcpStream::connect(authority).await else { return };
    // What ends one way ends the other, too.
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let mut heard = quiet.subscribe();
    let forth = async { tokio::io::copy(&mut near_read, &mut far_write).await.map(drop) };
    let back = async {
        let mut piece = vec![0; PIECE];
        loop {
            let count = far_read.read(&mut piece).await?;
            if count == 0 || heard.wait_for(|quiet| !quiet).await.is_err() {
                return Ok(());
            }
            near_write.write_all(&piece[..count]).await?;
        }
    };
    // An end that fails has ended.
    drop::<std::io::Result<()>>(tokio::select! {
        ended = forth => ended,
        ended = back => ended,
    });
}
