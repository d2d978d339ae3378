//! What two processes of one node say to each other, and how files travel with it.
//!
//! ```text
//!   frame = length, big endian (4) || JSON;   descriptors travel with the four bytes in front
//! ```
//!
//! Both ends are of one user on one machine. The version is looked at first, so that a gateway never guesses what another release meant.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::limits::{DESCRIPTORS_MAX, FRAME_BYTES_MAX};

/// The version of this conversation. Another one is refused before anything changes hands.
pub(super) const VERSION: u32 = 1;

/// One frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Frame {
    /// Successor: wants to take over.
    Hello {
        /// Of the conversation.
        version: u32,
    },
    /// Predecessor: what there is. One descriptor for each name travels with it.
    Offer(Offer),
    /// Predecessor: nothing is given, and why.
    Refused {
        /// In words.
        why: String,
    },
    /// Successor: everything is ready that can be without the journals.
    Release,
    /// Predecessor: the journals are closed.
    Released,
    /// Successor: connections are accepted here.
    Ready,
    /// Predecessor: no connections are accepted here any more.
    Leaving,
    /// Successor: a client came back to this session.
    Take {
        /// Which.
        sid: String,
    },
    /// Predecessor: what became of a session.
    Handed {
        /// Which.
        sid: String,
        /// What.
        what: Handed,
    },
    /// Predecessor: no FIX session is open here, and none will be.
    FixOver,
    /// Predecessor: may this signed message pass?
    Replay {
        /// Its name.
        id: [u8; 20],
        /// What it does.
        effect: u8,
        /// When it was signed, Unix microseconds.
        signed_at: u64,
    },
    /// Predecessor: may this nonce be spent?
    Nonce {
        /// Of which credential.
        credential: String,
        /// All up to here are spent.
        floor: u64,
        /// How far out of order they may come.
        window: u16,
        /// Which numbering.
        epoch: u32,
        /// The nonce.
        nonce: u64,
        /// What it is spent for.
        effect: u8,
    },
    /// Successor: yes, or the refusal.
    Verdict {
        /// Its label. None: yes.
        reject: Option<String>,
        /// The highest nonce of the key, which its owner is told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_nonce: Option<u64>,
        /// Why, for the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

/// What the predecessor has to give.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Offer {
    /// Of the conversation.
    pub(super) version: u32,
    /// What each descriptor is.
    pub(super) descriptors: Vec<Descriptor>,
    /// The key of tickets of sessions.
    pub(super) tickets: [u8; 32],
    /// The key of tokens of dialects.
    pub(super) tokens: [u8; 32],
}

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Descriptor {
    /// A listener for clients.
    Clients,
    /// The lock of the state folder.
    Lock,
    /// The listener for operators.
    Operators,
    /// The Unix socket for operators.
    OperatorSocket,
    /// A listener for proxies.
    Proxies,
    /// Where the predecessor asks the successor's guards.
    Questions,
}

/// What became of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Handed {
    /// It is here.
    Here(Box<HandedSession>),
    /// It is in the memory that nodes share; nobody holds it.
    InMemory {
        /// Whether every answer that was due is there.
        at_rest: bool,
    },
    /// There is none of this name that can go on.
    Unknown,
}

/// A session on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HandedSession {
    /// What does not change, as a mirror has it.
    pub(crate) facts: String,
    /// The next number expected of the client.
    pub(crate) rx: u64,
    /// The next number of ours.
    pub(crate) tx: u64,
    /// The first number of ours that is not acknowledged.
    pub(crate) acked: u64,
    /// The last ticket that the client proved to hold.
    pub(crate) committed: u64,
    /// The last ticket that was given.
    pub(crate) issued: u64,
    /// Whether every answer that was due is among the frames.
    pub(crate) at_rest: bool,
    /// Whether the orders of this absence were cancelled.
    pub(crate) cancelled: bool,
    /// For how long nobody is there, in milliseconds; none: somebody is.
    pub(crate) away_ms: Option<u64>,
    /// The upstreams it has links to.
    pub(crate) links: Vec<usize>,
    /// What it subscribed to; a process of before does not say it.
    #[serde(default)]
    pub(crate) streams: Vec<String>,
    /// What is kept for replay: number, whether it is the frame's own, text.
    pub(crate) frames: Vec<(u64, bool, String)>,
}

