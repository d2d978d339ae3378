//! What can go wrong with what must last; each as one sentence that says what to do.

use std::io;
use std::path::{Path, PathBuf};

use countersign_audit_tree::AuditKeyError;
use countersign_core::{AccountId, Algorithm, ApiKeyId, CredentialId, PublicKeyError, Purpose, Reject, SessionId};
use sqlx::postgres::PgDatabaseError;

/// Why the store did not do what was asked. Its text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is an account of this name.
    #[error("there is an account {0} already")]
    AccountExists(AccountId),
    /// There is no such account.
    #[error("there is no account {0}")]
    AccountUnknown(AccountId),
    /// An address of a database that is not taken.
    #[error("the address of the database is refused: {why}")]
    AddressRefused {
        /// Why, without the address, which may hold a password.
        why: String,
    },
    /// Another process holds the state folder.
    #[error("the state folder {path} is in use by another gateway{}", process(*pid))]
    AlreadyRunning {
        /// The folder.
        path: PathBuf,
        /// The process, if it could be read.
        pid: Option<u32>,
    },
    /// The key of the audit log is not one.
    #[error("the audit key {path} is damaged ({why}); restore it from a backup")]
    AuditKeyMalformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: AuditKeyError,
    },
    /// The key of the audit log is gone, and there are heads that it signed.
    #[error("{path} is missing; restore it from a backup: it signed the audit log so far")]
    AuditKeyMissing {
        /// The file.
        path: PathBuf,
    },
    /// A row that this program would not have written.
    #[error("the database holds a record that cannot be used ({table} {id}: {why}); restore it from a backup")]
    BadRecord {
        /// The table.
        table: &'static str,
        /// The row's name.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database is damaged.
    #[error("the database {path} is damaged ({detail}); restore it from a backup, or begin with another state folder")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the database says.
        detail: String,
    },
    /// There is no such credential.
    #[error("there is no credential {0}")]
    CredentialUnknown(CredentialId),
    /// Another failure of the database.
    #[error("the database {path} failed: {detail}")]
    Database {
        /// The file, or the server.
        path: PathBuf,
        /// What it says, in its own words.
        detail: String,
    },
    /// No room left.
    #[error("the disk is full: {path} cannot be written")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// A database of another program.
    #[error("{path} is a database of another program; choose another place for ours")]
    ForeignDatabase {
        /// The file.
        path: PathBuf,
    },
    /// A field is empty or too long.
    #[error("{field} must have {bytes_min} to {bytes_max} bytes of text without control characters")]
    Field {
        /// Which field.
        field: &'static str,
        /// The least.
        bytes_min: usize,
        /// The most.
        bytes_max: usize,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A journal holds what this program would not have written.
    #[error("the FIX journal {path} is damaged ({detail}); agree on new sequence numbers with the peer and move it away")]
    JournalDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The public key is not accepted.
    #[error("the public key is not accepted: {0}")]
    Key(#[from] PublicKeyError),
    /// The key is registered already; one key serves one purpose.
    #[error("this key is registered already, for {purpose} (credential {id}); one key serves one purpose, make a new one")]
    KeyTaken {
        /// The credential that has it.
        id: CredentialId,
        /// What it is for.
        purpose: Purpose,
    },
    /// Another process holds the database.
    #[error("the database {path} is locked by another process; try again when it is done")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The material is not of the kind the purpose needs.
    #[error("a {purpose} credential is not made from {material}")]
    MaterialRefused {
        /// What the credential is for.
        purpose: Purpose,
        /// What was given.
        material: &'static str,
    },
    /// The key id is in use.
    #[error("the {purpose} key id {key_id} is taken")]
    NameTaken {
        /// What the credential is for.
        purpose: Purpose,
        /// The name.
        key_id: ApiKeyId,
    },
    /// The database was written by a newer version.
    #[error("the database {path} has schema version {found}, this program knows up to {known}; use the newer program")]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Nothing was copied or started there so far.
    #[error("{path} has no tables of ours: nothing is there to compare with")]
    NoTables {
        /// The database.
        path: PathBuf,
    },
    /// Only an active credential can be rotated.
    #[error("credential {0} is not active; only an active credential can be rotated")]
    NotActive(CredentialId),
    /// The database was written by an older version, and is not to be changed by looking at it.
    #[error("the database {path} has schema version {found}, of an older program; this one compares version {known} only")]
    OlderSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Others may touch a file that must be private.
    #[error("{path} can be used by others (mode {mode:04o}); run: chmod {} {path}", fitting(*mode_max))]
    Permissions {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The most it may be.
        mode_max: u32,
    },
    /// The purpose has no use for this algorithm.
    #[error("a {purpose} credential does not take {algorithm}")]
    PurposeRefuses {
        /// What the credential is for.
        purpose: Purpose,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// A refused login of this purpose names no key, so there is nothing to explain.
    #[error("a {purpose} credential cannot have its refusals explained online: {why}")]
    NotExplained {
        /// What the credential is for.
        purpose: Purpose,
        /// Why not.
        why: &'static str,
    },
    /// A revoked credential stays revoked.
    #[error("credential {0} is revoked, for ever; make a new one")]
    Revoked(CredentialId),
    /// The sealing key file is not one.
    #[error("the sealing key {path} does not have 32 bytes; restore it from a backup")]
    SealingKeyMalformed {
        /// The file.
        path: PathBuf,
    },
    /// The database was sealed under another key.
    #[error("the secrets in {path} are sealed under another sealing key; restore the sealing.key that belongs to it")]
    SealingKeyMismatch {
        /// The database.
        path: PathBuf,
    },
    /// A shared secret that is a public key: whoever reads the key could sign.
    #[error("the secret is a public key; anybody who has it could sign")]
    SecretIsPublicKey,
    /// The memory that nodes share cannot be used.
    #[error("the shared memory (Redis or Valkey) cannot be used: {why}")]
    SharedMemory {
        /// What is wrong, without its address, which may hold a password.
        why: String,
    },
    /// A server that would not keep what it is given, or may not have all of it.
    #[error("the database {path} cannot be used: {why}")]
    ServerUnfit {
        /// The server.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// There is no such session.
    #[error("there is no session {0}")]
    SessionUnknown(SessionId),
    /// A database that something is to be copied into holds other things.
    #[error("the database {path} holds records already, and others than those to be copied; copy into an empty one")]
    TargetInUse {
        /// The database.
        path: PathBuf,
    },
    /// A server did not answer in time, or ended what took too long.
    #[error("the database {path} did not answer in time")]
    Unanswered {
        /// The server.
        path: PathBuf,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

fn fitting(mode_max: u32) -> String {
    format!("{mode_max:o}")
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Self::DiskFull { path };
        }
        Self::Io { action, path, source }
    }

    /// Turns a failure of the database into the sentence it deserves.
    pub(crate) fn database(path: &Path, source: sqlx::Error) -> Self {
        match source.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>()) {
            Some(told) => match ServerFailure::of(told.code()) {
                Some(ServerFailure::Conflict) => Self::Locked { path: path.to_owned() },
                Some(ServerFailure::Damage) => Self::Corrupt { path: path.to_owned(), detail: told.message().to_owned() },
                Some(ServerFailure::Full) => Self::DiskFull { path: path.to_owned() },
                Some(ServerFailure::Late) => Self::Unanswered { path: path.to_owned() },
                // Its words and its code. The client library adds a line of the server's source, which looks like one of a file here.
                None => Self::Database { path: path.to_owned(), detail: format!("{} (SQLSTATE {})", told.message(), told.code()) },
            },
            None => Self::file(path, &source),
        }
    }

    /// Primary result codes of SQLite: sqlite.org/rescode.html.
    fn file(path: &Path, source: &sqlx::Error) -> Self {
        const BUSY: i32 = 5;
        const LOCKED: i32 = 6;
        const CORRUPT: i32 = 11;
        const FULL: i32 = 13;
        const NOT_A_DATABASE: i32 = 26;
        let path = path.to_owned();
        match primary_code(source) {
            Some(BUSY | LOCKED) => Self::Locked { path },
            Some(CORRUPT | NOT_A_DATABASE) => Self::Corrupt { path, detail: message(source) },
            Some(FULL) => Self::DiskFull { path },
            Some(_) | None => Self::Database { path, detail: source.to_string() },
        }
    }

    /// Whether the store itself failed, rather than what was asked of it being wrong.
    #[must_use]
    pub const fn is_infrastructure(&self) -> bool {
        matches!(
            self,
            Self::BadRecord { .. }
                | Self::Corrupt { .. }
                | Self::Database { .. }
                | Self::DiskFull { .. }
                | Self::Io { .. }
                | Self::JournalDamaged { .. }
                | Self::Locked { .. }
                | Self::SealingKeyMismatch { .. }
                | Self::ServerUnfit { .. }
                | Self::SharedMemory { .. }
                | Self::Unanswered { .. }
        )
    }
}

/// What a server's error means for us (SQLSTATE, PostgreSQL appendix A).
enum ServerFailure {
    Conflict,
    Damage,
    Full,
    Late,
}

impl ServerFailure {
    fn of(code: &str) -> Option<Self> {
        match code {
            // Serialization failure, deadlock: the server chose this one to give way.
            "40001" | "40P01" => Some(Self::Conflict),
            "XX001" | "XX002" => Some(Self::Damage),
            "53100" => Some(Self::Full),
            // Its own limits of time, which we set: a lock, a statement, a transaction that does nothing.
            "25P03" | "55P03" | "57014" => Some(Self::Late),
            _ => None,
        }
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

fn message(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |source| source.message().to_owned())
}

impl From<&StoreError> for Reject {
    /// What a request is refused with when the store fails it: never a bad key.
    fn from(_: &StoreError) -> Self {
        Self::StoreUnavailable
    }
}
