//! `countersign/1` on raw TLS: handshakes, and messages on an open session.

use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use countersign_core::{Binding, Entropy, Scopes};
use countersign_handshake::{
    ALPN, AwaitWelcome, Channel, ClientConfig, ClientHandshake, ClientSession, ClientStep, CredentialFile, Need, Offer, Signer as _, Want,
};
use rustls::HandshakeKind;
use serde::Deserialize;

use super::LoadArgs;
use super::dial::{Dialler, Wire};
use super::window::Client;
use crate::clock;

/// Randomness of the operating system.
struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, dest: &mut [u8]) {
        aws_lc_rs::rand::fill(dest).expect("the operating system has randomness");
    }
}

/// What hellos are made of.
struct Party {
    dialler: Dialler,
    config: Arc<ClientConfig>,
}

impl Party {
    fn new(args: &LoadArgs, index: usize) -> Result<Self> {
        let path = args.credential.as_ref().context("a native load needs --credential")?;
        let file =
            CredentialFile::parse(&std::fs::read_to_string(path)?).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        let key = file.signing_key().map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        let scopes = Scopes::parse("md:read order:read").context("valid scopes")?;
        let config = ClientConfig {
            algorithms: vec![key.algorithm()],
            key: Arc::new(key),
            pins: file.gateway_pins,
            host: format!("localhost:{}", args.address.port()),
            offer: Offer { bind: Binding::Exp, want: Want { scopes, ..Want::default() }, need: Need::default() },
            pipe: false,
        };
        Ok(Self { dialler: Dialler::new(args, index, ALPN)?, config: Arc::new(config) })
    }

    /// Connects, says hello and returns the welcome, unread.
    fn shake(&mut self) -> Result<(BufReader<Wire>, AwaitWelcome, String)> {
        let mut wire = self.dialler.dial()?;
        let channel = Channel { exporter: wire.exporter(), ..Channel::default() };
        let handshake = ClientHandshake::new(Arc::clone(&self.config), channel, clock::now())?;
        let waiting = handshake.hello(None, &mut SystemEntropy, clock::now())?;
        wire.write_all(format!("{}\n", waiting.hello_frame()).as_bytes())?;
        wire.flush()?;
        let mut lines = BufReader::new(wire);
        loop {
            let line = next_line(&mut lines)?;
            // A gateway volunteers a nonce; this client needs none.
            if !line.starts_with("{\"nonce\"") {
                return Ok((lines, waiting, line));
            }
        }
    }

    /// Connects and opens a session, checking everything that the gateway says.
    fn open(&mut self) -> Result<(BufReader<Wire>, ClientSession)> {
        let (lines, waiting, line) = self.shake()?;
        match waiting.receive_frame(line.as_bytes(), clock::now())? {
            ClientStep::Open(session) => Ok((lines, *session)),
            ClientStep::Retry(..) | ClientStep::Wait(_) => bail!("expected a welcome, got {line}"),
        }
    }
}

fn next_line(lines: &mut BufReader<Wire>) -> Result<String> {
    let mut line = String::new();
    if lines.read_line(&mut line).context("reading a frame")? == 0 {
        bail!("the gateway closed without an answer");
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

/// A hello on a new connection, again and again.
///
/// The first welcome of each client is checked in full. Of later ones only the kind is looked at: a full check costs the client
/// two signature verifications, and a client that makes them measures itself.
pub(super) struct Hellos {
    party: Party,
    checked: bool,
    kind: Option<HandshakeKind>,
}

impl Hellos {
    pub(super) fn new(args: &LoadArgs, index: usize) -> Result<Self> {
        Ok(Self { party: Party::new(args, index)?, checked: false, kind: None })
    }
}

impl Client for Hellos {
    fn operate(&mut self) -> Result<()> {
        if !self.checked {
            let (lines, _) = self.party.open()?;
            self.kind = lines.get_ref().handshake();
            self.checked = true;
            return Ok(());
        }
        let (lines, _, line) = self.party.shake()?;
        if !line.contains("\"welcome\"") {
            bail!("expected a welcome, got {line}");
        }
        self.kind = lines.get_ref().handshake();
        Ok(())
    }

    fn handshake(&self) -> Option<HandshakeKind> {
        self.kind
    }
}

/// Messages on one open session, each answered before the next.
pub(super) struct Messages {
    lines: BufReader<Wire>,
    body: String,
    sent: u64,
    received: u64,
}

#[derive(Deserialize)]
struct Numbered {
    s: Option<u64>,
}

impl Messages {
    pub(super) fn new(args: &LoadArgs, index: usize) -> Result<Self> {
        let (mut lines, session) = Party::new(args, index)?.open()?;
        let ready = session.ready_frame();
        lines.get_mut().write_all(format!("{ready}\n").as_bytes())?;
        Ok(Self { lines, body: r#"{"op":"ticker","id":1,"sym":"BTCUSDT"}"#.to_owned(), sent: 0, received: 0 })
    }
}

impl Client for Messages {
    fn operate(&mut self) -> Result<()> {
        self.sent += 1;
        let frame = format!("{{\"s\":{},\"a\":{},\"d\":{}}}\n", self.sent, self.received + 1, self.body);
        self.lines.get_mut().write_all(frame.as_bytes())?;
        self.lines.get_mut().flush()?;
        loop {
            let line = next_line(&mut self.lines)?;
            if line.starts_with("{\"err\"") || line.starts_with("{\"bye\"") {
                bail!("the gateway refused a message: {line}");
            }
            let frame: Numbered = serde_json::from_str(&line)?;
            if let Some(number) = frame.s {
                self.received = number;
                return Ok(());
            }
        }
    }
}
