//! The services behind the gateway.

use crate::config::fix::FixSender;

/// A service behind the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is.
    pub target: UpstreamTarget,
    /// Audience of the identity tokens made for it.
    pub audience: String,
    /// `host:port` of its FIX acceptor; the embedded venue has its own.
    pub fix: Option<String>,
    /// Our SenderCompID there.
    pub fix_sender: FixSender,
    /// Its CompID, where it is not the one the client names.
    pub fix_target: Option<String>,
    /// Whether each Logon there resets the numbers.
    pub fix_reset: bool,
    /// Whether the embedded venue lists its perpetual at Binance's USD-M futures.
    pub perpetual: bool,
}

/// Where an upstream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamTarget {
    /// The paper venue inside this process.
    Embedded,
    /// `http://host:port`.
    Http {
        /// Host name, IPv4 address, or IPv6 address without brackets.
        host: String,
        /// Port.
        port: u16,
    },
}
