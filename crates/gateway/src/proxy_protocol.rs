//! The PROXY protocol: what a load balancer says in front of everything else, and whose connection it then is (ADR 0063).
//!
//! Source: the specification of HAProxy, `doc/proxy-protocol.txt` (2020-03-05), versions 1 and 2.
//!
//! | `listen.proxy_protocol` | the peer | its first bytes | then |
//! |---|---|---|---|
//! | `off` | anybody | not looked at | the peer is the client |
//! | `required` | not in `listen.proxy_trusted` | not looked at | closed |
//! | `required` | in `listen.proxy_trusted` | a header that names a client | that is the client |
//! | | | one that names nobody (`LOCAL`, `UNSPEC`, `UNKNOWN`: checks of the balancer) | the peer is the client |
//! | | | anything else, none in time, none | closed |
//!
//! A header is read once, to its last byte and no further: what follows is TLS, and a second header is none. Whether one is there is
//! never guessed: a client that could choose would write its own.
//!
//! A place among all connections is taken before it is read, one of the client's source after it. A balancer that lies about sources
//! has no more than all places, and each of its connections costs it what a client's costs.

mod binary;
mod header;
mod limits;
mod text;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

pub use self::header::{Arriving, Header, HeaderError};
pub use self::limits::{BINARY_BYTES_MAX, HEADER_DEADLINE, TEXT_BYTES_MAX};
use crate::connection::{ConnectionLimits, OpenSlot, Slots};

/// Whether a load balancer in front names the clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// None does: whoever connects is the client.
    Off,
    /// Balancers in these networks do, and nobody else may connect.
    Required(Vec<IpNet>),
}

/// Why a connection was closed before anything but a header was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The peer is no balancer of ours.
    Untrusted,
    /// A balancer ended it before it said anything: it looked whether somebody listens.
    Silent,
    /// A balancer began with something else, or did not come to the end of its header.
    Missing,
    /// A header that cannot be read in one way.
    Malformed,
    /// No whole header in time.
    Late,
}

impl Closed {
    /// All of them, in the order of their discriminants, which index the counters.
    pub const ALL: [Self; 5] = [Self::Untrusted, Self::Silent, Self::Missing, Self::Malformed, Self::Late];

    /// The name on metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::Silent => "silent",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Late => "late",
        }
    }
}

/// Whose connection it is.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The client.
    pub(crate) remote: SocketAddr,
    /// The balancer that named it.
    pub(crate) proxy: Option<IpAddr>,
    /// Its places.
    pub(crate) slots: Slots,
}

/// What is known of a connection when it is accepted, with the place that it takes.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A client.
    Client(Caller),
    /// A balancer, which is about to say for whom.
    Proxy(SocketAddr, OpenSlot),
}

/// Why a connection has no place.
#[derive(Debug)]
pub(crate) enum NoPlace {
    /// Its peer may not connect.
    Untrusted,
    /// A cap is reached.
    Full,
}

/// Why nobody was named by a balancer.
#[derive(Debug)]
pub(crate) enum Unnamed {
    /// No header that can be used.
    Closed(Closed, String),
    /// The client that it names has as many connections as it may have.
    Full(SocketAddr),
}

impl ProxyProtocol {
    /// Gives a connection that was just accepted its place.
    pub(crate) fn admit(&self, limits: &Arc<ConnectionLimits>, peer: SocketAddr) -> Result<Arrival, NoPlace> {
        match self {
            Self::Off => {
                let slots = limits.admit(peer.ip()).ok_or(NoPlace::Full)?;
                Ok(Arrival::Client(Caller { remote: peer, proxy: None, slots }))
            }
            Self::Required(trusted) if trusted.iter().any(|network| network.contains(&peer.ip().to_canonical())) => {
                limits.admit_unnamed().map(|place| Arrival::Proxy(peer, place)).ok_or(NoPlace::Full)
            }
            Self::Required(_) => Err(NoPlace::Untrusted),
        }
    }
}

impl Arrival {
    /// The client, read from the balancer's header where there is to be one, within `deadline` at the latest.
    pub(crate) async fn caller(self, stream: &mut TcpStream, deadline: Duration) -> Result<Caller, Unnamed> {
        let (peer, place) = match self {
            Self::Client(caller) => return Ok(caller),
            Self::Proxy(peer, place) => (peer, place),
        };
        let late = |_| Unnamed::Closed(Closed::Late, "no whole PROXY protocol header in time".to_owned());
        let remote = match tokio::time::timeout(deadline.min(HEADER_DEADLINE), read_header(stream)).await.map_err(late)?? {
            Header::Client(client) => client,
            Header::Local => peer,
        };
        let slots = place.of_source(remote.ip()).ok_or(Unnamed::Full(remote))?;
        Ok(Caller { remote, proxy: Some(peer.ip().to_canonical()), slots })
    }
}

/// Reads one header and nothing behind it: bytes are looked at before they are taken.
async fn read_header(stream: &mut TcpStream) -> Result<Header, Unnamed> {
    let (mut arriving, mut room) = (Arriving::default(), [0; ROOM_BYTES]);
    let mut why = Closed::Silent;
    loop {
        let gone = |error: std::io::Error| Unnamed::Closed(why, error.to_string());
        let there = stream.peek(&mut room).await.map_err(gone)?;
        if there == 0 {
            return Err(Unnamed::Closed(why, "ended before a PROXY protocol header was whole".to_owned()));
        }
        let (taken, header) = arriving.take(&room[..there]).map_err(|error| Unnamed::Closed(error.closed(), error.to_string()))?;
        stream.read_exact(&mut room[..taken]).await.map_err(gone)?;
        why = Closed::Missing;
        if let Some(header) = header {
            return Ok(header);
        }
    }
}

/// How much is looked at together: a header with the fields that balancers of clouds add has below 150 bytes.
const ROOM_BYTES: usize = 256;

#[cfg(test)]
mod tests;
