//! The WebSocket feed: a proof in each subscription that wants to see one's own orders.
//!
//! `{"type":"subscribe","product_ids":[…],"channels":[…],"signature":…,"key":…,"passphrase":…,"timestamp":…}`; the text signed is
//! `timestamp || "GET" || "/users/self/verify"`. The proof does not go on to the venue: the upstream connection is opened with the
//! identity, which is all it needs.

use countersign_core::{Algorithm, Effect, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp, VerifiedIdentity};

use super::{FAMILY, routes, words};
use crate::answer::quoted;
use crate::fields::{array, base64_mac, decimal_seconds, key_id, malformed, member, missing, object, string, text};
use crate::header_family::clear;
use crate::limits;
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::raw_object::RawObject;
use crate::socket::Desk;

/// Members of a frame that are the proof.
const PROOF: [&str; 4] = ["signature", "key", "passphrase", "timestamp"];

/// What is Coinbase Exchange's own about a connection.
#[derive(Debug)]
pub(super) struct Feed;

impl Venue for Feed {
    fn purpose(&self) -> Purpose {
        Purpose::CoinbaseExchange
    }

    fn read<'f>(&mut self, text: &'f str, _: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        let frame = object(text)?;
        Ok(Frame { op: op(&frame)?, echo: None })
    }

    fn welcome(&self, _: &VerifiedIdentity, _: &Echo, _: Timestamp) -> String {
        r#"{"type":"subscriptions","channels":[]}"#.to_owned()
    }

    fn refuse(&self, refusal: &Refusal, _: &Echo, _: Timestamp) -> String {
        let (_, reason) = words(refusal);
        format!(r#"{{"type":"error","message":"Authentication Failed","reason":{}}}"#, quoted(reason))
    }
}

fn op<'f>(frame: &RawObject<'_>) -> Result<Op<'f>, Refusal> {
    let subscribes = match string(frame, "type").as_deref() {
        Some("subscribe") => true,
        Some("unsubscribe") => false,
        Some(_) => return Err(Reject::RouteUnknown.into()),
        None => return Err(malformed("type")),
    };
    let private = is_private(frame)?;
    if PROOF.iter().any(|name| frame.has_alike(name)) {
        let message = if private { routes::PRIVATE } else { routes::PUBLIC };
        return Ok(Op::Signed(proof(frame)?, message, Some(frame.without(&PROOF))));
    }
    match (private, subscribes) {
        (true, true) => Err(missing("signature")),
        (true, false) => Ok(Op::Private(routes::PRIVATE)),
        (false, _) => Ok(Op::Public(routes::PUBLIC)),
    }
}

/// Whether a channel is about one's own orders: `user`, as text or as `{"name":"user",…}`.
fn is_private(frame: &RawObject<'_>) -> Result<bool, Refusal> {
    let Some(channels) = member(frame, "channels")? else { return Ok(false) };
    let mut private = false;
    for channel in array(channels, limits::FRAME_LIST_MAX, "channels")? {
        let name = if channel.get().starts_with('{') {
            string(&object(channel.get())?, "name").ok_or_else(|| malformed("channels"))?
        } else {
            serde_json::from_str(channel.get()).map_err(|_| malformed("channels"))?
        };
        private |= name == "user";
    }
    Ok(private)
}

fn proof<'f>(frame: &RawObject<'_>) -> Result<Presented<'f>, Refusal> {
    let needed = |name: &'static str| text(frame, name).filter(|text| !text.is_empty()).ok_or_else(|| missing(name));
    let timestamp = needed("timestamp")?;
    Ok(Presented {
        purpose: Purpose::CoinbaseExchange,
        key_id: key_id(&needed("key")?, "key")?,
        signature: base64_mac(Algorithm::HmacSha256, &needed("signature")?),
        signed: SignedBytes::from_piece(format!("{timestamp}GET/users/self/verify").into_bytes()),
        passphrase: Some(clear(&needed("passphrase")?)),
        freshness: FAMILY.fresh(decimal_seconds(&timestamp, "timestamp")?),
        once: Once::SignedBytes,
        effect: Effect::Read,
    })
}
