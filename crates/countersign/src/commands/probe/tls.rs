//! TLS: versions, what was negotiated, whether a client certificate is wanted, resumption and early data.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use countersign_pki::{NegotiatedParameters, TlsVersion, crypto_provider};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, SignatureScheme};
use rustls_pki_types::CertificateDer;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::certificate;
use super::danger::{OnlyLooking, Verdict};
use super::failure::Failure;
use super::plain;
use super::report::{Mark, Report};
use super::target::Target;

/// What the best handshake showed.
pub(super) struct First {
    pub(super) version: TlsVersion,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) verdict: Verdict,
    /// The server asked for a client certificate.
    wants_certificate: bool,
}

/// Answers that no certificate is at hand, and remembers that one was asked for.
#[derive(Debug, Default)]
struct NoCertificate {
    asked: AtomicBool,
}

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// One way of shaking hands.
pub(super) struct Attempt {
    pub(super) config: Arc<ClientConfig>,
    verifier: Arc<OnlyLooking>,
    certificate: Arc<NoCertificate>,
}

impl Attempt {
    /// With one TLS version and these ALPN protocols.
    pub(super) fn new(target: &Target, version: TlsVersion, alpn: &[&[u8]]) -> anyhow::Result<Self> {
        let versions: &[&rustls::SupportedProtocolVersion] = match version {
            TlsVersion::Tls12 => &[&rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let verifier = OnlyLooking::new(&target.trust);
        let certificate = Arc::new(NoCertificate::default());
        let mut config = ClientConfig::builder_with_provider(crypto_provider())
            .with_protocol_versions(versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<OnlyLooking>::clone(&verifier))
            .with_client_cert_resolver(Arc::<NoCertificate>::clone(&certificate));
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        config.resumption = Resumption::in_memory_sessions(TICKETS_MAX);
        Ok(Self { config: Arc::new(config), verifier, certificate })
    }
}

/// Tickets kept: a server sends a few.
const TICKETS_MAX: usize = 16;

/// Tries TLS 1.3, then 1.2; the better one is looked at further.
pub(super) async fn versions(target: &Target, report: &mut Report) -> anyhow::Result<Option<First>> {
    let (mut best, mut unverified) = (None, None);
    let mut is_other_protocol = false;
    for (version, name) in [(TlsVersion::Tls13, "TLS 1.3"), (TlsVersion::Tls12, "TLS 1.2")] {
        let attempt = Attempt::new(target, version, &[])?;
        let outcome = target.tls(Arc::clone(&attempt.config)).await;
        let wants_certificate = attempt.certificate.asked.load(Ordering::Relaxed);
        match outcome {
            Ok(stream) => {
                let (_, connection) = stream.get_ref();
                let negotiated = NegotiatedParameters::of_client(connection, None);
                let (said, findings) = match &negotiated {
                    Ok(negotiated) => (summary(negotiated), serde_json::to_value(negotiated)?),
                    Err(error) => (error.to_string(), serde_json::Value::Null),
                };
                report.step_with(Mark::Good, name, said, findings)?;
                let chain = connection.peer_certificates().unwrap_or_default().iter().map(|der| der.clone().into_owned()).collect();
                let verdict = attempt.verifier.seen().map_or(Err(rustls::Error::NoCertificatesPresented), |seen| seen.verdict);
                best.get_or_insert(First { version, chain, verdict, wants_certificate });
            }
            Err(error) => {
                let mark = if best.is_some() { Mark::Note } else { Mark::Bad };
                let failure = Failure::of(&error, wants_certificate);
                is_other_protocol |= matches!(failure, Failure::NoTls);
                report.step(mark, name, failure.said(target, &error))?;
                if let (Failure::Certificate(reason), Some(seen)) = (failure, attempt.verifier.seen()) {
                    let verdict = Err(rustls::Error::InvalidCertificate(reason));
                    unverified.get_or_insert(First { version, chain: seen.chain, verdict, wants_certificate });
                }
            }
        }
    }
    report.fact(Mark::Note, "TLS 1.1, 1.0", "not tried: the TLS library of this program does not have them")?;
    if best.is_none() && is_other_protocol {
        report.step(Mark::Bad, "protocol", plain::spoken(target).await)?;
    }
    if let (None, Some(unverified)) = (&best, &unverified) {
        certificate::show(unverified, report)?;
    }
    Ok(best)
}

/// The innermost reason: what the TLS library says.
pub(super) fn why(error: &anyhow::Error) -> String {
    let mut reasons: Vec<String> = error.chain().map(ToString::to_string).collect();
    reasons.dedup();
    reasons.join(": ")
}

fn summary(negotiated: &NegotiatedParameters) -> String {
    let group = negotiated.group.as_deref().unwrap_or("no key exchange");
    let hybrid = if group.contains("MLKEM") { "hybrid, safe against a later quantum computer" } else { "classical" };
    format!("{}, {group} ({hybrid})", negotiated.suite)
}

/// Whether a client certificate is wanted, and whether one can go without.
pub(super) async fn client_certificate(target: &Target, first: &First, protocols: &[String], report: &mut Report) -> anyhow::Result<()> {
    const STEP: &str = "client certificate";
    if !first.wants_certificate {
        return report.fact(Mark::Note, STEP, "not asked for");
    }
    // TLS 1.3 servers judge an empty certificate after our Finished: what they think shows in their next words.
    let attempt = Attempt::new(target, first.version, &alpn(protocols))?;
    let outcome = match target.tls(attempt.config).await {
        Ok(mut stream) => converse(target, &mut stream, protocols).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => report.step(Mark::Note, STEP, "asked for, optional"),
        Err(error) => report.step(Mark::Note, STEP, format!("asked for, required: {}", why(&error))),
    }
}

/// Whether a ticket shortens the next handshake, and whether early data would be taken.
pub(super) async fn resumption(target: &Target, first: &First, protocols: &[String], report: &mut Report) -> anyhow::Result<()> {
    let attempt = Attempt::new(target, first.version, &alpn(protocols))?;
    let resumed = async {
        let mut stream = target.tls(Arc::clone(&attempt.config)).await?;
        // Tickets come after the handshake: they are read with the first words. Each is used once.
        converse(target, &mut stream, protocols).await?;
        // Some servers serve one connection at a time.
        drop(stream);
        let mut stream = target.tls(Arc::clone(&attempt.config)).await?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        converse(target, &mut stream, protocols).await?;
        anyhow::Ok((resumed, offers_early_data(target, &attempt.config)?))
    };
    match resumed.await {
        Ok((resumed, early)) => {
            let said = if resumed { "a ticket resumes the session" } else { "none: every handshake is a full one" };
            report.step_with(Mark::Note, "resumption", said, json!({ "resumed": resumed }))?;
            let said = if early { "offered: requests in it can be replayed" } else { "not offered" };
            report.fact(Mark::Note, "early data", said)
        }
        Err(error) => report.step(Mark::Note, "resumption", format!("could not be tried: {}", why(&error))),
    }
}

/// A connection that is never made shows whether a ticket allows early data.
fn offers_early_data(target: &Target, config: &ClientConfig) -> anyhow::Result<bool> {
    let mut config = config.clone();
    config.enable_early_data = true;
    let mut connection = ClientConnection::new(Arc::new(config), target.server_name.clone())?;
    Ok(connection.early_data().is_some())
}

/// Says something harmless and reads the first bytes of the answer, if the protocol has one.
async fn converse(target: &Target, stream: &mut TlsStream<TcpStream>, protocols: &[String]) -> anyhow::Result<()> {
    if protocols.is_empty() || protocols.iter().any(|name| name == "http/1.1") {
        let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\n\r\n", target.name());
        stream.write_all(request.as_bytes()).await?;
    }
    let mut bytes = [0; 1024];
    match tokio::time::timeout(FIRST_WORDS, stream.read(&mut bytes)).await {
        // Silence is no refusal.
        Err(_) => Ok(()),
        Ok(read) => read.map(|_| ()).context("after the handshake"),
    }
}

/// How long a server's first words are waited for.
const FIRST_WORDS: Duration = Duration::from_millis(1_500);

/// The protocol that conversations are held in: HTTP/1.1 if there is, else none.
fn alpn(protocols: &[String]) -> Vec<&'static [u8]> {
    if protocols.iter().any(|name| name == "http/1.1") { vec![b"http/1.1"] } else { Vec::new() }
}
