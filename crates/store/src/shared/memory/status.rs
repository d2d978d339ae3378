//! What is told of the memory: to metrics and to the operator.

/// What the operator is told of a memory that began too short a time ago: the time is how far ahead clients may sign, and how far the
/// clocks of nodes may differ.
pub const TOO_YOUNG: &str = "it began less than 61 s ago, and cannot tell what was accepted before";

/// What came of a message that had to be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SharedResult {
    /// It came for the first time at any node.
    Accepted,
    /// Nobody could tell, and it passed: a cancel, or something else that harms nobody.
    PassedUnasked,
    /// It was accepted before, here or elsewhere.
    Replayed,
    /// The server's memory began too short a time ago to tell, and it was refused.
    TooYoung,
    /// The server did not answer, and it was refused.
    Unavailable,
}

impl SharedResult {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::PassedUnasked, Self::Replayed, Self::TooYoung, Self::Unavailable];

    /// Its name on metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::PassedUnasked => "passed_unasked",
            Self::Replayed => "replayed",
            Self::TooYoung => "too_young",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What the operator is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedStatus {
    /// Whether the server answered the last time it was asked.
    pub available: bool,
    /// Whether its memory, as of the last look, began too short a time ago to tell what was accepted before.
    pub too_young: bool,
    /// How long the answered questions took together, in microseconds.
    pub asked_micros: u64,
    /// How far the server's wall clock is ahead of ours, in milliseconds; 0 where clocks are not compared.
    pub clock_ahead_millis: i64,
    /// What came of messages, in the order of [`SharedResult::ALL`].
    pub results: [u64; SharedResult::ALL.len()],
}
