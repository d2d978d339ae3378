//! The trivial upstream that stands behind every contestant: it answers any request with the same 150 bytes of JSON, and echoes
//! WebSocket messages. One thread.
//!
//! It does not parse what it need not: its own cost must be small beside that of a gateway. The rig alone talks to it.

use std::io;
use std::net::SocketAddr;

use anyhow::Result;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// Where to listen.
#[derive(Clone, Debug, Args)]
pub(crate) struct UpstreamArgs {
    /// Address and port.
    #[arg(long)]
    pub(crate) listen: SocketAddr,
}

/// Largest request head.
const REQUEST_BYTES_MAX: usize = 16 * 1024;
/// What RFC 6455 appends to a key.
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Serves until it is ended.
pub(crate) fn run(args: &UpstreamArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let address = args.listen;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::task::spawn_local(async move { drop(serve(stream).await) });
        }
    })
}

/// The one answer: a head and 150 bytes.
fn answer() -> Vec<u8> {
    let mut body =
        String::from(r#"{"makerCommission":10,"takerCommission":10,"canTrade":true,"balances":[{"asset":"BTC","free":"4723846.89208129""#);
    while body.len() < BODY_BYTES - 3 {
        body.push(' ');
    }
    body.push_str("}]}");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n", body.len());
    (head + &body).into_bytes()
}

const BODY_BYTES: usize = 150;

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let answer = answer();
    let mut buffer = vec![0; REQUEST_BYTES_MAX];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        if let Some(accept) = upgrade(&buffer[..filled]) {
            stream.write_all(accept.as_bytes()).await?;
            return echo(stream, buffer).await;
        }
        stream.write_all(&answer).await?;
        filled = 0;
    }
}

/// The answer to an upgrade, if the request is one.
fn upgrade(request: &[u8]) -> Option<String> {
    let text = str::from_utf8(request).ok()?;
    let mut headers = text.lines().filter_map(|line| line.split_once(':'));
    let (_, key) = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))?;
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{}{WEBSOCKET_GUID}", key.trim()).as_bytes());
    let accept = STANDARD.encode(digest);
    Some(format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"))
}

/// Sends short client frames back without their mask.
async fn echo(mut stream: TcpStream, mut buffer: Vec<u8>) -> io::Result<()> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let mut out = Vec::with_capacity(filled);
        let mut at = 0;
        while let Some((frame, length)) = unmasked(&buffer[at..filled]) {
            out.extend_from_slice(&frame);
            at += length;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        stream.write_all(&out).await?;
    }
}

/// The echo of the first frame, and how long that frame is; `None` until it is whole.
fn unmasked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let [first, second, rest @ ..] = bytes else { return None };
    let (length, masked) = (usize::from(second & 0x7f), second & 0x80 != 0);
    let (mask, rest) = if masked { rest.split_first_chunk::<4>().map(|(mask, rest)| (*mask, rest))? } else { ([0; 4], rest) };
    let payload = rest.get(..length)?;
    let mut frame = vec![*first, second & 0x7f];
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    Some((frame, 2 + if masked { 4 } else { 0 } + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_the_length_it_says() {
        let text = String::from_utf8(answer()).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.ends_with("Content-Length: 150") && body.len() == 150);
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }

    #[test]
    fn an_upgrade_is_answered_as_rfc_6455_shows() {
        let request = b"GET /echo HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        assert!(upgrade(request).is_some_and(|answer| answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        assert_eq!(upgrade(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), None);
    }

    #[test]
    fn a_masked_frame_comes_back_bare_and_a_partial_one_waits() {
        let frame = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(unmasked(&frame), Some((b"\x81\x05Hello".to_vec(), 11)));
        assert_eq!(unmasked(&frame[..10]), None);
    }
}
