//! Every bound of this crate, with its reason.

use std::num::NonZeroU32;
use std::time::Duration;

/// How long a database command waits for another process that writes: the CLI's transactions last milliseconds.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections to the database: one writes, others read meanwhile. Keys are cached in memory, so there is little to do.
pub const CONNECTIONS_MAX: u32 = 4;

/// How long a caller waits for one of these connections: as long as a writer may wait, and a little.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a server may take to accept a connection, its TLS and password included: some milliseconds in one data centre.
pub const SERVER_CONNECT_MAX: Duration = Duration::from_secs(3);

/// How long a server may take for one statement. The longest reads all sessions that are shown; the server ends it by itself then.
pub const SERVER_ANSWER_MAX: Duration = Duration::from_secs(4);

/// How long a server may take until the tables have their shape: all steps at the first start, behind another node that is at it.
/// Whoever types a command waits as long for a server that falls silent behind its greeting.
pub const SERVER_SHAPE_MAX: Duration = Duration::from_secs(15);

/// How long a server may take to say that it is there. It is asked before a kept connection is used.
pub const SERVER_PING_MAX: Duration = Duration::from_secs(1);

/// How long a transaction may be idle before the server ends it: ours never wait for anything but the server.
pub const SERVER_IDLE_MAX: Duration = Duration::from_secs(10);

/// How often a statement is tried that the server chose to give way to another. Its reasons are gone with the first try; three in a
/// row are something else.
pub const CONFLICT_TRIES: u32 = 3;

/// Longest address of a database: a host name has at most 253 bytes, a path of a socket 107, paths of certificates the rest.
pub const ADDRESS_BYTES_MAX: usize = 1_024;

/// Rows of a table that are read at once when all are copied or compared: a few megabytes at most.
pub const COPY_ROWS: u32 = 500;

/// Lines of the audit log that are copied into the database at once: a fraction of a second's worth on a busy node.
pub const SHIP_LINES_MAX: usize = 5_000;

/// Bytes of such a batch: it is one statement, twice as long on the wire.
pub const SHIP_BYTES_MAX: u64 = 1_024 * 1_024;

/// How often new lines of the audit log are copied: what a node that is lost with its disk has told nobody.
pub const SHIP_INTERVAL: Duration = Duration::from_secs(1);

/// Longest label of an account or a credential: one line on a screen.
pub const LABEL_BYTES_MAX: usize = 200;

/// Longest name of who made a change: a user name and a host, or the subject of an operator certificate.
pub const ACTOR_BYTES_MAX: usize = 200;

/// Shared secrets accepted, in bytes: 128 bits at least, and no more than a key file people would paste by mistake.
pub const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=512;

/// Length of a generated exchange key id and of a generated secret, in characters: what Binance hands out.
pub const GENERATED_TEXT_BYTES: usize = 64;
/// Length of what follows `account-` in the id of a Gemini key: what the venue hands out.
pub const GEMINI_KEY_NAME_BYTES: usize = 20;

/// Longest session contract stored: a contract is a page of JSON.
pub const CONTRACT_BYTES_MAX: usize = 16_384;

/// Longest hash or reason stored with a session.
pub const SESSION_TEXT_BYTES_MAX: usize = 200;

/// Most rows one listing returns: the caller pages or filters beyond it.
pub const LIST_MAX: u32 = 10_000;

/// Audit records waiting to be written: more than two seconds at 30,000 a second. Beyond it the gateway refuses, because
/// nothing passes that cannot be recorded.
pub const AUDIT_QUEUE_RECORDS_MAX: usize = 65_536;

/// How long an audit record may wait before it is handed to the operating system. At full load each wait is as much work at once, which
/// requests on the same core wait for.
pub const AUDIT_FLUSH_INTERVAL: Duration = Duration::from_millis(10);

/// How long the disk may take for one write or flush of the audit log. Disks of busy machines take a second now and then; what takes
/// longer has stopped, and what was accepted meanwhile is in memory only.
pub const AUDIT_STALL_MAX: Duration = AUDIT_WATCH_INTERVAL.saturating_mul(AUDIT_STALL_LOOKS);

/// How often the writer of the audit log is looked at.
pub const AUDIT_WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// Looks that find it at the same until its disk has stopped: three seconds.
pub const AUDIT_STALL_LOOKS: u32 = 30;

/// How often written audit records are forced onto the disk while there are new ones.
pub const AUDIT_SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// How often a signed head of the audit log is kept for good while there are new records: what somebody who can write the files
/// but has no key may rewrite is bounded by it, and a year of them is two megabytes.
pub const AUDIT_HEAD_INTERVAL: Duration = Duration::from_secs(3_600);

