//! Tokens for a refresh token.
//!
//! ```text
//!   text is ours ─▶ [one transaction: asker holds what it is bound to ─▶ key may be used ─▶ scopes ─▶ proof used once ─▶ generation] ─▶ tokens
//! ```
//!
//! Nothing is spent before the asker is known to hold what the family is bound to, so that a stolen text alone ends nothing.

use countersign_core::{Detail, Refusal, Reject, Token, TokenKind};
use countersign_dialects::HttpAnswer;
use countersign_oauth::{Confirmation, DpopProof, Family, Held, OAuthError, OAuthRefusal, Part, RefreshTicket, TokenRequest, request};
use countersign_store::Presented;
use countersign_store::audit::AuditEvent;

use super::client::{Asker, of_client, of_store};
use super::grant::{Made, answer, key_now, scopes, unbound};
use crate::audit::Subject;
use crate::authenticate::Login;

/// Answers a refresh.
///
/// # Errors
/// `invalid_grant` and its kin.
pub(super) async fn refresh(
    asker: &Asker<'_>,
    subject: &mut Subject,
    wanted: &TokenRequest,
    text: &str,
) -> Result<HttpAnswer, OAuthRefusal> {
    let shared = &asker.worker.shared;
    let ticket = shared.oauth.refresh().read(text).ok_or_else(|| grant("not a refresh token of ours"))?;
    let next_generation = ticket.generation.checked_add(1).ok_or_else(|| grant("a generation that was never given out"))?;
    let (_, next) = shared.oauth.refresh().issue(ticket.sid, next_generation);
    // Before an assertion, which is spent by being looked at.
    let proof = asker.proof()?;
    // Who asserts beside the token must be the owner of the family (RFC 6749, 6).
    let asserted = request::client_assertion(asker.form)?.map(|text| asker.asserted(text, Part::Client)).transpose()?;
    let asked = Asked { asker, wanted, ticket: &ticket, proof: proof.as_ref(), asserted: asserted.as_ref() };
    let mut admitted: Option<Admitted> = None;
    let mut told: Option<OAuthRefusal> = None;
    let admit = |family: &Family| -> Result<(), Refusal> {
        asked.admit(family).map(|known| admitted = Some(known)).map_err(|refusal| {
            let reason = refusal.refusal.clone();
            told = Some(refusal);
            reason
        })
    };
    let presented = shared.store.present_refresh(&ticket, &next, asker.now(), admit).await.map_err(|error| of_store(&error))?;
    if let Some(admitted) = &admitted {
        subject.note_login(&admitted.login);
    }
    let family = match presented {
        Presented::Given(family) => family,
        Presented::Over(_, why) => return Err(grant(why)),
        Presented::Refused(refusal) => return Err(told.unwrap_or_else(|| OAuthRefusal::of(refusal, Part::Grant))),
        Presented::Reused(family, revocation) => {
            shared.oauth.note([revocation]);
            // Ended already, whether or not it can be recorded.
            record_reuse(asker, &family)?;
            return Err(grant("a refresh token was used twice; its family is revoked"));
        }
        Presented::Unknown => return Err(grant("a family that is not on record")),
    };
    let admitted = admitted
        .ok_or_else(|| of_client(Refusal { reject: Reject::Internal, detail: Detail::Operator("a family without an asker".into()) }))?;
    tokens_of(asker, &family, admitted)
}

/// The next refresh token of a family, and an access token beside it.
fn tokens_of(asker: &Asker<'_>, family: &Family, admitted: Admitted) -> Result<HttpAnswer, OAuthRefusal> {
    let Admitted { login, scopes, cnf } = admitted;
    let (text, _) = asker.worker.shared.oauth.refresh().issue(family.sid, family.generation);
    let made = Made {
        identity: &login.identity,
        scopes: &scopes,
        audience: &family.audience,
        cnf,
        sid: family.sid,
        session_ends: Some(family.ends),
        not_beyond: login.identity.credential().not_after,
        from: &[],
        epoch: asker.epoch,
    };
    answer(asker, &made, Some(text), request::REFRESH_TOKEN, false)
}

fn record_reuse(asker: &Asker<'_>, family: &Family) -> Result<(), OAuthRefusal> {
    asker.record(AuditEvent::TokenReuse, |mut record| {
        record.session = Some(family.sid);
        record.account = Some(family.account.clone());
        record.key_id = Some(family.key_id.clone());
        record.credential = Some(family.credential.clone());
        record.words("the family is revoked")
    })
}

/// What is asked for, and what was shown for it.
struct Asked<'r> {
    asker: &'r Asker<'r>,
    wanted: &'r TokenRequest,
    ticket: &'r RefreshTicket,
    proof: Option<&'r DpopProof>,
    asserted: Option<&'r Login>,
}

impl Asked<'_> {
    /// Whether they may have it, once the family is known. What can be used once is used.
    fn admit(&self, family: &Family) -> Result<Admitted, OAuthRefusal> {
        let Self { asker, wanted, ticket, proof, asserted } = self;
        let of_grant = |refusal: Refusal| OAuthRefusal::of(refusal, Part::Grant);
        let held = asker.held(*proof);
        family.cnf.check(&held).map_err(of_grant)?;
        let cnf = narrowed(family, wanted, &held)?;
        if asserted.is_some_and(|login| login.identity.credential().id != family.credential) {
            return Err(grant("the family of another client"));
        }
        let login = key_now(asker, &token_of(family, ticket)).map_err(of_grant)?;
        asker.check_named(&login)?;
        let wanted = TokenRequest { to_channel: family.cnf.tls_exp.is_some(), ..TokenRequest::clone(wanted) };
        let scopes = scopes(login.identity.scopes(), &wanted)?;
        asker.charge(&login)?;
        asker.admit_presence(&login.identity, Some(family.sid))?;
        asker.use_once(&login, *proof)?;
        Ok(Admitted { login, scopes, cnf })
    }
}

/// Who asks, and what the access token is to be.
struct Admitted {
    login: Login,
    scopes: countersign_core::Scopes,
    cnf: Confirmation,
}

/// What a refresh may ask for beside scopes: nothing but what the family has, or less of it. Its access token may be bound to this
/// connection as well; the family stays as it is.
///
/// # Errors
/// `invalid_target` for another audience, `invalid_request` for a connection that nothing can be bound to.
fn narrowed(family: &Family, wanted: &TokenRequest, held: &Held) -> Result<Confirmation, OAuthRefusal> {
    if wanted.audience.as_ref().is_some_and(|audience| *audience != family.audience) {
        return Err(OAuthRefusal::with(OAuthError::InvalidTarget, Reject::RouteUnknown, "a family for another audience"));
    }
    if !wanted.to_channel {
        return Ok(family.cnf);
    }
    let here = Confirmation::of(held, true).map_err(unbound)?;
    Ok(Confirmation { tls_exp: here.tls_exp, ..family.cnf })
}

/// The family as a token, to ask whether its key may still be used.
pub(super) fn token_of(family: &Family, ticket: &RefreshTicket) -> Token {
    Token {
        kind: TokenKind::Refresh,
        purpose: family.purpose,
        credential: family.credential.clone(),
        key_id: family.key_id.clone(),
        issued: family.rotated,
        expires: family.ends,
        scopes: Some(family.scopes.clone()),
        channel: None,
        session: Some(family.sid.to_string()),
        id: *ticket.hash.first_chunk().expect("32 bytes have 16 in front"),
    }
}

fn grant(sentence: &'static str) -> OAuthRefusal {
    OAuthRefusal::with(OAuthError::InvalidGrant, Reject::TokenInvalid, sentence)
}
