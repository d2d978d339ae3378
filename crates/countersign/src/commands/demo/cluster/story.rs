//! What happens, and what is checked of it.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use countersign_client::{Endpoint, Incoming, Ladder, Options, Resumed, Session, now};
use serde_json::{Value, json};

use super::super::native::{SYMBOL, ask};
use super::super::stage::DEADLINE;
use super::super::tour::Tour;
use super::node::Node;
use super::wire::Wire;
use super::{ACCOUNT, Cluster};

/// Orders placed before the node is killed.
const ORDERS: u64 = 20;
/// Orders that are at the venue when the node is killed, and whose answers the client never got.
const ORDERS_UNANSWERED: u64 = 5;
/// Orders sent to a node that is dead.
const ORDERS_TOO_LATE: u64 = 5;
/// How long a session may take to come back: the lease of the dead node must run out first.
const RETURN_DEADLINE: Duration = Duration::from_secs(20);
/// The bound of a halt on a node that can read its halts, and of its lease on one that cannot.
pub(super) const HALT_BOUND: Duration = Duration::from_secs(1);

/// How often a client asks whether it may trade again: refusals are counted, and a flood of them ends a session.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Plays all of it.
pub(super) async fn tour(mut cluster: Cluster, tour: &mut Tour) -> anyhow::Result<()> {
    tour.section("Live orders at node a")?;
    let wire = Wire::to(&cluster.nodes[0].authority).await?;
    let opened = tour.step("session", connect_by(&cluster, &wire)).await?;
    let Some(mut session) = opened else { return Ok(()) };
    let before = cluster.venue.arrivals().orders_placed;
    tour.step("orders", orders(&mut session, ORDERS)).await?;

    tour.section("kill -9")?;
    let resumed = tour.step("node a dies, the session goes on", killed(&mut cluster, &mut session, wire)).await?;
    if let Some(sent) = resumed {
        tour.step("no order twice, none lost", counted(&cluster, &mut session, before, ORDERS + sent)).await?;
        tour.step("orders again", orders(&mut session, 5)).await?;
    }
    let back = async {
        let node = &mut cluster.nodes[0];
        node.start()?;
        Ok(((), format!("at https://{} as before", node.authority)))
    };
    tour.step("node a is back", back).await?;

    tour.section("A halt, at one node, for all")?;
    let sessions = tour.step("a session at each node", sessions(&cluster)).await?;
    let Some(mut sessions) = sessions else { return Ok(()) };
    let halt = tour.step("halt", halted(&cluster, &mut sessions)).await?;
    tour.step("every node refuses a new order", refused(&mut sessions)).await?;

    tour.section("Two of three operators let trading go on")?;
    if let Some(halt) = halt {
        let lifted = tour.step("propose, sign, sign, apply", lifted(&cluster, &halt)).await?;
        if lifted.is_some() {
            tour.step("every node takes orders", taken(&mut sessions)).await?;
        }
    }
    for session in sessions.into_iter().chain([session]) {
        // What is gone needs no good-bye.
        drop(session.close().await);
    }
    drop(cluster);
    Ok(())
}

pub(super) fn options(cluster: &Cluster, first: usize) -> anyhow::Result<Options> {
    let mut options = Options::new(cluster.credential.clone())?;
    options.endpoint = Endpoint::parse(&cluster.nodes[first].authority)?;
    let others = cluster.nodes.iter().enumerate().filter(|(index, _)| *index != first);
    options.also = others.map(|(_, node)| Endpoint::parse(&node.authority)).collect::<Result<_, _>>()?;
    options.deadline = DEADLINE;
    Ok(options)
}

/// A session at node a, over a wire that can be cut.
async fn connect_by(cluster: &Cluster, wire: &Wire) -> anyhow::Result<(Session, String)> {
    let mut options = options(cluster, 0)?;
    options.endpoint = Endpoint::parse(&wire.address.to_string())?;
    open(&options).await
}

