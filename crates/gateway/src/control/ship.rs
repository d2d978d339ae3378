//! Copies this node's audit log into the database that nodes share. Nothing waits for it: the file is the log.

use std::sync::Arc;

use countersign_store::StateDir;
use countersign_store::limits::SHIP_INTERVAL;

use crate::shared::Shared;

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
