//! A storm: all sessions lose their connections in the same instant, and come back while newcomers knock.
//!
//! ```text
//!   keys ─▶ gateways and paper venues ─▶ open N sessions, one order each ─▶ cut all ─┬▶ each resumes, asks for an order ─▶ and again
//!                                                                                    └▶ N/10 newcomers say hello meanwhile
//!   measured: until the last is back; loss to welcome, loss to the answer of the first order; newcomers served by then
//! ```
//!
//! Clients are those of `countersign-client`, with their checks and their jitter, on the same machine as the gateway: the figures hold
//! both sides. A session needs two file descriptors here and three at its gateway (`ulimit -n`); where a process may not have that many,
//! sessions are spread over several gateways, each with keys and a venue of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use countersign_client::{Endpoint, Incoming, Ladder, Options, Session};
use countersign_handshake::CredentialFile;
use countersign_handshake::contract::Quantity;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::clock::Moment;
use crate::rig::{Server, binary, free_address};

/// The storm to make.
#[derive(Clone, Debug, Args)]
pub(crate) struct StormArgs {
    /// Sessions of the storm.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) sessions: usize,
    /// Workers of a gateway; default: as many as there are cores.
    #[arg(long)]
    pub(crate) workers: Option<usize>,
    /// Gateways that share the sessions of the storm.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) gateways: u8,
    /// How often all are cut, each time when the last is back; default: 200 times for one session, which is one figure each time, and
    /// once for more.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: Option<u32>,
}

impl StormArgs {
    fn repeats(&self) -> u32 {
        self.repeat.unwrap_or(if self.sessions == 1 { 200 } else { 1 })
    }
}

/// Sessions of one key: a gateway lets 64 of them wait for their client.
const SESSIONS_PER_KEY: usize = 60;
/// Newcomers, as a part of the sessions: none beside fewer, which are alone.
const NEWCOMERS_PART: usize = 10;
/// Sessions that are opened at the same time, before the storm.
const OPENING_MAX: usize = 64;
/// How long a session waits for its client: longer than any storm that counts.
const RESUME_S: u64 = 300;
/// After it whoever is not back does not come back.
const STORM_DEADLINE: Duration = Duration::from_secs(120);
/// An order that nobody fills and that leaves nothing behind.
const ORDER: &str =
    r#"{"op":"order.place","id":"storm","sym":"BTCUSDT","side":"buy","type":"limit","tif":"ioc","px":"20000","qty":"0.001"}"#;

/// What came of it. Times are from the moment of the cut, in microseconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct StormReport {
    /// Sessions cut.
    sessions: usize,
    /// The gateways that they were spread over.
    gateways: u8,
    /// How often all were cut. What follows is of all these times together.
    repeats: u32,
    /// Sessions that came back and had their first order answered.
    back: usize,
    /// Until the last of them; the longest of all times.
    all_back_us: u64,
    /// Loss to welcome.
    resumed: Spread,
    /// Loss to the answer of the first order.
    first_order: Spread,
    /// Connections tried by all sessions together.
    attempts: u64,
    /// Newcomers that said hello from the cut on.
    newcomers: usize,
    /// Those welcomed before the last session was back.
    served_meanwhile: usize,
    /// Why sessions did not come back, the first few.
    failures: Vec<String>,
}

/// How a time is spread.
#[derive(Debug, Default, Serialize)]
struct Spread {
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
}

impl Spread {
    fn of(times: &[u64]) -> Result<Self> {
        let mut histogram = Histogram::<u64>::new(3)?;
        for time in times {
            histogram.record(*time)?;
        }
        Ok(Self { p50_us: histogram.value_at_quantile(0.5), p99_us: histogram.value_at_quantile(0.99), max_us: histogram.max() })
    }
}

impl StormReport {
    /// A line for the table of the documentation.
    fn table_line(&self) -> String {
        let Spread { p50_us, p99_us, max_us } = self.first_order;
        let millis = |micros: u64| micros as f64 / 1_000.0;
        let what = format!("{} × {} sessions, loss to the answer of the first order", self.repeats, self.sessions);
        format!("| {what} | p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms |", millis(p50_us), millis(p99_us), millis(max_us))
    }
}

/// One session after the storm.
struct Back {
    session: Session,
    resumed_us: u64,
    ordered_us: u64,
    attempts: u32,
}

