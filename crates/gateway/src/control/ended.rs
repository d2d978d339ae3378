//! Puts on record that keys ended, where and when that takes effect: in this node's log, whoever decided it at whichever node.
//!
//! ```text
//!   node b: key revoke ─▶ key_revoke ─▶ database          node a: reads it ─▶ its table of keys ─▶ key_revoked_here
//! ```
//!
//! So "revoked before that order" can be proved from the log of the node that refused the order, which is where its record is. The
//! record comes after the table, and tables come in the order in which they were read: who is judged after the record is judged by the
//! new table. A worker that judged microseconds before the table was there may append its accept behind the record.

use std::sync::Arc;

use countersign_core::CredentialState;
use countersign_store::audit::{AuditEvent, AuditRecord};
use countersign_store::{CredentialRecord, KeyChange};

use crate::clock;
use crate::shared::Shared;

/// So far back is looked for who ended a key. One that ended earlier, while this node was not there, is told without that.
const CHANGES_SEARCHED: u32 = 256;

/// Puts on record what is new of it. What cannot be recorded now is when the credentials are read again.
pub(super) async fn tell(shared: &Shared, records: &[CredentialRecord]) {
    let changes = if shared.ended.has_news(records) {
        shared.store.key_changes(None, CHANGES_SEARCHED).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    // As for whoever takes risk away: it is true already, and does not wait for the disk.
    let say = |record: &CredentialRecord| line(record, &changes).is_some_and(|line| shared.audit.append_waiting(line).is_ok());
    if shared.ended.tell(records, say) {
        let (ended, log) = (Arc::clone(&shared.ended), shared.audit.clone());
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = ended.keep(&log) {
                tracing::warn!(%error, "that keys ended is on record, and said once more after a restart");
            }
        }));
    }
}

/// `None`: it did not end.
fn line(record: &CredentialRecord, changes: &[KeyChange]) -> Option<AuditRecord> {
    let event = match record.state {
        CredentialState::Active => return None,
        CredentialState::Revoked => AuditEvent::KeyRevokedHere,
        CredentialState::Suspended => AuditEvent::KeySuspendedHere,
    };
    let line = AuditRecord::new(clock::wall(), event).credential(record);
    Some(match changes.iter().find(|change| change.credential == record.id && change.detail.ends_with(record.state.name())) {
        Some(change) => line.told(&format!("by {} at {}", change.by, change.at.as_micros())),
        None => line,
    })
}

#[cfg(test)]
mod tests;
