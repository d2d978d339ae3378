//! Requests and frames in the Binance dialect.

use countersign_core::{Presented, Timestamp};
use countersign_dialects::binance::rest::BinanceRest;
use countersign_dialects::binance::ws_api::WsApiSession;
use countersign_dialects::{Answer, Dialect as _, RequestView, Security};

/// First line `METHOD target`, then `name: value` lines, an empty line, the body. Whatever is presented, the signed bytes are no
/// more than was sent and hold no signature.
pub fn binance_rest(data: &[u8]) {
    let (head, body) = split_at_blank_line(data);
    let Ok(head) = str::from_utf8(head) else { return };
    let mut lines = head.lines();
    let Some((method, target)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect();
    let request = RequestView { method, target: target.as_bytes(), headers: &headers, body, host: None };
    for security in [Security::None, Security::ApiKey, Security::Signed] {
        match BinanceRest.present(&request, security) {
            Answer::Presented(presented) => check(&presented, target.len() + body.len()),
            Answer::NotMine => assert_ne!(security, Security::Signed, "a signed route has no unsigned request"),
            Answer::Malformed(_) => {}
            Answer::Token { .. } => panic!("there are no tokens of ours at Binance"),
        }
    }
}

fn check(presented: &Presented<'_>, sent: usize) {
    let signed = presented.signed.contiguous();
    assert!(signed.len() <= sent, "nothing is signed that was not sent");
    let mut parameters = signed.split(|byte| *byte == b'&');
    assert!(parameters.all(|parameter| !parameter.starts_with(b"signature=")), "a signature does not sign itself");
}

fn split_at_blank_line(data: &[u8]) -> (&[u8], &[u8]) {
    let blank = data.windows(2).position(|pair| pair == b"\n\n");
    blank.map_or((data, &[]), |at| (&data[..at], &data[at + 2..]))
}

/// One frame per line on one connection: nobody is ever logged on without a verified identity.
pub fn binance_ws_api(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let now = Timestamp::from_secs(1_800_000_000);
    let mut session = WsApiSession::new(now);
    for line in text.lines().take(64) {
        drop(session.handle_text(line, now));
        assert!(session.identity().is_none(), "a frame alone logs nobody on");
    }
}
