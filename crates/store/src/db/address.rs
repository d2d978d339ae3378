//! Where a PostgreSQL server is, and how it is believed.
//!
//! ```text
//!   postgresql://USER@HOST[:PORT]/DATABASE[?sslmode=…&sslrootcert=…&sslcert=…&sslkey=…]
//!   postgresql://USER@localhost/DATABASE?host=/run/postgresql    a Unix socket
//! ```
//!
//! | server | `sslmode` unless the URL says |
//! |---|---|
//! | a socket, or this machine's loopback | TLS if the server offers it |
//! | any other | `verify-full`: TLS, and the certificate is for this name |
//!
//! An address holds no password: it is shown to anybody. The password comes from a file, from the environment (`PGPASSWORD`) or from
//! `~/.pgpass`, as PostgreSQL's own programs take it.

use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::error::StoreError;
use crate::limits;

const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];
/// What an address may say after `?`. Anything else could hold a secret or change what we rely on.
const PARAMETERS: [&str; 6] = ["host", "port", "sslcert", "sslkey", "sslmode", "sslrootcert"];

/// The address of a PostgreSQL database.
#[derive(Clone)]
pub struct DatabaseAddress {
    shown: String,
    options: PgConnectOptions,
}

impl DatabaseAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`StoreError::AddressRefused`]; it does not repeat what was found, which may hold a password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme)).ok_or_else(|| refused(EXPECTED))?;
        if url.len() > limits::ADDRESS_BYTES_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('#') {
            return Err(refused("expected visible ASCII characters without #, not too many"));
        }
        let (server, query) = rest.split_once('?').unwrap_or((rest, ""));
        if server.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return Err(refused("it holds a password, which everybody could see: put it into a file"));
        }
        let named = |pair: &str| PARAMETERS.contains(&pair.split_once('=').unwrap_or((pair, "")).0);
        if !query.split('&').filter(|pair| !pair.is_empty()).all(named) {
            return Err(refused("after ? only host, port, sslmode, sslrootcert, sslcert and sslkey are taken"));
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| refused(EXPECTED))?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err(refused("it names no database"));
        }
        let options = if query.contains("sslmode=") { options } else { with_safe_mode(options) };
        Ok(Self { shown: shown(&options), options: options.disable_statement_logging() })
    }

    /// With the password of its user.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.options = self.options.password(password);
        self
    }

    /// The name under which the server lists our connections.
    #[must_use]
    pub fn of_node(mut self, node: &str) -> Self {
        self.options = self.options.application_name(&format!("countersign/{node}"));
        self
    }

    /// The address for people.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    pub(crate) fn place(&self) -> &Path {
        Path::new(&self.shown)
    }

    /// How it is connected to. The server ends what takes too long by itself, also when we are gone.
    pub(crate) fn options(&self) -> PgConnectOptions {
        let millis = |time: std::time::Duration| time.as_millis().to_string();
        self.options.clone().options([
            ("statement_timeout", millis(limits::SERVER_ANSWER_MAX)),
            ("lock_timeout", millis(limits::BUSY_TIMEOUT)),
            ("idle_in_transaction_session_timeout", millis(limits::SERVER_IDLE_MAX)),
        ])
    }
}

impl std::fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DatabaseAddress({})", self.shown)
    }
}

const EXPECTED: &str = "expected postgresql://USER@HOST[:PORT]/DATABASE[?sslmode=…]";

fn refused(why: &str) -> StoreError {
    StoreError::AddressRefused { why: why.to_owned() }
}

fn with_safe_mode(options: PgConnectOptions) -> PgConnectOptions {
    let host = options.get_host();
    let here = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let mode = if here { PgSslMode::Prefer } else { PgSslMode::VerifyFull };
    options.ssl_mode(mode)
}

fn shown(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("postgresql://localhost/{database}?host={}&port={}", socket.display(), options.get_port()),
        None => format!("postgresql://{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn mode(url: &str) -> String {
        format!("{:?}", DatabaseAddress::parse(url).unwrap().options().get_ssl_mode())
    }

    #[test]
    fn a_server_elsewhere_is_believed_by_its_certificate_unless_the_address_says_otherwise() {
        for (url, expected) in [
            ("postgresql://c@db.example/countersign", "VerifyFull"),
            ("postgres://c@192.0.2.7:6432/countersign", "VerifyFull"),
            ("postgresql://c@db.example/countersign?sslmode=require", "Require"),
            ("postgresql://c@localhost/countersign", "Prefer"),
            ("postgresql://c@[::1]/countersign", "Prefer"),
            ("postgresql://c@127.0.0.2/countersign", "Prefer"),
            ("postgresql://c@localhost/countersign?host=/run/postgresql", "Prefer"),
        ] {
            assert_eq!(mode(url), expected, "{url}");
        }
    }

    #[test]
    fn an_address_holds_no_password_and_nothing_unknown() {
        for wrong in [
            "postgresql://c:hunter2@db/x",
            "postgresql://c@db/x?password=hunter2",
            "postgresql://c@db/x?options=-c%20hunter2",
            "postgresql://c@db/x#hunter2",
            "postgresql://c@db",
            "postgresql://c@db/x?sslmode=hunter2",
            "mysql://hunter2",
            "hunter2",
        ] {
            let told = DatabaseAddress::parse(wrong).unwrap_err().to_string();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let address = DatabaseAddress::parse("postgresql://c@db.example/countersign").unwrap().with_password("hunter2");
        assert_eq!(address.shown(), "postgresql://db.example:5432/countersign");
        assert!(!format!("{address:?}").contains("hunter2"));
    }
}
