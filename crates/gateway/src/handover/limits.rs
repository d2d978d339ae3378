//! Every bound of a hand-over, with its reason.

use std::time::Duration;

/// Descriptors in one message: as many as Linux carries (`SCM_MAX_FD`). Two for each worker and four besides.
pub(super) const DESCRIPTORS_MAX: usize = 253;

/// Longest frame: a session with all that its contract may keep. One that is longer is not handed over, and ends.
pub(super) const FRAME_BYTES_MAX: usize = 64 << 20;

/// How long a successor may take from the offer to its wish for the journals: it opens a database that may be slow.
pub(super) const PREPARE_DEADLINE: Duration = Duration::from_secs(60);

/// How long a successor may take with the journals: it reads them, and requests of the predecessor wait meanwhile.
pub(super) const RELEASE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a question of a guard may take. Beyond it what was asked for is refused, as with a store that is away.
pub(super) const QUESTION_DEADLINE: Duration = Duration::from_secs(2);

/// How long requests that use the guard at this very moment may take to let go of it: they hold it for microseconds.
pub(super) const LET_GO_DEADLINE: Duration = Duration::from_secs(2);

/// How long a client that comes back waits for its session from the predecessor: longer than a session takes to come to rest.
pub(super) const TAKE_DEADLINE: Duration = Duration::from_millis(2_500);

/// How long a session waits for answers of its upstreams before it is handed over.
pub(crate) const REST_MAX: Duration = Duration::from_millis(1_500);

/// How long a FIX Logon waits until the predecessor has let go of all FIX sessions.
pub(super) const FIX_DEADLINE: Duration = Duration::from_secs(12);

/// How often the predecessor looks whether it still has FIX sessions.
pub(super) const LOOK: Duration = Duration::from_millis(10);

/// Frames that wait to be written to the other process.
pub(super) const OUTBOX_MAX: usize = 1_024;
