//! The certificate chain: what each says, and whether a client that insists would accept it.

use countersign_core::Timestamp;
use countersign_pki::CertificateIdentities;
use rustls::CertificateError;
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};
use x509_parser::asn1_rs::Oid;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

use super::report::{Mark, Report};
use super::tls::First;
use crate::commands::when;

/// Longest chain that is shown.
const CHAIN_MAX: usize = 10;

/// Shows the chain; the outcome is whether it is trusted.
pub(super) fn show(first: &First, report: &mut Report) -> anyhow::Result<bool> {
    for (place, der) in first.chain.iter().take(CHAIN_MAX).enumerate() {
        let name = if place == 0 { "certificate".to_owned() } else { format!("issuer {place}") };
        match describe(der) {
            Some((said, findings)) => report.step_with(Mark::Note, &name, said, findings)?,
            None => report.step(Mark::Bad, &name, "cannot be read: it is not X.509")?,
        }
    }
    match &first.verdict {
        Ok(()) => report.fact(Mark::Good, "trust", "the chain verifies, for this name and now")?,
        Err(error) => report.fact(Mark::Bad, "trust", format!("a client that insists would refuse it: {}", refusal(error)))?,
    }
    Ok(first.verdict.is_ok())
}

/// What the library says of a certificate that it refuses, where that is no sentence in ours.
pub(super) fn refusal(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(reason) = error else { return error.to_string() };
    let said = format!("{reason:?}");
    if *reason == CertificateError::UnknownIssuer {
        "none of the trusted authorities has issued it; --ca names one of yours".to_owned()
    } else if *reason == CertificateError::BadSignature {
        "a signature that was made with its key, or over it, does not verify".to_owned()
    } else if *reason == CertificateError::BadEncoding {
        "it is no certificate that can be read (X.509 version 3, DER)".to_owned()
    } else if let CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } = reason {
        format!("it, or one above it, is signed with {}: that is not accepted", algorithm(signature_algorithm_id))
    } else if let CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { signature_algorithm_id, .. } = reason {
        format!("a signature of a kind that its key does not make: {}", algorithm(signature_algorithm_id))
    } else if said.contains("CaUsedAsEndEntity") {
        "it is the certificate of an authority (CA:TRUE), as self-signed ones often are, in the place of a server's".to_owned()
    } else if said.contains("UnsupportedCertVersion") {
        "it is an X.509 certificate of version 1 or 2, which does not say what it is for".to_owned()
    } else {
        error.to_string()
    }
}

/// The content of an AlgorithmIdentifier (RFC 5280, 4.1.1.2), which begins with the object identifier: tag, length, value.
fn algorithm(identifier: &[u8]) -> String {
    let oid = Oid::from_der(identifier).map(|(_, oid)| oid.to_id_string());
    oid.map_or_else(|_| "an algorithm without a name".to_owned(), |oid| known(&oid).map_or(oid, str::to_owned))
}

fn describe(der: &CertificateDer<'_>) -> Option<(String, Value)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = names(der);
    let validity = certificate.validity();
    let at = |seconds: i64| when::show(Timestamp::from_secs(u64::try_from(seconds).unwrap_or(0)));
    let (from, until) = (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()));
    let key = key(&certificate);
    let signature = signature(&certificate);
    let is_ca = certificate.is_ca();
    let mut lines = vec![format!("subject   {}", certificate.subject()), format!("issuer    {}", certificate.issuer())];
    if !names.is_empty() {
        lines.push(format!("names     {}", names.join(", ")));
    }
    lines.push(format!("valid     {from} to {until}"));
    lines.push(format!("key       {key}{}, signed with {signature}", if is_ca { ", a CA's" } else { "" }));
    let findings = json!({
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "names": names,
        "not_before": from,
        "not_after": until,
        "key": key,
        "signature": signature,
        "ca": is_ca,
        "serial": certificate.raw_serial_as_string(),
    });
    Some((lines.join("\n"), findings))
}

fn names(der: &CertificateDer<'_>) -> Vec<String> {
    let Ok(identities) = CertificateIdentities::from_der(der) else { return vec!["(names that cannot be read)".to_owned()] };
    let addresses = identities.ip_addresses.iter().map(ToString::to_string);
    identities.dns_names.iter().cloned().chain(addresses).chain(identities.uris.iter().cloned()).collect()
}

fn key(certificate: &X509Certificate<'_>) -> String {
    let info = certificate.public_key();
    let named = |oid: String| known(&oid).map_or(oid, str::to_owned);
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            curve.map_or_else(|| format!("EC {}", point.key_size()), |curve| named(curve.to_id_string()))
        }
        Ok(_) | Err(_) => named(info.algorithm.algorithm.to_id_string()),
    }
}

fn signature(certificate: &X509Certificate<'_>) -> String {
    let oid = certificate.signature_algorithm.algorithm.to_id_string();
    known(&oid).map_or(oid, str::to_owned)
}

/// Object identifiers that certificates of today have (RFC 3279, 4055, 5480, 5758, 8410, 9881).
fn known(oid: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 15] = [
        ("1.2.840.10045.3.1.7", "EC P-256"),
        ("1.2.840.10045.4.3.2", "ECDSA with SHA-256"),
        ("1.2.840.10045.4.3.3", "ECDSA with SHA-384"),
        ("1.2.840.10045.4.3.4", "ECDSA with SHA-512"),
        ("1.2.840.113549.1.1.10", "RSA-PSS"),
        ("1.2.840.113549.1.1.11", "RSA with SHA-256"),
        ("1.2.840.113549.1.1.12", "RSA with SHA-384"),
        ("1.2.840.113549.1.1.13", "RSA with SHA-512"),
        ("1.2.840.10045.4.1", "ECDSA with SHA-1, which is broken"),
        ("1.2.840.113549.1.1.5", "RSA with SHA-1, which is broken"),
        ("1.3.101.112", "Ed25519"),
        ("1.3.132.0.34", "EC P-384"),
        ("1.3.132.0.35", "EC P-521"),
        ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
        ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ];
    NAMES.into_iter().find(|(known, _)| *known == oid).map(|(_, name)| name)
}
