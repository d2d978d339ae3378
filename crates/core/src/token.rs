//! Tokens of our own that stand for a login: what a client got for a signed request, and shows instead of signing the next.
//!
//! Some venues hand out such tokens (Kraken's WebSocket token, KuCoin's bullet token, Deribit's access and refresh tokens); the
//! gateway makes its own in their place. A token is sealed (AES-256-GCM-SIV), so nobody but the gateway reads or makes one, and it
//! names the credential it stands for: whether that may still be used is asked each time.
//!
//! ```text
//!   text = base64url( nonce (12) || seal( JSON of Token ) ),  additional data = "countersign token v1"
//! ```
//!
//! What is *not* here: JWT access tokens of native sessions (the gateway's `identity`), and use once only (a replay guard's work).

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::entropy::Entropy;
use crate::id::{ApiKeyId, CredentialId};
use crate::limits::TOKEN_TEXT_BYTES_MAX;
use crate::purpose::Purpose;
use crate::reject::{Refusal, Reject};
use crate::scope::Scopes;
use crate::time::Timestamp;

/// Bound into every token, so that nothing else sealed under the same key could be taken for one.
const CONTEXT: &[u8] = b"countersign token v1";

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Requests and messages.
    Access,
    /// Opening one WebSocket.
    Connect,
    /// Getting new tokens.
    Refresh,
}

impl TokenKind {
    const ALL: [Self; 3] = [Self::Access, Self::Connect, Self::Refresh];

    const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Connect => "connect",
            Self::Refresh => "refresh",
        }
    }
}

/// What a token says. Only [`TokenSealer::open`] makes one of a client's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it may be used for.
    pub kind: TokenKind,
    /// Which family of logins it stands in for.
    pub purpose: Purpose,
    /// The credential that proved itself.
    pub credential: CredentialId,
    /// The name clients know the credential by.
    pub key_id: ApiKeyId,
    /// When it was made.
    pub issued: Timestamp,
    /// From when on it is nothing.
    pub expires: Timestamp,
    /// What it may do; `None`: all that the credential may.
    pub scopes: Option<Scopes>,
    /// The connection it may be used on; `None`: any.
    pub channel: Option<[u8; 32]>,
    /// The venue's name of the session it belongs to.
    pub session: Option<String>,
    /// Sets it apart from every other token.
    pub id: [u8; 16],
}

/// A token as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    kind: String,
    purpose: String,
    credential: String,
    key: String,
    issued: u64,
    expires: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    id: String,
}

impl From<&Token> for Wire {
    fn from(token: &Token) -> Self {
        Self {
            kind: token.kind.name().to_owned(),
            purpose: token.purpose.name().to_owned(),
            credential: token.credential.to_string(),
            key: token.key_id.to_string(),
            issued: token.issued.as_micros(),
            expires: token.expires.as_micros(),
            scopes: token.scopes.as_ref().map(ToString::to_string),
            channel: token.channel.map(hex::encode),
            session: token.session.clone(),
            id: hex::encode(token.id),
        }
    }
}

impl Wire {
    fn token(self) -> Option<Token> {
        let bytes = |text: &str| hex::decode(text).ok();
        Some(Token {
            kind: TokenKind::ALL.into_iter().find(|kind| kind.name() == self.kind)?,
            purpose: Purpose::parse(&self.purpose)?,
            credential: CredentialId::parse(&self.credential).ok()?,
            key_id: ApiKeyId::parse(&self.key).ok()?,
            issued: Timestamp::from_micros(self.issued),
            expires: Timestamp::from_micros(self.expires),
            scopes: self.scopes.map(|scopes| Scopes::parse(&scopes)).transpose().ok()?,
            channel: self.channel.map(|channel| bytes(&channel)?.try_into().ok()).map_or(Some(None), |channel| channel.map(Some))?,
            session: self.session,
            id: bytes(&self.id)?.try_into().ok()?,
        })
    }
}

/// Seals and opens tokens.
pub struct TokenSealer {
    key: LessSafeKey,
}

impl std::fmt::Debug for TokenSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSealer(..)")
    }
}

