//! Where to connect, as whom, and what to ask for.

use std::time::Duration;

use countersign_core::{Binding, Scope, Scopes};
use countersign_handshake::contract::{Choice, Quantity};
use countersign_handshake::{CredentialFile, Need, Offer, Want};
use countersign_pki::{ClientCertificate, TrustBundle};

use crate::error::ClientError;

/// How the handshake travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// Header of the first HTTP request.
    Http,
    /// Frames, one per line, directly on TLS.
    Raw,
    /// WebSocket text frames.
    WebSocket,
}

impl Carriage {
    pub(crate) fn alpn(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http | Self::WebSocket => vec![b"http/1.1".to_vec()],
            Self::Raw => vec![b"countersign/1".to_vec()],
        }
    }
}

/// A host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Endpoint {
    /// Reads `https://host[:port]`, `wss://host[:port]` or `host:port`; a path is ignored.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url(text.to_owned());
        let (rest, default) = match text.split_once("://") {
            Some(("https" | "wss", rest)) => (rest, Some(443)),
            Some(_) => return Err(wrong()),
            None => (text, None),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (host, port.parse().map_err(|_| wrong())?)
            }
            Some(_) | None => (authority, default.ok_or_else(wrong)?),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() { Err(wrong()) } else { Ok(Self { host: host.to_owned(), port }) }
    }

    /// `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}

/// Everything a connection needs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where.
    pub endpoint: Endpoint,
    /// Other nodes of the same gateway: where a session is resumed when the one before does not answer.
    pub also: Vec<Endpoint>,
    /// As whom.
    pub credential: CredentialFile,
    /// Whom to trust for the server certificate.
    pub trust: TrustBundle,
    /// Client certificate, where the listener wants one.
    pub certificate: Option<ClientCertificate>,
    /// Binding, wishes and hard limits.
    pub offer: Offer,
    /// How.
    pub carriage: Carriage,
    /// How long each step may take.
    pub deadline: Duration,
}

impl Options {
    /// The options of an attempt to come back, from 1: each node has its turn, the one that was lost first, for it may be back.
    #[must_use]
    pub fn of_attempt(&self, attempt: u32) -> Self {
        let place = turn(attempt, self.also.len()).checked_sub(1);
        let endpoint = place.and_then(|place| self.also.get(place)).unwrap_or(&self.endpoint).clone();
        Self { endpoint, ..self.clone() }
    }

    /// Options from a credential file: its URL, its CA, binding `exp`, all scopes that trading needs, and a session that outlives its
    /// connection by ten minutes.
    ///
    /// # Errors
    /// [`ClientError::Url`] or [`ClientError::Pki`] when the file's URL or CA cannot be used.
    pub fn new(credential: CredentialFile) -> Result<Self, ClientError> {
        let trust = match &credential.ca_pem {
            Some(pem) => TrustBundle::from_pem(pem.as_bytes())?,
            None => TrustBundle::empty(),
        };
        let want = Want {
            scopes: trading_scopes(),
            quantities: [(Quantity::ResumeS, RESUME_WISH_S)].into(),
            choices: [(Choice::Rx, vec!["recoverable".to_owned()])].into(),
        };
        Ok(Self {
            endpoint: Endpoint::parse(&credential.url)?,
            also: Vec::new(),
            credential,
            trust,
            certificate: None,
            offer: Offer { bind: Binding::Exp, want, need: Need::default() },
            carriage: Carriage::Raw,
            deadline: Duration::from_secs(5),
        })
    }
}

/// Whose turn an attempt is, counted from 1: 0 is the node that was lost, then the others as they are listed.
fn turn(attempt: u32, others: usize) -> usize {
    usize::try_from(attempt.saturating_sub(1)).unwrap_or(0) % (others + 1)
}

/// How long a session should wait for us, in seconds: longer than a restart of anything between here and there takes.
const RESUME_WISH_S: u64 = 600;

/// All that trading needs; withdrawing funds is asked for explicitly or not at all.
fn trading_scopes() -> Scopes {
    let known = Scope::KNOWN.into_iter().filter(|scope| *scope != Scope::FUNDS_WITHDRAW);
    Scopes::collect(known).expect("the known scopes are scopes")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_node_has_its_turn() {
        assert_eq!((1..=5).map(|attempt| turn(attempt, 2)).collect::<Vec<_>>(), [0, 1, 2, 0, 1]);
        assert_eq!([0, 1, 7, u32::MAX].map(|attempt| turn(attempt, 0)), [0; 4], "alone");
    }

    #[test]
    fn reads_endpoints() {
        let read = |text: &str| Endpoint::parse(text).map(|endpoint| endpoint.authority()).ok();
        assert_eq!(read("https://127.0.0.1:8443"), Some("127.0.0.1:8443".to_owned()));
        assert_eq!(read("https://venue.example/path?x"), Some("venue.example:443".to_owned()));
        assert_eq!(read("wss://[::1]:9/ws"), Some("[::1]:9".to_owned()));
        assert_eq!(read("localhost:1"), Some("localhost:1".to_owned()));
        for wrong in ["http://a:1", "localhost", "https://", ":1", "a:99999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
