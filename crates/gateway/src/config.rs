//! Configuration in two stages: what was written, by whom ([`raw`](self::raw)), then what it means ([`Settings`]).
//!
//! ```text
//!   defaults < file (TOML) < environment (COUNTERSIGN_…) < command line
//!        │         │                │                         │
//!        └─────────┴───RawConfig────┴─────────────────────────┘   every key with its text and origin
//!                          │  reader: type, range, unit; all problems at once
//!                          ▼
//!                      Settings        every value there, no Option where a default exists
//! ```
//!
//! A setting is declared in one place, where its section is read: key, meaning, default and bounds. File, environment, command
//! line, `config show`, `config check` and the reference in `docs/configuration.md` all follow from that.
//!
//! What is not here: secrets. Keys are named by file path only, so the effective configuration can be shown to anybody.

mod authz;
mod cluster;
mod environment;
mod error;
mod file;
mod fix;
mod issuer;
mod limits;
mod native;
mod proxy_protocol;
mod raw;
mod reader;
mod reference;
mod route;
mod sections;
mod settings;
mod suggest;
mod tokens;
mod units;
mod upstream;

use std::path::{Path, PathBuf};

pub use environment::{ENVIRONMENT_PREFIX, environment_name};
pub use error::ConfigError;
pub use fix::{FixSender, FixSettings};
pub use raw::Origin;
pub use reference::reference;
pub use settings::{
    Authorities, AuthzSettings, BinanceSettings, CertificateSource, ClientTrust, ClusterSettings, DatabaseSettings, DemoAccount,
    IssuerSettings, KeySource, LimitSettings, ListenSettings, LogFormat, LogSettings, NativeSettings, OperatorSettings, RedisSettings,
    Settings, Shown, SniRule, TokenSettings, Upstream, UpstreamTarget, host_of,
};

use raw::RawConfig;

/// One command-line override.
#[derive(Clone, Debug)]
pub struct Override {
    /// The flag as typed, for messages: `--listen`.
    pub flag: String,
    /// The key it sets: `listen.address`.
    pub key: String,
    /// The value as typed.
    pub value: String,
}

/// Where settings come from, weakest first. Empty means: defaults only.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// The environment; only names starting with [`ENVIRONMENT_PREFIX`] are looked at.
    pub environment: Vec<(String, String)>,
    /// Command-line overrides.
    pub overrides: Vec<Override>,
}

/// Loads the settings.
///
/// # Errors
/// All problems of all sources at once.
pub fn load(sources: &Sources) -> Result<Settings, Vec<ConfigError>> {
    let mut raw = RawConfig::default();
    let mut errors = Vec::new();
    if let Some(path) = &sources.file {
        file::read(path, &mut raw, &mut errors);
    }
    environment::read(&sources.environment, &mut raw);
    for over in &sources.overrides {
        raw.set_text(&over.key, &over.value, Origin::Flag(over.flag.clone()));
    }
    // A file that is not TOML has no keys to complain about: only its syntax errors are told.
    if !errors.is_empty() {
        return Err(in_order(errors));
    }
    sections::validate(raw).map_err(in_order)
}

/// Problems in the order in which a reader of the file meets them.
fn in_order(mut errors: Vec<ConfigError>) -> Vec<ConfigError> {
    errors.sort_by(|one, two| (one.line, &one.path).cmp(&(two.line, &two.path)));
    errors
}

/// Checks one configuration file against the defaults, without environment and command line.
///
/// # Errors
/// All problems at once.
pub fn check(path: &Path) -> Result<Settings, Vec<ConfigError>> {
    load(&Sources { file: Some(path.to_owned()), ..Sources::default() })
}

#[cfg(test)]
mod tests;
