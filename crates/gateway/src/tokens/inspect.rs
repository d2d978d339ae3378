//! What a token is (RFC 7662), and its end (RFC 7009).
//!
//! Whoever asks proves who they are. A key is told about tokens of its own account; a back end needs the scope `token:introspect`.
//! About all others it is told what it is told about nonsense: not active.

use countersign_core::{AccountId, Refusal, Reject, Scope, SessionId, verify_token};
use countersign_dialects::HttpAnswer;
use countersign_oauth::family::Verdict;
use countersign_oauth::refresh::REFRESH_PREFIX;
use countersign_oauth::{OAuthError, OAuthRefusal, RevocationTarget};
use countersign_store::Change;
use countersign_store::audit::AuditEvent;
use serde_json::{Value, json};

use super::client::{Asker, of_client, of_store};
use super::{bearer, refresh_grant};
use crate::audit::Subject;
use crate::authenticate::Login;

/// Scope of back ends that may ask about every token.
pub(super) const INTROSPECT_SCOPE: &str = "token:introspect";

/// `POST /introspect`.
///
/// # Errors
/// `invalid_client`; `invalid_request` without a token; 503 when revocations are not known.
pub(super) async fn introspect(asker: &Asker<'_>, subject: &mut Subject) -> Result<HttpAnswer, OAuthRefusal> {
    let login = asker.client(subject)?;
    let text = asker.form.need("token", "no token")?;
    let found = if text.starts_with(REFRESH_PREFIX) { refresh_token(asker, text).await? } else { access_token(asker, text)? };
    let told = found.filter(|(account, _)| may_know(&login, account)).map_or_else(|| json!({ "active": false }), |(_, told)| told);
    asker.record(AuditEvent::Accept, |record| record.identity(&login.identity).words("introspection"))?;
    Ok(HttpAnswer::json(200, told.to_string()))
}

fn may_know(login: &Login, account: &AccountId) -> bool {
    let every = Scope::parse(INTROSPECT_SCOPE)
        .is_ok_and(|scope| login.identity.scopes().contains(&scope) && login.granted().is_none_or(|granted| granted.contains(&scope)));
    every || login.identity.account() == account
}

/// An access token that is active, and whose it is.
fn access_token(asker: &Asker<'_>, text: &str) -> Result<Option<(AccountId, Value)>, OAuthRefusal> {
    let Ok(claims) = bearer::read(asker.worker, text) else { return Ok(None) };
    let access = match bearer::judged(asker.worker, &claims, |now| claims.read(now)) {
        Ok(access) => access,
        Err(refusal) if refusal.reject == Reject::StoreUnavailable => return Err(of_client(refusal)),
        Err(_) => return Ok(None),
    };
    if claims.iss != asker.issuer {
        return Ok(None);
    }
    let account = match bearer::standing_anywhere(asker.worker, &access) {
        // Nor active is the token of somebody who is cut off.
        Ok(identity) if asker.admit_presence(&identity, Some(access.mark.sid)).is_err() => return Ok(None),
        Ok(identity) => identity.account().clone(),
        Err(refusal) if refusal.reject == Reject::StoreUnavailable => return Err(of_client(refusal)),
        Err(_) => return Ok(None),
    };
    let mut told = serde_json::to_value(&claims).unwrap_or_default();
    told["active"] = true.into();
    told["token_type"] = claims.cnf.token_type().into();
    Ok(Some((account, told)))
}

/// A refresh token that is active, and whose it is.
async fn refresh_token(asker: &Asker<'_>, text: &str) -> Result<Option<(AccountId, Value)>, OAuthRefusal> {
    let shared = &asker.worker.shared;
    let Some(ticket) = shared.oauth.refresh().read(text) else { return Ok(None) };
    let Some(family) = shared.store.family(ticket.sid).await.map_err(|error| of_store(&error))? else { return Ok(None) };
    // Looking is no use: nothing is spent, and a spent one is simply not active.
    if family.present(&ticket, asker.now()) != Verdict::Rotate {
        return Ok(None);
    }
    let table = shared.credentials.load();
    let credential = table.find(family.purpose, &family.key_id).map(|entry| &entry.credential);
    let standing = verify_token(&refresh_grant::token_of(&family, &ticket), credential, None, None, asker.now());
    let is_active = standing.is_ok_and(|identity| asker.admit_presence(&identity, Some(family.sid)).is_ok());
    let told = json!({
        "active": true, "token_type": "refresh_token", "iss": asker.issuer, "aud": family.audience, "sub": family.account.as_str(),
        "client_id": family.key_id.as_str(), "scope": family.scopes.to_string(), "sid": family.sid.to_string(), "cnf": family.cnf,
        "iat": family.rotated.as_secs(), "exp": family.ends.as_secs(),
    });
    Ok(is_active.then_some((family.account, told)))
}

/// `POST /revoke`.
///
/// # Errors
/// `invalid_client`; `invalid_grant` for a token of another client; 503 when it cannot be written down.
pub(super) async fn revoke(asker: &Asker<'_>, subject: &mut Subject) -> Result<HttpAnswer, OAuthRefusal> {
    let login = asker.client(subject)?;
    let text = asker.form.need("token", "no token")?;
    let Some(Found { target, owner, sid }) = find(asker, text).await? else {
        // RFC 7009, 2.2: what is no token is as revoked as it can be.
        return Ok(HttpAnswer::json(200, "{}"));
    };
    if owner != login.identity.credential().id.as_str() {
        return Err(OAuthRefusal::with(OAuthError::InvalidGrant, Reject::ScopeMissing, "the token of another client"));
    }
    let shared = &asker.worker.shared;
    shared.oauth.check_room().map_err(of_client)?;
    let change = Change::new(asker.now(), "its client");
    shared.oauth.revoke(&shared.store, target, &change).await.map_err(|error| of_store(&error))?;
    asker.record(AuditEvent::TokenRevoke, |record| {
        let mut record = record.identity(&login.identity).words("by its client");
        record.session = Some(sid);
        record
    })?;
    Ok(HttpAnswer::json(200, "{}"))
}

/// A token that can be revoked.
struct Found {
    target: RevocationTarget,
    /// Our record of the key it was made for.
    owner: String,
    sid: SessionId,
}

async fn find(asker: &Asker<'_>, text: &str) -> Result<Option<Found>, OAuthRefusal> {
    let shared = &asker.worker.shared;
    if text.starts_with(REFRESH_PREFIX) {
        let Some(ticket) = shared.oauth.refresh().read(text) else { return Ok(None) };
        let family = shared.store.family(ticket.sid).await.map_err(|error| of_store(&error))?;
        return Ok(family.map(|family| Found {
            target: RevocationTarget::Session(family.sid),
            owner: family.credential.to_string(),
            sid: family.sid,
        }));
    }
    let access = bearer::read(asker.worker, text).and_then(|claims| bearer::judged(asker.worker, &claims, |now| claims.read(now)));
    let found = |access: countersign_oauth::claims::Access| Found {
        target: RevocationTarget::Token(access.mark.jti),
        owner: access.mark.credential.to_string(),
        sid: access.mark.sid,
    };
    match access {
        Ok(access) => Ok(Some(found(access))),
        Err(Refusal { reject: Reject::TokenInvalid, .. }) => Ok(None),
        Err(refusal) => Err(of_client(refusal)),
    }
}
