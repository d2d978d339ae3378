//! What a frame says about itself: the same three answers as for a REST request.

use std::borrow::Cow;

use countersign_core::{ApiKeyId, Effect, Freshness, Once, Presented, Purpose, Refusal, SignedBytes};
use smallvec::SmallVec;

use super::frame::Frame;
use crate::binance::fault::Fault;
use crate::binance::{signature, window};
use crate::dialect::{Answer, Security};
use crate::raw_object::literal;

/// Finds identity, signature, signed bytes and freshness of a frame. `effect` is that of its method.
///
/// [`Answer::NotMine`] for a frame without `apiKey` and `signature`: whether it may pass under the identity of the session is for
/// [`WsApiSession`](super::WsApiSession) to say.
pub fn present<'f>(frame: &Frame<'f>, security: Security, effect: Effect) -> Answer<'f> {
    let unsigned = frame.params.member("apiKey").is_none() && frame.params.member("signature").is_none();
    match security {
        Security::None => Answer::NotMine,
        Security::ApiKey | Security::Signed if unsigned => Answer::NotMine,
        Security::ApiKey | Security::Signed => present_signed(frame, effect).into(),
    }
}

fn present_signed<'f>(frame: &Frame<'f>, effect: Effect) -> Result<Presented<'f>, Refusal> {
    let key_id = frame.param("apiKey").ok_or(Fault::ApiKeyMissing)?;
    let key_id = ApiKeyId::parse(&key_id).map_err(|_| Fault::ApiKeyMalformed)?;
    let signature = frame.param("signature").ok_or(Fault::SignatureMissing)?;
    Ok(Presented {
        purpose: Purpose::Binance,
        key_id,
        signature: signature::from_text(signature.as_bytes()),
        signed: signed_bytes(frame)?,
        passphrase: None,
        freshness: freshness(frame)?,
        once: Once::SignedBytes,
        effect,
    })
}

/// The window of a frame, signed or not: in an open session the timestamp must still be there. A shell checks it again just before
/// it forwards.
///
/// # Errors
/// The fault of `timestamp` or `recvWindow`.
pub fn freshness(frame: &Frame<'_>) -> Result<Freshness, Fault> {
    let timestamp = frame.param("timestamp");
    let recv_window = frame.params.member("recvWindow").map(|value| literal(value).ok_or(Fault::RecvWindowMalformed)).transpose()?;
    window::freshness(timestamp.as_deref().map(str::as_bytes), recv_window.as_deref().map(str::as_bytes))
}

