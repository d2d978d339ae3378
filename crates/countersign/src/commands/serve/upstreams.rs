//! What stands behind the gateway: the paper venue, and the upstreams of the configuration.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use countersign_gateway::config::{self, Settings, UpstreamTarget};
use countersign_gateway::upstream::UpstreamConfig;
use countersign_venue::{IdentityKeys, IdentityVerifier, Venue, VenueConfig, VenueHandle};
use tokio::net::TcpListener;

/// Idle upstream connections are closed by us before the usual 60 to 75 s of servers, so that no request meets a closing one.
const UPSTREAM_IDLE_FOR: Duration = Duration::from_secs(50);

/// Starts the paper venue where the configuration has it.
///
/// # Errors
/// No port is free for it.
pub(super) async fn start_venue(settings: &Settings, keys: IdentityKeys) -> anyhow::Result<Option<VenueHandle>> {
    let Some(embedded) = settings.upstreams.iter().find(|upstream| upstream.target == UpstreamTarget::Embedded) else { return Ok(None) };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen for the paper venue")?;
    let config = VenueConfig { audience: embedded.audience.clone(), lists_perpetual: embedded.perpetual, ..VenueConfig::default() };
    let mut venue = Venue::start(config, IdentityVerifier::from_keys(keys), listener);
    if settings.fix.enabled {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen for the paper venue")?;
        venue.serve_fix(listener);
    }
    Ok(Some(venue))
}

/// The upstreams of the configuration, with the address of the paper venue.
pub(super) fn upstream_configs(settings: &Settings, venue: Option<&VenueHandle>) -> Vec<UpstreamConfig> {
    let authority = |target: &UpstreamTarget| match target {
        UpstreamTarget::Embedded => venue.map_or_else(String::new, |venue| venue.local_addr().to_string()),
        UpstreamTarget::Http { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        UpstreamTarget::Http { host, port } => format!("{host}:{port}"),
    };
    let limits = &settings.limits;
    let config = |upstream: &config::Upstream| UpstreamConfig {
        authority: authority(&upstream.target),
        connect_timeout: limits.upstream_connect_timeout,
        response_timeout: limits.upstream_response_timeout,
        idle_max: limits.upstream_idle_connections,
        idle_for: UPSTREAM_IDLE_FOR,
        fix: match (&upstream.fix, &upstream.target) {
            (None, UpstreamTarget::Embedded) => venue.and_then(VenueHandle::fix_addr).map(|address| address.to_string()),
            (address, UpstreamTarget::Embedded | UpstreamTarget::Http { .. }) => address.clone(),
        },
    };
    settings.upstreams.iter().map(config).collect()
}
