//! What outlives a connection: sequence numbers, and reports for a client that is away.

use std::collections::HashMap;
use std::sync::Arc;

use countersign_fix::{CompId, MemoryStore, Version};
use parking_lot::Mutex;

use super::watch::Watch;
use crate::outbox::Outbox;
use crate::shell::Shell;

/// Sessions the venue remembers: as many as accounts, each with one.
const SEATS_MAX: usize = 10_000;

/// What tells sessions apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SeatName {
    pub(super) account: Arc<str>,
    pub(super) version: Version,
    pub(super) ours: CompId,
    pub(super) theirs: CompId,
}

impl SeatName {
    /// The name as one text, for what bears it: CompIDs have no SOH in them.
    pub(super) fn text(&self) -> Arc<str> {
        [self.version.begin_string(), self.ours.as_str(), self.theirs.as_str()].join("\u{1}").into()
    }
}

/// A session, connected or not.
pub(super) struct Seat {
    pub(super) outbox: Arc<Outbox>,
    pub(super) watch: Arc<Mutex<Watch>>,
    connection: u64,
    /// Taken while somebody is connected.
    store: Mutex<Option<MemoryStore>>,
}

impl Seat {
    /// Of a session that nobody comes back to, and that hears of no account.
    pub(super) fn of_nobody(watch: Watch) -> Self {
        Self { outbox: Arc::default(), watch: Arc::new(Mutex::new(watch)), connection: 0, store: Mutex::new(None) }
    }
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Seats(Mutex<HashMap<SeatName, Arc<Seat>>>);

/// Why a session cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SeatError {
    #[error("the session is open on another connection")]
    Taken,
    #[error("too many sessions")]
    TooMany,
}

impl Seats {
    /// Takes a session, with its numbers; the first time it is made, and hears of its account from then on.
    pub(super) fn take(&self, shell: &Shell, name: &SeatName, watch: Watch) -> Result<(Arc<Seat>, MemoryStore), SeatError> {
        let mut seats = self.0.lock();
        if !seats.contains_key(name) {
            if seats.len() >= SEATS_MAX {
                return Err(SeatError::TooMany);
            }
            let seat = Seat {
                outbox: Arc::default(),
                watch: Arc::new(Mutex::new(watch)),
                connection: shell.hub.connect(),
                store: Mutex::new(Some(MemoryStore::default())),
            };
            shell.hub.observe(seat.connection, seat.watch.clone(), &seat.outbox);
            seats.insert(name.clone(), Arc::new(seat));
        }
        let seat = Arc::clone(&seats[name]);
        drop(seats);
        let store = seat.store.lock().take().ok_or(SeatError::Taken)?;
        Ok((seat, store))
    }

    /// Gives a session back, with its numbers.
    pub(super) fn give_back(&self, name: &SeatName, store: Option<MemoryStore>) {
        if let Some(seat) = self.0.lock().get(name) {
            *seat.store.lock() = Some(store.unwrap_or_default());
        }
    }

    /// Forgets a session that had to lose reports.
    pub(super) fn forget(&self, shell: &Shell, name: &SeatName) {
        if let Some(seat) = self.0.lock().remove(name) {
            shell.hub.disconnect(seat.connection);
        }
    }
}
