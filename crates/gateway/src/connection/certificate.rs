//! The certificate that a client showed, for as long as its connection is open: it may expire, its CA may be trusted no more or revoke it.

use std::cell::Cell;
use std::time::Duration;

use countersign_core::{Refusal, Reject, Timestamp};
use countersign_pki::{CertificateIdentities, ServerTls, UnixTime};
use rustls::pki_types::CertificateDer;

use super::Connection;
use crate::clock;

/// How often a connection that is nobody's session is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The chain of a client's certificate, and the state of the listener under which it was last found good.
#[derive(Clone, Debug)]
pub(crate) struct ShownChain {
    chain: Box<[CertificateDer<'static>]>,
    /// When the next of them ends, in seconds since 1970.
    next_end: Cell<u64>,
    good_under: Cell<u64>,
}

impl ShownChain {
    /// A chain that was found good under this generation of the listener's TLS.
    pub(crate) fn new(chain: &[CertificateDer<'_>], generation: u64) -> Self {
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let shown = Self { chain, next_end: Cell::new(0), good_under: Cell::new(generation) };
        shown.next_end.set(shown.end_from(0));
        shown
    }

    fn end_from(&self, seconds: u64) -> u64 {
        let ends = self.chain.iter().filter_map(|certificate| CertificateIdentities::from_der(certificate).ok()).map(|one| one.not_after);
        ends.filter(|end| *end >= seconds).min().unwrap_or(u64::MAX)
    }

    /// Whether it still says who the client is. Costs two comparisons while nobody changes the listener. When one of the chain ends it is
    /// looked for a way without it, as at a handshake: clients send more than is needed.
    ///
    /// # Errors
    /// [`Reject::CertificateUnacceptable`]: it expired, or is not one that is taken now.
    pub(crate) fn check(&self, tls: &ServerTls, now: Timestamp) -> Result<(), Refusal> {
        let current = tls.snapshot().generation();
        if now.as_secs() > self.next_end.get() || self.good_under.get() != current {
            let moment = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
            tls.recheck_client_certificate(Some(&self.chain), moment)
                .map_err(|error| Refusal::operator(Reject::CertificateUnacceptable, error.to_string()))?;
            self.good_under.set(current);
            self.next_end.set(self.end_from(now.as_secs()));
        }
        Ok(())
    }

    /// Waits until it does not any more: for connections whose client was told apart once, when they were opened.
    pub(crate) async fn over(self, tls: &ServerTls) {
        while self.check(tls, clock::wall()).is_ok() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Connection {
    /// Keeps the chain that the client showed, which was found good under this generation of the listener's TLS.
    #[must_use]
    pub fn with_chain(mut self, chain: Option<&[CertificateDer<'_>]>, generation: u64) -> Self {
        self.shown = chain.map(|chain| ShownChain::new(chain, generation));
        self
    }

    /// Whether the certificate of this connection still says who the client is.
    ///
    /// # Errors
    /// As [`ShownChain::check`].
    pub fn check_certificate(&self, tls: &ServerTls, now: Timestamp) -> Result<(), Refusal> {
        let Some(certificate) = &self.negotiated.peer_certificate else { return Ok(()) };
        if now.as_secs() > certificate.not_after {
            return Err(Refusal::operator(Reject::CertificateUnacceptable, "the client certificate expired on this connection"));
        }
        self.shown.as_ref().map_or(Ok(()), |shown| shown.check(tls, now))
    }

    /// When its certificate is to be looked at again, though nobody changes the listener: it or one of its issuers ends. A certificate is
    /// good for the whole of its last second.
    #[must_use]
    pub fn certificate_end(&self) -> Option<Timestamp> {
        let certificate = self.negotiated.peer_certificate.as_ref()?;
        let of_chain = self.shown.as_ref().map_or(u64::MAX, |shown| shown.next_end.get());
        Some(Timestamp::from_secs(certificate.not_after.min(of_chain).saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::rc::Rc;

    use super::*;
    use crate::testing::on_stage;

    /// A native session that came back has its connection on another worker, and went on when its certificate was revoked.
    #[tokio::test]
    async fn what_is_known_of_a_connection_elsewhere_is_its_chain_too() {
        on_stage(|stage| async move {
            let tls = &stage.worker.shared.tls;
            let judged = |generation: u64| {
                let connection = Rc::into_inner(stage.connection_showing(u64::MAX)).unwrap();
                let connection = connection.with_chain(Some(&[CertificateDer::from(vec![0])]), generation);
                let elsewhere = Connection::of_facts(connection.facts());
                [connection, elsewhere].map(|connection| connection.check_certificate(tls, clock::wall()).is_ok())
            };
            let current = tls.snapshot().generation();
            assert_eq!(judged(current), [true; 2]);
            assert_eq!(judged(current + 1), [false; 2], "looked at again, and nobody is trusted for it");
        })
        .await;
    }
}
