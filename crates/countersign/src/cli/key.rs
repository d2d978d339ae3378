//! The `key` commands.

use std::path::PathBuf;

use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand};
use countersign_core::Purpose;

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
    /// Let refused logins of a sandbox key be explained to whoever sends them, or stop that.
    Explain {
        /// Its id, or the name clients send.
        #[arg(allow_hyphen_values = true)]
        key: String,
        /// Whether.
        #[arg(value_parser = ["on", "off"])]
        switch: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Change what a key may do, from where, how much, how long. Open sessions follow at once.
    Set(Box<KeySetArgs>),
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
    /// Let the nonces of a key begin anew, after a client sent a huge one and locked itself out.
    ResetNonce {
        /// Its id, or the name clients send.
        #[arg(allow_hyphen_values = true)]
        key: String,
        /// Nonces up to and with this one are spent; default: the present time in milliseconds, so that nothing signed earlier by a
        /// client that counts so passes again.
        #[arg(long, value_name = "N")]
        to: Option<u64>,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Say what a key trades for; it is in the audit log from then on, and in every export.
    Tag {
        /// Its id, or the name clients send.
        #[arg(allow_hyphen_values = true)]
        key: String,
        /// The algorithm that decides.
        #[arg(long, value_name = "TEXT")]
        algo: Option<String>,
        /// The trading desk.
        #[arg(long, value_name = "TEXT")]
        desk: Option<String>,
        /// On whose behalf.
        #[arg(long, value_name = "TEXT")]
        client: Option<String>,
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
    #[arg(long, value_parser = purposes(), default_value = "native", hide_possible_values = true)]
    pub(crate) purpose: Purpose,
    /// Algorithm, where the purpose has several: Ed25519, ES256, PS256, ML-DSA-65 (native); HS256, Ed25519, RS256 (binance); HS256, RS256
    /// (bybit); ES256, Ed25519 (coinbase); `dialect list` shows all.
    #[arg(long, value_name = "ALG")]
    pub(crate) kind: Option<String>,
    /// Register this public key instead of making a pair: PEM, DER, JWK, raw, OpenSSH; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// Register this shared secret instead of making one: a file with its text as the venue hands it out; `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    pub(crate) secret: Option<PathBuf>,
    /// Register this passphrase instead of making one, for purposes that have one: a file; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase: Option<PathBuf>,
    /// The name that clients send; default: one is made. For hyperliquid: the address of a key made elsewhere.
    #[arg(long, value_name = "NAME")]
    pub(crate) key_id: Option<String>,
    /// How many of the highest nonces may overtake each other, for purposes with an increasing nonce; 0: none, as venues have it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) nonce_window: u16,
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
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(crate) expires: Option<String>,
    /// What people call it.
    #[arg(long, default_value = "")]
    pub(crate) label: String,
    /// Let its refused logins be explained to whoever sends them: for keys of a sandbox, see `key explain`.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Where clients reach the gateway, written into the credential file; default: where its last start said it is.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// CA certificates for the credential file, or `none` when a public CA vouches for the gateway; default: the private CA's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<String>,
    /// Where to write the credential file (0600); `-` for standard output. Nothing is overwritten.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// What is not given stays as it is.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct KeySetArgs {
    /// Its id, or the name clients send.
    #[arg(allow_hyphen_values = true)]
    pub(crate) key: String,
    /// All scopes it has from now on, separated by commas.
    #[arg(long, group = "change")]
    pub(crate) scopes: Option<String>,
    /// Address or network it may be used from; may be repeated, and replaces the list; `any`: from anywhere.
    #[arg(long, value_name = "NET", group = "change")]
    pub(crate) ip: Vec<String>,
    /// Request weight per minute.
    #[arg(long, value_name = "N", group = "change")]
    pub(crate) weight_per_minute: Option<u32>,
    /// Orders per ten seconds.
    #[arg(long, value_name = "N", group = "change")]
    pub(crate) orders_per_10s: Option<u32>,
    /// Weakest channel binding of its native sessions; counts from the next login.
    #[arg(long, value_enum, group = "change")]
    pub(crate) min_bind: Option<BindArg>,
    /// When it ends: a duration (`90d`), a time (`2027-01-01T00:00:00Z`), or `never`.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, group = "change")]
    pub(crate) expires: Option<String>,
    /// What people call it.
    #[arg(long, group = "change")]
    pub(crate) label: Option<String>,
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
    /// Where clients reach the gateway, written into the credential file; default: where its last start said it is.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// CA certificates for the credential file, or `none`; default: the private CA's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<String>,
    /// Where to write the new credential file (0600); `-` for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// The purposes by name, for `--purpose`.
fn purposes() -> impl clap::builder::TypedValueParser<Value = Purpose> {
    let names = Purpose::ALL.iter().map(|purpose| clap::builder::PossibleValue::new(purpose.name()).help(purpose.doc()));
    clap::builder::PossibleValuesParser::new(names).map(|name| Purpose::parse(&name).expect("only names of purposes are possible"))
}
