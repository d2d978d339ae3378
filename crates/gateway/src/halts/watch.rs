//! The thread of the halts: keeps the lease, and looks for the break-glass.
//!
//! A thread of its own, so that neither client traffic nor housekeeping makes a node stop itself, and a stop waits for neither.
//!
//! | break-glass | needs | ends |
//! |---|---|---|
//! | file `HALT` in the state folder | write access to the folder | by a lift, and no sooner than the file is gone |
//! | SIGUSR2 | the same user | by a lift |
//!
//! Both stop this node only, with no network, no certificate and no store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign_halt::limits::NODE_FORGOTTEN;
use countersign_halt::words::as_plain;
use countersign_halt::{Action, HaltScope, RaisedBy, Reason};
use rustix::fs::OFlags;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::keeper::{HaltKeeper, NewHalt};
use crate::drain::DrainWatch;

/// The file in the state folder that stops the node.
pub const HALT_FILE: &str = "HALT";
/// Longest wait between two looks: a quarter of the lease.
const LOOK: Duration = countersign_halt::limits::LEASE_RENEW;
/// Words of the file that are kept.
const WORDS_BYTES_MAX: u64 = 200;

/// Keeps watch until the gateway has drained: what is still open is halted like everything else. The two do not wait for each other: a store that is slow to fail keeps nobody from pulling
/// the break-glass.
pub(crate) async fn keep_watch(keeper: Arc<HaltKeeper>, folder: PathBuf, mut drain: DrainWatch) -> io::Result<()> {
    let usr2 = signal(SignalKind::user_defined2())?;
    tokio::select! {
        () = keep_lease(&keeper) => {}
        () = keep_store(&keeper) => {}
        () = keep_list(&keeper) => {}
        () = keep_glass(&keeper, &folder, usr2) => {}
        () = drain.wait_until_over() => {}
    }
    keeper.leave().await;
    Ok(())
}

/// Reads the store as often as the lease needs it, and when somebody says that it changed.
async fn keep_lease(keeper: &HaltKeeper) {
    loop {
        keeper.renew().await;
        keeper.wait_to_read().await;
    }
}

/// Writes what only this node knows. The lease does not wait for it: others who write may stand still.
async fn keep_store(keeper: &HaltKeeper) {
    loop {
        keeper.commit_when_needed().await;
    }
}

/// Forgets nodes that are gone. The lease does not wait for it.
async fn keep_list(keeper: &HaltKeeper) {
    loop {
        tokio::time::sleep(NODE_FORGOTTEN).await;
        keeper.forget_nodes().await;
    }
}

/// Looks for the file, and hears the signal. Neither waits for the other: a disk that hangs does not answer whether there is a file.
async fn keep_glass(keeper: &HaltKeeper, folder: &Path, mut usr2: Signal) {
    let look = async {
        loop {
            look_for_file(keeper, folder).await;
            tokio::time::sleep(LOOK).await;
        }
    };
    let hear = async {
        while usr2.recv().await.is_some() {
            break_glass(keeper, "SIGUSR2").await;
        }
    };
    tokio::join!(look, hear);
}

/// As long as the file is there, the halt is: also right after somebody lifted it, and when a node starts beside it.
pub async fn look_for_file(keeper: &HaltKeeper, folder: &Path) {
    let path = folder.join(HALT_FILE);
    match tokio::fs::symlink_metadata(&path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // It is there, whatever it is: a folder, a link to nowhere, a file that we may not read or that is gone just now.
        Ok(_) | Err(_) => {
            let words = words_of(&path).await.unwrap_or_else(|error| error.kind().to_string());
            break_glass(keeper, &format!("file {HALT_FILE}: {}", as_plain(&words))).await;
        }
    }
}

/// The first words of a file. What is no file has none: a pipe would keep us waiting, a device never ends, and nobody would look for
/// the file or hear the signal meanwhile.
async fn words_of(path: &Path) -> io::Result<String> {
    let at_once = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = tokio::fs::OpenOptions::new().read(true).custom_flags(at_once).open(path).await?;
    if !file.metadata().await?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut words = Vec::new();
    file.take(WORDS_BYTES_MAX).read_to_end(&mut words).await?;
    Ok(String::from_utf8_lossy(&words).into_owned())
}

async fn break_glass(keeper: &HaltKeeper, words: &str) {
    let node = keeper.status().node;
    let new = NewHalt {
        scope: HaltScope::Node(node.as_str().into()),
        action: Action::CancelOnly,
        reason: Reason::Infrastructure,
        // Whoever wrote them is not there to be told of a mistake: no words keep the halt from holding.
        text: as_plain(words),
        by: RaisedBy::Local(node.as_str().into()),
        review_by: None,
    };
    // It stops this node, and waits for no other.
    if let Err(error) = keeper.raise_here(new).await {
        tracing::error!(%error, "break-glass");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;
    use crate::testing::on_stage;

    /// Looks once, and does not wait for ever.
    async fn look(make: impl FnOnce(&Path)) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        make(&folder.path().join(HALT_FILE));
        let (told, heard) = tokio::sync::oneshot::channel();
        on_stage(|stage| async move {
            let keeper = &stage.worker.shared.halts;
            let looked = tokio::time::timeout(Duration::from_secs(20), look_for_file(keeper, folder.path())).await;
            looked.expect("whoever looks is not kept waiting");
            told.send(keeper.status().halts.into_iter().map(|halt| halt.text).collect()).unwrap();
        })
        .await;
        heard.await.unwrap()
    }

    /// Files are asked about on threads of the runtime's, and the only one of this runtime is taken: as on a disk that hangs.
    #[test]
    fn a_disk_that_hangs_keeps_nobody_from_stopping_the_node_by_its_signal() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
        let (answers, hangs) = std::sync::mpsc::channel::<()>();
        runtime.block_on(on_stage(|stage| async move {
            let keeper = &stage.worker.shared.halts;
            let usr2 = signal(SignalKind::user_defined2()).unwrap();
            let disk = tokio::task::spawn_blocking(move || hangs.recv());
            let folder = tempfile::tempdir().unwrap();
            let halted = async {
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::USR2).unwrap();
                while keeper.status().halts.is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                () = keep_glass(keeper, folder.path(), usr2) => {}
                heard = tokio::time::timeout(Duration::from_secs(20), halted) => heard.expect("the signal is heard all the same"),
            }
            assert_eq!(keeper.status().halts[0].text, "SIGUSR2");
            drop(answers);
            drop(disk.await);
        }));
    }

    #[tokio::test]
    async fn whatever_bears_the_name_stops_the_node_and_holds_nobody_up() {
        assert!(look(|_| {}).await.is_empty(), "no file, no halt");
        let pipe = |path: &Path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(look(pipe).await, ["file HALT: invalid input parameter"]);
        assert_eq!(look(|path| std::fs::create_dir(path).unwrap()).await, ["file HALT: invalid input parameter"]);
        assert_eq!(look(|path| symlink("/dev/zero", path).unwrap()).await, ["file HALT: invalid input parameter"]);
        assert_eq!(look(|path| symlink("nowhere", path).unwrap()).await, ["file HALT: entity not found"]);
        assert_eq!(look(|path| symlink(path, path).unwrap()).await.len(), 1, "a link to itself");
        let huge = look(|path| std::fs::File::create(path).unwrap().set_len(1 << 40).unwrap()).await;
        assert_eq!(huge.len(), 1, "more than there is memory");
    }
}
