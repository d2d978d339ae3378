//! The WebSocket feeds: a challenge per connection, signed in each private subscription.
//!
//! ```text
//!   {"event":"challenge","api_key":K}  ──▶ {"event":"challenge","message":"<uuid>"}
//!   {"event":"subscribe","feed":F,"api_key":K,"original_challenge":"<uuid>","signed_challenge":S}
//!        S = base64(HMAC-SHA-512(secret, SHA-256(challenge)))
//! ```
//!
//! The challenge was made for this connection: a signature over it is good here, as long as the connection lives, and nowhere else.

use aws_lc_rs::digest;
use countersign_core::{Algorithm, Effect, Freshness, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp, VerifiedIdentity};

use super::{routes, words};
use crate::answer::quoted;
use crate::fields::{base64_mac, key_id, malformed, missing, object, string};
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::raw_object::RawObject;
use crate::socket::Desk;

/// Members of a frame that are the proof.
const PROOF: [&str; 3] = ["api_key", "original_challenge", "signed_challenge"];

/// What is Kraken Futures' own about a connection.
#[derive(Debug)]
pub(super) struct Feeds {
    challenge: Option<String>,
}

impl Feeds {
    pub(super) fn new(issued: Option<&str>) -> Self {
        Self { challenge: issued.map(str::to_owned) }
    }

    /// The challenge of this connection, made when it is first asked for.
    fn challenge(&mut self, desk: &mut dyn Desk) -> String {
        self.challenge.get_or_insert_with(|| uuid(desk.random())).clone()
    }

    fn proof<'f>(&self, frame: &RawObject<'_>) -> Result<Presented<'f>, Refusal> {
        let needed = |name: &'static str| string(frame, name).filter(|text| !text.is_empty()).ok_or_else(|| missing(name));
        let (key, original, signature) = (needed("api_key")?, needed("original_challenge")?, needed("signed_challenge")?);
        if self.challenge.as_deref() != Some(original.as_str()) {
            return Err(Reject::BadChallenge.into());
        }
        Ok(Presented {
            purpose: Purpose::KrakenFutures,
            key_id: key_id(&key, "api_key")?,
            signature: base64_mac(Algorithm::HmacSha512, &signature),
            signed: SignedBytes::from_piece(digest::digest(&digest::SHA256, original.as_bytes()).as_ref().to_vec()),
            passphrase: None,
            freshness: Freshness::Channel,
            once: Once::Freshness,
            effect: Effect::Read,
        })
    }
}

impl Venue for Feeds {
    fn purpose(&self) -> Purpose {
        Purpose::KrakenFutures
    }

    fn greeting(&mut self, _: Timestamp, _: &mut dyn Desk) -> Option<String> {
        Some(r#"{"event":"info","version":1}"#.to_owned())
    }

    fn read<'f>(&mut self, text: &'f str, _: Timestamp, desk: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        let frame = object(text)?;
        let op = match string(&frame, "event").ok_or_else(|| malformed("event"))?.as_str() {
            "challenge" => Op::Answer(format!(r#"{{"event":"challenge","message":{}}}"#, quoted(&self.challenge(desk)))),
            "ping" => Op::Answer(r#"{"event":"pong"}"#.to_owned()),
            "subscribe" | "unsubscribe" => {
                let feed = string(&frame, "feed").ok_or_else(|| malformed("feed"))?;
                let proves = PROOF.iter().any(|name| frame.has_alike(name));
                if routes::PUBLIC_FEEDS.contains(&feed.as_str()) {
                    if proves { Op::PublicAs(routes::PUBLIC, frame.without(&PROOF)) } else { Op::Public(routes::PUBLIC) }
                } else {
                    Op::Signed(self.proof(&frame)?, routes::PRIVATE, Some(frame.without(&PROOF)))
                }
            }
            _ => return Err(Reject::RouteUnknown.into()),
        };
        Ok(Frame { op, echo: None })
    }

    fn welcome(&self, _: &VerifiedIdentity, _: &Echo, _: Timestamp) -> String {
        r#"{"event":"info","version":1}"#.to_owned()
    }

    fn refuse(&self, refusal: &Refusal, _: &Echo, _: Timestamp) -> String {
        let (_, error) = words(refusal);
        format!(r#"{{"event":"error","message":{}}}"#, quoted(error))
    }
}

/// Random bytes as a UUID of version 4 (RFC 9562, 5.4).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}
