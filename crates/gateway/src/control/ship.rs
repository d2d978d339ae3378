//! Copies this node's audit log into the database that nodes share. Nothing waits for it: the file is the log.

use std::sync::Arc;
use std::time::Duration;

use countersign_store::limits::SHIP_INTERVAL;
use countersign_store::{StateDir, StoreError};

use crate::shared::Shared;

/// How long an orderly end waits for the last lines to be copied: they are few, and whoever stops a gateway waits for it. A database
/// that does not answer is copied to by the next start.
const LAST_SHIP_MAX: Duration = Duration::from_secs(3);

/// Copies what was written since the last time, the end of this process included: a node that was stopped for good never says it again.
pub async fn ship_last(shared: &Shared) {
    if shared.drain.successor().is_some() {
        return;
    }
    let Some(mut shipper) = shared.store.audit_shipper(shared.audit.folder()) else { return };
    let all = async {
        while !shipper.ship().await? {}
        Ok::<_, StoreError>(())
    };
    let why = match tokio::time::timeout(LAST_SHIP_MAX, all).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the database did not answer in time".to_owned(),
    };
    tracing::warn!(why, "the end of the audit log is not copied into the database; the next start of this node copies it");
}

/// Copies for as long as the gateway runs. A database that is a file has nobody to copy for.
pub(super) async fn ship_audit(shared: Arc<Shared>) {
    let folder = match StateDir::open(&shared.settings.state_dir) {
        Ok(dir) => dir.audit(),
        Err(error) => return tracing::error!(%error, "the audit log is not copied into the database"),
    };
    let Some(mut shipper) = shared.store.audit_shipper(&folder) else { return };
    let mut failing = false;
    // A successor in this node copies what both of us write.
    while shared.drain.successor().is_none() {
        match shipper.ship().await {
            Ok(is_all) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("the audit log is copied into the database again");
                }
                if !is_all {
                    continue;
                }
            }
            Err(error) => {
                // Once: it is in the file, and is copied later.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "the audit log is not copied into the database; it is tried each second");
                }
            }
        }
        tokio::time::sleep(SHIP_INTERVAL).await;
    }
}
