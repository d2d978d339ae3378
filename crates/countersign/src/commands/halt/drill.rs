//! `drill run`: rehearse at all nodes, and measure. With `--real` halts are raised and lifted in earnest, on a session that nobody has.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use countersign_core::{Algorithm, Monotonic, SessionId};
use countersign_gateway::clock;
use countersign_gateway::entropy::SystemEntropy;
use countersign_gateway::halts::report::{DrillLine, DrillPart, DrillRequest, HaltRequest, LiftRequest, SignatureRequest};
use countersign_gateway::operator::OperatorClient;
use countersign_halt::{LiftId, Operator, Reason, Spread};
use countersign_handshake::SigningKey;
use serde_json::{Map, Value, json};

use super::super::session::gateway;
use super::super::{output, run_async};
use super::lift;
use crate::cli::{DrillCommand, DrillRunArgs};
use crate::failure::Failure;

/// Runs the subcommand.
pub(in crate::commands) fn run(command: &DrillCommand) -> anyhow::Result<ExitCode> {
    let DrillCommand::Run(args) = command;
    run_async(async {
        let client = gateway(&args.state)?;
        let measured = match (args.real, &args.operator, &args.key) {
            (true, Some(operator), Some(key)) => halt_and_lift(&client, args, operator, key).await?,
            (true, ..) => return Err(Failure::usage("--real needs --operator and --key: what is halted must be lifted".to_owned())),
            (false, ..) => rehearse(&client, args).await?,
        };
        measured.show(args)?;
        // A barrier that was not reached is a failure: it would not have been known when trading had stopped.
        Ok(if measured.unconfirmed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// What was measured.
#[derive(Default)]
struct Measured {
    /// By stage, in the order of what happens.
    stages: Vec<(&'static str, Vec<Duration>)>,
    unconfirmed: u32,
    would_refuse: Option<u64>,
    /// In a rehearsal: by node.
    nodes: BTreeMap<String, AtNode>,
}

/// What rehearsals came to at one node.
#[derive(Default)]
struct AtNode {
    barriers: Vec<Duration>,
    silent: u32,
    waiting: u32,
    /// The sum of all.
    would_refuse: u64,
    /// The most of one.
    under_way: u64,
    sessions: u64,
    cancels: u64,
}

impl AtNode {
    fn note(&mut self, said: Option<DrillPart>) {
        let Some(said) = said else {
            self.silent += 1;
            return;
        };
        match said.barrier_us {
            Some(took) => self.barriers.push(Duration::from_micros(took)),
            None => self.waiting += 1,
        }
        self.would_refuse += said.would_refuse;
        self.under_way = self.under_way.max(said.under_way);
        self.sessions = self.sessions.max(said.sessions);
        self.cancels = self.cancels.max(said.cancels);
    }

    fn json(&self) -> Value {
        let &Self { silent, waiting, would_refuse, under_way, sessions, cancels, .. } = self;
        json!({
            "acked": self.barriers.len(), "waiting": waiting, "silent": silent, "barrier": spread(&Spread::of(self.barriers.clone())),
            "would_refuse": would_refuse, "under_way": under_way, "sessions": sessions, "cancels": cancels,
        })
    }
}

fn spread(times: &Spread) -> Value {
    json!({ "p50_us": micros(times.p50), "p99_us": micros(times.p99), "max_us": micros(times.max) })
}

impl Measured {
    fn note(&mut self, stage: &'static str, took: Duration) {
        match self.stages.iter_mut().find(|(name, _)| *name == stage) {
            Some((_, times)) => times.push(took),
            None => self.stages.push((stage, vec![took])),
        }
    }

    fn note_micros(&mut self, stage: &'static str, took: Option<u64>) {
        if let Some(took) = took {
            self.note(stage, Duration::from_micros(took));
        }
    }

    fn show(&self, args: &DrillRunArgs) -> anyhow::Result<()> {
        let DrillRunArgs { scope, action, count, json, .. } = args;
        let spreads: Vec<(&str, Spread)> = self.stages.iter().map(|(stage, times)| (*stage, Spread::of(times.clone()))).collect();
        if *json {
            let stages: Map<String, Value> = spreads.iter().map(|(stage, times)| ((*stage).to_owned(), spread(times))).collect();
            let nodes: Map<String, Value> = self.nodes.iter().map(|(node, at)| (node.clone(), at.json())).collect();
            let &Self { unconfirmed, would_refuse, .. } = self;
            return output::json(&json!({
                "count": count, "real": args.real, "unconfirmed": unconfirmed, "would_refuse": would_refuse, "stages": stages,
                "nodes": nodes, "silent": self.silent(),
            }));
        }
        let mut table = output::table(&["STAGE", "P50 µs", "P99 µs", "MAX µs"]);
        for (stage, spread) in &spreads {
            let times = [spread.p50, spread.p99, spread.max].map(|time| micros(time).to_string());
            table.add_row([&(*stage).to_owned(), &times[0], &times[1], &times[2]]);
        }
        output::print(&table)?;
        self.show_nodes()?;
        let unconfirmed = self.unconfirmed;
        output::line(match self.would_refuse {
            Some(refused) => format!(
                "{count} rehearsals of {scope} {action}; {refused} requests would have been refused; {unconfirmed} not confirmed in time"
            ),
            None => {
                format!("{count} halts of a session that nobody has, {action}, each raised and lifted; {unconfirmed} not confirmed in time")
            }
        })
    }
}

impl Measured {
    /// Nodes that did not answer each time.
    fn silent(&self) -> Vec<&str> {
        self.nodes.iter().filter(|(_, at)| at.silent > 0).map(|(node, _)| node.as_str()).collect()
    }

    fn show_nodes(&self) -> anyhow::Result<()> {
        if self.nodes.is_empty() {
            return Ok(());
        }
        let mut table = output::table(&["NODE", "ACKED", "BARRIER P50 µs", "MAX µs", "SESSIONS", "UNDER WAY", "CANCELS", "WOULD REFUSE"]);
        for (node, at) in &self.nodes {
            let times = Spread::of(at.barriers.clone());
            let counts = [at.sessions, at.under_way, at.cancels, at.would_refuse].map(|count| count.to_string());
            let acked = at.barriers.len().to_string();
            let times = [times.p50, times.max].map(|time| micros(time).to_string());
            table.add_row([node, &acked, &times[0], &times[1], &counts[0], &counts[1], &counts[2], &counts[3]]);
        }
        output::print(&table)?;
        let silent = self.silent();
        if !silent.is_empty() {
            output::line(format!("did not answer: {}", silent.join(", ")))?;
        }
        Ok(())
    }
}

/// As many as were asked for, with a bar where somebody watches: a thousand take a while.
fn rounds(args: &DrillRunArgs) -> impl Iterator<Item = u32> {
    output::progress(Some(args.count.into()), args.json || args.count == 1).wrap_iter(0..args.count)
}

async fn rehearse(client: &OperatorClient, args: &DrillRunArgs) -> anyhow::Result<Measured> {
    let request = DrillRequest { scope: args.scope.to_string(), action: args.action.to_string() };
    let mut measured = Measured { would_refuse: Some(0), ..Measured::default() };
    for _ in rounds(args) {
        let begun = clock::mono();
        let report = client.drill(&request).await?;
        let command = since(begun);
        measured.note_micros("enforced", Some(report.enforced_us));
        measured.note_micros("committed", Some(report.committed_us));
        measured.note_micros("here", report.barrier_us);
        measured.note_micros("barrier", report.confirmed_us);
        measured.note("command", command);
        measured.unconfirmed += u32::from(report.confirmed_us.is_none());
        for DrillLine { node, part, .. } in report.nodes {
            measured.nodes.entry(node).or_default().note(part);
        }
        measured.would_refuse = measured.would_refuse.map(|refused| refused + report.would_refuse);
    }
    Ok(measured)
}

/// In earnest: in force, on the disk, confirmed, signed, lifted. The scope is one session, so that one operator lifts it, and its name is
/// drawn, so that nobody is stopped.
async fn halt_and_lift(client: &OperatorClient, args: &DrillRunArgs, operator: &str, key: &Path) -> anyhow::Result<Measured> {
    let pem = super::read_key(key)?;
    check_operator(client, operator, &pem).await?;
    let mut measured = Measured::default();
    for _ in rounds(args) {
        let request = HaltRequest {
            scope: format!("session:{}", SessionId::random(&mut SystemEntropy)),
            action: args.action.to_string(),
            reason: Reason::Drill.name().to_owned(),
            text: "a halt in earnest of a session that nobody has".to_owned(),
            review_by_ms: None,
            cancel: false,
        };
        let begun = clock::mono();
        let report = client.halt(&request).await?;
        let command = since(begun);
        measured.note_micros("enforced", Some(report.enforced_us));
        measured.note_micros("committed", report.committed_us);
        measured.note_micros("here", report.barrier_us);
        measured.note_micros("barrier", report.confirmed_us);
        measured.note("command", command);
        measured.unconfirmed += u32::from(report.confirmed_us.is_none() || report.epoch.is_none());
        let begun = clock::mono();
        let left = format!("the halt {} of this drill is still in force, and stops nobody; lift it", report.id);
        lift_again(client, report.id, operator, &pem).await.context(left)?;
        measured.note("lifted", since(begun));
    }
    Ok(measured)
}

/// Before anything is raised: whoever is named may lift it, with the key at hand.
async fn check_operator(client: &OperatorClient, operator: &str, pem: &str) -> anyhow::Result<()> {
    let key = SigningKey::from_pkcs8_pem(Algorithm::Ed25519, pem)?;
    let public = key.spki_der().last_chunk::<32>().context("an Ed25519 SPKI ends with the key")?;
    let own = Operator { name: operator.into(), key: *public }.to_string();
    // A gateway of before does not say whom it names; whoever is not named cannot sign there.
    let Some(operators) = client.halts().await?.operators else { return Ok(()) };
    if operators.contains(&own) {
        return Ok(());
    }
    let is_named = operators.iter().any(|line| line.split_once(':').is_some_and(|(name, _)| name == operator));
    Err(Failure::usage(if is_named {
        format!("--key is not the key of the operator {operator} in halt.operators; nothing was halted")
    } else {
        format!("--operator {operator}: halt.operators of the running gateway names no such operator; nothing was halted")
    }))
}

async fn lift_again(client: &OperatorClient, halt: String, operator: &str, pem: &str) -> anyhow::Result<()> {
    let request = LiftRequest { halts: vec![halt], to: None, reason: "the end of a drill".to_owned() };
    let proposal = client.propose_lift(&request).await?;
    let signature = SignatureRequest { operator: operator.to_owned(), signature: lift::sign(&proposal, pem, None)? };
    let id = LiftId::parse(&proposal.id).ok_or_else(|| anyhow::anyhow!("{:?} is no proposal", proposal.id))?;
    client.sign_lift(id, &signature).await?;
    client.apply_lift(id).await?;
    Ok(())
}

fn since(begun: Monotonic) -> Duration {
    clock::mono().saturating_since(begun)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
