//! What is renewed while the gateway runs: certificates of the private CA, its signing key, the key of identity assertions.

use std::sync::Arc;

use countersign_core::Monotonic;
use countersign_gateway::clock;
use countersign_gateway::config::Settings;
use countersign_gateway::control::Renew;
use countersign_gateway::identity::KEY_PERIOD;
use countersign_gateway::shared::Shared;
use countersign_handshake::Signer as _;
use countersign_pki::PrivateAuthority;
use countersign_store::StateDir;
use countersign_venue::IdentityKeys;

use super::handshake_config;
use crate::state;

/// Keeps what expires from expiring while the gateway runs: certificates of the private CA, the gateway's signing key with its
/// delegation, the key of identity assertions.
pub(super) struct Renewal {
    settings: Settings,
    dir: StateDir,
    authority: PrivateAuthority,
    venue_keys: IdentityKeys,
    rotate_at: Option<Monotonic>,
}

impl Renewal {
    pub(super) const fn new(settings: Settings, dir: StateDir, authority: PrivateAuthority, venue_keys: IdentityKeys) -> Self {
        Self { settings, dir, authority, venue_keys, rotate_at: None }
    }

    pub(super) fn into_task(mut self) -> Renew {
        Box::new(move |shared| {
            if let Err(error) = state::issue_certificates(&self.settings, &self.dir, &self.authority) {
                tracing::error!(%error, "certificates cannot be renewed; the present ones stay in force");
            }
            if let Err(error) = self.renew_gateway_key(shared) {
                tracing::error!(%error, "the gateway key cannot be renewed; the present one stays in force until its delegation ends");
            }
            if let Err(error) = self.rotate_identity_key(shared) {
                tracing::error!(%error, "the key of identity assertions cannot be rotated; the present one stays in force");
            }
        })
    }

    fn renew_gateway_key(&self, shared: &Shared) -> anyhow::Result<()> {
        let gateway = state::gateway_identity::open(self.dir.path(), clock::wall())?;
        if gateway.key().kid() != shared.handshake.load().gateway.key().kid() {
            let tickets = Arc::clone(&shared.handshake.load().tickets);
            shared.handshake.store(Arc::new(handshake_config(&self.settings, gateway, tickets)));
            tracing::info!("the gateway signs with a new key, delegated by the same root");
        }
        Ok(())
    }

    fn rotate_identity_key(&mut self, shared: &Shared) -> anyhow::Result<()> {
        if !self.next_identity_key(shared)? {
            return Ok(());
        }
        self.venue_keys.replace(shared.identity.public_keys());
        state::publish_identity_keys(&self.dir, &shared.identity)?;
        Ok(())
    }

    /// Whether the keys changed.
    fn next_identity_key(&mut self, shared: &Shared) -> anyhow::Result<bool> {
        if !shared.identity.is_rotated_by_timer() {
            return Ok(shared.identity.follow(clock::wall())?);
        }
        let now = clock::mono();
        let due = *self.rotate_at.get_or_insert_with(|| now.saturating_add(KEY_PERIOD));
        if now < due {
            return Ok(false);
        }
        shared.identity.rotate()?;
        self.rotate_at = Some(now.saturating_add(KEY_PERIOD));
        Ok(true)
    }
}
