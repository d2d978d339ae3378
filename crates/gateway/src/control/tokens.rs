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
/// # Errors
/// [`BackendError::NotFound`] for a family or key that is not on record; [`BackendError::Failed`] when it cannot be written down.
pub(super) async fn revoke(shared: &Shared, by: &OperatorIdentity, target: &RevocationTarget) -> Result<TokenRevokeReport, BackendError> {
    if let RevocationTarget::Credential(id) = target {
        shared.store.credential(id).await.map_err(store_failure)?;
    }
    let revocation = end(shared, by, target).await?;
    record(shared, by, AuditEvent::TokenRevoke, target)?;
    Ok(TokenRevokeReport { target: target.to_string(), epoch: revocation })
}

/// Ends a session: its connection says so, and every token that was given out to it is void.
///
/// # Errors
/// As [`revoke`]; [`BackendError::NotFound`] when neither a session nor a family has this name.
pub(super) async fn kill_session(shared: &Shared, by: &OperatorIdentity, sid: SessionId) -> Result<KillReport, BackendError> {
    let family = shared.store.family(sid).await.map_err(store_failure)?;
    let here = sessions::is_here(shared, sid);
    let elsewhere = if here { None } else { shared.store.open_session(sid).await.map_err(store_failure)? };
    if family.is_none() && !here && elsewhere.is_none() {
        return Err(BackendError::NotFound(format!("there is no session {sid}, here or at another node")));
    }
    let target = RevocationTarget::Session(sid);
    // The tokens first: whoever is cut must not come back with one. The session ends with them, wherever it is.
    let epoch = end(shared, by, &target).await?;
    record(shared, by, AuditEvent::SessionKill, &target)?;
    let node = elsewhere.map(|held| sessions::node_of(shared, held.node));
    Ok(KillReport { sid: sid.to_string(), was_open: here || node.is_some(), epoch, node })
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
