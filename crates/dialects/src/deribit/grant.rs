//! What `public/auth` proves, and what it asks for.
//!
//! | `grant_type` | parameters | proves |
//! |---|---|---|
//! | `client_credentials` | `client_id`, `client_secret` | the secret itself |
//! | `client_signature` | `client_id`, `timestamp`, `nonce`, `data`, `signature` | `timestamp \n nonce \n data`: HMAC in hex; Ed25519 or RSA in base64 |
//! | `refresh_token` | `refresh_token` | a token of ours, once |
//!
//! `data` may be empty or absent, and so may `nonce`. What is signed for a request begins in the same way, so
//! `data` that is the rest of one is refused: the signature of a read would be a login that may do all that the key may.

use countersign_core::{
    ApiKeyId, Detail, Effect, Freshness, Once, Presented, PresentedSignature, Purpose, Refusal, Reject, SignatureForm, SignedBytes,
};
use smallvec::SmallVec;

use super::authorization::{once, window};
use super::rpc::{Params, malformed};
use super::scope::Wanted;
use crate::binance::signature;
use crate::limits;

/// A login as it came.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once per login and taken apart at once")]
pub enum Grant<'m> {
    /// Verify this.
    Proof(Presented<'m>),
    /// The text of a refresh token.
    Refresh(&'m str),
}

fn missing(parameter: &'static str) -> Refusal {
    Refusal::with(Reject::MissingCredentials, Detail::Parameter(parameter))
}

impl<'m> Grant<'m> {
    /// Reads the parameters of `public/auth`.
    ///
    /// # Errors
    /// [`Reject::MissingCredentials`] without key, secret or signature; [`Reject::Malformed`] with the parameter that is wrong.
    pub fn read(params: &Params<'m>) -> Result<Self, Refusal> {
        match params.text("grant_type")?.as_deref() {
            Some("client_credentials") => credentials(params).map(Self::Proof),
            Some("client_signature") => signed(params).map(Self::Proof),
            Some("refresh_token") => Ok(Self::Refresh(params.plain("refresh_token").map_err(|_| missing("refresh_token"))?)),
            Some(_) => Err(malformed("grant_type")),
            None => Err(missing("grant_type")),
        }
    }
}

/// What a login asks for.
///
/// # Errors
/// As [`Wanted::read`].
pub fn wanted(params: &Params<'_>) -> Result<Wanted, Refusal> {
    Wanted::read(params.text("scope")?.as_deref().unwrap_or_default())
}

fn there(params: &Params<'_>, name: &'static str) -> Result<String, Refusal> {
    params.text(name)?.filter(|text| !text.is_empty()).map(|text| text.into_owned()).ok_or_else(|| missing(name))
}

fn key_id(params: &Params<'_>) -> Result<ApiKeyId, Refusal> {
    ApiKeyId::parse(&there(params, "client_id")?).map_err(|_| malformed("client_id"))
}

fn credentials<'m>(params: &Params<'m>) -> Result<Presented<'m>, Refusal> {
    let (key_id, secret) = (key_id(params)?, there(params, "client_secret")?);
    Ok(Presented {
        purpose: Purpose::Deribit,
        key_id,
        signature: PresentedSignature { form: SignatureForm::Secret, bytes: Some(SmallVec::from_vec(secret.into_bytes())) },
        signed: SignedBytes::new(),
        passphrase: None,
        // Nothing is signed: the secret is as good on any connection and at any time.
        freshness: Freshness::Channel,
        once: Once::Freshness,
        effect: Effect::Read,
    })
}

/// Whether this, behind `timestamp \n nonce \n`, is what is signed for a request: `METHOD \n target \n body \n`.
fn is_rest_of_request(data: &str) -> bool {
    data.ends_with('\n') && data.split_once('\n').is_some_and(|(_, target)| target.starts_with('/'))
}

fn signed<'m>(params: &Params<'m>) -> Result<Presented<'m>, Refusal> {
    let key_id = key_id(params)?;
    let (text, timestamp) = (there(params, "signature")?, there(params, "timestamp")?);
    let nonce = params.text("nonce")?.unwrap_or_default();
    let data = params.text("data")?.unwrap_or_default();
    if data.len() > limits::RPC_DATA_BYTES_MAX || is_rest_of_request(&data) {
        return Err(malformed("data"));
    }
    Ok(Presented {
        purpose: Purpose::Deribit,
        key_id,
        signature: signature::from_text(text.as_bytes()),
        signed: SignedBytes::from_piece(format!("{timestamp}\n{nonce}\n{data}").into_bytes()),
        passphrase: None,
        freshness: window(&timestamp)?,
        once: once("auth", &timestamp, &nonce)?,
        effect: Effect::Write,
    })
}
