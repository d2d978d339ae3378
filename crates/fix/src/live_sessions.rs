//! Which sessions are open: a second Logon under the same CompIDs is refused and the first is left alone.

use std::collections::BTreeSet;

use crate::limits;
use crate::session::CompId;
use crate::version::Version;

/// What tells one FIX session from another: BeginString, our CompID, theirs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionName {
    /// BeginString.
    pub version: Version,
    /// Our CompID.
    pub comp_id: CompId,
    /// Theirs.
    pub peer: CompId,
}

/// Why a session cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// It is open on another connection.
    #[error("the session is open on another connection")]
    AlreadyLoggedOn,
    /// There are as many as can be kept apart.
    #[error("too many sessions")]
    TooMany,
}

/// The sessions that are open.
#[derive(Clone, Debug, Default)]
pub struct LiveSessions {
    open: BTreeSet<SessionName>,
}

impl LiveSessions {
    /// Takes a session for a connection whose Logon was verified; before that a stranger could lock a client out. Release it when the
    /// connection ends.
    ///
    /// # Errors
    /// It is open already, or there are too many.
    pub fn open(&mut self, name: SessionName) -> Result<(), LiveError> {
        if self.open.contains(&name) {
            return Err(LiveError::AlreadyLoggedOn);
        }
        if self.open.len() >= limits::LIVE_SESSIONS_MAX {
            return Err(LiveError::TooMany);
        }
        self.open.insert(name);
        Ok(())
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Gives a session back.
    pub fn release(&mut self, name: &SessionName) {
        self.open.remove(name);
    }
}