/// Makes a storm on a gateway of its own.
///
/// # Errors
/// When the gateway or its keys cannot be made, or sessions cannot be opened.
pub(crate) fn run(args: &StormArgs) -> Result<bool> {
    if args.sessions == 0 {
        bail!("a storm needs sessions");
    }
    let folder = tempfile::tempdir()?;
    let gateways = usize::from(args.gateways);
    let (mut running, mut keys, mut newcomers) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..gateways {
        let folder = folder.path().join(format!("gateway-{number}"));
        std::fs::create_dir(&folder)?;
        let (gateway, port) = start(args, &folder)?;
        running.push(gateway);
        let count = args.sessions.div_ceil(gateways).div_ceil(SESSIONS_PER_KEY);
        for number in 0..count {
            keys.push(options(&key(&folder, number)?, port)?);
        }
        newcomers.push(options(&key(&folder, count)?, port)?);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(storm(args, &keys, &newcomers))?;
    println!("{}\n\n{}", serde_json::to_string_pretty(&report)?, report.table_line());
    drop(running);
    Ok(report.failures.is_empty())
}

fn start(args: &StormArgs, folder: &Path) -> Result<(Server, u16)> {
    let (address, operator) = (free_address()?, free_address()?);
    let state = folder.join("state");
    let config = format!(
        "state_dir = \"{}\"\n\n[listen]\naddress = \"{address}\"\n\n[operator]\naddress = \"{operator}\"\n\n[limits]\n\
         connections_max = 100000\nconnections_per_source_max = 100000\n\n[log]\nlevel = \"error\"\n",
        state.display()
    );
    std::fs::write(folder.join("gateway.toml"), config)?;
    let mut command = Command::new(binary()?);
    command.arg("serve").arg("--config").arg(folder.join("gateway.toml"));
    if let Some(workers) = args.workers {
        command.arg("--workers").arg(workers.to_string());
    }
    Ok((Server::start("gateway", command, &[address], folder)?, address.port()))
}

/// A key of an account of its own, whose rate limits are out of the way.
fn key(folder: &Path, number: usize) -> Result<PathBuf> {
    let (account, file) = (format!("storm-{number}"), folder.join(format!("key-{number}.json")));
    countersign(folder, &["account", "new", &account])?;
    let out = file.to_str().context("the temporary folder has a strange name")?;
    let rate = "4000000000";
    let words = ["key", "new", "--account", &account, "--purpose", "native", "--kind", "Ed25519", "--weight-per-minute", rate];
    countersign(folder, &[&words[..], &["--orders-per-10s", rate, "--out", out]].concat())?;
    Ok(file)
}

fn countersign(folder: &Path, words: &[&str]) -> Result<()> {
    let output = Command::new(binary()?).args(words).arg("--state").arg(folder.join("state")).output()?;
    if output.status.success() {
        return Ok(());
    }
    bail!("countersign {}: {}", words.join(" "), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()))
}

fn options(file: &Path, port: u16) -> Result<Options> {
    let credential = CredentialFile::parse(&std::fs::read_to_string(file)?).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut options = Options::new(credential)?;
    options.endpoint = Endpoint { host: "127.0.0.1".to_owned(), port };
    options.offer.want.quantities.insert(Quantity::ResumeS, RESUME_S);
    // A storm fills queues: who waits in one is not gone.
    options.deadline = Duration::from_secs(30);
    Ok(options)
}

async fn storm(args: &StormArgs, keys: &[Options], newcomers: &[Options]) -> Result<StormReport> {
    let (sessions, gateways, repeats) = (args.sessions, args.gateways, args.repeats());
    let mut report = StormReport { sessions, gateways, repeats, ..StormReport::default() };
    let (mut resumed, mut ordered) = (Vec::new(), Vec::new());
    let mut there = open(sessions, keys).await?;
    for _ in 0..repeats {
        let back = cut_all(there, newcomers, &mut report).await?;
        resumed.extend(back.iter().map(|back| back.resumed_us));
        ordered.extend(back.iter().map(|back| back.ordered_us));
        there = back.into_iter().map(|back| back.session).collect();
    }
    report.failures.truncate(5);
    report.back = ordered.len();
    (report.resumed, report.first_order) = (Spread::of(&resumed)?, Spread::of(&ordered)?);
    Ok(report)
}

