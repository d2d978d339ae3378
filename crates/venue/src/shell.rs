//! What every façade works with: the locked exchange, the hub, the identity check, the clock.

use std::sync::Arc;

use http::HeaderMap;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::arrivals::Counters;
use crate::clock::now_ms;
use crate::exchange::Exchange;
use crate::exchange::event::{Event, OrderChange};
use crate::fix::Seats;
use crate::hub::Hub;
use crate::hyperliquid::Addresses;
use crate::identity::{IDENTITY_HEADER, Identity, IdentityError, IdentityVerifier};

/// A caller: `None` when the request bore no identity.
pub(crate) type Caller = Option<Arc<Identity>>;

/// The venue's shared state.
pub(crate) struct Shell {
    exchange: Mutex<Exchange>,
    pub(crate) hub: Hub,
    pub(crate) addresses: Addresses,
    pub(crate) fix: Seats,
    verifier: Arc<IdentityVerifier>,
    audience: String,
    pub(crate) counters: Counters,
    pub(crate) stopping: CancellationToken,
}

impl Shell {
    pub(crate) fn new(exchange: Exchange, verifier: Arc<IdentityVerifier>, audience: String) -> Self {
        Self {
            exchange: Mutex::new(exchange),
            hub: Hub::default(),
            addresses: Addresses::default(),
            fix: Seats::default(),
            verifier,
            audience,
            counters: Counters::default(),
            stopping: CancellationToken::new(),
        }
    }

    /// Runs something on the exchange at the present time and publishes what happened.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Exchange, u64) -> R) -> R {
        let mut exchange = self.exchange.lock();
        let result = work(&mut exchange, now_ms());
        let events = exchange.take_events();
        if !events.is_empty() {
            let placed = |event: &&Event| matches!(event, Event::Order { change: OrderChange::New, .. });
            self.counters.count_orders(events.iter().filter(placed).count());
            self.hub.publish(&exchange, &events);
        }
        result
    }

    /// Reads the identity of a request.
    ///
    /// A token that does not verify is refused even where none is needed: the gateway wrote
    /// it, so something is wrong.
    pub(crate) async fn identify(&self, headers: &HeaderMap) -> Result<Caller, IdentityError> {
        let mut values = headers.get_all(IDENTITY_HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(IdentityError::Refused);
        }
        let token = value.to_str().map_err(|_| IdentityError::Refused)?;
        self.verify(token).await.map(Some)
    }

    /// Reads the identity of a WebSocket handshake, which holds for the connection, and counts the arrival.
    pub(crate) async fn identify_connection(&self, headers: &HeaderMap) -> Result<Caller, IdentityError> {
        let caller = self.identify(headers).await;
        match &caller {
            Ok(Some(_)) => self.counters.count_private(),
            Ok(None) => self.counters.count_public(),
            Err(_) => self.counters.count_refused(),
        }
        caller
    }

    /// Verifies an identity token.
    pub(crate) async fn verify(&self, token: &str) -> Result<Arc<Identity>, IdentityError> {
        self.verifier.verify(token, &self.audience).await
    }
}
