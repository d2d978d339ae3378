//! The `explain` command.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A raw HTTP request, curl command, WebSocket frame or FIX message: a file, the text itself, or `-` for standard input.
    #[arg(value_name = "REQUEST", allow_hyphen_values = true)]
    pub(crate) request: String,
    /// The dialect, where it is not to be recognised (`dialect list`).
    #[arg(long, value_name = "NAME")]
    pub(crate) dialect: Option<String>,
    /// The secret or key of the sender; other users of this machine may see it: `--secret-file` is better.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, group = "key")]
    pub(crate) secret: Option<String>,
    /// A file with the secret, or with a public or private key in PEM.
    #[arg(long, value_name = "FILE", group = "key")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The credential file of the key, as `key new` writes it.
    #[arg(long, value_name = "FILE", group = "key")]
    pub(crate) credential: Option<PathBuf>,
    /// The passphrase of the key.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) passphrase: Option<String>,
    /// When the request arrived: a time (2027-01-01T00:00:00.000Z), milliseconds since 1970, or a duration before now (15m).
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// The highest nonce that was used with the key before.
    #[arg(long, value_name = "N")]
    pub(crate) last_nonce: Option<u64>,
    /// One JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
