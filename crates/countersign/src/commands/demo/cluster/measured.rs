//! Halts under load, measured: from the operator's request until each node's clients knew, with all nodes connected and with one apart.
//!
//! ```text
//!   request at b ─▶ in force at b ─▶ on the disk ─▶ clients of all nodes told ─▶ the venue gets nothing more ─▶ lifted by two of three
//!   c apart, request at b ─▶ c does not know its halts: its last order ─▶ c is back ─▶ its clients told ─▶ lifted
//! ```

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use countersign_client::now;
use countersign_core::Monotonic;
use countersign_gateway::halts::report::{HaltReport, HaltRequest, LiftRequest, SignatureRequest};
use countersign_gateway::operator::OperatorClient;
use countersign_halt::{LiftId, Reason, Spread};

use super::super::tour::Tour;
use super::story::{self, HALT_BOUND};
use super::traders::Traders;
use super::{ACCOUNT, Cluster};
use crate::commands::halt::lift;

/// The node that halts are raised at, by its place.
const RAISED_AT: usize = 1;
/// The node that is apart.
const APART: usize = 2;
/// How long all nodes may take to tell their clients.
const TOLD_DEADLINE: Duration = Duration::from_secs(20);
/// What is under way between a node and the venue is there by then.
const UNDER_WAY: Duration = Duration::from_millis(20);
/// How long the node stays apart after the halt: its lease has run out by then, and something is left to see that it stays quiet.
const APART_FOR: Duration = Duration::from_millis(2_000);

/// Measures, and tells.
pub(super) async fn measure(cluster: Cluster, tour: &mut Tour, halts: u32, partitions: u32) -> anyhow::Result<()> {
    tour.section("Halts under load, raised at node b and lifted by two of three operators")?;
    let options = (0..cluster.nodes.len()).map(|node| story::options(&cluster, node)).collect::<anyhow::Result<Vec<_>>>()?;
    let connecting = async { Ok((Traders::connect(options).await?, "at each node four that order and one that listens".to_owned())) };
    let Some(traders) = tour.step("clients", connecting).await? else { return Ok(()) };
    let mut rig = Rig::new(&cluster, traders)?;
    let measured = async {
        let mut stages = Stages::default();
        for _ in 0..halts {
            rig.halt_and_lift(&mut stages).await?;
        }
        let orders = cluster.venue.arrivals().orders_placed;
        Ok(((), format!("{orders} orders reached the venue, none between the last client told and the lift\n{}", stages.table())))
    };
    tour.step(&format!("{halts} halts"), measured).await?;
    if partitions > 0 {
        let measured = async {
            let mut stages = Stages::default();
            for _ in 0..partitions {
                rig.halt_apart(&cluster, &mut stages).await?;
            }
            Ok(((), format!("it reaches neither database nor Redis, and stops by itself\n{}", stages.table())))
        };
        tour.step(&format!("{partitions} halts, node c apart"), measured).await?;
    }
    Ok(())
}

