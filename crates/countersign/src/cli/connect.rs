//! `connect`: what its session asks for.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// Where the gateway is; default: the address in the credential file.
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Native credential file, as `key new` writes it.
    #[arg(long, value_name = "FILE")]
    pub(crate) credential: PathBuf,
    /// Another node of the same gateway, where the session is resumed when this one is gone; may be given several times.
    #[arg(long, value_name = "URL")]
    pub(crate) also: Vec<String>,
    /// CA certificates to trust, PEM; default: those in the credential file, else the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Channel binding.
    #[arg(long, value_enum, default_value = "exp")]
    pub(crate) bind: BindArg,
    /// How the handshake travels.
    #[arg(long, value_enum, default_value = "raw")]
    pub(crate) carriage: Carriage,
    /// Scopes to ask for, separated by commas; default: all the key has.
    #[arg(long, value_name = "SCOPES")]
    pub(crate) want: Option<String>,
    /// Whose orders are cancelled when the connection is lost for longer than the grace.
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) cod: CodArg,
    /// Which of these orders.
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) cod_class: CodClassArg,
    /// How long after a lost connection orders are cancelled, in milliseconds; a session that is resumed before keeps them.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) cod_grace_ms: u64,
    /// Seconds that the session should live before its key is proved again, which happens by itself; default: as long as the gateway
    /// grants.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) life: Option<u64>,
    /// Seconds that the session should wait when the connection is lost; 0 to end with it.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) resume: u64,
    /// One JSON object per line: messages in, messages out.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodArg {
    /// Nobody's: orders stay.
    None,
    /// Those of this session.
    Session,
    /// All of the account.
    Account,
}

impl CodArg {
    /// The word in the contract.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Session => "session",
            Self::Account => "account",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodClassArg {
    /// All of them.
    All,
    /// Those that end with the day; what is good until cancelled stays.
    Day,
    /// Those that may open or enlarge a position; what only reduces one stays.
    Opening,
}

impl CodClassArg {
    /// The word in the contract.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Day => "day",
            Self::Opening => "opening",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BindArg {
    /// TLS exporter value (RFC 9266).
    Exp,
    /// Server nonce and server certificate.
    Sep,
    /// Server nonce and host name only.
    Chl,
}

impl From<BindArg> for countersign_core::Binding {
    fn from(bind: BindArg) -> Self {
        match bind {
            BindArg::Chl => Self::Chl,
            BindArg::Exp => Self::Exp,
            BindArg::Sep => Self::Sep,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Carriage {
    /// Frames, one per line, directly on TLS.
    Raw,
    /// WebSocket text frames.
    Websocket,
    /// HTTP requests with the handshake in a header.
    Http,
}
