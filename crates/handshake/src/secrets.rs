//! What travels beside the contract (`sec`), covered by its hash in the welcome, so that contracts can be logged and shown.

use countersign_core::{Refusal, Reject, Secret};
use zeroize::Zeroizing;

use crate::encoding;
use crate::limits;
use crate::secret_text::SecretText;
use crate::strict_json::{Object, Value};

/// The secrets of one session.
#[derive(Clone, Debug)]
pub struct SessionSecrets {
    /// The access token.
    pub access_token: SecretText,
    /// How long it lives, in seconds.
    pub access_token_s: u64,
    /// The session secret `rk`, from which the keys of later proofs are derived. None in `chl` sessions.
    pub session_secret: Option<Secret>,
    /// The resumption ticket, where the contract has `resume_s`.
    pub ticket: Option<SecretText>,
}

impl SessionSecrets {
    /// Writes the text. The access token must be visible ASCII without `"` and `\`, as every JWT is.
    pub(crate) fn write(&self) -> Result<SecretText, Refusal> {
        let token = self.access_token.expose();
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if token.is_empty() || token.len() > limits::ACCESS_TOKEN_BYTES_MAX || !token.bytes().all(plain) {
            return Err(Refusal::operator(Reject::Internal, "the minted access token is not a token"));
        }
        let mut text = Zeroizing::new(String::with_capacity(token.len() + 128 + limits::TICKET_BYTES_MAX));
        text.push_str("{\"at\":\"");
        text.push_str(token);
        text.push_str("\",\"at_s\":");
        text.push_str(&self.access_token_s.to_string());
        if let Some(secret) = &self.session_secret {
            text.push_str(",\"rk\":\"");
            text.push_str(&Zeroizing::new(encoding::encode(secret.expose())));
            text.push('"');
        }
        if let Some(ticket) = &self.ticket {
            text.push_str(",\"tkt\":\"");
            text.push_str(ticket.expose());
            text.push('"');
        }
        text.push('}');
        Ok(SecretText::new(std::mem::take(&mut *text)))
    }

    /// Reads the text; `None` when it is malformed.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let object = Object::parse(text.as_bytes()).ok()?;
        let session_secret = match object.member("rk") {
            Some(value) => Some(Secret::new(encoding::decode_array::<32>(value.as_text()?)?.to_vec())),
            None => None,
        };
        let ticket = match object.member("tkt") {
            Some(value) => Some(value.as_text().filter(|ticket| ticket.len() <= limits::TICKET_BYTES_MAX)?),
            None => None,
        };
        Some(Self {
            access_token: SecretText::new(object.member("at")?.as_text()?.to_owned()),
            access_token_s: object.member("at_s").and_then(Value::as_u64)?,
            session_secret,
            ticket: ticket.map(|ticket| SecretText::new(ticket.to_owned())),
        })
    }
}
