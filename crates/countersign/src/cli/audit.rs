//! The `audit` command and its subcommands.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::StateArgs;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// How many records, newest last.
    #[arg(long, short = 'n', default_value_t = 20)]
    pub(crate) count: usize,
    /// Only the decision with this id, as told to the client.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) correlation: Option<String>,
    /// Only this event: accept, refuse, session_open, key_new...
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Option<String>,
    /// Only refusals for this reason: unknown_key, bad_signature...
    #[arg(long, value_name = "REASON")]
    pub(crate) reject: Option<String>,
    /// Only this account.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// Only this key, by the name clients send.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
    /// Only since then: a duration before now (`15m`) or a time.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// The lines as they stand in the log, one JSON object each.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that nobody changed, dropped, moved or cut off a record; or check a proof file.
    Verify(AuditVerifyArgs),
    /// Write records for an auditor: who, by which key, for what, at which microsecond.
    Export(AuditExportArgs),
    /// Fetch the copy of a node's log from the database that nodes share, into a new folder, byte for byte.
    Fetch(AuditFetchArgs),
    /// Write a proof file that others can check without the log.
    Prove(AuditProveArgs),
    /// Sign the log as it is now; keep the head elsewhere, and nothing before it can be changed unseen.
    Head {
        /// Where to write it; `-` for standard output.
        #[arg(long, value_name = "FILE", default_value = "-")]
        out: PathBuf,
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerifyArgs {
    /// Check this proof file instead of a log; nothing else is read but the key.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["log", "head", "archived"])]
    pub(crate) proof: Option<PathBuf>,
    /// Public key that signed the heads (PEM); may be repeated; default: the state folder's.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
    /// A head that was kept elsewhere; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) head: Vec<PathBuf>,
    /// Folder of the log, when it is not in a state folder.
    #[arg(long, value_name = "DIR", requires = "key")]
    pub(crate) log: Option<PathBuf>,
    /// Files of past days were moved to an archive: begin at the first that is there.
    #[arg(long)]
    pub(crate) archived: bool,
    /// One JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AuditFetchArgs {
    /// The node, by its name in `[cluster]`.
    pub(crate) node: String,
    /// The folder; it must not be there yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct AuditExportArgs {
    /// Form.
    #[arg(long, value_enum, default_value = "jsonl")]
    pub(crate) format: ExportFormat,
    /// Only this event.
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Option<String>,
    /// Only this account.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// Only this key, by the name clients send.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
    /// From then on: a duration before now (`15m`) or a time.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Before then.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// Folder of the log, when it is not in a state folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) log: Option<PathBuf>,
    /// Where to write it (0600); `-` for standard output. Nothing is overwritten.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct AuditProveArgs {
    /// That this key (by the name clients send, or its id) was revoked before the decision of `--before`.
    #[arg(long, value_name = "KEY", group = "what", requires = "before", allow_hyphen_values = true)]
    pub(crate) revoked: Option<String>,
    /// The decision, by the id that the client was told.
    #[arg(long, value_name = "ID", requires = "revoked", allow_hyphen_values = true)]
    pub(crate) before: Option<String>,
    /// That the decision with this id is in the log.
    #[arg(long, value_name = "ID", group = "what", allow_hyphen_values = true)]
    pub(crate) decision: Option<String>,
    /// That the record of this number is in the log.
    #[arg(long, value_name = "N", group = "what")]
    pub(crate) record: Option<u64>,
    /// That the log has everything that was in it at this head, unchanged.
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) grown_from: Option<PathBuf>,
    /// Where to write it; `-` for standard output. Nothing is overwritten.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
