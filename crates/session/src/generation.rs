//! Which ticket may still resume the session: one at a time, and a lost reply is forgiven.
//!
//! ```text
//!   committed c: the client proved that it holds ticket c      issued i: the last ticket that was given; i = c or not known yet
//!
//!   shown      | i                    | c, while i != c            | anything else
//!   verdict    | the client holds it  | the reply with i was lost  | spent: two parties hold tickets of this session
//!   afterwards | c = i, give i + 1    | give i + 1                 | the session is revoked
//! ```
//!
//! A ticket is committed when the client first speaks on the connection that it resumed on, for then it has the reply. So a thief
//! who resumes and goes on is found out when the client comes back, and the client when the thief does (RFC 9700, 4.14.2).

/// The tickets of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generations {
    committed: u64,
    issued: u64,
}

/// A ticket was shown after a later one had been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse;

impl Default for Generations {
    fn default() -> Self {
        Self::new()
    }
}

impl Generations {
    /// Of a session whose first ticket was given and not used yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { committed: 0, issued: 1 }
    }

    /// As another node left them.
    #[must_use]
    pub const fn restored(committed: u64, issued: u64) -> Self {
        Self { committed, issued }
    }

    /// The last ticket that the client proved to hold, and the last that was given.
    #[must_use]
    pub const fn numbers(self) -> (u64, u64) {
        (self.committed, self.issued)
    }

    /// A ticket is shown, its proof verified. The generation of the ticket to give instead.
    ///
    /// # Errors
    /// [`Reuse`]: revoke the session.
    pub const fn show(&mut self, generation: u64) -> Result<u64, Reuse> {
        // HS-84
        let lost_reply = generation == self.committed && generation > 0;
        if generation == self.issued {
            self.committed = generation;
        } else if !lost_reply {
            return Err(Reuse);
        }
        self.issued += 1;
        Ok(self.issued)
    }

    /// The last ticket that was given.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.issued
    }

    /// The client spoke on the newest connection: it holds the last ticket that was given.
    pub const fn confirm(&mut self) {
        // HS-84
        self.committed = self.issued;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_used_once() {
        // HS-84
        let mut session = Generations::new();
        session.confirm();
        assert_eq!(session.show(1), Ok(2));
        session.confirm();
        assert_eq!(session.show(1), Err(Reuse));
        assert_eq!(session.show(2), Ok(3));
    }

    #[test]
    fn replies_may_be_lost_any_number_of_times() {
        // HS-84
        let mut session = Generations::new();
        session.confirm();
        assert_eq!([session.show(1), session.show(1), session.show(1)], [Ok(2), Ok(3), Ok(4)]);
        assert_eq!(session.show(3), Err(Reuse), "a reply that was given up is not used later");
        assert_eq!(session.show(4), Ok(5));
        assert_eq!(session.show(1), Err(Reuse), "a later ticket was used, so the earlier one is spent");
    }

    #[test]
    fn the_first_ticket_may_be_used_before_anything_was_confirmed() {
        let mut session = Generations::new();
        assert_eq!(session.show(0), Err(Reuse));
        assert_eq!(session.show(1), Ok(2));
        assert_eq!(session.show(9), Err(Reuse), "nobody was given it");
    }
}
