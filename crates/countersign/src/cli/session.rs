//! `session` and `token`: what a running gateway has open and has given out.

use clap::{Args, Subcommand};

use super::StateArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List open sessions, native and FIX, latest first.
    List {
        /// At most so many.
        #[arg(long, short = 'n', default_value_t = 100)]
        count: usize,
        /// One JSON array.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Show one open session; of a FIX session also CompIDs, sequence numbers and what is behind it.
    Show {
        /// Session id.
        #[arg(value_name = "SESSION", allow_hyphen_values = true)]
        sid: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// End a session, native, FIX or of refresh tokens, with every token that was given out to it; open connections are cut. A FIX
    /// client gets a Logout; it comes back by a new Logon only.
    Kill {
        /// Session id.
        #[arg(value_name = "SESSION", allow_hyphen_values = true)]
        sid: String,
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// List families of refresh tokens, the latest used first.
    List {
        /// At most so many.
        #[arg(long, short = 'n', default_value_t = 100)]
        count: usize,
        /// Ended ones, too.
        #[arg(long)]
        all: bool,
        /// One JSON array.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Revoke tokens; connections that they opened are cut.
    Revoke(TokenRevokeArgs),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct TokenRevokeArgs {
    /// Session id of the tokens: `sid` in each of them and in `token list`.
    #[arg(value_name = "SESSION", group = "which", allow_hyphen_values = true)]
    pub(crate) sid: Option<String>,
    /// All tokens so far of this key, by its id or the name clients send.
    #[arg(long, value_name = "KEY", group = "which", allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
    /// One access token, by its `jti`.
    #[arg(long, value_name = "JTI", group = "which", allow_hyphen_values = true)]
    pub(crate) jti: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
