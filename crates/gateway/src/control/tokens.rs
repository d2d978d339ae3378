//! What operators see of tokens, and how they end them.

use countersign_core::SessionId;
use countersign_oauth::{Confirmation, Family, RevocationTarget};
use countersign_store::Change;
use countersign_store::audit::{AuditEvent, AuditRecord, AuditText};

use super::backend::store_failure;
use super::sessions;
use crate::clock;
use crate::operator::{BackendError, KillReport, OperatorIdentity, TokenRecord, TokenRevokeReport};
use crate::shared::Shared;
use crate::tokens::revoke_and_end;

/// Families, the latest used first.
///
/// # Errors
/// [`BackendError::Failed`] when the store cannot be read.
pub(super) async fn list(shared: &Shared, limit: usize) -> Result<Vec<TokenRecord>, BackendError> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let families = shared.store.families(None, limit).await.map_err(store_failure)?;
    Ok(families.into_iter().map(shown).collect())
}

fn shown(family: Family) -> TokenRecord {
    TokenRecord {
        sid: family.sid.to_string(),
        account: family.account.to_string(),
        key_id: family.key_id.to_string(),
        credential: family.credential.to_string(),
        scopes: family.scopes.to_string(),
        audience: family.audience,
        bound_to: bound_to(&family.cnf),
        generation: family.generation,
        since_ms: family.created.as_millis(),
        refreshed_ms: family.rotated.as_millis(),
        until_ms: family.ends.as_millis(),
        revoked: family.revoked,
    }
}

fn bound_to(cnf: &Confirmation) -> String {
    let parts = [(cnf.jkt.is_some(), "key"), (cnf.x5t_s256.is_some(), "certificate"), (cnf.tls_exp.is_some(), "connection")];
    let words: Vec<_> = parts.into_iter().filter(|(bound, _)| *bound).map(|(_, word)| word).collect();
    words.join(" ")
}

/// Revokes, records, and lets open connections notice.
///
/// A session that is on no record is revoked all the same, and the report says so: access tokens without a refresh token have a session,
/// too, and nobody writes it down.
///
/// # Errors
/// [`BackendError::NotFound`] for a key that is not on record; [`BackendError::Failed`] when it cannot be written down.
pub(super) async fn revoke(shared: &Shared, by: &OperatorIdentity, target: &RevocationTarget) -> Result<TokenRevokeReport, BackendError> {
    if let RevocationTarget::Credential(id) = target {
        shared.store.credential(id).await.map_err(store_failure)?;
    }
    // Asked first: what is revoked ends, and is then no longer there to be found. What cannot be told keeps nobody from revoking.
    let nobody = match target {
        RevocationTarget::Session(sid) => matches!(holder(shared, *sid).await, Ok(Holder::Nobody)),
        RevocationTarget::Credential(_) | RevocationTarget::Token(_) => false,
    };
    let epoch = end(shared, by, target).await?;
    record(shared, by, AuditEvent::TokenRevoke, target)?;
    Ok(TokenRevokeReport { target: target.to_string(), epoch, nobody })
}

/// Who has a session.
#[derive(PartialEq, Eq)]
enum Holder {
    /// This process.
    Here,
    /// A node, as far as is on record.
    Node(String),
    /// Whoever has its refresh tokens.
    Tokens,
    /// Nobody that is on record.
    Nobody,
}

async fn holder(shared: &Shared, sid: SessionId) -> Result<Holder, BackendError> {
    if sessions::is_here(shared, sid) {
        return Ok(Holder::Here);
    }
    if let Some(held) = shared.store.open_session(sid).await.map_err(store_failure)? {
        return Ok(Holder::Node(sessions::node_of(shared, held.node)));
    }
    let family = shared.store.family(sid).await.map_err(store_failure)?;
    Ok(if family.is_some() { Holder::Tokens } else { Holder::Nobody })
}

/// Ends a session: its connection says so, and every token that was given out to it is void.
///
/// # Errors
/// As [`revoke`]; [`BackendError::NotFound`] when neither a session nor a family has this name.
pub(super) async fn kill_session(shared: &Shared, by: &OperatorIdentity, sid: SessionId) -> Result<KillReport, BackendError> {
    let holder = holder(shared, sid).await?;
    if holder == Holder::Nobody {
        return Err(BackendError::NotFound(format!("there is no session {sid}, here or at another node")));
    }
    let target = RevocationTarget::Session(sid);
    // The tokens first: whoever is cut must not come back with one. The session ends with them, wherever it is.
    let epoch = end(shared, by, &target).await?;
    record(shared, by, AuditEvent::SessionKill, &target)?;
    let was_open = holder != Holder::Tokens;
    let node = if let Holder::Node(node) = holder { Some(node) } else { None };
    Ok(KillReport { sid: sid.to_string(), was_open, epoch, node })
}

async fn end(shared: &Shared, by: &OperatorIdentity, target: &RevocationTarget) -> Result<u64, BackendError> {
    let change = Change::new(clock::wall(), by.by());
    let revocation = revoke_and_end(shared, target.clone(), &change).await.map_err(store_failure)?;
    Ok(revocation.epoch)
}

fn record(shared: &Shared, by: &OperatorIdentity, event: AuditEvent, target: &RevocationTarget) -> Result<(), BackendError> {
    let mut record = AuditRecord::new(clock::wall(), event);
    record.path = Some(AuditText::name(&format!("by {}", by.by())));
    match target {
        RevocationTarget::Credential(id) => record.credential = Some(id.clone()),
        RevocationTarget::Session(sid) => record.session = Some(*sid),
        RevocationTarget::Token(_) => {}
    }
    shared.audit.append_waiting(record).map_err(|error| BackendError::Failed(error.to_string()))
}
