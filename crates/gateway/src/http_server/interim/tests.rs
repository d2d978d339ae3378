#![allow(clippy::unwrap_used)]
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;

const END_HEADERS: u8 = 0x4;
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream][..], payload].concat()
}

fn go_on(stream: u8) -> Vec<u8> {
    frame(1, END_HEADERS, stream, b"\x08\x03100")
}

/// A client, and the stream of its connection behind the preface and these frames.
async fn connected(frames: &[Vec<u8>]) -> (DuplexStream, Telling<DuplexStream>, Rc<Interim>) {
    let (mut client, server) = tokio::io::duplex(4_096);
    let interim = Rc::<Interim>::default();
    let mut stream = Telling::new(server, Rc::clone(&interim), 100);
    let sent = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &SETTINGS, &frames.concat()].concat();
    client.write_all(&sent).await.unwrap();
    stream.read_exact(&mut vec![0; sent.len()]).await.unwrap();
    (client, stream, interim)
}

/// All that the client got, when the gateway says this and closes.
async fn got(mut client: DuplexStream, mut stream: Telling<DuplexStream>, says: &[u8]) -> Vec<u8> {
    stream.write_all(says).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    got
}

#[tokio::test]
async fn whoever_waits_is_told_once() {
    let (client, mut stream, interim) = connected(&[frame(1, END_HEADERS, 1, b"h")]).await;
    interim.ask();
    stream.flush().await.unwrap();
    interim.ask();
    assert_eq!(got(client, stream, b"").await, go_on(1));
}

#[tokio::test]
async fn nobody_is_told_who_does_not_wait() {
    let bodiless = frame(1, END_HEADERS | 1, 1, b"h");
    let begun = [frame(1, END_HEADERS, 3, b"h"), frame(0, 0, 3, b"d")].concat();
    let given_up = [frame(1, END_HEADERS, 5, b"h"), frame(3, 0, 5, &[0; 4])].concat();
    let (client, stream, interim) = connected(&[bodiless, begun, given_up]).await;
    interim.ask();
    assert_eq!(got(client, stream, b"").await, b"");
}

#[tokio::test]
async fn nothing_is_told_behind_an_answer() {
    let (client, mut stream, interim) = connected(&[frame(1, END_HEADERS, 1, b"h"), frame(1, END_HEADERS, 3, b"h")]).await;
    let answer = frame(1, END_HEADERS, 1, b"\x88");
    stream.write_all(&answer).await.unwrap();
    interim.ask();
    assert_eq!(got(client, stream, b"").await, [answer, go_on(3)].concat());
}

#[tokio::test]
async fn a_frame_that_is_being_said_is_not_broken() {
    let (client, mut stream, interim) = connected(&[frame(1, END_HEADERS, 1, b"h")]).await;
    let data = frame(0, 0, 7, b"data");
    stream.write_all(&data[..11]).await.unwrap();
    interim.ask();
    stream.flush().await.unwrap();
    stream.write_all(&data[11..]).await.unwrap();
    assert_eq!(got(client, stream, &SETTINGS).await, [data, go_on(1), SETTINGS.to_vec()].concat());
}

#[tokio::test]
async fn a_client_that_shrank_its_table_is_not_told() {
    let settings = frame(4, 0, 0, &[0, 1, 0, 0, 0, 0]);
    let (client, stream, interim) = connected(&[settings, frame(1, END_HEADERS, 1, b"h")]).await;
    interim.ask();
    assert_eq!(got(client, stream, b"").await, b"");
}

#[tokio::test]
async fn an_answer_without_the_body_tells_nothing() {
    let (client, stream, interim) = connected(&[frame(1, END_HEADERS, 1, b"h")]).await;
    Rc::clone(&interim).telling(true, async {}).await;
    Rc::clone(&interim).telling(false, tokio::task::yield_now()).await;
    assert_eq!(got(client, stream, b"").await, b"");
    let (client, stream, interim) = connected(&[frame(1, END_HEADERS, 1, b"h")]).await;
    interim.telling(true, tokio::task::yield_now()).await;
    assert_eq!(got(client, stream, b"").await, go_on(1));
}

/// Whether a client that sends these frames so many times is ended.
fn floods(stream: &mut Telling<DuplexStream>, times: usize, frames: &[Vec<u8>]) -> bool {
    let frames = frames.concat();
    for _ in 0..times {
        stream.note_received(&frames);
    }
    stream.bare.is_flood()
}

const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

#[tokio::test]
async fn a_client_that_widens_its_windows_for_all_that_it_reads_is_no_flood() {
    // As Go's does: of every 4 KiB, stream and connection, when all has come long ago.
    let (_client, mut stream, _) = connected(&[]).await;
    let piece = [&[0, 0x40, 0, 0, 0, 0, 0, 0, 1][..], &[0; 16_384]].concat();
    let pieces = 2_048;
    for _ in 0..pieces {
        stream.note_sent(&piece);
    }
    let wider = [frame(8, 0, 0, &[0, 0, 16, 0]), frame(8, 0, 1, &[0, 0, 16, 0])];
    assert!(!floods(&mut stream, 4 * pieces, &wider), "32 MiB, read in pieces of 4 KiB");
    assert!(floods(&mut stream, 100_000, &[PING.to_vec()]), "and no more than these are paid for");
}

#[tokio::test]
async fn what_is_paid_for_has_an_end() {
    let (_client, mut stream, _) = connected(&[]).await;
    assert!(!floods(&mut stream, 4_000, &[PING.to_vec()]));
    stream.note_sent(&frame(1, END_HEADERS, 1, b"\x88"));
    assert!(floods(&mut stream, 200, &[PING.to_vec()]), "one answer pays for a few");
}

/// What the gateway makes of a client that pings without end.
async fn flood(client: &mut DuplexStream, stream: &mut Telling<DuplexStream>) -> io::Result<()> {
    let mut read = [0; 2_048];
    for _ in 0..100 {
        client.write_all(&PING.repeat(100)).await?;
        let mut left = PING.len() * 100;
        while left > 0 {
            left -= stream.read(&mut read).await?;
        }
    }
    Ok(())
}

/// RFC 9113, 6.8 and 7: up to the newest stream, ENHANCE_YOUR_CALM.
fn calm(stream: u8) -> Vec<u8> {
    frame(7, 0, 0, &[0, 0, 0, stream, 0, 0, 0, 0xb])
}

#[tokio::test]
async fn a_flood_is_told_to_enhance_its_calm() {
    let (mut client, mut stream, interim) = connected(&[frame(1, END_HEADERS | 1, 5, b"h")]).await;
    flood(&mut client, &mut stream).await.unwrap_err();
    assert!(interim.is_flooded());
    interim.ask();
    assert_eq!(got(client, stream, b"").await, calm(5));
}

#[tokio::test]
async fn a_half_written_frame_is_not_broken_by_the_end_of_a_flood() {
    let (mut client, mut stream, _) = connected(&[]).await;
    let data = frame(0, 0, 7, b"data");
    stream.write_all(&data[..11]).await.unwrap();
    flood(&mut client, &mut stream).await.unwrap_err();
    assert_eq!(got(client, stream, b"").await, &data[..11]);
}

#[tokio::test]
async fn a_flood_that_reads_nothing_ends_all_the_same() {
    let (mut client, mut stream, _) = connected(&[]).await;
    stream.write_all(&SETTINGS.repeat(455)).await.unwrap();
    flood(&mut client, &mut stream).await.unwrap_err();
}
