//! Clients for a measurement: at each node one that listens, and some that place orders as fast as they are answered.
//!
//! None of them can be resumed: their sessions are not mirrored, so that what is measured is the halt and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use countersign_client::{Incoming, Ladder, Options, Session, now};
use countersign_core::Monotonic;
use countersign_handshake::contract::{Choice, Quantity};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::native::{SYMBOL, ask};

/// Clients that order at each node.
const TRADERS: usize = 4;
/// Pause after an order that was taken: the load is for the gateway to be busy, not for the machine to be full.
const PACE: Duration = Duration::from_millis(2);
/// Pause after a refusal: a session may be refused ten times a second.
const REFUSED_PACE: Duration = Duration::from_millis(150);

/// What the listening client of a node was told, and when.
#[derive(Debug)]
pub(super) struct Told {
    /// When.
    pub(super) at: Monotonic,
    /// The name of a halt; `None`: no halt covers it any more.
    pub(super) halt: Option<String>,
}

/// All clients. They end when this is dropped.
pub(super) struct Traders {
    clients: JoinSet<anyhow::Result<()>>,
    told: mpsc::UnboundedReceiver<Told>,
    /// When the last order was acknowledged, in microseconds, by node.
    taken: Vec<Arc<AtomicU64>>,
}

impl Traders {
    /// Connects all of them: `options` are those of each node.
    pub(super) async fn connect(options: Vec<Options>) -> anyhow::Result<Self> {
        let (tell, told) = mpsc::unbounded_channel();
        let mut clients = JoinSet::new();
        let mut taken = Vec::new();
        for (node, mut options) in options.into_iter().enumerate() {
            options.offer.want.quantities.remove(&Quantity::ResumeS);
            options.offer.want.choices.remove(&Choice::Rx);
            let last = Arc::new(AtomicU64::new(0));
            clients.spawn(listen(open(&options).await?, node, tell.clone()));
            for _ in 0..TRADERS {
                clients.spawn(trade(open(&options).await?, Arc::clone(&last)));
            }
            taken.push(last);
        }
        Ok(Self { clients, told, taken })
    }

    /// What is told next.
    ///
    /// # Errors
    /// When a client ended: they end only by failing.
    pub(super) async fn next(&mut self) -> anyhow::Result<Told> {
        tokio::select! {
            told = self.told.recv() => told.context("nobody listens"),
            ended = self.clients.join_next() => match ended {
                Some(ended) => bail!("a client ended: {}", ended?.map_or_else(|error| format!("{error:#}"), |()| "nobody listens".to_owned())),
                None => bail!("there is no client"),
            },
        }
    }

    /// When the last order at a node was acknowledged.
    pub(super) fn last_taken(&self, node: usize) -> Monotonic {
        Monotonic::from_micros(self.taken[node].load(Ordering::Relaxed))
    }
}

async fn open(options: &Options) -> anyhow::Result<Session> {
    Ok(Session::connect(options, &mut Ladder::default()).await?)
}

async fn listen(mut session: Session, node: usize, tell: mpsc::UnboundedSender<Told>) -> anyhow::Result<()> {
    loop {
        let halt = match session.next().await? {
            Incoming::Halt { id, .. } => Some(id),
            Incoming::Lift => None,
            Incoming::Away(why) => bail!("the session at node {node} is gone: {why}"),
            Incoming::Drain(_)
            | Incoming::Lost { .. }
            | Incoming::Message(_)
            | Incoming::NotApplied { .. }
            | Incoming::Refused(_)
            | Incoming::RegrantRefused(_)
            | Incoming::Regranted { .. }
            | Incoming::Resumed(_) => continue,
        };
        if tell.send(Told { at: now().mono, halt }).is_err() {
            return Ok(());
        }
    }
}

async fn trade(mut session: Session, last: Arc<AtomicU64>) -> anyhow::Result<()> {
    loop {
        let answer = ask(&mut session, &order()).await?;
        let pace = if answer["ok"] == true {
            last.fetch_max(now().mono.as_micros(), Ordering::Relaxed);
            PACE
        } else {
            expected(&answer)?;
            REFUSED_PACE
        };
        tokio::time::sleep(pace).await;
    }
}

/// Gone at once, so that the book does not fill.
fn order() -> Value {
    let id = uuid::Uuid::new_v4().to_string();
    json!({"op": "order.place", "sym": SYMBOL, "side": "buy", "type": "limit", "tif": "ioc", "qty": "0.01", "px": "1000", "id": id})
}

/// A halt, or a node that does not know its halts.
fn expected(answer: &Value) -> anyhow::Result<()> {
    match answer["err"]["code"].as_str() {
        Some("halt.active" | "halt.unknown") => Ok(()),
        _ => bail!("an order got {answer}"),
    }
}