/// Times by stage, in the order of what happens.
#[derive(Default)]
struct Stages(Vec<(&'static str, Vec<Duration>)>);

impl Stages {
    fn note(&mut self, stage: &'static str, took: Duration) {
        match self.0.iter_mut().find(|(name, _)| *name == stage) {
            Some((_, times)) => times.push(took),
            None => self.0.push((stage, vec![took])),
        }
    }

    /// Lines of milliseconds.
    fn table(&self) -> String {
        let line = |(stage, times): &(&str, Vec<Duration>)| {
            let spread = Spread::of(times.clone());
            let [p50, p99, max] = [spread.p50, spread.p99, spread.max].map(|time| time.as_secs_f64() * 1_000.0);
            format!("{stage:<44} p50 {p50:>8.2} ms   p99 {p99:>8.2} ms   max {max:>8.2} ms")
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// What measures.
struct Rig<'c> {
    cluster: &'c Cluster,
    traders: Traders,
    operators: Vec<OperatorClient>,
    /// Name and private key of those who sign.
    signers: Vec<(&'static str, String)>,
}

impl<'c> Rig<'c> {
    fn new(cluster: &'c Cluster, traders: Traders) -> anyhow::Result<Self> {
        let operators = cluster.nodes.iter().map(|node| OperatorClient::new(node.state.join("operator.sock"))).collect();
        let key = |name| Ok((name, std::fs::read_to_string(cluster.operator_key(name))?));
        let signers = ["alice", "carol"].map(key).into_iter().collect::<anyhow::Result<_>>()?;
        Ok(Self { cluster, traders, operators, signers })
    }

    async fn halt_and_lift(&mut self, stages: &mut Stages) -> anyhow::Result<()> {
        let began = now().mono;
        let report = self.raise().await?;
        let answered = now().mono;
        let told = self.told(Some(&report.id), self.cluster.nodes.len()).await?;
        let (first, last) = (told.iter().min().context("no node")?, told.iter().max().context("no node")?);
        let since = |at: Monotonic| at.saturating_since(began);
        stages.note("in force at the node", Duration::from_micros(report.enforced_us));
        stages.note("on the disk", Duration::from_micros(report.committed_us.context("the halt is not in the database")?));
        stages.note("barrier of the node itself", Duration::from_micros(report.barrier_us.context("no barrier")?));
        let confirmed = report.confirmed_us.context("the halt is not confirmed at all nodes")?;
        stages.note("barrier: nothing of before is under way", Duration::from_micros(confirmed));
        stages.note("the operator has the answer", since(answered));
        stages.note("clients of the first node told", since(*first));
        stages.note("clients of all nodes told", since(*last));
        tokio::time::sleep(UNDER_WAY).await;
        let before = self.cluster.venue.arrivals().orders_placed;
        let lift = self.signed(&report.id).await?;
        let after = self.cluster.venue.arrivals().orders_placed;
        ensure!(before == after, "{} orders reached the venue while {} was in force at all nodes", after - before, report.id);
        self.operators[RAISED_AT].apply_lift(lift).await?;
        self.told(None, self.cluster.nodes.len()).await.map(drop)
    }

    /// With one node that is not reached: it must stop by itself.
    async fn halt_apart(&mut self, cluster: &Cluster, stages: &mut Stages) -> anyhow::Result<()> {
        cluster.network.cut();
        let began = now().mono;
        let report = self.raise().await?;
        // Confirmed when the lease of the node that is apart is over.
        let confirmed = Duration::from_micros(report.confirmed_us.context("the halt is not confirmed while a node is apart")?);
        let told = self.told(Some(&report.id), self.cluster.nodes.len() - 1).await?;
        let last = told.iter().max().context("no node")?;
        tokio::time::sleep(APART_FOR).await;
        let traded_on = self.traders.last_taken(APART).saturating_since(began);
        ensure!(traded_on <= HALT_BOUND, "the node that is apart took an order {traded_on:?} after the halt");
        stages.note("clients of the nodes that are reached told", last.saturating_since(began));
        stages.note("last order of the node that is apart", traded_on);
        stages.note("confirmed while it is apart", confirmed);
        let mended = now().mono;
        cluster.network.mend();
        let back = self.told(Some(&report.id), 1).await?;
        stages.note("after its return: its clients told", back.first().context("no node")?.saturating_since(mended));
        let lift = self.signed(&report.id).await?;
        self.operators[RAISED_AT].apply_lift(lift).await?;
        self.told(None, self.cluster.nodes.len()).await?;
        self.until_all_trade().await
    }

    async fn raise(&self) -> anyhow::Result<HaltReport> {
        let request = HaltRequest {
            scope: format!("account:{ACCOUNT}"),
            action: "cancel-only".to_owned(),
            reason: Reason::Infrastructure.name().to_owned(),
            text: "measured".to_owned(),
            review_by_ms: None,
            cancel: false,
        };
        Ok(self.operators[RAISED_AT].halt(&request).await?)
    }

    /// Waits until the clients of this many nodes were told of a halt, or of its end; when.
    async fn told(&mut self, halt: Option<&str>, nodes: usize) -> anyhow::Result<Vec<Monotonic>> {
        let waiting = async {
            let mut times = Vec::new();
            while times.len() < nodes {
                let told = self.traders.next().await?;
                if told.halt.as_deref() == halt {
                    times.push(told.at);
                }
            }
            anyhow::Ok(times)
        };
        match tokio::time::timeout(TOLD_DEADLINE, waiting).await {
            Ok(times) => times,
            Err(_) => bail!("not all clients were told of {} in {TOLD_DEADLINE:?}", halt.unwrap_or("the end of the halt")),
        }
    }

    /// Proposed at one node, signed at it by two.
    async fn signed(&self, halt: &str) -> anyhow::Result<LiftId> {
        let client = &self.operators[RAISED_AT];
        let request = LiftRequest { halts: vec![halt.to_owned()], to: None, reason: "measured".to_owned() };
        let proposal = client.propose_lift(&request).await?;
        let id = LiftId::parse(&proposal.id).with_context(|| format!("{:?} is no proposal", proposal.id))?;
        for (name, key) in &self.signers {
            let signature = SignatureRequest { operator: (*name).to_owned(), signature: lift::sign(&proposal, key, None)? };
            client.sign_lift(id, &signature).await?;
        }
        Ok(id)
    }

    /// Waits until each node took an order after now.
    async fn until_all_trade(&mut self) -> anyhow::Result<()> {
        let from = now().mono;
        let trading = async {
            for node in 0..self.cluster.nodes.len() {
                while self.traders.last_taken(node) < from {
                    tokio::time::sleep(UNDER_WAY).await;
                }
            }
        };
        tokio::time::timeout(TOLD_DEADLINE, trading).await.context("not every node takes orders again")
    }
}
