//! Tokens for a proof: client credentials and assertions.
//!
//! ```text
//!   who ─▶ scopes ⊆ the key's ─▶ audience is ours ─▶ bound to key, certificate, connection ─▶ (family in the store) ─▶ audit ─▶ tokens
//! ```

use std::time::Duration;

use countersign_core::{Entropy as _, Refusal, Reject, Scope, Scopes, SessionId, Timestamp, VerifiedIdentity};
use countersign_dialects::HttpAnswer;
use countersign_oauth::claims::NewAccess;
use countersign_oauth::request::{ACCESS_TOKEN_TYPE, OFFLINE_ACCESS};
use countersign_oauth::{AccessClaims, Confirmation, DpopProof, Family, Grant, OAuthError, OAuthRefusal, Part, TokenRequest};
use countersign_store::audit::AuditEvent;

use super::client::{Asker, of_store};
use super::{exchange_grant, refresh_grant};
use crate::audit::Subject;
use crate::authenticate::Login;
use crate::entropy::SystemEntropy;

/// `POST /token`.
///
/// # Errors
/// As RFC 6749, 5.2.
pub(super) async fn token(asker: &Asker<'_>, subject: &mut Subject) -> Result<HttpAnswer, OAuthRefusal> {
    let wanted = TokenRequest::read(asker.form)?;
    match &wanted.grant {
        Grant::ClientCredentials => {
            // Of other logins nothing is spent that would be shown again: who they are comes first.
            let bound = match (asker.form.find("client_assertion"), Bound::of(asker, &wanted)) {
                (Some(_), bound) => Ok(bound?),
                (None, bound) => bound,
            };
            let login = asker.client(subject)?;
            of_login(asker, &wanted, &login, bound).await
        }
        Grant::Exchange { subject_token, jkt } => exchange_grant::exchange(asker, subject, &wanted, subject_token, *jkt),
        Grant::JwtBearer { assertion } => {
            if asker.form.find("client_assertion").is_some() {
                return Err(OAuthRefusal::request("two assertions; the grant is proof enough"));
            }
            let bound = Ok(Bound::of(asker, &wanted)?);
            let login = asker.asserted(assertion, Part::Grant)?;
            subject.note_login(&login);
            asker.check_named(&login)?;
            asker.charge(&login)?;
            of_login(asker, &wanted, &login, bound).await
        }
        Grant::Refresh { token } => refresh_grant::refresh(asker, subject, &wanted, token).await,
    }
}

/// What the token is to be bound to, and for whom. Asked before who asks is: an assertion is spent by being looked at, and whoever is
/// told to come again with another proof (RFC 9449, 8) brings the same assertion.
struct Bound {
    proof: Option<DpopProof>,
    cnf: Confirmation,
    audience: String,
}

impl Bound {
    fn of(asker: &Asker<'_>, wanted: &TokenRequest) -> Result<Self, OAuthRefusal> {
        let proof = asker.proof()?;
        let cnf = Confirmation::of(&asker.held(proof.as_ref()), wanted.to_channel).map_err(unbound)?;
        Ok(Self { proof, cnf, audience: audience(asker, wanted.audience.as_deref())? })
    }
}

async fn of_login(
    asker: &Asker<'_>,
    wanted: &TokenRequest,
    login: &Login,
    bound: Result<Bound, OAuthRefusal>,
) -> Result<HttpAnswer, OAuthRefusal> {
    if login.token.is_some() {
        // It would live for ever, and outlive its narrowing.
        return Err(OAuthRefusal::with(
            OAuthError::UnauthorizedClient,
            Reject::MissingCredentials,
            "an access token is no proof for a new one",
        ));
    }
    asker.admit_presence(&login.identity, login.sid())?;
    let held_scopes =
        login.granted().map_or_else(|| login.identity.scopes().clone(), |granted| login.identity.scopes().intersection(granted));
    let scopes = scopes(&held_scopes, wanted)?;
    let Bound { proof, cnf, audience } = bound?;
    asker.use_once(login, proof.as_ref())?;
    // Tokens got by a native session are of that session, so that what ends it can end them.
    let sid = login.session.as_ref().map_or_else(|| SessionId::random(&mut SystemEntropy), |session| session.sid);
    let identity = &login.identity;
    let (session_ends, refresh) = if wanted.offline {
        let sid_taken = login.session.is_some();
        if sid_taken {
            return Err(OAuthRefusal::with(OAuthError::InvalidScope, Reject::Unsupported, "a native session has its own resumption"));
        }
        let (family, text) = open_family(asker, identity, &scopes, &audience, cnf, sid).await?;
        (Some(family.ends), Some(text))
    } else {
        (None, None)
    };
    let made = Made {
        identity,
        scopes: &scopes,
        audience: &audience,
        cnf,
        sid,
        session_ends,
        not_beyond: identity.credential().not_after,
        from: &[],
        epoch: asker.epoch,
    };
    answer(asker, &made, refresh, wanted.grant.name(), false)
}

