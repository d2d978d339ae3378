//! A new connection for each small request.

use anyhow::Result;
use rustls::HandshakeKind;

use super::LoadArgs;
use super::dial::Dialler;
use super::requests::{self, Exchange};
use super::window::Client;

/// Connects again and again.
pub(super) struct Handshakes {
    dialler: Dialler,
    exchange: Exchange,
    request: Vec<u8>,
    kind: Option<HandshakeKind>,
}

impl Handshakes {
    pub(super) fn new(args: &LoadArgs, index: usize) -> Result<Self> {
        let dialler = Dialler::new(args, index, b"http/1.1")?;
        Ok(Self { dialler, exchange: Exchange::new(), request: requests::request(args)?, kind: None })
    }
}

impl Client for Handshakes {
    fn operate(&mut self) -> Result<()> {
        let mut wire = self.dialler.dial()?;
        self.exchange.succeed(&mut wire, &self.request)?;
        self.kind = wire.handshake();
        Ok(())
    }

    fn handshake(&self) -> Option<HandshakeKind> {
        self.kind
    }
}
