//! What is written of a session, and what is read of it.

use std::time::Duration;

/// Names one owner of a session: each later one has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(u64);

impl Fence {
    /// Of the node that a session was opened on.
    pub const FIRST: Self = Self(1);

    /// From its number; `None` for zero.
    #[must_use]
    pub const fn of(number: u64) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Why the mirror does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// Another node serves the session, for this one was silent for longer than a lease. The client does not know.
    #[error("another node has adopted the session: this one was silent for too long")]
    Adopted,
    /// Another node serves the session, for its client is there.
    #[error("another node has taken the session over")]
    Fenced,
    /// The server does not know the session.
    #[error("the shared memory has forgotten the session")]
    Forgotten,
    /// No answer in time.
    #[error("the shared memory does not answer")]
    Unavailable,
}

/// A frame that may have to be sent again, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFrame {
    /// Its number; of a frame without one that of the message behind it.
    pub s: u64,
    /// Whether it has a number.
    pub numbered: bool,
    /// Body or frame.
    pub text: String,
}

/// Where a session stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The next number expected of the client: everything before it is applied, or never will be.
    pub rx: u64,
    /// The next number of ours.
    pub tx: u64,
    /// The first number of ours that the client has not acknowledged.
    pub acked: u64,
    /// The last ticket that the client proved to hold.
    pub committed: u64,
    /// The last ticket that was given.
    pub issued: u64,
    /// Whether the orders of this absence were cancelled.
    pub cancelled: bool,
    /// For how long nobody is there; `None`: somebody is.
    pub away_for: Option<Duration>,
    /// The upstreams it has links to.
    pub links: Vec<usize>,
}

/// Frames of one kind: of these the oldest go first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptFrames {
    /// To add.
    pub added: Vec<KeptFrame>,
    /// How many are kept, with those: older ones go.
    pub held: usize,
}

/// What is written.
#[derive(Clone, Debug)]
pub struct MirrorWrite<'w> {
    /// Where it stands.
    pub progress: Progress,
    /// What is kept and is no market data.
    pub reports: KeptFrames,
    /// Market data, which is forgotten first.
    pub market: KeptFrames,
    /// What it subscribed to, where that changed; none leaves what is there. A whole write has it.
    pub streams: Option<&'w [u8]>,
    /// How long the server may keep it without another word.
    pub life: Duration,
    /// What does not change, where all of it is written.
    pub whole: Option<&'w [u8]>,
}

/// A session that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// Ours from now on.
    pub fence: Fence,
    /// The node that served it.
    pub node: String,
    /// What does not change.
    pub facts: Vec<u8>,
    /// Where it stands. `away_for` counts from the last sign of its owner.
    pub progress: Progress,
    /// What it subscribed to; empty where nobody said.
    pub streams: Vec<u8>,
    /// What is kept, and for how long already.
    pub frames: Vec<(KeptFrame, Duration)>,
}

/// Whose session may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Anybody's: its client is here.
    Any,
    /// Only one that nobody serves.
    Expired,
}
