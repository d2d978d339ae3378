//! The same trade as an unmodified Binance client makes it: REST, signed with HMAC-SHA-256.

use anyhow::ensure;
use aws_lc_rs::hmac;
use countersign_client::{Carriage, Ladder, dial};
use countersign_core::{Binding, Timestamp};
use countersign_gateway::clock;

use super::native::SYMBOL;
use super::stage::{DEADLINE, Stage};
use super::tour::Tour;
use crate::commands::https::{Answer, Https};

/// Where the key's name travels.
const API_KEY_HEADER: &str = "X-MBX-APIKEY";

/// Runs the part.
pub(super) async fn tour(stage: &Stage, tour: &mut Tour) -> anyhow::Result<()> {
    tour.section("The same as at Binance: a signed REST request, as any client of that venue sends it")?;
    let Some(mut https) = tour.step("connect with HTTP/1.1", connect(stage)).await? else { return Ok(()) };
    tour.step("place a limit order", place(stage, &mut https)).await?;
    tour.step("list open orders", list(stage, &mut https)).await?;
    tour.step("cancel the order", cancel(stage, &mut https)).await?;
    Ok(())
}

/// A connection that speaks HTTP/1.1.
pub(super) async fn connect(stage: &Stage) -> anyhow::Result<(Https, String)> {
    let dialled = dial(&stage.options(Carriage::Http, Binding::Exp)?, &mut Ladder::default()).await?;
    let https = Https::over(dialled.stream, &stage.authority, DEADLINE).await?;
    Ok((https, format!("https://{}", stage.authority)))
}

/// A signed request of the demo account.
pub(super) struct Signed {
    method: &'static str,
    target: String,
}

impl Signed {
    /// Signs `parameters` as the venue's documentation says: hex of the HMAC over the query, as its last parameter.
    pub(super) fn new(stage: &Stage, method: &'static str, path: &str, parameters: &str, at: Timestamp) -> Self {
        let separator = if parameters.is_empty() { "" } else { "&" };
        let query = format!("{parameters}{separator}recvWindow=5000&timestamp={}", at.as_millis());
        let key = hmac::Key::new(hmac::HMAC_SHA256, stage.secret.as_bytes());
        let signature = hex::encode(hmac::sign(&key, query.as_bytes()));
        Self { method, target: format!("{path}?{query}&signature={signature}") }
    }

    /// Sends exactly these bytes; more than once, if asked more than once.
    pub(super) async fn send(&self, stage: &Stage, https: &mut Https) -> anyhow::Result<Answer> {
        https.send(self.method, &self.target, &[(API_KEY_HEADER, &stage.api_key)]).await
    }
}

/// An order that rests, with a name of its own.
pub(super) fn order(stage: &Stage, name: &str, at: Timestamp) -> Signed {
    let parameters = format!("symbol={SYMBOL}&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=1000&newClientOrderId={name}");
    Signed::new(stage, "POST", "/api/v3/order", &parameters, at)
}

async fn place(stage: &Stage, https: &mut Https) -> anyhow::Result<((), String)> {
    let before = stage.arrivals();
    let answer = order(stage, "tour", clock::wall()).send(stage, https).await?;
    ensure!(answer.status == 200 && answer.json()["status"] == "NEW", "{}: {}", answer.status, answer.body);
    ensure!(stage.arrivals().orders_placed == before.orders_placed + 1, "the venue did not count the order");
    Ok(((), format!("POST /api/v3/order, signed: 200, orderId {}", answer.json()["orderId"])))
}

async fn list(stage: &Stage, https: &mut Https) -> anyhow::Result<((), String)> {
    let answer = Signed::new(stage, "GET", "/api/v3/openOrders", &format!("symbol={SYMBOL}"), clock::wall()).send(stage, https).await?;
    let orders = answer.json();
    let listed = orders.as_array().is_some_and(|orders| orders.iter().any(|order| order["clientOrderId"] == "tour"));
    ensure!(answer.status == 200 && listed, "{}: {}", answer.status, answer.body);
    Ok(((), "GET /api/v3/openOrders, signed: 200, it is there".to_owned()))
}

async fn cancel(stage: &Stage, https: &mut Https) -> anyhow::Result<((), String)> {
    let parameters = format!("symbol={SYMBOL}&origClientOrderId=tour");
    let answer = Signed::new(stage, "DELETE", "/api/v3/order", &parameters, clock::wall()).send(stage, https).await?;
    ensure!(answer.status == 200 && answer.json()["status"] == "CANCELED", "{}: {}", answer.status, answer.body);
    Ok(((), "DELETE /api/v3/order, signed: 200, CANCELED".to_owned()))
}
