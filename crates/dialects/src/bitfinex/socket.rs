//! Bitfinex's WebSocket v2: `auth`, then inputs as `[0, "on", null, {…}]`.
//!
//! Signed is `AUTH` and the nonce; the vendor's libraries for Node (bitfinex-api-node, bfx-api-node-core) sign the nonce twice.
//!
//! ccxt numbers its connections for Binance's streams, `/ws/0`, `/ws/1`, `/ws/2`: where both venues have one address, the third one
//! arrives here. Its frames have a `method` and no `event`, and what they ask for is public; the upstream says what it knows of it.

use countersign_core::{Algorithm, Effect, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp, VerifiedIdentity};
use serde_json::value::RawValue;

use super::notice::{of_input, refused_event, refused_input, refused_login};
use super::operations::only_of_orders;
use super::sequence::Sequence;
use super::{CALC, CANCEL, LOGIN, MULTI, ORDER, ORDERS, PROTECTION, PUBLIC, nonce, words};
use crate::answer::quoted;
use crate::binance::sockets::STREAM_METHODS;
use crate::fields::{array, digits, hex_mac, key_id, malformed, missing, object, string, text};
use crate::limits;
use crate::login_socket::{Echo, Frame, Op, Refused, Venue};
use crate::raw_object::RawObject;
use crate::socket::{Desk, Downstream};

/// What is Bitfinex's own about a connection.
#[derive(Debug, Default)]
pub(super) struct V2 {
    sequence: Sequence,
    /// The last login asked for the account's orders to be cancelled when its connection ends (`dms`).
    protects: bool,
}

impl Venue for V2 {
    fn purpose(&self) -> Purpose {
        Purpose::Bitfinex
    }

