//! The native part: two ladders, the contract, live prices, an order.

use anyhow::{Context as _, bail, ensure};
use countersign_client::{Carriage, Incoming, Ladder, Session};
use countersign_core::Binding;
use countersign_pki::{NegotiatedParameters, TlsVersion};
use serde_json::{Value, json};

use super::stage::{DEADLINE, Stage};
use super::tour::Tour;
use crate::commands::connect_show::{contract, millis};

/// The instrument of the tour.
pub(super) const SYMBOL: &str = "BTCUSDT";
/// Live prices waited for.
const TICKS: usize = 4;

/// Runs the part.
pub(super) async fn tour(stage: &Stage, tour: &mut Tour) -> anyhow::Result<()> {
    tour.section("Two handshakes over one connection: TLS 1.3, and the contract countersign/1")?;
    let options = stage.options(Carriage::Raw, Binding::Exp)?;
    let opened = tour.step("connect natively", connect(stage, &options)).await?;
    let Some((mut session, ladder)) = opened else { return Ok(()) };
    tour.text(&ladders(&ladder, session.negotiated()))?;
    tour.text(&indented(&contract(session.agreed())))?;

    tour.section("Market data")?;
    tour.step("markets", markets(&mut session)).await?;
    tour.step("ticker, live", ticks(&mut session)).await?;

    tour.section("An order, natively")?;
    let order = tour.step("place a limit order", place(stage, &mut session)).await?;
    if let Some(order) = order {
        tour.step("list open orders", listed(&mut session, &order)).await?;
        tour.step("cancel the order", cancel(&mut session, &order)).await?;
    }
    tour.step("end the session", async { Ok((session.close().await?, "bye".to_owned())) }).await?;
    Ok(())
}

async fn connect(stage: &Stage, options: &countersign_client::Options) -> anyhow::Result<((Session, Ladder), String)> {
    let (session, ladder) = stage.session(options).await?;
    let negotiated = session.negotiated();
    ensure!(negotiated.version == TlsVersion::Tls13, "TLS 1.3 was expected");
    ensure!(session.agreed().contract.bind == Binding::Exp, "binding exp was expected");
    let said = format!("{}, bound to the TLS channel by its exporter value", negotiated.group.as_deref().unwrap_or("no group"));
    Ok(((session, ladder), said))
}

/// Both handshakes as ladders.
fn ladders(ladder: &Ladder, negotiated: &NegotiatedParameters) -> String {
    let time = |step: &str| ladder.rungs().iter().find(|rung| rung.step == step).map_or_else(|| "-".to_owned(), |rung| millis(rung.took));
    let group = negotiated.group.as_deref().unwrap_or("-");
    let alpn = negotiated.alpn.as_deref().unwrap_or("-");
    format!(
        "
    TLS 1.3                                                                     TCP {tcp}, TLS {tls}
      client ──ClientHello: {group}, ALPN {alpn}──▶ gateway
      client ◀──ServerHello, EncryptedExtensions, Certificate, CertificateVerify, Finished── gateway
      client ──Finished──▶ gateway                        {suite}

    countersign/1                                                               hello {hello}, welcome {welcome}
      client ──hello cs1h: key, wishes, limits; signed over the channel──▶ gateway
      client ◀──welcome cs1w: the whole contract; signed over channel and hello── gateway
      client ──ready: hash of the contract──▶ gateway     no round trip more than TLS and the first request
",
        tcp = time("TCP"),
        tls = time("TLS"),
        suite = negotiated.suite,
        hello = time("hello"),
        welcome = time("welcome"),
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("      {line}\n")).collect::<String>().trim_end().to_owned()
}

