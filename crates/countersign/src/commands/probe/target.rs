//! What is probed, and how it is dialled: always a new connection, never a credential.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use countersign_client::Endpoint;
use countersign_pki::TrustBundle;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::report::{Mark, Report};
use crate::cli::ProbeArgs;
use crate::failure::Failure;

/// The server.
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    /// The name that is asked for and that the certificate must have.
    pub(super) server_name: ServerName<'static>,
    pub(super) trust: TrustBundle,
    pub(super) deadline: Duration,
}

impl Target {
    /// Reads the command line.
    pub(super) fn new(args: &ProbeArgs, trust: TrustBundle) -> anyhow::Result<Self> {
        let endpoint = Endpoint::parse(&args.target).or_else(|error| {
            // A bare host: HTTPS is what it will be.
            if args.target.contains(['/', ':']) { Err(error) } else { Endpoint::parse(&format!("{}:443", args.target)) }
        });
        let endpoint = endpoint.map_err(|error| Failure::usage(error.to_string()))?;
        let name = args.server_name.clone().unwrap_or_else(|| endpoint.host.clone());
        let server_name = ServerName::try_from(name.clone()).map_err(|_| Failure::usage(format!("{name:?} is no host name or address")))?;
        let deadline = Duration::from_secs(args.timeout.clamp(1, TIMEOUT_SECONDS_MAX));
        Ok(Self { endpoint, server_name, trust, deadline })
    }

    /// What is probed, for people.
    pub(super) fn name(&self) -> String {
        self.endpoint.authority()
    }

    /// The first step: is anybody there?
    pub(super) async fn try_tcp(&self, report: &mut Report) -> anyhow::Result<bool> {
        match self.tcp().await {
            Ok(stream) => {
                let peer = stream.peer_addr().map_or_else(|_| "connected".to_owned(), |address| address.to_string());
                report.step(Mark::Good, "TCP", peer)?;
                Ok(true)
            }
            Err(error) => {
                report.step(Mark::Bad, "TCP", format!("{}: {error:#}", self.name()))?;
                Ok(false)
            }
        }
    }

    /// A connection without TLS.
    pub(super) async fn tcp(&self) -> anyhow::Result<TcpStream> {
        let connecting = TcpStream::connect(self.endpoint.authority());
        let stream = tokio::time::timeout(self.deadline, connecting).await.context("no answer in time")??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A TLS connection.
    pub(super) async fn tls(&self, config: Arc<ClientConfig>) -> anyhow::Result<TlsStream<TcpStream>> {
        let tcp = self.tcp().await.context("TCP")?;
        let shaking = TlsConnector::from(config).connect(self.server_name.clone(), tcp);
        Ok(tokio::time::timeout(self.deadline, shaking).await.context("no answer in time")??)
    }
}

/// Longest wait for a step.
const TIMEOUT_SECONDS_MAX: u64 = 120;
