//! A way to a Redis server on which a script arrives late, as at a server that hung: whoever sent it has given up by then.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use tempfile::TempDir;

pub struct SlowWire {
    folder: TempDir,
    /// Dropped when the script may arrive.
    held: Sender<()>,
    done: Receiver<()>,
}

impl SlowWire {
    /// Holds the first script of each connection until [`Self::let_arrive`].
    pub fn to(server: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let (held, hold) = channel();
        let (doing, done) = channel();
        let server = server.trim_start_matches("redis+unix://").to_owned();
        std::thread::spawn(move || {
            let near = listener.accept().unwrap().0;
            // Those that follow are of whoever looks for the server again: they are none of this test's.
            drop(listener);
            carry(near, UnixStream::connect(server).unwrap(), &hold, doing);
        });
        Self { folder, held, done }
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("socket").display())
    }

    /// The script arrives; returns when the server has done all that it was sent.
    pub fn let_arrive(self) {
        drop(self.held);
        assert!(self.done.recv().is_ok(), "no script was held");
    }
}

fn carry(mut near: UnixStream, mut far: UnixStream, hold: &Receiver<()>, doing: Sender<()>) {
    let (mut from_far, mut to_near) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    // Who has gone is not told any more; what the server says is read to its end all the same.
    let back = std::thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(count @ 1..) = from_far.read(&mut bytes) {
            let _ = to_near.write_all(&bytes[..count]);
        }
    });
    let (mut bytes, mut was_held) = ([0; 65_536], false);
    while let Ok(count @ 1..) = near.read(&mut bytes) {
        if bytes[..count].windows(7).any(|word| word == b"EVALSHA") {
            was_held = true;
            assert!(hold.recv().is_err(), "nothing is sent on it");
        }
        far.write_all(&bytes[..count]).unwrap();
    }
    far.shutdown(std::net::Shutdown::Write).unwrap();
    back.join().unwrap();
    if was_held {
        doing.send(()).unwrap();
    }
}
