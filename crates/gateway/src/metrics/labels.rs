//! Label sets. Every value is a word of ours.

use prometheus_client::encoding::EncodeLabelSet;

/// How a login came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carriage {
    /// FIX Logon.
    Fix,
    /// HTTP request.
    Http,
    /// Native frames straight on TLS.
    Raw,
    /// WebSocket.
    WebSocket,
}

impl Carriage {
    /// All of them, in the order of their discriminants, which index the arrays.
    pub const ALL: [Self; 4] = [Self::Fix, Self::Http, Self::Raw, Self::WebSocket];

    /// The name on metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Http => "http",
            Self::Raw => "raw",
            Self::WebSocket => "websocket",
        }
    }
}

/// Names of status classes, in the order of `status_class`.
pub(super) const STATUS_CLASSES: [&str; super::STATUS_CLASSES] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ReasonLabel {
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct StatusLabel {
    pub(super) status: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct DialectLabel {
    pub(super) dialect: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct LoginLabel {
    pub(super) dialect: &'static str,
    pub(super) carriage: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct HandshakeLabel {
    pub(super) version: &'static str,
    pub(super) mode: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct NameLabel {
    pub(super) name: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct RouteLabel {
    pub(super) route: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct RouteStatusLabel {
    pub(super) route: String,
    pub(super) status: &'static str,
}
