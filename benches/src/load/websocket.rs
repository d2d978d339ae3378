//! Messages on an open WebSocket, each answered before the next.

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result, bail};

use super::LoadArgs;
use super::dial::{Dialler, Wire};
use super::requests::Exchange;
use super::window::Client;

/// Length of a message: an order in JSON. Below 126, so that the length fits into the second byte of a frame.
const MESSAGE_BYTES: u8 = 120;
/// Key of the upgrade and mask of the frames (RFC 6455): constant, because no cache stands between here and the server.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const FINAL_TEXT: u8 = 0x81;
const MASKED: u8 = 0x80;

/// One open WebSocket.
pub(super) struct Messages {
    wire: Wire,
    frame: Vec<u8>,
    expected: Vec<u8>,
    answer: Vec<u8>,
}

impl Messages {
    pub(super) fn new(args: &LoadArgs, index: usize) -> Result<Self> {
        let mut wire = Dialler::new(args, index, b"http/1.1")?.dial()?;
        let upgrade = format!(
            "GET {} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n\r\n",
            args.path,
            args.address.port()
        );
        let status = Exchange::new().status(&mut wire, upgrade.as_bytes())?;
        if status != 101 {
            bail!("status {status} instead of 101 on an upgrade");
        }
        let message = vec![b'm'; usize::from(MESSAGE_BYTES)];
        let mut frame = vec![FINAL_TEXT, MASKED | MESSAGE_BYTES];
        frame.extend_from_slice(&MASK);
        frame.extend(message.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        let mut expected = vec![FINAL_TEXT, MESSAGE_BYTES];
        expected.extend_from_slice(&message);
        let answer = vec![0; expected.len()];
        Ok(Self { wire, frame, expected, answer })
    }
}

impl Client for Messages {
    fn operate(&mut self) -> Result<()> {
        self.wire.write_all(&self.frame)?;
        self.wire.flush()?;
        self.wire.read_exact(&mut self.answer).context("reading a message")?;
        if self.answer != self.expected {
            bail!("another message came back");
        }
        Ok(())
    }
}
