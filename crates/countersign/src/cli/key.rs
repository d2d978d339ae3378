//! The `key` commands.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{BindArg, StateArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key, or register a public key made elsewhere.
    New(Box<KeyNewArgs>),
    /// List keys.
    List {
        /// Only those of this account.
        #[arg(long)]
        account: Option<String>,
        /// Revoked ones too.
        #[arg(long)]
        all: bool,
        /// One JSON array.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Show one key: its policy and what happened to it.
    Show {
        /// Its id, or the name clients send.
        #[arg(allow_hyphen_values = true)]
        key: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Replace a key by a new one with the same policy; the old one stays valid for the overlap.
    Rotate(Box<KeyRotateArgs>),
    /// End a key for ever; open sessions of it are cut.
    Revoke {
        /// Its id, or the name clients send.
        #[arg(allow_hyphen_values = true)]
        key: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Pause a key; `resume` takes it back.
    Suspend {
        /// Its id, or the name clients send.
        #[arg(allow_hyphen_values = true)]
        key: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Take a suspension back.
    Resume {
        /// Its id, or the name clients send.
        #[arg(allow_hyphen_values = true)]
        key: String,
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeyNewArgs {
    /// Whose it is.
    #[arg(long)]
    pub(crate) account: String,
    /// What it is for: one key serves one purpose.
    #[arg(long, value_enum, default_value = "native")]
    pub(crate) purpose: PurposeArg,
    /// Algorithm: Ed25519, ES256, PS256, ML-DSA-65 (native); HS256, Ed25519, RS256 (binance).
    #[arg(long, value_name = "ALG")]
    pub(crate) kind: Option<String>,
    /// Register this public key instead of making a pair: PEM, DER, JWK, raw, OpenSSH; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// Client certificate (PEM) or name in it, for purpose client-certificate; without it one is issued by the private CA.
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) certificate: Option<String>,
    /// Scopes, separated by commas.
    #[arg(long, default_value = "md:read,account:read,order:read,order:write")]
    pub(crate) scopes: String,
    /// Address or network it may be used from; may be repeated; default: any.
    #[arg(long, value_name = "NET")]
    pub(crate) ip: Vec<String>,
    /// Request weight per minute.
    #[arg(long, value_name = "N")]
    pub(crate) weight_per_minute: Option<u32>,
    /// Orders per ten seconds.
    #[arg(long, value_name = "N")]
    pub(crate) orders_per_10s: Option<u32>,
    /// Weakest channel binding of its native sessions.
    #[arg(long, value_enum, default_value = "sep")]
    pub(crate) min_bind: BindArg,
    /// When it ends: a duration (`90d`) or a time (`2027-01-01T00:00:00Z`); default: never.
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,
    /// What people call it.
    #[arg(long, default_value = "")]
    pub(crate) label: String,
    /// Where clients reach the gateway, written into the credential file.
    #[arg(long, value_name = "URL", default_value = "https://127.0.0.1:8443")]
    pub(crate) url: String,
    /// CA certificates for the credential file, or `none` when a public CA vouches for the gateway; default: the private CA's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<String>,
    /// Where to write the credential file (0600); `-` for standard output. Nothing is overwritten.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeyRotateArgs {
    /// Its id, or the name clients send.
    #[arg(allow_hyphen_values = true)]
    pub(crate) key: String,
    /// How long the old one stays valid: `0s`, `15m`, `24h`.
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub(crate) overlap: String,
    /// Public key made elsewhere; default: a new pair or secret is made.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// Where clients reach the gateway, written into the credential file.
    #[arg(long, value_name = "URL", default_value = "https://127.0.0.1:8443")]
    pub(crate) url: String,
    /// CA certificates for the credential file, or `none`; default: the private CA's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<String>,
    /// Where to write the new credential file (0600); `-` for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PurposeArg {
    /// The native handshake.
    Native,
    /// Signed requests and logons as at Binance.
    Binance,
    /// Mutual TLS.
    ClientCertificate,
}