/// Largest file of heads that is read: 24 a day for a century, and room for those signed on demand.
pub const AUDIT_HEADS_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// So much of the end of that file is read at a start, which looks for the newest head that fits: about two hundred.
pub const AUDIT_HEADS_READ_BYTES: u64 = 64 * 1024;

/// Largest checkpoint or audit key that is read.
pub const AUDIT_KEY_BYTES_MAX: usize = 16 * 1024;

/// How long a flush on request may take before it counts as failed.
pub const AUDIT_FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// Bytes of audit lines gathered for one write.
pub const AUDIT_BATCH_BYTES: usize = 256 * 1024;

/// Longest text in an audit record that a client had a part in (a path, a server name).
pub const AUDIT_TEXT_BYTES_MAX: usize = 256;

/// Longest audit line that is read back: far more than is ever written, so that a foreign file cannot fill the memory.
pub const AUDIT_LINE_BYTES_MAX: usize = 64 * 1024;

/// How long a record stays in the replay journal: twice the longest time a signed request can be used
/// (`REPLAY_GENERATION`), so that a restart with a clock a little off forgets nothing it needs.
pub const JOURNAL_RETENTION: Duration = Duration::from_secs(2 * countersign_core::limits::REPLAY_GENERATION.as_secs());

/// Replay journal files written side by side: threads of the gateway do not wait for each other up to this many.
pub const JOURNAL_SHARDS: usize = 16;

/// How long one question to the shared memory may take: it stands in the way of an order, and a server on the same network
/// answers in less than a millisecond.
pub const SHARED_TIMEOUT: Duration = Duration::from_millis(50);

/// How long the shared memory is left alone after it failed: long enough that waiting for it costs a tenth of a thread at most.
pub const SHARED_RETRY_AFTER: Duration = Duration::from_millis(500);

/// Connections to the shared memory that are kept open: one for each worker of a large machine.
pub const SHARED_LINKS_MAX: usize = 64;

/// How long making a connection to the shared memory may take, TLS and all: nobody's order waits for it.
pub const SHARED_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Cancels that passed while the shared memory was away and are told to it later: more than a minute of cancels of a busy venue.
pub const SHARED_UNTOLD_MAX: usize = 1 << 18;

/// How many things the shared memory is told at once, so that an answer comes within its time limit.
pub const SHARED_BATCH: usize = 512;

/// How long a listener waits for a notice before it looks whether it shall stop.
pub const SHARED_LISTEN: Duration = Duration::from_millis(500);

/// How far the wall clock of a node and that of the shared memory may differ, beyond what the question took. What is more is a mistake
/// that NTP prevents, and then the node and the memory do not forget at the same time.
pub const SHARED_CLOCK_APART_MAX: Duration = Duration::from_millis(500);

/// How far the wall clocks of two nodes may differ: each by half of it from that of the shared memory.
pub const SHARED_CLOCK_SKEW_MAX: Duration = Duration::from_secs(1);

/// A passphrase: venues ask for 6 to 32 characters; longer ones are no harm up to this.
pub const PASSPHRASE_BYTES: std::ops::RangeInclusive<usize> = 6..=64;

/// The nonce journal is written anew when it is longer: a million records.
pub const NONCE_JOURNAL_BYTES_MAX: u64 = 32 * 1_024 * 1_024;

/// FIX sessions that one account may have journals of, open or not: desks and machines of the largest firm, each with names for orders,
/// drop copies and market data. Nobody deletes a journal, and a client chooses its name.
pub const FIX_SESSIONS_PER_ACCOUNT_MAX: usize = 1_024;

/// A FIX journal is written anew when it is longer: four times what it keeps for resending.
pub const FIX_JOURNAL_BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// A FIX journal that is longer is not read: it is checked at every flush, and what waits between two flushes is bounded by what a
/// session may have waiting to be sent.
pub const FIX_JOURNAL_READ_BYTES_MAX: u64 = 2 * FIX_JOURNAL_BYTES_MAX;

/// How long a FIX session stays with a node that says nothing: as a native one.
pub const FIX_LEASE: Duration = MIRROR_LEASE;

/// How often a node renews the leases of its FIX sessions: several times in a lease.
pub const FIX_RENEW: Duration = MIRROR_RENEW;

/// Wills of lost sessions that a node looks at together: a node has as many sessions with one as it has connections, and the others look, too.
pub const FIX_WILLS_MAX: u32 = 64;

/// Ends of sessions whose wills are to be forgotten when the database is back: as many as ends of native sessions wait for the shared
/// memory. The orders of those beyond it are cancelled though their clients logged out.
pub const FIX_VOID_WILLS_MAX: usize = MIRROR_ENDS_MAX;

