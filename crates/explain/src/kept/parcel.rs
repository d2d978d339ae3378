//! A kept login as a value, for another node of the same gateway.
//!
//! # Security
//! It holds what the client sent, a passphrase among it: it leaves the process sealed or not at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Purpose, Reject, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Kept, Told};
use crate::input::Input;
use crate::limits::KEPT_BYTES_MAX;
use crate::request::Request;

/// SOH, between fields of FIX.
const SOH: u8 = 1;

#[derive(Deserialize, Serialize)]
struct Parcel {
    purpose: String,
    message: Message,
    arrived: u64,
    expires: u64,
    refused: String,
    last_nonce: Option<u64>,
}

/// Bytes are base64: they need not be text.
#[derive(Deserialize, Serialize)]
enum Message {
    Fix(String),
    Frame(String),
    Http { method: String, target: String, headers: Vec<(String, String)>, body: String },
}

impl Kept {
    /// The login and how it was refused, as a value that [`Self::unpack`] reads.
    ///
    /// # Security
    /// As the module says.
    #[must_use]
    pub fn pack(&self, told: Told) -> serde_json::Value {
        let message = match &self.input {
            Input::Fix(line) => {
                let field = |(tag, value): &(u32, Vec<u8>)| [tag.to_string().as_bytes(), b"=", value, &[SOH]].concat();
                Message::Fix(STANDARD.encode(line.fields.iter().map(field).collect::<Vec<_>>().concat()))
            }
            Input::Frame(text) => Message::Frame(text.clone()),
            Input::Http(request, _) => Message::Http {
                method: request.method.clone(),
                target: STANDARD.encode(&request.target),
                headers: request.headers.iter().map(|(name, value)| (name.clone(), STANDARD.encode(value))).collect(),
                body: STANDARD.encode(&request.body),
            },
        };
        let parcel = Parcel {
            purpose: self.purpose.name().to_owned(),
            message,
            arrived: told.arrived.as_micros(),
            expires: told.expires.as_micros(),
            refused: told.refused.to_owned(),
            last_nonce: told.last_nonce,
        };
        serde_json::to_value(parcel).expect("texts and numbers")
    }

    /// Reads what [`Self::pack`] made; `None` for anything else.
    #[must_use]
    pub fn unpack(value: serde_json::Value) -> Option<(Self, Told)> {
        let parcel: Parcel = serde_json::from_value(value).ok()?;
        let purpose = Purpose::parse(&parcel.purpose)?;
        let bytes = |text: &str| STANDARD.decode(text).ok().filter(|bytes| bytes.len() <= KEPT_BYTES_MAX);
        let kept = match parcel.message {
            Message::Fix(line) => Self::of_logon(purpose, &bytes(&line)?),
            Message::Frame(text) => Self::of_frame(purpose, &text),
            Message::Http { method, target, headers, body } => {
                let headers = headers.into_iter().map(|(name, value)| Some((name, bytes(&value)?))).collect::<Option<_>>()?;
                let (target, body) = (bytes(&target)?, bytes(&body)?);
                let request = Request { method, target, headers, body, scheme: Some("https".to_owned()), notes: Vec::new() };
                Self::of(purpose, Input::Http(request, false))
            }
        };
        let refused = Reject::ALL.iter().map(|reject| reject.label()).find(|label| *label == parcel.refused)?;
        let (arrived, expires) = (Timestamp::from_micros(parcel.arrived), Timestamp::from_micros(parcel.expires));
        Some((kept?, Told { arrived, expires, refused, last_nonce: parcel.last_nonce }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_core::Secret;
    use countersign_dialects::RequestView;

    use super::*;

    fn told() -> Told {
        let arrived = Timestamp::from_millis(1_795_222_400_123);
        Told {
            arrived,
            expires: arrived.saturating_add(std::time::Duration::from_secs(600)),
            refused: "bad_signature",
            last_nonce: Some(7),
        }
    }

    #[test]
    fn another_node_explains_the_same() {
        let headers = vec![("X-MBX-APIKEY", "k")];
        let target = b"/api/v3/account?a=1&timestamp=1795222400000&signature=00\xff";
        let view = RequestView { method: "GET", target, headers: &headers, body: b"\x00\xff", host: Some("h") };
        let frame = r#"{"id":1,"method":"openOrders.status","params":{"apiKey":"k","timestamp":1795222400000,"signature":"00"}}"#;
        let logon =
            b"8=FIX.4.2\x019=100\x0135=A\x0149=k\x0156=Coinbase\x0134=1\x0152=20261121-00:53:20.000\x0196=AAAA\x01554=p\x0110=000\x01";
        let all = [
            Kept::of_request(Purpose::Binance, &view).unwrap(),
            Kept::of_frame(Purpose::Binance, frame).unwrap(),
            Kept::of_logon(Purpose::CoinbaseExchange, logon).unwrap(),
        ];
        for kept in all {
            let (other, there) = Kept::unpack(kept.pack(told())).unwrap();
            assert_eq!((other.key(), there.arrived, there.last_nonce), (kept.key(), told().arrived, Some(7)));
            let page = |kept: &Kept| kept.explain(&Secret::new(b"c2VjcmV0".to_vec()), None, told()).map_err(|error| error.to_string());
            assert_eq!(page(&other), page(&kept));
        }
    }

    #[test]
    fn anything_else_is_nothing() {
        let good = Kept::of_frame(Purpose::Binance, r#"{"method":"a","params":{"apiKey":"k","signature":"00"}}"#).unwrap().pack(told());
        assert!(Kept::unpack(good.clone()).is_some());
        for (name, wrong) in [("purpose", "nobody"), ("refused", "because"), ("message", "text"), ("arrived", "now")] {
            let mut other = good.clone();
            other[name] = wrong.into();
            assert!(Kept::unpack(other).is_none(), "{name}");
        }
        assert!(Kept::unpack(serde_json::json!({})).is_none());
    }
}
