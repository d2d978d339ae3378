//! `venue`: the paper exchange alone, behind a gateway of another process.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use countersign_gateway::config::{LogFormat, LogSettings};
use countersign_venue::{IdentityVerifier, Venue, VenueConfig};
use tokio::net::TcpListener;

use super::stop_signal::StopSignal;
use super::{output, run_async};
use crate::cli::VenueArgs;
use crate::failure::Failure;
use crate::logging;

/// Runs until a signal asks it to stop.
pub(super) fn run(args: &VenueArgs) -> anyhow::Result<ExitCode> {
    let format = if args.json { LogFormat::Json } else { LogFormat::Text };
    let _log = logging::start(&LogSettings { format, level: "info" });
    let verifier = verifier(&args.jwks)?;
    run_async(async {
        let stop = StopSignal::listen()?;
        let listener = bind(args.listen).await?;
        let defaults = VenueConfig::default();
        let seed = args.seed.unwrap_or(defaults.seed);
        let config = VenueConfig { seed, audience: args.audience.clone(), lists_perpetual: args.perpetual, ..defaults };
        let mut venue = Venue::start(config, verifier, listener);
        if let Some(address) = args.fix_listen {
            venue.serve_fix(bind(address).await?);
        }
        if let Some(address) = venue.fix_addr() {
            output::line(format!("fix: {address}"))?;
        }
        output::line(format!("ready: http://{}", venue.local_addr()))?;
        stop.wait().await;
        venue.shutdown().await;
        Ok(ExitCode::SUCCESS)
    })
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure::environment(format!("cannot listen on {address}: {error}")))
}

/// Keys from an address or a file.
fn verifier(jwks: &str) -> anyhow::Result<IdentityVerifier> {
    let verifier =
        if jwks.contains("://") { IdentityVerifier::from_jwks_url(jwks) } else { IdentityVerifier::from_jwks_file(Path::new(jwks)) };
    verifier.map_err(|error| Failure::usage(format!("--jwks {jwks}: {error}")))
}
