//! The workloads of the instruction counts: one piece of the pure core each, done so many times.
//!
//! Counted under valgrind by [`crate::rig`]: twice, with different numbers of repetitions, and the difference is what one
//! repetition costs; start and end of the process cancel out. Every input is fixed, so the counts repeat to the instruction.
//!
//! Workloads that verify have a twin with the cryptography alone. Valgrind hides the processor's SHA and AVX-512 instructions from
//! the library, so counts of cryptography are not those of production; what is ours is the difference of the two.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use countersign_core::entropy::SeededEntropy;
use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Binding, Credential, CredentialId, MemoryReplayGuard, Now, PublicKey, Purpose, Scopes, Timestamp,
    Verifier, VerifyContext, VerifyingKey, verify,
};
use countersign_dialects::binance::rest::BinanceRest;
use countersign_dialects::binance::ws_api::{Step, WsApiSession};
use countersign_dialects::{Answer, Dialect as _, RequestView, Security};
use countersign_gateway::head_guard::lexer::{Lexer, Progress};
use countersign_handshake::{
    Authorities, Channel, ClientConfig, ClientHandshake, Delegation, Entitlements, FirstToken, GatewayIdentity, HostPolicy, Need,
    NonceKeys, Offer, SecretText, ServerConfig, ServerHandshake, Signer as _, SigningKey, TicketKeys, Token, Want,
};
use serde::Deserialize;

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// A REST request signed with Ed25519: found, verified, window and replay guard.
    BinanceEd25519,
    /// The same with HMAC-SHA256.
    BinanceHmac,
    /// The same with RSA-2048.
    BinanceRsa,
    /// A signed WebSocket API request, Ed25519.
    BinanceWsEd25519,
    /// The same with HMAC-SHA256.
    BinanceWsHmac,
    /// The same with RSA-2048.
    BinanceWsRsa,
    /// One Ed25519 verification alone.
    CryptoEd25519,
    /// One HMAC-SHA256 verification alone.
    CryptoHmac,
    /// One Ed25519 verification and one signature alone: what a hello needs.
    CryptoHello,
    /// One RSA-2048 verification alone.
    CryptoRsa,
    /// The framing of one request head.
    HeadLexer,
    /// A hello: read, negotiated, verified, countersigned.
    Hello,
    /// A hello token taken apart.
    TokenParse,
}

/// What to do how often.
#[derive(Clone, Debug, Args)]
pub(crate) struct CountArgs {
    /// The workload.
    #[arg(value_enum)]
    workload: Workload,
    /// Repetitions.
    repetitions: u32,
}

/// Runs one workload.
pub(crate) fn run(args: &CountArgs) -> Result<()> {
    let mut work = prepare(args.workload)?;
    for _ in 0..args.repetitions {
        work()?;
    }
    Ok(())
}

type Work = Box<dyn FnMut() -> Result<()>>;

fn prepare(workload: Workload) -> Result<Work> {
    match workload {
        Workload::BinanceEd25519 => rest("binance-rest/ccxt/ed25519/fetch_open_orders"),
        Workload::BinanceHmac => rest("binance-rest/ccxt/hmac/fetch_balance"),
        Workload::BinanceRsa => rest("binance-rest/ccxt/rsa/fetch_open_orders"),
        Workload::BinanceWsEd25519 => ws_api("binance-ws-api/ccxt.pro/ed25519/create_order_ws"),
        Workload::BinanceWsHmac => ws_api("made/binance-ws-api/order"),
        Workload::BinanceWsRsa => ws_api("made/binance-ws-api/order-rsa"),
        Workload::CryptoEd25519 => crypto("binance-rest/ccxt/ed25519/fetch_open_orders"),
        Workload::CryptoHello => Ok(crypto_hello()),
        Workload::CryptoHmac => crypto("binance-rest/ccxt/hmac/fetch_balance"),
        Workload::CryptoRsa => crypto("binance-rest/ccxt/rsa/fetch_open_orders"),
        Workload::HeadLexer => Ok(head_lexer()),
        Workload::Hello => hello(),
        Workload::TokenParse => token_parse(),
    }
}