/// Asks and waits for the answer; events that come meanwhile are passed over.
pub(super) async fn ask(session: &mut Session, request: &Value) -> anyhow::Result<Value> {
    session.send(&request.to_string()).await?;
    let answer = async {
        loop {
            match session.next().await? {
                Incoming::Message(text) => {
                    let message: Value = serde_json::from_str(&text)?;
                    if message.get("re") == request.get("id") {
                        return anyhow::Ok(message);
                    }
                }
                Incoming::Refused(err) => return Ok(json!({ "err": serde_json::from_str::<Value>(&err)? })),
                Incoming::Away(_)
                | Incoming::Drain(_)
                | Incoming::Halt { .. }
                | Incoming::Lift
                | Incoming::Lost { .. }
                | Incoming::NotApplied { .. }
                | Incoming::Regranted { .. }
                | Incoming::RegrantRefused(_)
                | Incoming::Resumed(_) => {}
            }
        }
    };
    tokio::time::timeout(DEADLINE, answer).await.context("no answer in time")?
}

/// Asks for something that must be granted.
async fn granted(session: &mut Session, request: &Value) -> anyhow::Result<Value> {
    let answer = ask(session, request).await?;
    ensure!(answer["ok"] == true, "refused: {answer}");
    Ok(answer)
}

async fn markets(session: &mut Session) -> anyhow::Result<((), String)> {
    let answer = granted(session, &json!({"op": "markets", "id": "markets"})).await?;
    let markets = answer["markets"].as_array().context("no markets")?;
    ensure!(markets.len() >= 3, "a spot pair, a future and an option were expected");
    let names: Vec<_> = markets.iter().map(|market| format!("{} ({})", word(&market["sym"]), word(&market["kind"]))).collect();
    Ok(((), names.join(", ")))
}

async fn ticks(session: &mut Session) -> anyhow::Result<((), String)> {
    granted(session, &json!({"op": "subscribe", "sym": SYMBOL, "feeds": ["ticker"], "id": "subscribe"})).await?;
    let mut lines = Vec::new();
    let feed = async {
        while lines.len() < TICKS {
            if let Incoming::Message(text) = session.next().await? {
                let message: Value = serde_json::from_str(&text)?;
                if message["ev"] == "ticker" {
                    lines.push(format!(
                        "{SYMBOL}  bid {:<10} ask {:<10} last {}",
                        word(&message["bid"][0]),
                        word(&message["ask"][0]),
                        word(&message["last"])
                    ));
                }
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, feed).await.context("no live prices in time")??;
    granted(session, &json!({"op": "unsubscribe", "sym": SYMBOL, "feeds": ["ticker"], "id": "unsubscribe"})).await?;
    Ok(((), format!("{TICKS} of them\n{}", lines.join("\n"))))
}

/// A limit order far below the market, so that it rests.
async fn place(stage: &Stage, session: &mut Session) -> anyhow::Result<(Value, String)> {
    let before = stage.arrivals();
    let order = json!({"op": "order.place", "sym": SYMBOL, "side": "buy", "type": "limit", "qty": "0.01", "px": "1000", "id": "place"});
    let answer = granted(session, &order).await?;
    ensure!(answer["order"]["state"] == "open", "the order does not rest: {answer}");
    ensure!(stage.arrivals().orders_placed == before.orders_placed + 1, "the venue did not count the order");
    Ok((answer["order"]["order"].clone(), format!("buy 0.01 {SYMBOL} at 1000: order {} is open", word(&answer["order"]["order"]))))
}

async fn listed(session: &mut Session, order: &Value) -> anyhow::Result<((), String)> {
    let answer = granted(session, &json!({"op": "order.list", "id": "list"})).await?;
    let orders = answer["orders"].as_array().context("no orders")?;
    ensure!(orders.iter().any(|open| open["order"] == *order), "order {order} is not among the open ones");
    Ok(((), format!("{} open", orders.len())))
}

async fn cancel(session: &mut Session, order: &Value) -> anyhow::Result<((), String)> {
    let answer = granted(session, &json!({"op": "order.cancel", "order": order, "id": "cancel"})).await?;
    if answer["order"]["state"] != "canceled" {
        bail!("the order is not canceled: {answer}");
    }
    Ok(((), format!("order {} is canceled", word(order))))
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
