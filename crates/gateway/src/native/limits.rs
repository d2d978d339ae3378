//! Every bound of native sessions that is not a setting or the protocol's own, with its reason.

use std::time::Duration;

/// Bytes of frames collected before they are written: one TLS record.
pub(super) const WRITE_BATCH_BYTES: usize = 16 * 1_024;

/// Bytes asked for with one read.
pub(super) const READ_BYTES: usize = 4 * 1_024;

/// Members of one application message: the longest order has a dozen.
pub(super) const MESSAGE_MEMBERS_MAX: usize = 64;

/// Longest `op`.
pub(super) const OP_BYTES_MAX: usize = 64;

/// Longest `id` that is repeated in a refusal.
pub(super) const REPEATED_ID_BYTES_MAX: usize = 128;

/// Parts of the registry of sessions: opening and closing on one core rarely waits for another.
pub(super) const SESSION_SHARDS: usize = 16;

/// Beginnings and ends of sessions that wait for the store: a second of logins at full speed. Beyond it no session begins.
pub(super) const NOTICES_WAITING_MAX: usize = 4_096;

/// The part of the drain deadline that a session gets before its `bye`: the rest is for closing.
pub(super) const DRAIN_SHARE: u32 = 2;

/// How long a nonce that was given out over HTTP can be answered at least.
pub(super) const HTTP_NONCE_LIFE: Duration = countersign_handshake::limits::NONCE_LIFE;

/// Hellos of one worker that wait for their turn: half a second of work. More are told to come back.
pub(super) const HELLOS_WAITING_MAX: usize = 4_096;

/// Batches of frames between a session and a connection that is served elsewhere: one under way, some to spare.
pub(super) const LINE_BATCHES_MAX: usize = 16;

/// Frames of the client that wait for the session on that way.
pub(super) const LINE_FRAMES_MAX: usize = 64;

/// Clients that wait at one session to take it up: the client and its impatience.
pub(super) const RETURNS_WAITING_MAX: usize = 4;

/// Re-authentications of one session in a minute: a life is longer than ten seconds, and each costs two signatures.
pub(super) const REAUTHS_PER_MINUTE_MAX: u32 = 6;

/// Sessions of one key that may wait for their client. Beyond it the key's connection that is lost ends its session at once.
pub(super) const AWAY_PER_KEY_MAX: usize = 64;

/// What is kept of the subscriptions of one session, to be asked for again where it goes on: a thousand symbols, one by one. Those
/// beyond it are not asked for again.
pub(super) const STREAMS_BYTES_MAX: usize = 64 * 1_024;