#[derive(Deserialize)]
struct Recorded {
    keys: BTreeMap<String, Key>,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Key {
    api_key: String,
    alg: String,
    secret: Option<String>,
    public_pem: Option<String>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    key: String,
    now_ms: u64,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    method: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    text: String,
}

/// Requests of real clients; and those of the WebSocket API that were made because no client at hand signs so there.
const FILES: [&str; 2] = [include_str!("../../tests/vectors/binance.json"), include_str!("../../tests/vectors/websocket-logins.json")];

/// A recorded request, with its key.
fn recorded(id: &str) -> Result<(Vector, Key)> {
    for text in FILES {
        let mut file: Recorded = serde_json::from_str(text)?;
        if let Some(vector) = file.vectors.into_iter().find(|vector| vector.id == id) {
            let key = file.keys.remove(&vector.key).with_context(|| format!("no key for {id}"))?;
            return Ok((vector, key));
        }
    }
    bail!("no recorded request {id}")
}

impl Key {
    fn algorithm(&self) -> Result<Algorithm> {
        Ok(match self.alg.as_str() {
            "ed25519" => Algorithm::Ed25519,
            "hmac-sha256" => Algorithm::HmacSha256,
            "rsa-pkcs1v15-sha256" => Algorithm::RsaPkcs1Sha256,
            other => bail!("no verification with {other}"),
        })
    }

    fn verifying_key(&self) -> Result<VerifyingKey> {
        let pem = self.public_pem.as_deref().context("no public key")?;
        Ok(PublicKey::parse(pem.as_bytes())?.verifying_key(self.algorithm()?)?)
    }