fn encode(frame: &Frame) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(frame).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= FRAME_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "more than one frame may have"))?;
    Ok([&length.to_be_bytes()[..], &body].concat())
}

fn length_of(head: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(head) as usize;
    if length <= FRAME_BYTES_MAX { Ok(length) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "a frame that is too long")) }
}

fn decode(body: &[u8]) -> io::Result<Frame> {
    serde_json::from_slice(body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The other end said what has no place here.
pub(super) fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an unexpected message")
}

/// Writes a frame. Blocks.
pub(super) fn send(mut stream: &UnixStream, frame: &Frame) -> io::Result<()> {
    stream.write_all(&encode(frame)?)
}

/// Writes a frame with descriptors. Blocks.
pub(super) fn send_with(mut stream: &UnixStream, frame: &Frame, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = encode(frame)?;
    let (head, body) = bytes.split_at(4);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more descriptors than one message may carry"));
    }
    // Four bytes fit into an empty buffer whole, or the call fails.
    let sent = sendmsg(stream, &[IoSlice::new(head)], &mut control, SendFlags::NOSIGNAL)?;
    stream.write_all(&head[sent..])?;
    stream.write_all(body)
}

/// Reads a frame. Blocks.
pub(super) fn receive(mut stream: &UnixStream) -> io::Result<Frame> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut body = vec![0; length_of(head)?];
    stream.read_exact(&mut body)?;
    decode(&body)
}

/// Reads a frame and the descriptors that came with it. Blocks.
pub(super) fn receive_with(mut stream: &UnixStream) -> io::Result<(Frame, Vec<OwnedFd>)> {
    let mut head = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let read = recvmsg(stream, &mut [IoSliceMut::new(&mut head)], &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            descriptors.extend(files);
        }
    }
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    stream.read_exact(&mut head[read..])?;
    let mut body = vec![0; length_of(head)?];
    stream.read_exact(&mut body)?;
    Ok((decode(&body)?, descriptors))
}

/// Writes a frame on a stream of the runtime.
pub(super) async fn write(stream: &mut (impl tokio::io::AsyncWrite + Unpin), frame: &Frame) -> io::Result<()> {
    stream.write_all(&encode(frame)?).await
}

/// Reads a frame from a stream of the runtime. Not to be cancelled: half a frame would be lost.
pub(super) async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<Frame> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let mut body = vec![0; length_of(head)?];
    stream.read_exact(&mut body).await?;
    decode(&body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn descriptors_arrive_with_their_frame_and_are_the_same_files() {
        let (near, far) = UnixStream::pair().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let offer = Offer { version: VERSION, descriptors: vec![Descriptor::Clients; 2], tickets: [7; 32], tokens: [8; 32] };
        send_with(&near, &Frame::Offer(offer), &[listener.as_fd(), listener.as_fd()]).unwrap();
        send(&near, &Frame::Leaving).unwrap();
        let (frame, descriptors) = receive_with(&far).unwrap();
        assert!(matches!(frame, Frame::Offer(Offer { version: VERSION, tickets, tokens, .. }) if (tickets, tokens) == ([7; 32], [8; 32])));
        assert_eq!(descriptors.len(), 2);
        let address = listener.local_addr().unwrap();
        drop(listener);
        let again = std::net::TcpListener::from(descriptors.into_iter().next().unwrap());
        assert_eq!(again.local_addr().unwrap(), address);
        let _client = std::net::TcpStream::connect(address).unwrap();
        assert!(again.accept().is_ok(), "what connects while the former owner is gone is accepted");
        assert!(matches!(receive(&far).unwrap(), Frame::Leaving));
    }

    #[test]
    fn what_is_too_long_or_cut_off_is_an_error() {
        let (near, far) = UnixStream::pair().unwrap();
        (&near).write_all(&u32::MAX.to_be_bytes()).unwrap();
        assert_eq!(receive(&far).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let (near, far) = UnixStream::pair().unwrap();
        (&near).write_all(&[0, 0, 0, 9, b'{']).unwrap();
        drop(near);
        assert_eq!(receive(&far).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
