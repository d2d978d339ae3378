//! `demo --cluster`: three nodes as processes of their own, with live orders; one is killed, a session goes on at another, a halt
//! reaches all of them, and two of three operators let trading go on.
//!
//! ```text
//!   client ── session ──▶ node a  ✗ kill -9        PostgreSQL: keys, halts          private servers in a temporary folder,
//!      └──── resumed ───▶ node b ──▶ paper venue   Redis: accepted writes, sessions  gone at the end
//!                         node c
//! ```
//!
//! Every step checks what really happened: at the venue's door the count of orders, at each node what its clients were told.

mod cut;
mod measured;
mod node;
mod servers;
mod story;
mod traders;
mod wire;

use std::path::PathBuf;
use std::pin::pin;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use countersign_gateway::config::{LogFormat, LogSettings};
use countersign_handshake::CredentialFile;
use countersign_store::files::{create_private_folder, read_private};
use countersign_venue::{IdentityVerifier, Venue, VenueConfig, VenueHandle};
use tokio::net::TcpListener;

use super::stage::{FILE_BYTES_MAX, Folder};
use super::tour::Tour;
use crate::cli::DemoArgs;
use crate::commands::stop_signal::{StopSignal, unless_stopped};
use crate::failure::{FAILED, Failure};
use crate::logging;
use cut::Network;
use node::Node;
use servers::Servers;

/// Who may lift; two of them must agree.
const OPERATORS: [&str; 3] = ["alice", "bob", "carol"];

/// Whose orders.
pub(super) const ACCOUNT: &str = "demo";

/// More than anybody here asks for: what is measured is not the rate limit.
const RATE: &str = "10000000";

/// Everything that runs. Fields end in this order: nodes before the servers they use.
pub(super) struct Cluster {
    nodes: Vec<Node>,
    venue: VenueHandle,
    credential: CredentialFile,
    /// What can be cut between the last node and the servers.
    network: Network,
    folder: Folder,
    _servers: Servers,
}

/// Runs the tour, or the measurement in its place.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let _log = logging::start(&LogSettings { format: LogFormat::Text, level: "error" });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("demo").enable_all().build()?;
    let mut tour = Tour::new(args.json);
    // Before the first server: interrupted at whichever step, processes and folders go with what is dropped.
    let stop = pin!(runtime.block_on(async { StopSignal::listen() })?.wait());
    let playing = async {
        let cluster = Cluster::open(&mut tour).await?;
        match args.halts {
            Some(count) => measured::measure(cluster, &mut tour, count, args.partitions).await,
            None => story::tour(cluster, &mut tour).await,
        }
    };
    runtime.block_on(unless_stopped(stop, playing))?;
    tour.end()?;
    Ok(if tour.held() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

impl Cluster {
    /// Starts everything.
    async fn open(tour: &mut Tour) -> anyhow::Result<Self> {
        tour.section("Three nodes, and what they share")?;
        let failed = || Failure::environment("the cluster did not start");
        let servers = async { Ok((Servers::start().await?, "private, reached by Unix sockets".to_owned())) };
        let servers = tour.step("PostgreSQL and Redis", servers).await?.ok_or_else(failed)?;
        let starting = async {
            let cluster = Self::start(servers).await?;
            let said = cluster.nodes.iter().map(|node| format!("{} at https://{}", node.name, node.authority)).collect::<Vec<_>>();
            Ok((cluster, said.join(", ")))
        };
        tour.step("nodes a, b and c, one paper venue", starting).await?.ok_or_else(failed)
    }

    async fn start(servers: Servers) -> anyhow::Result<Self> {
        let folder = Folder::make()?;
        let operators = OPERATORS.map(|name| new_operator(&folder, name)).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen for the paper venue")?;
        let common = format!(
            "[upstream.venue]\nurl = \"http://{}\"\n\n[halt]\nquorum = 2\noperators = [{}]\n\n[fix]\nenabled = false\n\n[native]\norders_per_second = 100000\n\n[log]\nlevel = \"error\"\n",
            listener.local_addr()?,
            operators.iter().map(|line| format!("\"{line}\"")).collect::<Vec<_>>().join(", "),
        );
        let apart = folder.path().join("apart");
        create_private_folder(&apart)?;
        let network = Network::between(&apart, servers.sockets())?;
        let group = servers.group()?;
        let mut nodes = [("a", servers.sockets()), ("b", servers.sockets()), ("c", &apart)]
            .map(|(name, sockets)| Node::make(folder.path(), name, &common, sockets, group))
            .into_iter()
            .collect::<anyhow::Result<Vec<_>>>()?;
        let (first, others) = nodes.split_first_mut().context("there are three nodes")?;
        first.start()?;
        for node in others {
            node.take_over(first)?;
            node.start()?;
        }
        let verifier = IdentityVerifier::from_jwks_file(&first.state.join("jwks.json"))?;
        let file = folder.path().join("demo.json");
        let out = file.to_str().context("the temporary folder has a strange name")?;
        first.run(&["account", "new", ACCOUNT]).await?;
        let key = ["key", "new", "--account", ACCOUNT, "--purpose", "native", "--out", out];
        first.run(&[&key[..], &["--weight-per-minute", RATE, "--orders-per-10s", RATE]].concat()).await?;
        let credential = read_private(&file, FILE_BYTES_MAX)?;
        let credential = CredentialFile::parse(std::str::from_utf8(&credential)?)?;
        let venue = Venue::start(VenueConfig::default(), verifier, listener);
        Ok(Self { nodes, venue, credential, network, folder, _servers: servers })
    }

    fn operator_key(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }
}

/// Makes an operator's key as an operator does; the public line.
fn new_operator(folder: &Folder, name: &str) -> anyhow::Result<String> {
    let out = folder.path().join(format!("{name}.pem"));
    let done = Command::new(std::env::current_exe()?).args(["operator", "new", name, "--out"]).arg(out).output()?;
    let line = String::from_utf8(done.stdout)?;
    if done.status.success() { Ok(line.trim().to_owned()) } else { Err(Failure::environment(format!("operator new {name} failed"))) }
}
