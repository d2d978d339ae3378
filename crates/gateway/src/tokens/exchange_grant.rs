//! A token for a token (RFC 8693): less scope, another audience, or another key, for a process that shall not have all of it.
//!
//! The asker shows that it holds what the subject token is bound to. The new token ends with the old one, belongs to the same session
//! and is revoked with it. A binding to a connection is kept; with `dpop_jkt` the new token is bound to the key named there, whose
//! owner needs no key of an account.

use countersign_core::{Refusal, Reject};
use countersign_dialects::HttpAnswer;
use countersign_oauth::limits::EXCHANGES_MAX;
use countersign_oauth::{Confirmation, OAuthError, OAuthRefusal, Part, Thumbprint, TokenRequest, request};

use super::bearer;
use super::client::Asker;
use super::grant::{Made, answer, audience, scopes, unbound};
use crate::audit::Subject;

/// Answers an exchange.
///
/// # Errors
/// `invalid_grant`, `invalid_scope`, `invalid_target` and their kin.
pub(super) fn exchange(
    asker: &Asker<'_>,
    subject: &mut Subject,
    wanted: &TokenRequest,
    subject_token: &str,
    jkt: Option<Thumbprint>,
) -> Result<HttpAnswer, OAuthRefusal> {
    let of_grant = |refusal: Refusal| OAuthRefusal::of(refusal, Part::Grant);
    let claims = bearer::read(asker.worker, subject_token).map_err(of_grant)?;
    // One that is for somebody else is not theirs to exchange.
    let access = bearer::judged(asker.worker, &claims, |now| claims.check(&asker.issuer, &asker.issuer, now)).map_err(of_grant)?;
    let proof = asker.proof()?;
    let held = asker.held(proof.as_ref());
    access.cnf.check(&held).map_err(of_grant)?;
    let (identity, login) = bearer::standing(asker.worker, asker.connection, &access).map_err(of_grant)?;
    subject.note_login(&login);
    asker.check_named(&login)?;
    if let Some(text) = request::client_assertion(asker.form)?
        && asker.asserted(text, Part::Client)?.identity.credential().id != identity.credential().id
    {
        return Err(OAuthRefusal::with(OAuthError::InvalidGrant, Reject::TokenInvalid, "the token of another client"));
    }
    asker.charge(&login)?;
    asker.admit_presence(&identity, Some(access.mark.sid))?;
    let to_channel = wanted.to_channel || access.cnf.tls_exp.is_some();
    let scopes = scopes(&access.scopes.intersection(identity.scopes()), &TokenRequest { to_channel, ..wanted.clone() })?;
    let audience = audience(asker, wanted.audience.as_deref())?;
    let mut cnf = Confirmation::of(&held, to_channel).map_err(unbound)?;
    if let Some(jkt) = jkt {
        // For another process, which has neither this certificate nor this key.
        cnf = Confirmation { jkt: Some(jkt), x5t_s256: None, tls_exp: cnf.tls_exp };
    }
    asker.use_once(&login, proof.as_ref())?;
    // What ends the subject token, or one that it came from, ends the new one: by name, and by the epoch of all tokens of a key.
    let from: Vec<[u8; 16]> = access.mark.from.iter().copied().chain([access.mark.jti]).collect();
    if from.len() > EXCHANGES_MAX {
        return Err(OAuthRefusal::with(OAuthError::InvalidGrant, Reject::TokenInvalid, "a token of more exchanges than there may be"));
    }
    let made = Made {
        identity: &identity,
        scopes: &scopes,
        audience: &audience,
        cnf,
        sid: access.mark.sid,
        session_ends: claims.session_exp.is_some().then_some(access.session_ends),
        not_beyond: Some(access.token.expires),
        from: &from,
        epoch: access.mark.epoch,
    };
    answer(asker, &made, None, request::TOKEN_EXCHANGE, true)
}
