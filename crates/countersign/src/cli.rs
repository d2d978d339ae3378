//! The command line. Help texts, completions and man pages all come from here.

mod audit;
mod connect;
mod explain;
mod halt;
mod key;
mod session;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use audit::{AuditArgs, AuditCommand, AuditExportArgs, AuditFetchArgs, AuditProveArgs, AuditVerifyArgs, ExportFormat};
pub(crate) use connect::{BindArg, Carriage, CodArg, ConnectArgs};
pub(crate) use explain::ExplainArgs;
pub(crate) use halt::{DrillCommand, DrillRunArgs, HaltArgs, HaltCommand, LiftCommand, OperatorCommand};
pub(crate) use key::{KeyCommand, KeyNewArgs, KeyRotateArgs, KeySetArgs};
pub(crate) use session::{SessionCommand, TokenCommand, TokenRevokeArgs};

/// The gateway in front of a trading API: TLS, authentication, and only permitted traffic behind it.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway; without a configuration it starts a paper venue behind it and makes everything it needs.
    Serve(ServeArgs),
    /// Tour in one process, a few seconds: both handshakes, an order, and what is refused and why.
    Demo(DemoArgs),
    /// Connect as a client: TLS ladder, contract, then market data and orders from a prompt or piped lines.
    Connect(ConnectArgs),
    /// Show what a server's TLS and API handshakes offer, step by step, and which step fails and why.
    Probe(ProbeArgs),
    /// Accounts: whose orders and balances.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Keys: credentials of accounts.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Open sessions of the running gateway, native and FIX.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Tokens that the running gateway gave out.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Dialects: how clients of exchanges log in.
    #[command(subcommand)]
    Dialect(DialectCommand),
    /// Stop trading, at once; see what is stopped.
    Halt(HaltArgs),
    /// Let trading go on again: proposed by one operator, signed by as many as the quorum asks for.
    #[command(subcommand)]
    Lift(LiftCommand),
    /// Rehearse the emergency shutdown.
    #[command(subcommand)]
    Drill(DrillCommand),
    /// Operators: who may lift halts.
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Say why a request is refused: the text that should have been signed, and the mistake behind the one that was.
    Explain(ExplainArgs),
    /// The effective configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run recorded requests through the gateway's own verification.
    Vectors(VectorsArgs),
    /// Run the paper venue alone.
    Venue(VenueArgs),
    /// The audit log: show it, verify it, export it, prove what is in it.
    Audit(Box<AuditArgs>),
    /// Copy the embedded database into a PostgreSQL database that nodes share, and compare row by row.
    Migrate(MigrateArgs),
    /// Write shell completions to standard output.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write man pages into a folder.
    Man {
        /// The folder; made if it is not there.
        #[arg(default_value = "man")]
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DialectCommand {
    /// All dialects: kinds of keys, what a proof is fresh by, endpoints.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Where the gateway keeps its keys, database and logs.
#[derive(Clone, Debug, Args)]
pub(crate) struct StateArgs {
    /// State folder.
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_STATE_DIR", default_value = "countersign-state")]
    pub(crate) state: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// State folder with the embedded database; its gateway must be stopped.
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_STATE_DIR", default_value = "countersign-state")]
    pub(crate) from: PathBuf,
    /// PostgreSQL database, empty: postgresql://USER@HOST[:PORT]/DATABASE.
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// File with the password of its user; without it PGPASSWORD or ~/.pgpass counts.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Only compare; the gateway may be running.
    #[arg(long)]
    pub(crate) check: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// State folder [default: ./countersign-state].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Configuration file (TOML).
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address for clients [default: 127.0.0.1:8443].
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address for operators, mutual TLS [default: 127.0.0.1:9443].
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) operator_listen: Option<SocketAddr>,
    /// Worker threads, each with its own runtime; 0 for one per core.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Take over from the gateway that runs on this state folder, if one does: its ports, its sessions, without a refused connection.
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Log lines as JSON, for machines.
    #[arg(long)]
    pub(crate) json: bool,
    /// Set any configuration key, as KEY=VALUE; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Three nodes as processes of their own instead: live orders, a killed node, a resumed session, a halt and a lift. Needs
    /// PostgreSQL and Redis or Valkey on this machine.
    #[arg(long)]
    pub(crate) cluster: bool,
    /// With --cluster: measure this many halts under load in place of the tour, each raised at one node and lifted by two operators.
    #[arg(long, value_name = "COUNT", requires = "cluster", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) halts: Option<u32>,
    /// With --halts: this many more while one node reaches neither database nor Redis.
    #[arg(long, value_name = "COUNT", requires = "halts", default_value_t = 0)]
    pub(crate) partitions: u32,
    /// One JSON object per step instead of the ladders.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// HOST:PORT, or a URL.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) target: String,
    /// CA certificates to trust, PEM; default: the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Server name to ask for and to check; default: HOST.
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// Seconds to wait for each step.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) timeout: u64,
    /// One JSON object with all findings.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account.
    New {
        /// Its name: letters, digits, `.`, `_`, `-`.
        account: String,
        /// What people call it.
        #[arg(long, default_value = "")]
        label: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// List accounts.
    List {
        /// One JSON array.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Pause all keys of an account that are active; those made later are not touched.
    Suspend {
        /// Its name.
        account: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Take the suspension of all keys of an account back, also of those that were paused one by one.
    Resume {
        /// Its name.
        account: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// End all keys of an account for ever; open sessions of them are cut. `halt --scope account:NAME` also stops keys made later.
    Revoke {
        /// Its name.
        account: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Show one account with its keys.
    Show {
        /// Its name.
        account: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration file; all problems at once.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Show effective values with their origin.
    Show {
        /// The file; default: built-in values and environment only.
        file: Option<PathBuf>,
        /// One JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Print a reference of all keys with defaults and reasons.
    Reference,
}

#[derive(Debug, Args)]
pub(crate) struct VectorsArgs {
    /// The file (JSON).
    pub(crate) file: PathBuf,
    /// Only vectors whose id contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) only: String,
    /// A line for each vector, not only for mismatches.
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VenueArgs {
    /// Where to listen; keep it out of reach of clients.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8081")]
    pub(crate) listen: SocketAddr,
    /// Where to listen for the gateway's FIX sessions; none without it.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) fix_listen: Option<SocketAddr>,
    /// Where the gateway publishes its keys: `http://host:port/path`, or a file.
    #[arg(long, value_name = "URL|FILE")]
    pub(crate) jwks: String,
    /// Audience that identity tokens must have.
    #[arg(long, default_value = "venue")]
    pub(crate) audience: String,
    /// Seed of the market: the same seed gives the same prices.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// List the perpetual `BTCUSDT` at Binance's USD-M futures.
    #[arg(long)]
    pub(crate) perpetual: bool,
    /// Log lines as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests;
