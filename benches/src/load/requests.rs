//! HTTP/1.1 requests, one at a time.

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result, bail};

use super::LoadArgs;
use super::dial::{Dialler, Wire};
use super::sign::Signed;
use super::window::Client;

/// Longest answer that a benchmark expects.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Sends a request and reads its answer to the end.
pub(crate) struct Exchange {
    buffer: Vec<u8>,
}

impl Exchange {
    /// An exchange with room for one answer.
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; ANSWER_BYTES_MAX] }
    }

    /// The status of the answer.
    pub(crate) fn status(&mut self, wire: &mut Wire, request: &[u8]) -> Result<u16> {
        self.answer(wire, request).map(|(status, _)| status)
    }

    /// The body of an answer that must be a success.
    pub(crate) fn body(&mut self, wire: &mut Wire, request: &[u8]) -> Result<&[u8]> {
        let (status, length) = self.answer(wire, request)?;
        let answer = &self.buffer[..length];
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(length);
        if status == 200 { Ok(&answer[head + 4..]) } else { bail!("status {status} instead of 200") }
    }

    fn answer(&mut self, wire: &mut Wire, request: &[u8]) -> Result<(u16, usize)> {
        wire.write_all(request)?;
        wire.flush()?;
        let mut filled = 0;
        loop {
            let count = wire.read(&mut self.buffer[filled..]).context("reading an answer")?;
            if count == 0 {
                bail!("the server closed in the middle of an answer: {:?}", String::from_utf8_lossy(&self.buffer[..filled]));
            }
            filled += count;
            if let Some((status, length)) = measured(&self.buffer[..filled])? {
                match filled.cmp(&length) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => return Ok((status, length)),
                    std::cmp::Ordering::Greater => bail!("bytes behind the answer"),
                }
            }
        }
    }

    /// Sends a request that must succeed.
    pub(crate) fn succeed(&mut self, wire: &mut Wire, request: &[u8]) -> Result<()> {
        let status = self.status(wire, request)?;
        if status == 200 {
            return Ok(());
        }
        bail!("status {status} instead of 200: {}", String::from_utf8_lossy(&self.buffer[..600]).trim_end_matches('\0'))
    }
}

/// Status and whole length of an answer, once its head is there.
fn measured(bytes: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = str::from_utf8(&bytes[..head]).context("an answer that is not text")?;
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).context("an answer without status")?;
    let mut lengths = text.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = match lengths.next() {
        Some((_, value)) => value.trim().parse()?,
        None if status == 101 => 0,
        None => bail!("an answer without content-length: {text}"),
    };
    Ok(Some((status, head + 4 + length)))
}

/// The request of a load, signed if it has a credential.
pub(super) fn request(args: &LoadArgs) -> Result<Vec<u8>> {
    match &args.credential {
        Some(credential) => Ok(Signed::from_file(credential)?.get(args.address, &args.path)),
        None => Ok(get(args.address, &args.path)),
    }
}

/// A request with nothing that it does not need.
fn get(address: std::net::SocketAddr, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nAccept: */*\r\n\r\n", address.port()).into_bytes()
}

/// One connection kept alive.
pub(super) struct Requests {
    wire: Wire,
    exchange: Exchange,
    request: Vec<u8>,
}

impl Requests {
    pub(super) fn new(args: &LoadArgs, index: usize) -> Result<Self> {
        let wire = Dialler::new(args, index, b"http/1.1")?.dial()?;
        Ok(Self { wire, exchange: Exchange::new(), request: request(args)? })
    }
}

impl Client for Requests {
    fn operate(&mut self) -> Result<()> {
        self.exchange.succeed(&mut self.wire, &self.request)
    }
}
