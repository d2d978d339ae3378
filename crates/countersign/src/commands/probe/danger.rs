//! A certificate verifier that lets every certificate pass, and remembers what a real one says of it.
//!
//! # Security
//! Whoever uses it does not know whom they talk to. It exists so that a certificate that does not verify can be shown with the
//! reason, and it is visible in the probe alone, which has no credential and sends none: no API key, no client certificate, no
//! token. Signatures of the handshake are verified as always; only the chain is not insisted on.

use std::sync::{Arc, Mutex, PoisonError};

use countersign_pki::{TrustBundle, crypto_provider};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// What a verifier that insists says about the server's chain.
pub(super) type Verdict = Result<(), Error>;

/// Looks, and lets pass.
#[derive(Debug)]
pub(super) struct OnlyLooking {
    /// `None`: nobody is trusted.
    strict: Option<Arc<WebPkiServerVerifier>>,
    seen: Mutex<Option<Seen>>,
}

/// A chain that a server sent.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The server's own certificate first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) verdict: Verdict,
}

impl OnlyLooking {
    /// A verifier that knows these CAs.
    pub(super) fn new(trust: &TrustBundle) -> Arc<Self> {
        let strict = WebPkiServerVerifier::builder_with_provider(trust.roots(), crypto_provider()).build().ok();
        Arc::new(Self { strict, seen: Mutex::new(None) })
    }

    /// What the last handshake showed, also one that failed behind it.
    pub(super) fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for OnlyLooking {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = match &self.strict {
            Some(strict) => strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map(|_| ()),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.clone().into_owned()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Seen { chain, verdict });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &crypto_provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &crypto_provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto_provider().signature_verification_algorithms.supported_schemes()
    }
}
