//! `serve`: the gateway, and behind it the paper venue unless the configuration names upstreams.

mod descriptors;
mod guards;
mod log;
mod owners;
mod renewal;
mod screen;
mod service_manager;
mod sources;
mod taken_over;
mod upstreams;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::{Entropy as _, TokenSealer};
use countersign_gateway::audit::REFUSALS_PER_SOURCE_MAX;
use countersign_gateway::clock;
use countersign_gateway::config::{self, LogFormat, Settings, Sources};
use countersign_gateway::connection::{ConnectionLimits, OpenConnections};
use countersign_gateway::control::{ControlParts, reload_credentials, ship_last};
use countersign_gateway::drain::Drain;
use countersign_gateway::entropy::SystemEntropy;
use countersign_gateway::explanations::Explanations;
use countersign_gateway::fix::sessions::FixSessions;
use countersign_gateway::halts::HaltKeeper;
use countersign_gateway::halts::watch::look_for_file;
use countersign_gateway::handover::RunSecrets;
use countersign_gateway::handover::taking::Offered;
use countersign_gateway::issuers::Issuers;
use countersign_gateway::listen_keys::ListenKeys;
use countersign_gateway::metrics::Metrics;
use countersign_gateway::native::sessions::Sessions;
use countersign_gateway::public_rates::PublicRates;
use countersign_gateway::shared::{CredentialTable, Shared};
use countersign_gateway::start::Gateway;
use countersign_gateway::tokens::TokenState;
use countersign_halt::OperatorSet;
use countersign_handshake::{HostPolicy, NonceKeys, ServerConfig, TicketKeys};
use countersign_pki::PrivateAuthority;
use countersign_store::{AuditEvent, AuditLog, AuditRecord, Store};
use countersign_venue::{IdentityKeys, VenueHandle};
use tokio::sync::Notify;

use self::guards::{Guards, fix_records, guards, session_tickets, shared_memory};
use self::log::{ended_keys, record_start, tell_of_log};
use self::owners::owner_of;
use self::renewal::Renewal;
pub(super) use self::screen::ONLY_HERE;
use self::screen::print_screen;
use self::sources::sources;
pub(crate) use self::sources::{environment, load};
use self::upstreams::{start_venue, upstream_configs};
use super::stop_signal::StopSignal;
use crate::cli::ServeArgs;
use crate::failure::{self, Failure};
use crate::logging;
use crate::state::{self, DemoAccount, DemoFiles, State};

/// Runs until a signal asks it to stop. A log of JSON ends with JSON: whoever reads it learns there why the gateway is gone.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let mut is_json = args.json;
    serve(args, &mut is_json).or_else(|error| {
        if !is_json {
            return Err(error);
        }
        failure::report_as_log_line(&error);
        Ok(failure::exit_code(&error))
    })
}