async fn connect(cluster: &Cluster, first: usize) -> anyhow::Result<(Session, String)> {
    open(&options(cluster, first)?).await
}

async fn open(options: &Options) -> anyhow::Result<(Session, String)> {
    let session = Session::connect(options, &mut Ladder::default()).await?;
    let sid = session.agreed().sid;
    ensure!(session.agreed().resumption.is_some(), "the session cannot be resumed");
    Ok((session, format!("{sid}, may be resumed at any node")))
}

fn order() -> Value {
    json!({"op": "order.place", "sym": SYMBOL, "side": "buy", "type": "limit", "qty": "0.01", "px": "1000", "id": uuid::Uuid::new_v4().to_string()})
}

async fn orders(session: &mut Session, count: u64) -> anyhow::Result<((), String)> {
    let began = now().mono;
    for _ in 0..count {
        let answer = ask(session, &order()).await?;
        ensure!(answer["ok"] == true, "refused: {answer}");
    }
    let each = now().mono.saturating_since(began).as_secs_f64() * 1_000.0 / f64::from(u32::try_from(count)?);
    Ok(((), format!("{count} placed and acknowledged, {each:.1} ms each")))
}

/// Lets the venue take orders whose answers do not get through, kills the node, and waits until the session is back. How many were
/// applied.
async fn killed(cluster: &mut Cluster, session: &mut Session, wire: Wire) -> anyhow::Result<(u64, String)> {
    let before = cluster.venue.arrivals().orders_placed;
    wire.mute();
    for _ in 0..ORDERS_UNANSWERED {
        session.send(&order().to_string()).await?;
    }
    let arrived = async {
        while cluster.venue.arrivals().orders_placed < before + ORDERS_UNANSWERED {
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    tokio::time::timeout(DEADLINE, arrived).await.context("the orders did not arrive at the venue")?;
    cluster.nodes[0].kill();
    wire.cut();
    let mut sent = ORDERS_UNANSWERED;
    for _ in 0..ORDERS_TOO_LATE {
        // The connection may be known to be gone by now; then nothing was sent.
        sent += u64::from(session.send(&order().to_string()).await.is_ok());
    }
    let resumed = tokio::time::timeout(RETURN_DEADLINE, back(session)).await.context("the session did not come back in time")??;
    let unsent = resumed.not_applied.map_or(0, |(_, count)| count);
    let applied = sent - unsent;
    ensure!(applied == ORDERS_UNANSWERED, "{applied} orders count as applied, {ORDERS_UNANSWERED} arrived");
    ensure!(resumed.replayed >= ORDERS_UNANSWERED, "{} messages were replayed", resumed.replayed);
    let said = format!(
        "at node b or c after {:.0} ms, {} attempts\n{applied} orders were at the venue, their answers lost: {} messages replayed\n{unsent} sent too late: named as never applied",
        resumed.took.as_secs_f64() * 1_000.0,
        resumed.attempts,
        resumed.replayed,
    );
    Ok((applied, said))
}

async fn back(session: &mut Session) -> anyhow::Result<Resumed> {
    loop {
        if let Incoming::Resumed(resumed) = session.next().await? {
            return Ok(*resumed);
        }
    }
}

/// What is at the venue is what was applied: asked of the session, and counted at the venue's door.
async fn counted(cluster: &Cluster, session: &mut Session, before: u64, applied: u64) -> anyhow::Result<((), String)> {
    let open = ask(session, &json!({"op": "order.list", "id": "list"})).await?;
    let listed = open["orders"].as_array().context("no list of orders")?.len() as u64;
    let arrived = cluster.venue.arrivals().orders_placed - before;
    ensure!(arrived == listed, "{arrived} orders arrived at the venue, {listed} are open");
    ensure!(arrived == applied, "{applied} orders were applied, {arrived} arrived");
    Ok(((), format!("{applied} applied, {arrived} arrived, {listed} open")))
}

async fn sessions(cluster: &Cluster) -> anyhow::Result<(Vec<Session>, String)> {
    let mut sessions = Vec::new();
    for index in 0..cluster.nodes.len() {
        sessions.push(connect(cluster, index).await?.0);
    }
    Ok((sessions, "each is told of halts that cover it".to_owned()))
}

/// Halts the demo account at node b, and measures when each node's client knew.
async fn halted(cluster: &Cluster, sessions: &mut [Session]) -> anyhow::Result<(String, String)> {
    let began = now().mono;
    let told = async {
        let waits = sessions.iter_mut().map(|session| async move {
            loop {
                if let Incoming::Halt { .. } = session.next().await? {
                    return anyhow::Ok(now().mono.saturating_since(began));
                }
            }
        });
        futures_util::future::try_join_all(waits).await
    };
    let scope = format!("account:{ACCOUNT}");
    let arguments = ["halt", "--scope", &scope, "--reason", "runaway"];
    let command = cluster.nodes[1].operate(&arguments);
    let both = async { tokio::try_join!(command, told) };
    let (report, spread) = tokio::time::timeout(DEADLINE + HALT_BOUND, both).await.context("not every node stopped in time")??;
    let id = report["id"].as_str().context("the halt has no name")?.to_owned();
    let times: Vec<_> = cluster
        .nodes
        .iter()
        .zip(&spread)
        .map(|(Node { name, .. }, took)| format!("{name} {:.0} ms", took.as_secs_f64() * 1_000.0))
        .collect();
    let (first, last) = (spread.iter().min().context("no node")?, spread.iter().max().context("no node")?);
    ensure!(*last - *first <= HALT_BOUND, "from the first node to the last took {:?}", *last - *first);
    let width = (*last - *first).as_secs_f64() * 1_000.0;
    Ok((
        id.clone(),
        format!(
            "{id} at node b; clients knew after {} (start of the command included): {width:.0} ms from first to last",
            times.join(", ")
        ),
    ))
}

async fn refused(sessions: &mut [Session]) -> anyhow::Result<((), String)> {
    for session in sessions {
        let answer = ask(session, &order()).await?;
        ensure!(answer["err"]["code"] == "halt.active", "an order got {answer}");
    }
    Ok(((), "halt.active".to_owned()))
}

async fn lifted(cluster: &Cluster, halt: &str) -> anyhow::Result<((), String)> {
    let node = &cluster.nodes[2];
    let proposal = node.operate(&["lift", "propose", halt, "--reason", "books reconciled"]).await?;
    let (id, words) = (text(&proposal, "id")?, text(&proposal, "check_words")?);
    if node.operate(&["lift", "apply", &id]).await.is_ok() {
        bail!("one proposal without a signature lifted the halt");
    }
    for (name, node) in [("alice", &cluster.nodes[0]), ("carol", &cluster.nodes[1])] {
        let key = cluster.operator_key(name);
        let key = key.to_str().context("the temporary folder has a strange name")?;
        node.operate(&["lift", "sign", &id, "--operator", name, "--key", key, "--check", &words]).await?;
    }
    node.operate(&["lift", "apply", &id]).await?;
    Ok(((), format!("{id}, check words {words}: alice at node a, carol at node b, applied at node c")))
}

async fn taken(sessions: &mut [Session]) -> anyhow::Result<((), String)> {
    let began = now().mono;
    for session in sessions {
        while ask(session, &order()).await?["ok"] != true {
            ensure!(now().mono.saturating_since(began) < DEADLINE, "still halted");
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
    Ok(((), format!("within {:.0} ms", now().mono.saturating_since(began).as_secs_f64() * 1_000.0)))
}

fn text(value: &Value, member: &str) -> anyhow::Result<String> {
    value[member].as_str().map(str::to_owned).with_context(|| format!("the answer has no {member}"))
}