/// Sessions that ended while the database was away and wait here for it, or for their clients: as many as wills that are to be forgotten.
/// Each is some hundred bytes. Clients of those beyond it wait for the database.
pub const FIX_KEPT_MAX: usize = FIX_VOID_WILLS_MAX;

/// How often a session that another node has is looked at by a Logon that waits for it.
pub const FIX_LOOK: Duration = Duration::from_millis(250);

/// Renewals that a waiting Logon sees until it believes that the other node is alive: the first may have been on its way when the session
/// ended there.
pub const FIX_RENEWALS_SEEN: u32 = 2;

/// How long a Logon waits for a session that another node does not renew: a lease, and the time in which a server that was away is left
/// to those who had one.
pub const FIX_TAKE_MAX: Duration = Duration::from_secs(8);

/// Links to the database for copies of FIX journals: each commit has one for a millisecond or two.
pub const FIX_LINKS: usize = 8;

/// Kept FIX sessions that are given back at once, each of which reads its journals whole: half of the links, so that commits of open
/// sessions are not behind them.
pub const FIX_GIVEN_BACK_AT_ONCE_MAX: usize = FIX_LINKS / 2;

/// How long one copy may take before the session goes on without: its cancels wait that long, once.
pub const FIX_COPY_MAX: Duration = Duration::from_secs(1);

/// How long an order waits for its copy when the database fell silent under it: a server that is started again is back by then.
pub const FIX_HOLD: Duration = Duration::from_secs(3);

/// Bytes of a journal in one row of its copy, and in one statement: a cut of what is copied at once, far above a usual commit.
pub const FIX_PIECE_BYTES: usize = 512 * 1_024;

/// Numbers that a session may use on a side while its copy is behind; then it ends. Two minutes of reports at 700 a second, which no
/// session has while new orders are refused.
pub const FIX_BEHIND_NUMBERS_MAX: u64 = 90_000;

/// Numbers that are left out on both sides by a node that takes a session from one that is gone: more than that one may have used
/// unseen, with what it had under way. Ten thousand million such losses fit into the numbers of a session.
pub const FIX_LEFT_OUT: u64 = 100_000;

/// How long it is remembered in the shared memory that a session refused no order unseen: longer than sessions last, and what is forgotten
/// only costs orders that are sent again a refusal.
pub const FIX_TRUST_LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Families of refresh tokens of one key that live at once: a fleet of processes that share a key. One more ends the one that was
/// not used for the longest time, so that a client which forgets its tokens is not locked out and does not fill the disk.
pub const FAMILIES_PER_KEY_MAX: u32 = 100;

/// How long a family is kept after its end, for those who ask what happened.
pub const FAMILY_RETENTION: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long a revocation is remembered: access tokens live five minutes, so a wall clock that is wrong by less than 85 minutes in either
/// direction, also while it forgets for all nodes, revives none.
pub const REVOCATION_RETENTION: Duration = Duration::from_secs(3 * 3_600);

/// How long a session stays with a node that says nothing: a hiccup of a busy machine is shorter, and whoever waits for orders to be
/// cancelled waits no longer than this and the grace that was agreed.
pub const MIRROR_LEASE: Duration = Duration::from_secs(5);

/// How often a node renews the leases of its sessions, and looks for those that nobody serves: several times in a lease.
pub const MIRROR_RENEW: Duration = Duration::from_millis(500);

/// Leases renewed in one question: a few hundred microseconds of the server, which everybody else waits for.
pub const MIRROR_RENEW_MAX: usize = 256;

/// Ends of sessions that wait for the memory to be back: as many as records of sessions wait for the database. Those beyond it are found
/// by another node, which waits for a client that may not come.
pub const MIRROR_ENDS_MAX: usize = 4_096;

/// Highest number that a mirror is believed: numbers of sessions are whole numbers of a double, and what is above was put there by
/// somebody else.
pub const MIRROR_NUMBER_MAX: u64 = 1 << 53;

/// Sessions without a node that one node takes at a look: the others take theirs.
pub const MIRROR_TAKE_MAX: usize = 64;

/// How long a node may be silent before it counts as gone when limits are shared out: a lease of sessions, by which the others have
/// taken what it served.
pub const NODE_SILENT: Duration = MIRROR_LEASE;

/// Nodes that are assumed where none were counted yet: a node that starts while the memory is away takes a small share, because the
/// others go on with theirs.
pub const NODES_UNKNOWN: NonZeroU32 = NonZeroU32::new(8).expect("not zero");

/// Halts that cancelled which are remembered with what came of them: some days of a bad month. The audit log has all.
pub const CANCEL_CALLS_KEPT: usize = 64;

/// Rehearsals whose answers are remembered, and that a process which was cut off goes through at most: whoever asked waits for seconds, and
/// several may ask at once.
pub const DRILLS_KEPT: usize = 16;