/// Cuts all sessions in the same instant; those that are back.
async fn cut_all(there: Vec<Session>, newcomers: &[Options], report: &mut StormReport) -> Result<Vec<Back>> {
    let (cut, watching) = watch::channel(None);
    let knocks = there.len() / NEWCOMERS_PART;
    let mut ride = JoinSet::new();
    for session in there {
        ride.spawn(tokio::time::timeout(STORM_DEADLINE, through(session, watching.clone())));
    }
    let mut knocking = JoinSet::new();
    for newcomer in newcomers.iter().cycle().take(knocks) {
        knocking.spawn(knock(newcomer.clone(), watching.clone()));
    }
    cut.send(Some(Moment::now())).context("nobody waits for the storm")?;
    let mut back = Vec::new();
    while let Some(joined) = ride.join_next().await {
        match joined? {
            Ok(Ok(session)) => back.push(session),
            Ok(Err(error)) => report.failures.push(format!("{error:#}")),
            Err(_) => report.failures.push("not back in time".to_owned()),
        }
    }
    let all_back_us = back.iter().map(|back| back.ordered_us).max().unwrap_or_default();
    report.all_back_us = report.all_back_us.max(all_back_us);
    report.attempts += back.iter().map(|back| u64::from(back.attempts)).sum::<u64>();
    report.newcomers += knocks;
    while let Some(joined) = knocking.join_next().await {
        report.served_meanwhile += usize::from(joined?.is_some_and(|after| after <= all_back_us));
    }
    Ok(back)
}

async fn open(sessions: usize, keys: &[Options]) -> Result<Vec<Session>> {
    let doors = std::sync::Arc::new(Semaphore::new(OPENING_MAX));
    let mut opening = JoinSet::new();
    for number in 0..sessions {
        let (options, doors) = (keys[number % keys.len()].clone(), std::sync::Arc::clone(&doors));
        opening.spawn(async move {
            let _turn = doors.acquire().await?;
            let mut session = Session::connect(&options, &mut Ladder::default()).await?;
            order(&mut session).await?;
            anyhow::Ok(session)
        });
    }
    let mut opened = Vec::with_capacity(sessions);
    while let Some(joined) = opening.join_next().await {
        opened.push(joined?.context("opening a session")?);
    }
    Ok(opened)
}

/// Places an order and waits for whatever is answered.
async fn order(session: &mut Session) -> Result<()> {
    session.send(ORDER).await?;
    loop {
        match session.next().await? {
            Incoming::Message(text) if text.contains(r#""re":"storm""#) => return Ok(()),
            Incoming::Refused(err) => bail!("the order was refused: {err}"),
            Incoming::Away(why) => bail!("the connection is gone: {why}"),
            Incoming::Drain(_)
            | Incoming::Halt { .. }
            | Incoming::Lift
            | Incoming::Lost { .. }
            | Incoming::Message(_)
            | Incoming::NotApplied { .. }
            | Incoming::RegrantRefused(_)
            | Incoming::Regranted { .. }
            | Incoming::Resumed(_) => {}
        }
    }
}

async fn through(mut session: Session, mut cut: watch::Receiver<Option<Moment>>) -> Result<Back> {
    let at = loop {
        tokio::select! {
            changed = cut.changed() => { changed?; }
            incoming = session.next() => drop(incoming?),
        }
        if let Some(at) = *cut.borrow() {
            break at;
        }
    };
    session.cut();
    let attempts = loop {
        if let Incoming::Resumed(resumed) = session.next().await? {
            break resumed.attempts;
        }
    };
    let resumed_us = Moment::now().nanos_since(at) / 1_000;
    order(&mut session).await?;
    let ordered_us = Moment::now().nanos_since(at) / 1_000;
    Ok(Back { session, resumed_us, ordered_us, attempts })
}

/// A newcomer; when it was welcomed, if it was.
async fn knock(options: Options, mut cut: watch::Receiver<Option<Moment>>) -> Option<u64> {
    let at = (*cut.wait_for(Option::is_some).await.ok()?)?;
    let session = Session::connect(&options, &mut Ladder::default()).await.ok()?;
    let after = Moment::now().nanos_since(at) / 1_000;
    drop(session.close().await);
    Some(after)
}
