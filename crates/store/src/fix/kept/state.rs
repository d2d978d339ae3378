//! Who is at a kept session, and whether it is this node's.
//!
//! ```text
//!               begin                        give it back
//!   Waits ──────────────▶ InHand ─────────────────────────────▶ CatchesUp
//!     ▲  ▲                 │   ▲                                    │
//!     │  └──── put down ───┘   └── copies are along: the database is asked
//!     └─────────────────────────── put down ────────────────────────┘
//! ```

use tokio::time::Instant;

/// Who is at a kept session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Whoever gives it back brings its copies along. Its lease is renewed.
    CatchesUp(Ours),
    /// Whoever goes on with it, or asks the database for what ends it. Its lease is not renewed.
    InHand(Ours),
    /// Nobody. Its lease is renewed.
    Waits(Ours),
}

/// Whether a session is this node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fix) enum Ours {
    Certainly,
    /// The database was asked for what ends its generation, and did not answer: it may have been given back, or taken anew. Nobody waits
    /// for the answer since then, so what a renewal says that was asked for before may be older.
    Perhaps {
        since: Instant,
    },
}

impl Ours {
    /// From now on.
    pub(super) fn perhaps() -> Self {
        Self::Perhaps { since: Instant::now() }
    }
}

impl State {
    pub(super) const fn ours(self) -> Ours {
        let (Self::CatchesUp(ours) | Self::InHand(ours) | Self::Waits(ours)) = self;
        ours
    }

    pub(super) const fn is_in_use(self) -> bool {
        matches!(self, Self::CatchesUp(_) | Self::InHand(_))
    }

    pub(super) const fn is_renewed(self) -> bool {
        matches!(self, Self::CatchesUp(_) | Self::Waits(_))
    }

    /// Somebody is at it.
    pub(super) const fn taken_in_hand(self) -> Self {
        Self::InHand(self.ours())
    }

    /// Whoever is at it brings its copies along.
    pub(super) const fn catching_up(self) -> Self {
        Self::CatchesUp(self.ours())
    }

    /// Nobody is at it any more, nor waits for the answer to what was asked.
    pub(super) fn put_down(self) -> Self {
        match self {
            Self::InHand(Ours::Perhaps { .. }) => Self::Waits(Ours::perhaps()),
            Self::CatchesUp(ours) | Self::InHand(ours) | Self::Waits(ours) => Self::Waits(ours),
        }
    }

    /// The database says that it is this node's, to whoever asked then.
    pub(super) fn renewed(self, asked: Instant) -> Self {
        let certain = |ours| match ours {
            Ours::Perhaps { since } if asked < since => ours,
            Ours::Certainly | Ours::Perhaps { .. } => Ours::Certainly,
        };
        match self {
            Self::CatchesUp(ours) => Self::CatchesUp(certain(ours)),
            Self::Waits(ours) => Self::Waits(certain(ours)),
            // It may be asked for what ends it right now.
            Self::InHand(_) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_renewal_says_whose_a_session_is_that_was_asked_for_when_nobody_was_at_it_any_more() {
        let doubtful = State::InHand(Ours::perhaps()).put_down();
        let Ours::Perhaps { since } = doubtful.ours() else { panic!("certain") };
        let (before, after) = (since - Duration::from_nanos(1), since + Duration::from_nanos(1));
        assert_eq!(doubtful.renewed(before), doubtful, "it may have been answered before the question");
        assert_eq!(doubtful.renewed(after), State::Waits(Ours::Certainly));
        assert_eq!(doubtful.catching_up().renewed(before), doubtful.catching_up());
        assert_eq!(doubtful.catching_up().renewed(after), State::CatchesUp(Ours::Certainly));
        assert_eq!(doubtful.taken_in_hand().renewed(after), doubtful.taken_in_hand(), "who is at it asks for himself");
    }

    #[test]
    fn doubt_begins_anew_when_nobody_waits_for_the_answer() {
        let Ours::Perhaps { since } = Ours::perhaps() else { panic!("certain") };
        let later = State::InHand(Ours::Perhaps { since }).put_down();
        assert!(matches!(later, State::Waits(Ours::Perhaps { since: now }) if now >= since));
        assert_eq!(State::CatchesUp(Ours::Perhaps { since }).put_down(), State::Waits(Ours::Perhaps { since }), "nothing was asked");
        assert_eq!(State::InHand(Ours::Certainly).put_down(), State::Waits(Ours::Certainly));
    }
}
