//! What is refused, with which code, and that nothing of it reaches the venue.

use anyhow::{bail, ensure};
use countersign_client::{Carriage, ClientError};
use countersign_core::{AlertCode, Algorithm, Binding, Scope, Scopes};
use countersign_gateway::clock;
use countersign_handshake::{HandshakeError, Kind, ServerError, Token};
use serde_json::json;

use super::binance::{self, order};
use super::native::{SYMBOL, ask};
use super::raw::{Raw, Reply};
use super::stage::Stage;
use super::tour::Tour;
use crate::commands::https::Answer;
use crate::keygen;

/// A minute: far outside the receive window of five seconds.
const STALE_BY: std::time::Duration = std::time::Duration::from_secs(60);

/// Runs the part.
pub(super) async fn tour(stage: &Stage, tour: &mut Tour) -> anyhow::Result<()> {
    tour.section("What is refused, and that the venue hears nothing of it")?;
    tour.step("a wrong key", wrong_key(stage)).await?;
    tour.step("a tampered offer", tampered(stage)).await?;
    tour.step("an offer relayed to another channel", relayed(stage)).await?;
    tour.step("a replay of an accepted offer", replayed(stage)).await?;
    tour.step("a replay of a signed order", replayed_order(stage)).await?;
    tour.step("a missing scope", missing_scope(stage)).await?;
    tour.step("a stale clock", stale(stage)).await?;
    Ok(())
}

type Outcome = anyhow::Result<((), String)>;

/// That the refusal has this code, and a correlation id to ask the operator about.
fn expect(refused: &ServerError, code: AlertCode, why: &str) -> Outcome {
    ensure!(refused.code == Some(code), "refused with {refused}, {} was expected", code.as_str());
    let Some(id) = refused.id else { bail!("refused without a correlation id") };
    Ok(((), format!("{} [{id}]\n{why}", code.as_str())))
}

async fn wrong_key(stage: &Stage) -> Outcome {
    let before = stage.arrivals();
    let stranger = keygen::generate(Algorithm::Ed25519)?;
    let mut options = stage.options(Carriage::Raw, Binding::Exp)?;
    options.credential.kid = stranger.public.key_id();
    options.credential.private_key_pem = stranger.private_pem;
    let Err(error) = stage.session(&options).await else { bail!("a stranger was let in") };
    let Some(ClientError::Handshake(HandshakeError::Refused(refused))) = error.downcast_ref() else { return Err(error) };
    stage.nothing_arrived_since(before)?;
    expect(refused, AlertCode::AuthFailed, "an unknown key and a wrong signature look alike, and cost the same")
}

async fn refused(raw: &mut Raw, token: &str) -> anyhow::Result<ServerError> {
    match raw.offer(token).await? {
        Reply::Refused(error) => Ok(error),
        Reply::Welcome => bail!("it was accepted"),
    }
}

async fn tampered(stage: &Stage) -> Outcome {
    let before = stage.arrivals();
    let mut raw = Raw::open(stage).await?;
    let mut token = Token::parse_kind(&raw.hello(stage, Binding::Exp, None)?, Kind::Hello)?;
    let offer = String::from_utf8(token.payload)?;
    let changed = offer.replacen(Scope::ACCOUNT_READ, Scope::FUNDS_WITHDRAW, 1);
    ensure!(changed != offer, "the offer has no scope to change");
    token.payload = changed.into_bytes();
    let error = refused(&mut raw, &token.text()).await?;
    stage.nothing_arrived_since(before)?;
    expect(&error, AlertCode::AuthFailed, "account:read was made funds:withdraw on the way: the signature no longer holds")
}

async fn relayed(stage: &Stage) -> Outcome {
    let before = stage.arrivals();
    let (victim, mut attacker) = (Raw::open(stage).await?, Raw::open(stage).await?);
    let token = victim.hello(stage, Binding::Exp, None)?;
    let error = refused(&mut attacker, &token).await?;
    stage.nothing_arrived_since(before)?;
    expect(&error, AlertCode::AuthFailed, "a good offer, made for another TLS connection: its exporter value is signed")
}

async fn replayed(stage: &Stage) -> Outcome {
    let mut first = Raw::open(stage).await?;
    let nonce = first.nonce().await?;
    let token = first.hello(stage, Binding::Sep, Some(&nonce))?;
    match first.offer(&token).await? {
        Reply::Welcome => {}
        Reply::Refused(error) => bail!("the offer itself was refused: {error}"),
    }
    let before = stage.arrivals();
    let mut second = Raw::open(stage).await?;
    let error = refused(&mut second, &token).await?;
    stage.nothing_arrived_since(before)?;
    expect(
        &error,
        AlertCode::NonceStale,
        "accepted once, with the nonce of its own connection; another connection does not know that nonce",
    )
}

/// That the answer is this code of the venue, with a correlation id.
fn expect_code(answer: &Answer, code: i64, why: &str) -> Outcome {
    ensure!(answer.status == 400 && answer.json()["code"] == code, "{}: {}, {code} was expected", answer.status, answer.body);
    let Some(id) = answer.header("countersign-correlation") else { bail!("refused without a correlation id") };
    Ok(((), format!("400, code {code} [{id}]\n{why}")))
}

async fn replayed_order(stage: &Stage) -> Outcome {
    let (mut https, _) = binance::connect(stage).await?;
    let order = order(stage, "once", clock::wall());
    let accepted = order.send(stage, &mut https).await?;
    ensure!(accepted.status == 200, "the order itself was refused: {}", accepted.body);
    let before = stage.arrivals();
    let answer = order.send(stage, &mut https).await?;
    stage.nothing_arrived_since(before)?;
    expect_code(&answer, -1021, "the same signed bytes twice are one order, not two")
}

async fn missing_scope(stage: &Stage) -> Outcome {
    let mut options = stage.options(Carriage::Raw, Binding::Exp)?;
    options.offer.want.scopes = Scopes::parse(Scope::MD_READ)?;
    let (mut session, _) = stage.session(&options).await?;
    let before = stage.arrivals();
    let order = json!({"op": "order.place", "sym": SYMBOL, "side": "buy", "type": "limit", "qty": "0.01", "px": "1000", "id": 1});
    let answer = ask(&mut session, &order).await?;
    stage.nothing_arrived_since(before)?;
    let code = AlertCode::ScopeDenied.as_str();
    ensure!(answer["err"]["code"] == code, "{answer}, {code} was expected");
    let still = ask(&mut session, &json!({"op": "ticker", "sym": SYMBOL, "id": 2})).await?;
    ensure!(still["ok"] == true, "the session did not go on: {still}");
    session.close().await?;
    Ok(((), format!("{code}\nthe contract has md:read only; the session goes on")))
}

async fn stale(stage: &Stage) -> Outcome {
    let (mut https, _) = binance::connect(stage).await?;
    let before = stage.arrivals();
    let answer = order(stage, "late", clock::wall().saturating_sub(STALE_BY)).send(stage, &mut https).await?;
    stage.nothing_arrived_since(before)?;
    expect_code(&answer, -1021, "signed a minute ago; the window is five seconds")
}
