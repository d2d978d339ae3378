//! Verification of client certificates: webpki's path building behind bounds of our own.
//!
//! webpki stops at six intermediates, 100 signatures and 200,000 path-building steps; rustls takes a Certificate message
//! up to 64 KiB. Both are more than a private CA needs and more than a ticket should carry.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::error::ClientCertificateError;
use crate::limits::{CHAIN_CERTIFICATES_MAX, CLIENT_CHAIN_BYTES_MAX};

/// Refuses long chains before any signature is verified, and leaves the rest to the inner verifier.
#[derive(Debug)]
pub(crate) struct BoundedClientVerifier(Arc<dyn ClientCertVerifier>);

impl BoundedClientVerifier {
    pub(crate) fn new(inner: Arc<dyn ClientCertVerifier>) -> Self {
        Self(inner)
    }
}

impl ClientCertVerifier for BoundedClientVerifier {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bytes = intermediates.iter().map(|der| der.len()).sum::<usize>() + end_entity.len();
        if intermediates.len() >= CHAIN_CERTIFICATES_MAX || bytes > CLIENT_CHAIN_BYTES_MAX {
            let reason = OtherError(Arc::new(ClientCertificateError::ChainTooLong));
            return Err(CertificateError::Other(reason).into());
        }
        self.0.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
