//! The venue's scopes and ours.
//!
//! | asked for | ours |
//! |---|---|
//! | `account:read`, `account:read_write` | `account:read` |
//! | `trade:read` | `order:read` |
//! | `trade:read_write` | `order:read`, `order:write` |
//! | `wallet:read` | `account:read` |
//! | `wallet:read_write` | `account:read`, `funds:withdraw` |
//! | `block_trade:…`, `block_rfq:…`, `custody:…`, `…:none`, `mainaccount` | nothing |
//! | `connection`, `session:<name>`, `expires:<seconds>`, `name:<text>` | nothing: they are about the token |
//!
//! Without any right all that the key may is granted. A restriction that cannot be kept (`ip:…`) is refused, never passed over.

use std::time::Duration;

use countersign_core::{Refusal, Scope, Scopes};

use super::rpc::malformed;
use crate::limits;

/// How long a token is of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Session {
    /// As the transport has it: with the connection on a WebSocket, any connection over HTTP.
    #[default]
    Unnamed,
    /// With the connection.
    Connection,
    /// On any connection, under this name.
    Named(String),
}

/// What a login asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Where the tokens may be used.
    pub session: Session,
    /// What they may do, by our names; `None`: all.
    pub rights: Option<Scopes>,
    /// How long; `None`: as long as usual.
    pub expires: Option<Duration>,
}

/// A session name of the venue: letters, digits, `.`, `_` and `-`, within its limit. cryptofeed has points in it.
pub(super) fn session_name(name: &str) -> Result<String, Refusal> {
    let fine = (1..=limits::SESSION_NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if fine { Ok(name.to_owned()) } else { Err(malformed("session_name")) }
}

impl Wanted {
    /// Reads the `scope` of a login.
    ///
    /// # Errors
    /// [`countersign_core::Reject::Malformed`] for a word that is none of the venue's or cannot be kept.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let mut wanted = Self::default();
        let mut rights: Option<Vec<&str>> = None;
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            match word.split_once(':') {
                None if word == "connection" => wanted.session = Session::Connection,
                None if word == "mainaccount" => {}
                Some(("session", name)) => wanted.session = Session::Named(session_name(name)?),
                // What a client calls itself. It neither grants nor restricts anything, and the venue's reference does not have it.
                Some(("name", name)) if !name.is_empty() && name.len() <= limits::SESSION_NAME_CHARS_MAX => {}
                Some(("expires", seconds)) => wanted.expires = Some(lifetime(seconds)?),
                Some((area, right)) => rights.get_or_insert_default().extend(rights_of(area, right).ok_or_else(|| malformed("scope"))?),
                None => return Err(malformed("scope")),
            }
        }
        wanted.rights = rights.map(|rights| Scopes::collect(rights).map_err(|_| malformed("scope"))).transpose()?;
        Ok(wanted)
    }
}

fn lifetime(seconds: &str) -> Result<Duration, Refusal> {
    let seconds = seconds.parse().ok().filter(|seconds| *seconds > 0).ok_or_else(|| malformed("scope"))?;
    Ok(Duration::from_secs(seconds).min(limits::ACCESS_TOKEN_LIFETIME_MAX))
}

fn rights_of(area: &str, right: &str) -> Option<&'static [&'static str]> {
    match (area, right) {
        ("account" | "trade" | "wallet", "none") | ("block_trade" | "block_rfq" | "custody", "none" | "read" | "read_write") => Some(&[]),
        ("account", "read" | "read_write") | ("wallet", "read") => Some(&[Scope::ACCOUNT_READ]),
        ("trade", "read") => Some(&[Scope::ORDER_READ]),
        ("trade", "read_write") => Some(&[Scope::ORDER_READ, Scope::ORDER_WRITE]),
        ("wallet", "read_write") => Some(&[Scope::ACCOUNT_READ, Scope::FUNDS_WITHDRAW]),
        _ => None,
    }
}

/// What was granted, in the venue's words.
#[must_use]
pub fn granted(scopes: &Scopes, session: Option<&str>) -> String {
    let has = |name| Scope::parse(name).is_ok_and(|scope| scopes.contains(&scope));
    let account = if has(Scope::ACCOUNT_READ) { "read" } else { "none" };
    let trade = match (has(Scope::ORDER_READ), has(Scope::ORDER_WRITE)) {
        (_, true) => "read_write",
        (true, false) => "read",
        (false, false) => "none",
    };
    let wallet = match (has(Scope::FUNDS_WITHDRAW), has(Scope::ACCOUNT_READ)) {
        (true, _) => "read_write",
        (false, true) => "read",
        (false, false) => "none",
    };
    let session = session.map_or_else(|| "connection".to_owned(), |name| format!("session:{name}"));
    format!("{session} account:{account} trade:{trade} wallet:{wallet} block_trade:none")
}