impl TokenSealer {
    /// With a key of 32 bytes. All nodes that serve the same clients have the same.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).expect("32 bytes are a key of AES-256")) }
    }

    /// The text of a token. Two texts of one token differ.
    #[must_use]
    pub fn seal(&self, token: &Token, entropy: &mut impl Entropy) -> String {
        let mut sealed = serde_json::to_vec(&Wire::from(token)).expect("names and numbers are always JSON");
        let nonce: [u8; NONCE_LEN] = entropy.array();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(CONTEXT), &mut sealed)
            .expect("a token is shorter than what one key may seal");
        let mut text = Vec::with_capacity(NONCE_LEN + sealed.len());
        text.extend_from_slice(&nonce);
        text.extend_from_slice(&sealed);
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads the text of a token of this kind and purpose that has not expired.
    ///
    /// # Errors
    /// [`Reject::TokenInvalid`]: not ours, changed, expired, or for something else.
    pub fn open(&self, text: &str, kind: TokenKind, purpose: Purpose, now: Timestamp) -> Result<Token, Refusal> {
        let invalid = |why: &'static str| Refusal::operator(Reject::TokenInvalid, why);
        let token = self.unseal(text).ok_or_else(|| invalid("not a token of this gateway"))?;
        if token.kind != kind || token.purpose != purpose {
            return Err(invalid("a token for something else"));
        }
        if now >= token.expires {
            return Err(invalid("the token expired"));
        }
        Ok(token)
    }

    /// Whether a text is a token that was sealed here, for whatever and however old.
    #[must_use]
    pub fn is_own(&self, text: &str) -> bool {
        self.unseal(text).is_some()
    }

    fn unseal(&self, text: &str) -> Option<Token> {
        let bytes = (text.len() <= TOKEN_TEXT_BYTES_MAX).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let opened = self.key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(CONTEXT), &mut sealed).ok()?;
        serde_json::from_slice::<Wire>(opened).ok()?.token()
    }
}

impl Token {
    /// Whether `credential` is the one it stands for.
    #[must_use]
    pub fn is_of(&self, credential: &Credential) -> bool {
        self.credential == credential.id && self.purpose == credential.purpose
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::entropy::SeededEntropy;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn token() -> Token {
        Token {
            kind: TokenKind::Access,
            purpose: Purpose::Deribit,
            credential: CredentialId::parse("cred-1").unwrap(),
            key_id: ApiKeyId::parse("key-1").unwrap(),
            issued: NOW,
            expires: Timestamp::from_secs(1_700_000_900),
            scopes: Some(Scopes::parse("order:write").unwrap()),
            channel: Some([7; 32]),
            session: Some("desk".to_owned()),
            id: [3; 16],
        }
    }

    fn sealed() -> (TokenSealer, String) {
        let sealer = TokenSealer::new(&[1; 32]);
        let text = sealer.seal(&token(), &mut SeededEntropy::new_dangerous_for_tests(1));
        (sealer, text)
    }

    #[test]
    fn what_was_sealed_is_opened() {
        let (sealer, text) = sealed();
        assert_eq!(sealer.open(&text, TokenKind::Access, Purpose::Deribit, NOW), Ok(token()));
        let bare = Token { scopes: None, channel: None, session: None, ..token() };
        let text = sealer.seal(&bare, &mut SeededEntropy::new_dangerous_for_tests(2));
        assert_eq!(sealer.open(&text, TokenKind::Access, Purpose::Deribit, NOW), Ok(bare));
    }

    #[test]
    fn a_token_is_good_for_one_thing_and_for_a_while() {
        let (sealer, text) = sealed();
        let refused = |kind, purpose, now| sealer.open(&text, kind, purpose, now).unwrap_err().reject;
        assert_eq!(refused(TokenKind::Refresh, Purpose::Deribit, NOW), Reject::TokenInvalid);
        assert_eq!(refused(TokenKind::Access, Purpose::Kraken, NOW), Reject::TokenInvalid);
        assert_eq!(refused(TokenKind::Access, Purpose::Deribit, token().expires), Reject::TokenInvalid);
        let other = TokenSealer::new(&[2; 32]);
        assert!(other.open(&text, TokenKind::Access, Purpose::Deribit, NOW).is_err());
    }

    proptest! {
        #[test]
        fn no_changed_character_passes(place: prop::sample::Index, other in "[A-Za-z0-9_=. -]") {
            let (sealer, text) = sealed();
            let place = place.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(place..=place, &other);
            prop_assume!(changed != text);
            prop_assert!(sealer.open(&changed, TokenKind::Access, Purpose::Deribit, NOW).is_err());
        }

        #[test]
        fn any_text_is_refused(text in "\\PC{0,200}") {
            prop_assert!(sealed().0.open(&text, TokenKind::Access, Purpose::Deribit, NOW).is_err());
        }
    }
}