/// All parameters but the signature, sorted by name: `name=value` joined by `&`.
fn signed_bytes<'f>(frame: &Frame<'f>) -> Result<SignedBytes<'f>, Fault> {
    let mut parameters: SmallVec<[(&str, Cow<'_, str>); 24]> = SmallVec::new();
    let mut length = 0;
    for (name, value) in frame.params.members().filter(|(name, _)| *name != "signature") {
        if name.is_empty() || name.contains(['&', '=']) {
            return Err(Fault::ParameterNameIllegal);
        }
        let value = literal(value).ok_or(Fault::FrameParamsMalformed)?;
        if value.contains('&') {
            return Err(Fault::ParameterGlued);
        }
        length += name.len() + value.len() + 2;
        parameters.push((name, value));
    }
    parameters.sort_unstable_by(|one, two| one.0.cmp(two.0));
    let mut signed = Vec::with_capacity(length);
    for (name, value) in &parameters {
        if !signed.is_empty() {
            signed.push(b'&');
        }
        signed.extend_from_slice(name.as_bytes());
        signed.push(b'=');
        signed.extend_from_slice(value.as_bytes());
    }
    Ok(SignedBytes::from_piece(signed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::unwrap_in_result)]
    use super::*;

    fn presented(params: &str) -> Result<String, Fault> {
        let text = format!(r#"{{"id":1,"method":"order.place","params":{params}}}"#);
        match present(&Frame::read(&text).map_err(|error| error.fault)?, Security::Signed, Effect::Write) {
            Answer::Malformed(refusal) => Err(Fault::of(&refusal).unwrap()),
            Answer::NotMine | Answer::Token { .. } => panic!("it names a key or a signature"),
            Answer::Presented(presented) => Ok(String::from_utf8(presented.signed.contiguous().into_owned()).unwrap()),
        }
    }

    #[test]
    fn sorts_by_name_and_signs_literals() {
        let signed = presented(r#"{"timestamp":1,"signature":"00","b":"x y\/z","a":1.50,"Z":false,"apiKey":"k","n":null,"o":{"p": [1]}}"#);
        assert_eq!(signed.unwrap(), r#"Z=false&a=1.50&apiKey=k&b=x y/z&n=null&o={"p": [1]}&timestamp=1"#);
    }

    #[test]
    fn an_escaped_string_signs_like_the_plain_one() {
        let plain = presented(r#"{"timestamp":1,"signature":"00","apiKey":"k","symbol":"１２３"}"#).unwrap();
        let escaped = presented(r#"{"timestamp":"1","s\u0069gnature":"00","apiKey":"\u006b","symbol":"\uff11\uff12\uff13"}"#).unwrap();
        assert_eq!(plain, escaped);
    }

    #[test]
    fn text_that_could_be_read_in_two_ways_is_refused() {
        assert_eq!(presented(r#"{"timestamp":1,"signature":"00","apiKey":"k","a":"1&b=2"}"#), Err(Fault::ParameterGlued));
        assert_eq!(presented(r#"{"timestamp":1,"signature":"00","apiKey":"k","a":"1\u0026b=2"}"#), Err(Fault::ParameterGlued));
        assert_eq!(presented(r#"{"timestamp":1,"signature":"00","apiKey":"k","a=1&b":2}"#), Err(Fault::ParameterNameIllegal));
        assert_eq!(presented(r#"{"timestamp":1,"signature":"00","apiKey":"k","":2}"#), Err(Fault::ParameterNameIllegal));
    }

    #[test]
    fn says_what_is_missing() {
        assert_eq!(presented(r#"{"timestamp":1,"apiKey":"k"}"#), Err(Fault::SignatureMissing));
        assert_eq!(presented(r#"{"timestamp":1,"apiKey":"k","signature":null}"#), Err(Fault::SignatureMissing));
        assert_eq!(presented(r#"{"timestamp":1,"signature":"00"}"#), Err(Fault::ApiKeyMissing));
        assert_eq!(presented(r#"{"timestamp":1,"signature":"00","apiKey":""}"#), Err(Fault::ApiKeyMissing));
        assert_eq!(presented(r#"{"timestamp":1,"signature":"00","apiKey":"k y"}"#), Err(Fault::ApiKeyMalformed));
        assert_eq!(presented(r#"{"signature":"00","apiKey":"k"}"#), Err(Fault::TimestampMissing));
        assert_eq!(presented(r#"{"timestamp":null,"signature":"00","apiKey":"k"}"#), Err(Fault::TimestampMissing));
        for timestamp in ["1.0", "1e3", "-1", "true", "[1]", "\" 1\""] {
            let params = format!(r#"{{"timestamp":{timestamp},"signature":"00","apiKey":"k"}}"#);
            assert_eq!(presented(&params), Err(Fault::TimestampMalformed), "{timestamp}");
        }
        assert_eq!(presented(r#"{"timestamp":1,"recvWindow":1e3,"signature":"00","apiKey":"k"}"#), Err(Fault::RecvWindowMalformed));
        assert_eq!(presented(r#"{"timestamp":1,"recvWindow":null,"signature":"00","apiKey":"k"}"#), Err(Fault::RecvWindowMalformed));
        assert_eq!(presented(r#"{"timestamp":1,"recvWindow":60001,"signature":"00","apiKey":"k"}"#), Err(Fault::RecvWindowTooLong));
    }
}
