//! What a start says of the audit log, and writes into it.

use countersign_gateway::clock;
use countersign_store::audit::EndedKeys;
use countersign_store::{AuditEvent, AuditLog, AuditRecord};

use super::super::keeper::not_as_left;

/// Tells what the start found wrong with the audit log.
pub(super) fn tell_of_log(audit: &AuditLog) {
    if audit.was_cut() {
        tracing::error!("the audit log is shorter than it was: records are gone; `countersign audit verify` says which");
    }
    for found in audit.found() {
        tracing::error!("{}", not_as_left(found));
    }
}

/// Records that this process serves, and waits for the signed checkpoint behind it: from the first answer on there is a signature
/// that covers the beginning of the log. A log that cannot be written refuses requests, not the start.
pub(super) fn record_start(audit: &AuditLog) {
    let start = AuditRecord::new(clock::wall(), AuditEvent::Start).words(concat!("countersign ", env!("CARGO_PKG_VERSION")));
    if audit.append(start).and_then(|()| audit.flush()).is_err() {
        tracing::error!("the audit log cannot be written: nothing passes until it can");
    }
}

/// The keys that ended, as the log knows them.
pub(super) fn ended_keys(audit: &AuditLog) -> anyhow::Result<EndedKeys> {
    let ended = EndedKeys::open(audit.folder())?;
    if let Some(damage) = ended.damage() {
        tracing::error!("{damage}: which keys ended is put on record once more");
    }
    Ok(ended)
}
