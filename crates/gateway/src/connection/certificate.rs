//! The certificate that a client showed, for as long as its connection is open: it may expire, and its CA may be trusted no more.

use std::cell::Cell;
use std::time::Duration;

use countersign_core::{Refusal, Reject, Timestamp};
use countersign_pki::{ServerTls, UnixTime};
use rustls::pki_types::CertificateDer;

use super::Connection;

/// The chain of a client's certificate, and the state of the listener under which it was last found good.
pub(super) struct ShownChain {
    chain: Box<[CertificateDer<'static>]>,
    good_under: Cell<u64>,
}

impl Connection {
    /// Keeps the chain that the client showed, which was found good under this generation of the listener's TLS.
    #[must_use]
    pub fn with_chain(mut self, chain: Option<&[CertificateDer<'_>]>, generation: u64) -> Self {
        self.shown = chain.map(|chain| {
            let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
            ShownChain { chain, good_under: Cell::new(generation) }
        });
        self
    }

    /// Whether the certificate of this connection still says who the client is. Costs a comparison while nobody changes the listener.
    ///
    /// # Errors
    /// [`Reject::CertificateUnacceptable`]: it expired, or is not one that is taken now.
    pub fn check_certificate(&self, tls: &ServerTls, now: Timestamp) -> Result<(), Refusal> {
        let Some(certificate) = &self.negotiated.peer_certificate else { return Ok(()) };
        if now.as_secs() > certificate.not_after {
            return Err(Refusal::operator(Reject::CertificateUnacceptable, "the client certificate expired on this connection"));
        }
        let Some(shown) = &self.shown else { return Ok(()) };
        let current = tls.snapshot().generation();
        if shown.good_under.get() != current {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
            tls.recheck_client_certificate(Some(&shown.chain), now)
                .map_err(|error| Refusal::operator(Reject::CertificateUnacceptable, error.to_string()))?;
            shown.good_under.set(current);
        }
        Ok(())
    }
}
