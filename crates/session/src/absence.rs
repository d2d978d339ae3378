//! What happens while nobody is there: the wait for the client, and cancel on disconnect.
//!
//! ```text
//!   Present ── connection lost ──▶ Away { orders live } ── grace over ──▶ Away { cancelled } ── resume window over ──▶ over
//!      ▲                             │ resumed in time                       │ resumed: armed again
//!      └─────────────────────────────┴───────────────────────────────────────┘
//!   Present ── logout, end ──▶ over: cancel now, or orders stay, as the policy says
//! ```
//!
//! The policy is explicit: `cod`, `cod_class`, `cod_grace_ms` and `cod_on_logout` stand in every contract, `cod_on`, `cod_rearm` and
//! `cod_shutdown` in all but those of gateways of before, which do the same and do not say it (HS-134). There is no other policy that
//! applies silently. A session is cancelled once for each time it is left.

use std::time::Duration;

use countersign_core::Monotonic;

/// Whose orders are cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelScope {
    /// All of the account.
    Account,
    /// None.
    Nothing,
    /// Those placed by this session.
    Session,
}

impl CancelScope {
    /// The word in the contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Nothing => "none",
            Self::Session => "session",
        }
    }

    /// Reads a word of the contract.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Account, Self::Nothing, Self::Session].into_iter().find(|scope| scope.name() == word)
    }
}

/// Which resting orders of the scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderClass {
    /// All of them.
    All,
    /// Those that end with the day; what is good until cancelled stays.
    Day,
    /// Those that may open or enlarge a position; what only reduces one stays.
    Opening,
}

impl OrderClass {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::Day, Self::Opening];

    /// The word in the contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Day => "day",
            Self::Opening => "opening",
        }
    }

    /// Reads a word of the contract.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == word)
    }
}

/// Cancel on disconnect, as agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelPolicy {
    /// Whose orders.
    pub scope: CancelScope,
    /// Which of them.
    pub class: OrderClass,
    /// How long after a lost connection; a client that resumes before keeps its orders.
    pub grace: Duration,
    /// Whether a clean end (`bye`) cancels, too.
    pub on_logout: bool,
}

impl CancelPolicy {
    const fn due(self) -> Due {
        Due::Cancel(self.scope, self.class)
    }

    /// Orders stay whatever happens.
    pub const NONE: Self = Self { scope: CancelScope::Nothing, class: OrderClass::All, grace: Duration::ZERO, on_logout: false };
}

/// How a session was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Departure {
    /// The client said `bye`.
    Logout,
    /// The connection was lost, was silent for two intervals, or did not take what was sent: the client may come back.
    Lost,
    /// The session is over and nobody can come back: its life or key ended, an operator killed it, a ticket was used twice, the
    /// upstream is gone.
    Ended,
    /// The node leaves: nobody can come back here.
    Shutdown,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Cancel orders, now.
    Cancel(CancelScope, OrderClass),
    /// The session waited long enough: it is over.
    GiveUp,
}

/// The wait of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    policy: CancelPolicy,
    window: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Away { since: Monotonic, cancelled: bool },
    Over,
    Present,
}

impl Absence {
    /// Of a session whose client is there. `window` is `resume_s` of the contract: zero, and nobody is waited for.
    #[must_use]
    pub const fn new(policy: CancelPolicy, window: Duration) -> Self {
        Self { policy, window, state: State::Present }
    }

    /// Of a session that another node served until `since`: nobody is there, and its orders may be cancelled already.
    #[must_use]
    pub const fn restored(policy: CancelPolicy, window: Duration, since: Monotonic, cancelled: bool) -> Self {
        // What there is nothing of is cancelled.
        let cancelled = cancelled || matches!(policy.scope, CancelScope::Nothing);
        Self { policy, window, state: State::Away { since, cancelled } }
    }

    /// Whether being left cancels orders.
    #[must_use]
    pub const fn cancels(&self) -> bool {
        !matches!(self.policy.scope, CancelScope::Nothing)
    }

    /// For how long nobody is there.
    #[must_use]
    pub const fn away_for(&self, now: Monotonic) -> Option<Duration> {
        match self.state {
            State::Away { since, .. } => Some(now.saturating_since(since)),
            State::Over | State::Present => None,
        }
    }

    /// Whether the orders of this absence were cancelled.
    #[must_use]
    pub const fn has_cancelled(&self) -> bool {
        matches!(self.state, State::Away { cancelled: true, .. })
    }

    /// The client is gone. What is due at once, if anything; the session is over unless [`Self::is_waiting`].
    pub fn left(&mut self, how: Departure, now: Monotonic) -> Option<Due> {
        let cancels = self.policy.scope != CancelScope::Nothing;
        let waits = how == Departure::Lost && (!self.window.is_zero() || (cancels && !self.policy.grace.is_zero()));
        match (self.state, how) {
            (State::Over, _) => None,
            (State::Away { .. }, Departure::Lost) => None,
            (State::Away { cancelled: true, .. }, _) => {
                self.state = State::Over;
                None
            }
            // HS-95: a clean end is no disconnect, unless the contract says so.
            (_, Departure::Logout) => {
                self.state = State::Over;
                (cancels && self.policy.on_logout).then_some(self.policy.due())
            }
            (State::Present, Departure::Lost) if waits => {
                let at_once = cancels && self.policy.grace.is_zero();
                self.state = State::Away { since: now, cancelled: at_once || !cancels };
                at_once.then_some(self.policy.due())
            }
            // HS-96: nobody can come back within the grace, so there is none.
            (_, Departure::Ended | Departure::Lost | Departure::Shutdown) => {
                self.state = State::Over;
                cancels.then_some(self.policy.due())
            }
        }
    }

    /// The client is back: what was not cancelled stays, and the policy is armed again.
    pub const fn returned(&mut self) {
        // HS-97
        self.state = State::Present;
    }

    /// Whether the client may still come back, or orders are still to be cancelled.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Away { .. })
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Monotonic> {
        let State::Away { since, cancelled } = self.state else { return None };
        let give_up = since.saturating_add(self.window);
        let cancel = since.saturating_add(self.policy.grace);
        Some(if cancelled { give_up } else { cancel.min(give_up.max(cancel)) })
    }

    /// What is due by the clock; call it until there is nothing.
    pub fn handle_timeout(&mut self, now: Monotonic) -> Option<Due> {
        let State::Away { since, cancelled } = self.state else { return None };
        if !cancelled && now >= since.saturating_add(self.policy.grace) {
            // HS-96
            self.state = State::Away { since, cancelled: true };
            return Some(self.policy.due());
        }
        // HS-91: orders first; a session is never over while they are still to be cancelled.
        if cancelled && now >= since.saturating_add(self.window) {
            self.state = State::Over;
            return Some(Due::GiveUp);
        }
        None
    }
}

#[cfg(test)]
mod tests;