    fn greeting(&mut self, _: Timestamp, _: &mut dyn Desk) -> Option<String> {
        Some(r#"{"event":"info","version":2,"serverId":"countersign","platform":{"status":1}}"#.to_owned())
    }

    fn read<'f>(&mut self, text: &'f str, now: Timestamp, _: &mut dyn Desk) -> Result<Frame<'f>, Refused> {
        self.sequence.go_on();
        if text.len() > limits::FRAME_BYTES_MAX {
            return Err(Refusal::from(Reject::TooLarge).into());
        }
        let (op, echo) = if text.trim_start().starts_with('[') {
            let (kind, details) = parts(text)?;
            (input(&kind, details), of_input(&kind, details))
        } else {
            let frame = object(text)?;
            (self.event(&frame, now), string(&frame, "event").filter(|event| event == LOGIN))
        };
        match op {
            Ok(op) => Ok(Frame { op, echo }),
            Err(refusal) => Err(Refused { refusal, echo }),
        }
    }

    fn welcome(&self, _: &VerifiedIdentity, _: &Echo, _: Timestamp) -> String {
        r#"{"event":"auth","status":"OK","chanId":0,"userId":0,"caps":{"orders":{"read":1,"write":1},"wallets":{"read":1,"write":0}}}"#
            .to_owned()
    }

    fn announcement(&mut self, identity: &VerifiedIdentity) -> Option<(&'static str, String)> {
        // Who may not read has no news; the login is good all the same.
        let reads = identity.scopes().iter().any(|scope| scope.as_str() == ORDERS);
        match self.protects {
            // The venue behind hears the wish with the login, so who may not have the one is refused the other.
            true if reads => Some((PROTECTION, r#"{"event":"auth","dms":4}"#.to_owned())),
            true => Some((LOGIN, r#"{"event":"auth"}"#.to_owned())),
            false => reads.then(|| (LOGIN, r#"{"event":"auth"}"#.to_owned())),
        }
    }

    fn refuse(&self, refusal: &Refusal, echo: &Echo, now: Timestamp) -> String {
        let (_, code, text) = words(refusal);
        match echo.as_deref() {
            Some(LOGIN) => refused_login(code, &text),
            Some(repeated) => refused_input(now.as_millis(), repeated, (code, &text), self.sequence.of_answer()),
            None => refused_event(code, &text),
        }
    }

    fn take_back(&mut self) {
        self.sequence.take_back();
    }

    fn handle_upstream(&mut self, text: &str) -> Downstream {
        self.sequence.number(text).map_or(Downstream::Pass, Downstream::Replace)
    }
}

impl V2 {
    fn event<'f>(&mut self, frame: &RawObject<'_>, now: Timestamp) -> Result<Op<'f>, Refusal> {
        if !frame.has_alike("event") && string(frame, "method").is_some_and(|method| STREAM_METHODS.contains(&method.as_str())) {
            return Ok(Op::Public(PUBLIC));
        }
        let event = string(frame, "event").filter(|_| !frame.has_alike("method")).ok_or_else(|| malformed("event"))?;
        match event.as_str() {
            "auth" => {
                self.protects = protects(frame)?;
                login(frame).map(Op::Login)
            }
            "conf" => self.configure(frame),
            "subscribe" | "unsubscribe" => Ok(Op::Public(PUBLIC)),
            "ping" => {
                let cid = text(frame, "cid").unwrap_or_else(|| "0".to_owned());
                Ok(Op::Answer(format!(r#"{{"event":"pong","ts":{},"cid":{}}}"#, now.as_millis(), quoted(&cid))))
            }
            _ => Err(Reject::RouteUnknown.into()),
        }
    }

    /// Numbers are the gateway's to give; of all other flags it is told to the venue.
    fn configure<'f>(&mut self, frame: &RawObject<'_>) -> Result<Op<'f>, Refusal> {
        let flags = text(frame, "flags").map(|flags| digits(&flags, "flags")).transpose()?.unwrap_or(0);
        let left = self.sequence.configure(flags)?;
        Ok(left.map_or(Op::Public(PUBLIC), |flags| Op::PublicAs(PUBLIC, format!(r#"{{"event":"conf","flags":{flags}}}"#))))
    }
}

/// Type and details of `[0, type, null, details]`.
fn parts(text: &str) -> Result<(String, &RawValue), Refusal> {
    let whole: &RawValue = serde_json::from_str(text).map_err(|_| malformed("frame"))?;
    let items = array(whole, 4, "frame")?;
    let kind = items.get(1).and_then(|kind| serde_json::from_str(kind.get()).ok()).ok_or_else(|| malformed("frame"))?;
    Ok((kind, items.get(3).ok_or_else(|| malformed("frame"))?))
}

fn input<'f>(kind: &str, details: &RawValue) -> Result<Op<'f>, Refusal> {
    match kind {
        "on" | "ou" => Ok(Op::Private(ORDER)),
        "oc" | "oc_multi" => Ok(Op::Private(CANCEL)),
        "calc" => Ok(Op::Private(CALC)),
        "ox_multi" => only_of_orders(details, "frame").map(|()| Op::Private(MULTI)),
        // Funding is nothing a trading scope covers.
        _ => Err(Reject::RouteUnknown.into()),
    }
}

/// `dms`: four for all orders of the account, which is all there is (vendor, "Authenticated Channels").
fn protects(frame: &RawObject<'_>) -> Result<bool, Refusal> {
    match text(frame, "dms").as_deref() {
        None | Some("0") => Ok(false),
        Some("4") => Ok(true),
        Some(_) => Err(malformed("dms")),
    }
}

fn login<'f>(frame: &RawObject<'_>) -> Result<Presented<'f>, Refusal> {
    let needed = |name: &'static str| text(frame, name).filter(|text| !text.is_empty()).ok_or_else(|| missing(name));
    let (key, counted, payload, signature) = (needed("apiKey")?, needed("authNonce")?, needed("authPayload")?, needed("authSig")?);
    if nonce_of(&payload) != Some(counted.as_str()) {
        // What is signed must name the nonce that is spent.
        return Err(malformed("authPayload"));
    }
    Ok(Presented {
        purpose: Purpose::Bitfinex,
        key_id: key_id(&key, "apiKey")?,
        signature: hex_mac(Algorithm::HmacSha384, &signature),
        signed: SignedBytes::from_piece(payload.into_bytes()),
        passphrase: None,
        freshness: nonce(&counted, "authNonce")?,
        once: Once::Freshness,
        effect: Effect::Read,
    })
}

/// The nonce that a payload names: once behind `AUTH`, or twice, as the vendor's libraries for Node write it. What can be read as a
/// nonce twice is nothing else: one payload spends one nonce.
fn nonce_of(payload: &str) -> Option<&str> {
    let whole = payload.strip_prefix("AUTH")?;
    let halves = whole.split_at_checked(whole.len() / 2);
    Some(halves.filter(|(first, second)| first == second).map_or(whole, |(first, _)| first))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::every_dialect::TestDesk;
    use crate::login_socket::LoginSocket;
    use crate::socket::Step;
    use crate::test_support::now;

    /// Whether a text goes on as a public message, in the name of nobody.
    fn is_public(text: &str) -> bool {
        let mut socket = LoginSocket::boxed(V2::default());
        match socket.handle_text(text, now(), &mut TestDesk::new()) {
            Step::Forward(forward) => forward.message == PUBLIC && forward.identity.is_none(),
            Step::Close { .. } | Step::Refuse { .. } | Step::Reply(_) | Step::Verify(_) | Step::VerifyToken(_) => false,
        }
    }

    #[test]
    fn a_wish_for_protection_is_all_orders_or_none() {
        for (more, wish) in [("", Some(false)), (r#","dms":0"#, Some(false)), (r#","dms":4"#, Some(true)), (r#","dms":1"#, None)] {
            let text = format!(r#"{{"event":"auth"{more}}}"#);
            assert_eq!(protects(&object(&text).unwrap()).ok(), wish, "{text}");
        }
    }

    #[test]
    fn a_payload_names_one_nonce() {
        for (payload, nonce) in [
            ("AUTH1795222400000000", Some("1795222400000000")),
            ("AUTH17952224000000001795222400000000", Some("1795222400000000")),
            ("AUTH1212", Some("12")),
            ("AUTH121212", Some("121212")),
            ("AUTH", Some("")),
            ("auth12", None),
            ("AUTHé", Some("é")),
        ] {
            assert_eq!(nonce_of(payload), nonce, "{payload}");
        }
    }

    #[test]
    fn the_third_connection_of_a_client_of_binance_asks_for_its_streams() {
        for method in ["GET_PROPERTY", "LIST_SUBSCRIPTIONS", "SUBSCRIBE", "UNSUBSCRIBE"] {
            assert!(is_public(&format!(r#"{{"method":"{method}","params":["btcusdt@depth"],"id":3}}"#)), "{method}");
        }
        for text in [
            r#"{"method":"order.place","params":{},"id":3}"#,
            r#"{"method":"SUBSCRIBE","event":"on","params":[],"id":3}"#,
            r#"{"method":1,"params":[],"id":3}"#,
        ] {
            assert!(!is_public(text), "{text}");
        }
    }

    /// What of a frame of `text` a refusal says, on a connection where nobody logged in.
    fn refused(socket: &mut dyn crate::socket::DialectSocket, text: &str) -> serde_json::Value {
        let step = socket.handle_text(text, now(), &mut TestDesk::new());
        let Step::Refuse { reply, close: false, .. } = &step else { panic!("{text}: {step:?}") };
        serde_json::from_str(reply).unwrap()
    }

    #[test]
    fn a_refusal_is_told_as_the_venue_tells_one_of_such_a_frame() {
        let mut socket = LoginSocket::boxed(V2::default());
        let login = refused(&mut *socket, r#"{"event":"auth","apiKey":"k"}"#);
        assert_eq!((&login["event"], &login["status"]), (&"auth".into(), &"FAILED".into()));
        for (kind, details) in [("on", r#"{"cid":7}"#), ("ou", "{}"), ("oc", "{}"), ("oc_multi", "{}"), ("ox_multi", r#"[["fon",{}]]"#)] {
            let notice = refused(&mut *socket, &format!(r#"[0,"{kind}",null,{details}]"#));
            assert_eq!((&notice[0], &notice[1]), (&0.into(), &"n".into()), "{kind}");
            assert_eq!((&notice[2][1], &notice[2][6]), (&format!("{kind}-req").into(), &"ERROR".into()), "{kind}");
            assert_eq!(notice.as_array().map(Vec::len), Some(3), "no number that nobody asked for");
        }
        for other in [r#"{"event":"conf","flags":"x"}"#, r#"{"event":"unheard"}"#, r#"[0,"calc",null,[]]"#, "[0]", "x"] {
            assert_eq!(refused(&mut *socket, other)["event"], "error", "{other}");
        }
    }

    #[test]
    fn the_answer_to_a_refused_input_has_the_number_of_such_answers() {
        let mut socket = LoginSocket::boxed(V2::default());
        let configured = socket.handle_text(r#"{"event":"conf","flags":65536}"#, now(), &mut TestDesk::new());
        assert!(matches!(configured, Step::Forward(_)));
        for text in [r#"{"event":"conf","status":"OK","flags":0}"#, r#"[0,"ws",[]]"#] {
            assert!(matches!(socket.handle_upstream(None, text, now()), Downstream::Replace(_)), "{text}");
        }
        assert_eq!(refused(&mut *socket, r#"[0,"on",null,{}]"#)[3], 1);
    }

    /// The second is refused on its way, and the answer to the first was read as one to it.
    #[test]
    fn a_configuration_that_is_refused_changes_nothing_of_the_one_before() {
        let mut socket = LoginSocket::boxed(V2::default());
        let mut desk = TestDesk::new();
        for flags in [65536, 0] {
            let text = format!(r#"{{"event":"conf","flags":{flags}}}"#);
            assert!(matches!(socket.handle_text(&text, now(), &mut desk), Step::Forward(_)), "{text}");
        }
        socket.refuse(&Reject::RateLimited.into(), now());
        let answer = socket.handle_upstream(None, r#"{"event":"conf","status":"OK","flags":0}"#, now());
        assert_eq!(answer, Downstream::Replace(r#"{"event":"conf","status":"OK","flags":65536}"#.to_owned()));
        assert_eq!(socket.handle_upstream(None, r#"[17,"hb"]"#, now()), Downstream::Replace(r#"[17,"hb",1]"#.to_owned()));
    }
}