async fn open_family(
    asker: &Asker<'_>,
    identity: &VerifiedIdentity,
    scopes: &Scopes,
    audience: &str,
    cnf: Confirmation,
    sid: SessionId,
) -> Result<(Family, String), OAuthRefusal> {
    let now = asker.now();
    let shared = &asker.worker.shared;
    let (text, ticket) = shared.oauth.refresh().issue(sid, 1);
    let ends = now.saturating_add(shared.settings.tokens.session_life);
    let credential = identity.credential();
    let family = Family {
        sid,
        credential: credential.id.clone(),
        account: credential.account.clone(),
        key_id: credential.key_id.clone(),
        purpose: credential.purpose,
        scopes: scopes.clone(),
        audience: audience.to_owned(),
        cnf,
        generation: ticket.generation,
        current: ticket.hash,
        previous: None,
        rotated: now,
        created: now,
        ends: credential.not_after.map_or(ends, |end| end.min(ends)),
        revoked: None,
    };
    let Some(crowded_out) = shared.store.open_family(&family, asker.epoch).await.map_err(|error| of_store(&error))? else {
        let revoked = "all tokens of this key were revoked meanwhile";
        return Err(OAuthRefusal::with(OAuthError::InvalidGrant, Reject::TokenInvalid, revoked));
    };
    shared.oauth.note(crowded_out);
    Ok((family, text))
}

/// What of the scopes is given: those asked for, if the grant has them all; else all that it has.
///
/// # Errors
/// `invalid_scope`.
pub(super) fn scopes(held: &Scopes, wanted: &TokenRequest) -> Result<Scopes, OAuthRefusal> {
    // Moving funds out is for the connection that proved itself, as in native sessions.
    let held = if wanted.to_channel { held.clone() } else { held.without(Scope::FUNDS_WITHDRAW) };
    match &wanted.scopes {
        None => Ok(held),
        Some(scopes) if held.contains_all(scopes) => Ok(scopes.clone()),
        Some(_) => Err(OAuthRefusal::with(OAuthError::InvalidScope, Reject::ScopeMissing, "a scope that the grant does not have")),
    }
}

/// Whom the token is for.
///
/// # Errors
/// `invalid_target`.
pub(super) fn audience(asker: &Asker<'_>, wanted: Option<&str>) -> Result<String, OAuthRefusal> {
    let others = &asker.worker.shared.settings.tokens.audiences;
    match wanted {
        None => Ok(asker.issuer.clone()),
        Some(audience) if audience == asker.issuer || others.iter().any(|other| other == audience) => Ok(audience.to_owned()),
        Some(_) => Err(OAuthRefusal::with(OAuthError::InvalidTarget, Reject::RouteUnknown, "an audience that is not configured")),
    }
}

/// A token that would be bound to nothing is a missing DPoP proof; one for a connection without an exporter value is a bad request.
pub(super) fn unbound(refusal: Refusal) -> OAuthRefusal {
    let part = if refusal.reject == Reject::BindingTooWeak { Part::Client } else { Part::Dpop };
    OAuthRefusal::of(refusal, part)
}

/// An access token to be made.
pub(super) struct Made<'m> {
    pub(super) identity: &'m VerifiedIdentity,
    pub(super) scopes: &'m Scopes,
    pub(super) audience: &'m str,
    pub(super) cnf: Confirmation,
    pub(super) sid: SessionId,
    pub(super) session_ends: Option<Timestamp>,
    pub(super) not_beyond: Option<Timestamp>,
    /// The tokens it is exchanged for.
    pub(super) from: &'m [[u8; 16]],
    /// The latest revocation that its grant outlived.
    pub(super) epoch: u64,
}

/// Signs the access token, records it, and answers (RFC 6749, 5.1; RFC 8693, 2.2.1).
pub(super) fn answer(
    asker: &Asker<'_>,
    made: &Made<'_>,
    refresh: Option<String>,
    grant: &'static str,
    exchanged: bool,
) -> Result<HttpAnswer, OAuthRefusal> {
    let shared = &asker.worker.shared;
    let life: Duration = shared.settings.tokens.access_life;
    let credential = made.identity.credential();
    let claims = AccessClaims::new(&NewAccess {
        issuer: &asker.issuer,
        audience: made.audience,
        account: credential.account.as_str(),
        key_id: &credential.key_id,
        purpose: credential.purpose,
        credential: &credential.id,
        scopes: made.scopes,
        jti: SystemEntropy.array(),
        from: made.from,
        sid: made.sid,
        session_ends: made.session_ends,
        epoch: made.epoch,
        cnf: made.cnf,
        now: asker.now(),
        life,
        not_beyond: made.not_beyond,
    });
    asker.record(AuditEvent::TokenIssue, |record| {
        let mut record = record.identity(made.identity).words(grant);
        record.session = Some(made.sid);
        record
    })?;
    let mut scope = made.scopes.to_string();
    if refresh.is_some() {
        scope = if scope.is_empty() { OFFLINE_ACCESS.to_owned() } else { format!("{scope} {OFFLINE_ACCESS}") };
    }
    let mut body = serde_json::json!({
        "access_token": shared.identity.sign_access_token(&claims),
        "token_type": made.cnf.token_type(),
        "expires_in": claims.exp.saturating_sub(claims.iat),
        "scope": scope,
    });
    if let Some(refresh) = refresh {
        body["refresh_token"] = refresh.into();
    }
    if exchanged {
        body["issued_token_type"] = ACCESS_TOKEN_TYPE.into();
    }
    Ok(HttpAnswer::json(200, body.to_string()))
}

/// The key as it is now: on every refresh, as on every request.
///
/// # Errors
/// As after proof of possession.
pub(super) fn key_now(asker: &Asker<'_>, token: &countersign_core::Token) -> Result<Login, Refusal> {
    let table = asker.worker.shared.credentials.load();
    let entry = table.find(token.purpose, &token.key_id);
    let credential = entry.map(|entry| &entry.credential);
    let remote = Some(asker.connection.remote.ip());
    let identity = countersign_core::verify_token(token, credential, None, remote, asker.now())?;
    let counters = entry.map(|entry| std::sync::Arc::clone(&entry.counters)).unwrap_or_default();
    Ok(Login::new(identity, countersign_core::Freshness::Channel, counters))
}
