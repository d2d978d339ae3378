//! The Unix socket: for its owner only from the first moment.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 16;

/// A bound socket; its file is removed when it is dropped.
#[derive(Debug)]
pub struct OperatorSocket {
    pub(crate) listener: UnixListener,
    path: PathBuf,
    inode: u64,
    /// Set when the file belongs to the next process of this node.
    handed_over: Arc<AtomicBool>,
}

impl OperatorSocket {
    /// Binds the socket, not blocking. What a gateway that was killed left behind is replaced.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] when a gateway answers there, [`io::ErrorKind::AlreadyExists`] when there is something that
    /// is no socket, and whatever the system says.
    pub fn bind(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        // Linux gives the file the mode that the socket has when it is bound: there is no moment when others could connect.
        rustix::fs::fchmod(socket.as_fd(), Mode::RUSR | Mode::WUSR)?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        let metadata = std::fs::symlink_metadata(path)?;
        if metadata.mode() & 0o077 != 0 {
            std::fs::remove_file(path)?;
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file system gives the socket to others"));
        }
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Self { listener: socket.into(), path: path.to_owned(), inode: metadata.ino(), handed_over: Arc::default() })
    }

    /// Goes on with a socket that another process of this node bound at this path.
    ///
    /// # Errors
    /// It is bound elsewhere, or its file is gone.
    pub(crate) fn adopt(listener: UnixListener, path: &Path) -> io::Result<Self> {
        let bound = listener.local_addr()?;
        let bound = bound.as_pathname().map(std::fs::canonicalize).transpose()?;
        if bound != Some(std::fs::canonicalize(path)?) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the running gateway has its operator socket elsewhere"));
        }
        let inode = std::fs::symlink_metadata(path)?.ino();
        Ok(Self { listener, path: path.to_owned(), inode, handed_over: Arc::default() })
    }

    /// Set it, and the file stays when this end is dropped.
    pub(crate) fn handed_over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.handed_over)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OperatorSocket {
    fn drop(&mut self) {
        // Another gateway may have replaced it meanwhile, or have it now: only our own file is removed.
        if !self.handed_over.load(Ordering::Relaxed)
            && std::fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode)
        {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is not a socket", path.display())));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, format!("a gateway answers at {}", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
    }
}
