//! Tells the service manager that started us, if one did, that clients are served, and by which process: `sd_notify(3)`.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Says it. Nobody waits for us where nobody listens.
pub(super) fn tell_ready() {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return };
    // The main process changes when one takes over from another.
    let text = format!("READY=1\nMAINPID={}\n", std::process::id());
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&address),
    };
    let told = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address));
    if let Err(error) = told {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