    fn credential(&self) -> Result<Arc<Credential>> {
        let verifier = match self.secret.as_deref() {
            Some(secret) => Verifier::hmac_sha256(secret.as_bytes()),
            None => Verifier::PublicKey(self.verifying_key()?),
        };
        credential(Purpose::Binance, ApiKeyId::parse(&self.api_key)?, verifier)
    }
}

fn credential(purpose: Purpose, key_id: ApiKeyId, verifier: Verifier) -> Result<Arc<Credential>> {
    Ok(Arc::new(Credential {
        scopes: Scopes::parse("md:read order:write")?,
        ..Credential::new(CredentialId::parse("counted")?, AccountId::parse("counted")?, purpose, key_id, verifier)
    }))
}

fn at(millis: u64) -> Now {
    Now { wall: Timestamp::from_millis(millis), ..Now::default() }
}

fn rest(id: &str) -> Result<Work> {
    let (vector, key) = recorded(id)?;
    let credential = key.credential()?;
    let replay = MemoryReplayGuard::default();
    Ok(Box::new(move || {
        let Request { method, target, headers, body, .. } = &vector.request;
        let view = RequestView { method, target: target.as_bytes(), headers, body: body.as_bytes(), host: None };
        let Answer::Presented(presented) = BinanceRest.present(&view, Security::Signed) else { bail!("the request is not presented") };
        let context =
            VerifyContext { now: at(vector.now_ms), remote: None, replay: &replay, nonces: &countersign_core::MemoryNonceGuard::default() };
        let identity = verify(&presented, Some(&credential), &context).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
        drop(black_box(identity));
        Ok(())
    }))
}

fn ws_api(id: &str) -> Result<Work> {
    let (vector, key) = recorded(id)?;
    let credential = key.credential()?;
    Ok(Box::new(move || {
        // Its own guard each time: the request is a write, and a second one would be a replay.
        let replay = MemoryReplayGuard::default();
        let now = at(vector.now_ms);
        let mut session = WsApiSession::new(now.wall);
        let Step::Verify(pending) = session.handle_text(&vector.request.text, now.wall) else { bail!("the message is not presented") };
        let result = verify(
            &pending.presented,
            Some(&credential),
            &VerifyContext { now, remote: None, replay: &replay, nonces: &countersign_core::MemoryNonceGuard::default() },
        );
        if let Err(refusal) = &result {
            bail!("{refusal}");
        }
        let _ = black_box(session.conclude(pending, result, now.wall));
        Ok(())
    }))
}

/// The bare verification of a recorded request: its signed text and signature, taken apart before.
fn crypto(id: &str) -> Result<Work> {
    let (vector, key) = recorded(id)?;
    let query = vector.request.target.split_once('?').map_or("", |(_, query)| query);
    let (message, signature) = query.rsplit_once("&signature=").context("the signature is not the last parameter")?;
    let message = format!("{message}{}", vector.request.body).into_bytes();
    if let Some(secret) = &key.secret {
        let (key, tag) = (hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), hex::decode(signature)?);
        return Ok(Box::new(move || hmac::verify(&key, black_box(&message), &tag).context("the recorded HMAC")));
    }
    let signature = STANDARD.decode(signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="))?;
    let key = key.verifying_key()?;
    Ok(Box::new(move || if key.verify(black_box(&message), &signature) { Ok(()) } else { bail!("the recorded signature is wrong") }))
}

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const HOST: &str = "localhost:8443";

fn start() -> Now {
    Now { wall: START, ..Now::default() }
}

fn client_key() -> SigningKey {
    SigningKey::ed25519_from_seed(&[0xc1; 32])
}

fn crypto_hello() -> Work {
    let (client, gateway) = (client_key(), SigningKey::ed25519_from_seed(&[0xa2; 32]));
    let key = VerifyingKey::from_raw(Algorithm::Ed25519, client.spki_der()).expect("a fixed key");
    let message = [0x5a; 96];
    let signature = client.sign(&message).expect("Ed25519 signs everything");
    Box::new(move || {
        if !key.verify(black_box(&message), &signature) {
            bail!("the signature is wrong");
        }
        drop(black_box(gateway.sign(&message).map_err(|error| anyhow::anyhow!("{error}"))?));
        Ok(())
    })
}

fn server_config() -> Result<ServerConfig> {
    let (root, gateway) = (SigningKey::ed25519_from_seed(&[0xa1; 32]), SigningKey::ed25519_from_seed(&[0xa2; 32]));
    let day = std::time::Duration::from_secs(86_400);
    let delegation = Delegation::sign(&root, &gateway, START, START.saturating_add(day)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut entropy = SeededEntropy::new_dangerous_for_tests(1);
    Ok(ServerConfig {
        nonces: NonceKeys::new(root.kid().as_str(), [0, 0, 0, 1], &mut entropy, START),
        tickets: Arc::new(TicketKeys::new(root.kid().as_str(), "public", day, &mut entropy, START)),
        gateway: GatewayIdentity::new(gateway, &[delegation], &[]).map_err(|error| anyhow::anyhow!("{error}"))?,
        policy: HostPolicy::default(),
        authorities: Authorities::Any,
    })
}

fn channel() -> Channel {
    Channel { exporter: Some([7; 32]), ..Channel::default() }
}

/// A hello frame and its token, always the same.
fn hello_frame(root: &str) -> Result<(String, String)> {
    let config = ClientConfig {
        key: Arc::new(client_key()),
        algorithms: vec![Algorithm::Ed25519],
        pins: vec![root.to_owned()],
        host: HOST.to_owned(),
        offer: Offer {
            bind: Binding::Exp,
            want: Want { scopes: Scopes::parse("md:read order:write")?, ..Want::default() },
            need: Need::default(),
        },
        pipe: false,
    };
    let mut entropy = SeededEntropy::new_dangerous_for_tests(2);
    let waiting = ClientHandshake::new(Arc::new(config), channel(), start())?.hello(None, &mut entropy, start())?;
    Ok((waiting.hello_frame(), waiting.hello_token().to_owned()))
}

fn hello() -> Result<Work> {
    let config = Arc::new(server_config()?);
    let (frame, _) = hello_frame(config.gateway.root())?;
    let client = client_key();
    let key = VerifyingKey::from_raw(Algorithm::Ed25519, client.spki_der())?;
    let credential = credential(Purpose::Native, client.kid().clone(), Verifier::PublicKey(key))?;
    let entitlements = Entitlements::of(&credential, START);
    let replay = MemoryReplayGuard::default();
    let mut entropy = SeededEntropy::new_dangerous_for_tests(3);
    Ok(Box::new(move || {
        let handshake = ServerHandshake::new(Arc::clone(&config), channel(), start());
        let first = handshake.receive_frame(frame.as_bytes(), start()).map_err(|declined| anyhow::anyhow!("{}", declined.refusal))?;
        let FirstToken::Hello(awaiting) = first else { bail!("the frame is a hello") };
        let context = VerifyContext { now: start(), remote: None, replay: &replay, nonces: &countersign_core::MemoryNonceGuard::default() };
        let identity = verify(awaiting.presented(), Some(&credential), &context).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
        // The access token is the shell's work and counted there.
        let established =
            awaiting.conclude(identity, &entitlements, |_| Ok(SecretText::new("an.access.token".to_owned())), &mut entropy, start());
        drop(black_box(established.map_err(|refusal| anyhow::anyhow!("{refusal}"))?));
        Ok(())
    }))
}

fn token_parse() -> Result<Work> {
    let (_, token) = hello_frame(server_config()?.gateway.root())?;
    Ok(Box::new(move || {
        drop(black_box(Token::parse(black_box(&token)).map_err(|error| anyhow::anyhow!("{error}"))?));
        Ok(())
    }))
}

fn head_lexer() -> Work {
    let head = concat!(
        "GET /api/v3/account?omitZeroBalances=true&timestamp=1800000000000&recvWindow=60000&signature=",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef HTTP/1.1\r\nHost: localhost:8443\r\n",
        "User-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n",
        "X-MBX-APIKEY: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n\r\n",
    );
    let mut lexer = Lexer::default();
    Box::new(move || match lexer.feed(black_box(head.as_bytes())) {
        Progress::Consumed => Ok(()),
        progress @ (Progress::PartialHead(_) | Progress::Refused(..)) => bail!("the head was not consumed: {progress:?}"),
    })
}
