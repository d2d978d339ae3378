//! The clients of a proxy: one record per address, as if each had one connection to us.
//!
//! It keeps what a connection keeps: identity assertions while they are young, and how often this address was refused in this minute,
//! so that a flood of refusals does not fill the audit log.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use countersign_core::Monotonic;
use countersign_pki::{HandshakeMode, NegotiatedParameters, TlsVersion};
use countersign_store::audit::ChannelParameters;

use super::limits::CLIENTS_MAX;
use crate::clock;
use crate::connection::{Connection, ConnectionLimits, Slots};
use crate::worker::Worker;

/// The clients that were asked about lately.
pub(super) struct Clients {
    known: RefCell<HashMap<IpAddr, (Rc<Connection>, Monotonic)>>,
    /// Counts records, not connections: those are the proxy's business.
    uncounted: Arc<ConnectionLimits>,
}

impl Default for Clients {
    fn default() -> Self {
        Self { known: RefCell::default(), uncounted: ConnectionLimits::new(usize::MAX, usize::MAX, usize::MAX) }
    }
}

impl Clients {
    /// The record of a client.
    pub(super) fn at(&self, worker: &Worker, address: IpAddr) -> Rc<Connection> {
        let now = clock::mono();
        let mut known = self.known.borrow_mut();
        if let Some((connection, used)) = known.get_mut(&address) {
            *used = now;
            return Rc::clone(connection);
        }
        if known.len() >= CLIENTS_MAX {
            let longest_silent = known.iter().min_by_key(|(_, (_, used))| *used).map(|(address, _)| *address);
            longest_silent.and_then(|address| known.remove(&address));
        }
        let slots = self.uncounted.admit(address).expect("has no limit");
        let connection = Rc::new(behind_proxy(worker, SocketAddr::new(address, 0), slots));
        known.insert(address, (Rc::clone(&connection), now));
        connection
    }
}

/// A connection whose TLS we have not seen: no exporter value, no certificate, nothing that a login could be bound to. It counts as
/// TLS 1.2, on which native sessions are refused.
pub(super) fn behind_proxy(worker: &Worker, remote: SocketAddr, slots: Slots) -> Connection {
    let unseen = NegotiatedParameters {
        version: TlsVersion::Tls12,
        suite: String::new(),
        group: None,
        alpn: None,
        sni: None,
        handshake: HandshakeMode::Full,
        peer_certificate: None,
    };
    let mut connection = Connection::new(worker.correlation.next(), remote, clock::wall(), unseen, (None, [0; 32]), slots);
    connection.channel = Arc::new(ChannelParameters { via: Some("authz"), ..ChannelParameters::default() });
    connection
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;

    use super::*;
    use crate::testing::on_stage;

    #[tokio::test]
    async fn forgets_only_the_client_that_was_silent_for_longest() {
        on_stage(async |stage| {
            let clients = Clients::default();
            let address = |number: usize| IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap()));
            let first = clients.at(&stage.worker, address(0));
            let second = clients.at(&stage.worker, address(1));
            assert!(Rc::ptr_eq(&first, &clients.at(&stage.worker, address(0))), "the same record");
            for number in 2..=CLIENTS_MAX {
                clients.at(&stage.worker, address(number));
                clients.at(&stage.worker, address(0));
            }
            assert_eq!(clients.known.borrow().len(), CLIENTS_MAX);
            assert!(Rc::ptr_eq(&first, &clients.at(&stage.worker, address(0))));
            assert!(!Rc::ptr_eq(&second, &clients.at(&stage.worker, address(1))));
        })
        .await;
    }
}