fn serve(args: &ServeArgs, is_json: &mut bool) -> anyhow::Result<ExitCode> {
    let sources = sources(args)?;
    let mut settings = load(&sources)?;
    *is_json = settings.log.format == LogFormat::Json;
    let log = logging::start(&settings.log);
    descriptors::dump_no_core();
    let lowered = descriptors::fit(&mut settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("background").enable_all().build()?;
    let stop = runtime.block_on(async { StopSignal::listen() })?;
    let offered = if args.take_over { taken_over::ask(&settings)? } else { None };
    let running = runtime.block_on(Running::start(settings, sources, offered))?;
    if let Some(lowered) = lowered {
        lowered.tell();
    }
    print_screen(&running)?;
    service_manager::tell_ready();
    let given = Arc::clone(&running.given);
    runtime.block_on(async {
        tokio::select! {
            _ = stop.wait() => {}
            () = given.notified() => {}
            () = log.tell_of_losses() => {}
        }
    });
    tracing::info!("stopping: no new connections, open ones end after the request under way");
    running.stop(&runtime);
    Ok(ExitCode::SUCCESS)
}

/// A running gateway with what belongs to it.
pub(crate) struct Running {
    gateway: Gateway,
    venue: Option<VenueHandle>,
    state: RunningState,
    /// Told when another process took over.
    given: Arc<Notify>,
}

/// What of the state folder is needed while the gateway runs.
pub(crate) struct RunningState {
    pub(crate) demo: DemoFiles,
    /// Keys of the demo account that may place orders at a real service.
    pub(crate) demo_keys_in_service: usize,
    pub(crate) ca_file: std::path::PathBuf,
    pub(crate) folder: std::path::PathBuf,
    pub(crate) gateway_root: String,
    _lock: countersign_store::StateLock,
}

impl Running {
    /// Opens the state, starts venue and gateway; or goes on with what the process before has.
    pub(crate) async fn start(settings: Settings, sources: Sources, offered: Option<Offered>) -> anyhow::Result<Self> {
        let lock = offered.as_ref().map(|offered| offered.lock.try_clone()).transpose()?;
        let opened = state::open(&settings, lock).await?;
        tell_of_log(&opened.audit);
        record_start(&opened.audit);
        let venue_keys = IdentityKeys::new(opened.identity.public_keys());
        let venue = start_venue(&settings, venue_keys.clone()).await?;
        let upstreams = upstream_configs(&settings, venue.as_ref());
        let State { dir, lock, authority, tls, authz_tls, operator_tls, tickets, gateway, identity, store, audit } = opened;
        let gateway_root = gateway.root().to_owned();
        let secrets = offered.as_ref().map_or_else(|| RunSecrets::draw(&mut SystemEntropy), |offered| offered.secrets.clone());
        let session_tickets = session_tickets(&settings, &dir, &gateway_root, &secrets)?;
        let renewed = PrivateAuthority::load(dir.path(), clock::unix_now())?;
        let renew = Renewal::new(settings.clone(), dir.clone(), renewed, venue_keys);
        let halts = open_halts(&settings, gateway.root(), &store, &audit).await?;
        let oauth = TokenState::open(&store).await?;
        let memory = shared_memory(&settings)?;
        let (lender, doors, predecessor, pending) = taken_over::take(&dir, audit.health(), offered)?;
        let Guards { replay, nonces, cluster, mirror } = guards(&settings, &dir, memory, &lender)?;
        let fix_records = fix_records(&dir, &store, cluster.as_deref())?;
        let metrics = metrics(&settings, cluster.is_some());
        let rates = cluster.as_ref().map(|cluster| cluster.lender());
        let shared = Shared {
            cluster,
            halts: Arc::new(halts),
            oauth,
            cancel_on_disconnect: ArcSwap::default(),
            credentials: ArcSwap::from_pointee(CredentialTable::sharing(rates.clone())),
            routes: ArcSwap::new(Arc::clone(&settings.routes)),
            metrics,
            handshake: ArcSwap::from_pointee(handshake_config(&settings, gateway, session_tickets)),
            connections: connection_limits(&settings),
            public_rates: PublicRates::new(settings.limits.public_weight_per_minute),
            refusals: PublicRates::new(REFUSALS_PER_SOURCE_MAX),
            replay,
            nonces,
            issuers: Issuers::new(&settings.issuers, &SystemEntropy.array()).sharing(rates),
            // Tokens of this run only: what they stand for is asked for again after a restart.
            tokens: TokenSealer::new(&secrets.tokens),
            predecessor,
            listen_keys: ListenKeys::default(),
            sessions: Sessions::default(),
            explanations: Explanations::default(),
            mirror,
            open_connections: OpenConnections::default(),
            fix_sessions: FixSessions::default(),
            fix_records,
            drain: Drain::default(),
            store: Arc::new(store),
            started: clock::wall(),
            ended: Arc::new(ended_keys(&audit)?),
            reloading: tokio::sync::Mutex::default(),
            tls,
            authz_tls,
            audit,
            identity,
            settings,
        };
        let shared = Arc::new(shared);
        if let Some(venue) = &venue {
            let keys = Arc::clone(&shared);
            venue.ask_owners_of(move |address| owner_of(&keys.credentials.load(), address, clock::wall()));
        }
        read_before_anybody_comes(&shared).await?;
        let mut gateway = Gateway::start(
            Arc::clone(&shared),
            upstreams,
            ControlParts { operator_tls: Arc::new(operator_tls), tickets, sources, renew: renew.into_task() },
            doors,
        )
        .map_err(|error| Failure::environment(format!("{error} (--listen and --operator-listen choose other addresses)")))?;
        let making = DemoAccount { store: &shared.store, audit: &shared.audit, authority: &authority, gateway_root: &gateway_root };
        let url = public_url(&shared.settings.listen.authorities, gateway.address());
        state::note_url(&dir, &url)?;
        let demo = making.ensure(&shared.settings, dir.path(), &url).await?;
        let demo_keys_in_service = making.before_a_service(&shared.settings).await?;
        reload_credentials(&shared).await?;
        let given = Arc::new(Notify::new());
        taken_over::go_on(pending)?;
        gateway.offer(lock.descriptor()?, lender, secrets, Arc::clone(&given))?;
        let folder = dir.path().to_owned();
        let state = RunningState { demo, demo_keys_in_service, ca_file: folder.join("ca.pem"), folder, gateway_root, _lock: lock };
        Ok(Self { gateway, venue, state, given })
    }

    /// Where clients connect, by a name that is ours.
    pub(crate) fn url(&self) -> String {
        public_url(&self.gateway.shared().settings.listen.authorities, self.gateway.address())
    }

    /// Where clients connect, from this machine.
    pub(crate) fn address(&self) -> SocketAddr {
        reachable(self.gateway.address())
    }

    /// The running gateway.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The embedded venue, if there is one.
    pub(crate) fn venue(&self) -> Option<&VenueHandle> {
        self.venue.as_ref()
    }

    /// Its state.
    pub(crate) fn state(&self) -> &RunningState {
        &self.state
    }

    /// Drains and stops everything. Blocks.
    pub(crate) fn stop(self, runtime: &tokio::runtime::Runtime) {
        let shared = Arc::clone(self.gateway.shared());
        let audit = &shared.audit;
        self.gateway.shutdown();
        let stop = AuditRecord::new(clock::wall(), AuditEvent::Stop).words(concat!("countersign ", env!("CARGO_PKG_VERSION")));
        // The head that is kept for good comes before the copy, which ends with it then.
        if audit.append(stop).and_then(|()| audit.sign_head()).is_err() {
            tracing::error!("the audit log could not be written at the end");
        }
        runtime.block_on(ship_last(&shared));
        if let Some(venue) = self.venue {
            runtime.block_on(venue.shutdown());
        }
    }
}

/// What clients are told to dial: the first name that the configuration lists, since another is refused, or else the address.
fn public_url(authorities: &config::Authorities, address: SocketAddr) -> String {
    let listed = match authorities {
        config::Authorities::Any => None,
        config::Authorities::Listed(names) => names.first(),
    };
    match listed {
        None => format!("https://{}", reachable(address)),
        Some(name) if config::host_of(name) != name => format!("https://{name}"),
        Some(host) => format!("https://{host}:{}", address.port()),
    }
}

/// An address that can be dialled: who listens on all of them (0.0.0.0, ::) is reached on this machine's own.
const fn reachable(address: SocketAddr) -> SocketAddr {
    let here = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    if address.ip().is_unspecified() { SocketAddr::new(here, address.port()) } else { address }
}

fn metrics(settings: &Settings, of_cluster: bool) -> Metrics {
    let metrics = Metrics::new(&settings.routes).started_at(clock::wall());
    if of_cluster { metrics.of_cluster() } else { metrics }
}

/// Reads the halts before anybody is let in: until they are known, nothing new passes.
async fn open_halts(settings: &Settings, root: &str, store: &Store, audit: &AuditLog) -> anyhow::Result<HaltKeeper> {
    let halt = &settings.halt;
    let operators = OperatorSet::new(root, halt.operators.clone(), halt.quorum).map_err(Failure::usage)?;
    let keeper = HaltKeeper::open(&halt.node, store.open_halts().await?, operators, audit.clone()).await;
    // Before the first client, not a quarter of a second after.
    look_for_file(&keeper, &settings.state_dir).await;
    Ok(keeper)
}

/// The last before sockets are served: whoever takes over is asked at once.
async fn read_before_anybody_comes(shared: &Shared) -> anyhow::Result<()> {
    reload_credentials(shared).await?;
    // Once more: what was made since they were read may have taken longer than their lease on a busy machine.
    shared.halts.read().await;
    Ok(())
}

/// The handshake as the settings have it. `tickets` are the keys in force: sessions outlive a change of the gateway's key.
fn handshake_config(settings: &Settings, gateway: countersign_handshake::GatewayIdentity, tickets: Arc<TicketKeys>) -> ServerConfig {
    let native = &settings.native;
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (shortest, longest) = (millis(native.heartbeat_min), millis(native.heartbeat_max));
    let default = HostPolicy::default();
    let policy = HostPolicy {
        min_bind: native.min_bind,
        hb_ms: shortest..=longest,
        hb_ms_default: default.hb_ms_default.clamp(shortest, longest),
        token_s: (*default.token_s.start()).min(native.access_token_life.as_secs())..=native.access_token_life.as_secs(),
        life_s_max: native.session_life.as_secs(),
        resume_s_max: native.resume_window.as_secs(),
        keep_msgs_max: u64::from(native.keep_messages),
        keep_s_max: native.resume_window.as_secs(),
        cod_grace_ms_max: millis(native.cancel_grace_max),
        ..default
    };
    let mut entropy = SystemEntropy;
    let node = std::process::id().to_be_bytes();
    let nonces = NonceKeys::new(gateway.root(), node, &mut entropy, clock::wall());
    ServerConfig { gateway, policy, authorities: handshake_authorities(settings), nonces, tickets }
}

/// The name of the listener that tickets are bound to.
const PUBLIC_LISTENER: &str = "public";

/// The places that connections take.
fn connection_limits(settings: &Settings) -> Arc<ConnectionLimits> {
    let limits = &settings.limits;
    ConnectionLimits::new(limits.connections_max, limits.connections_per_source_max, limits.connections_per_account_max)
}

fn handshake_authorities(settings: &Settings) -> countersign_handshake::Authorities {
    match &settings.listen.authorities {
        config::Authorities::Any => countersign_handshake::Authorities::Any,
        config::Authorities::Listed(names) => countersign_handshake::Authorities::Listed(names.iter().cloned().collect()),
    }
}
