//! Where credentials come from.

use std::collections::HashMap;
use std::sync::Arc;

use countersign_core::rate::KeyCounters;
use countersign_core::{ApiKeyId, Credential, Purpose, Refusal};
use parking_lot::RwLock;

/// A credential with what it has used.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The credential.
    pub credential: Arc<Credential>,
    /// Its rate counters; the same ones for every request of the key.
    pub counters: Arc<KeyCounters>,
}

impl Registered {
    /// A credential that has used nothing.
    #[must_use]
    pub fn new(credential: Credential) -> Self {
        Self { credential: Arc::new(credential), counters: Arc::default() }
    }
}

/// Looks credentials up. It is on the path of every request, so it answers from memory.
pub trait Credentials: Send + Sync {
    /// The credential of this purpose and name; `None`: there is none.
    ///
    /// # Errors
    /// [`Reject::StoreUnavailable`](countersign_core::Reject::StoreUnavailable) when that cannot be known now. It is told as a failure of
    /// the service and never as a bad key.
    ///
    /// # Security
    /// An answer for another purpose or name than asked is refused by verification, as if there were none.
    fn find(&self, purpose: Purpose, key_id: &ApiKeyId) -> Result<Option<Registered>, Refusal>;
}

/// Credentials in a map.
#[derive(Debug, Default)]
pub struct MemoryCredentials(RwLock<HashMap<(Purpose, ApiKeyId), Registered>>);

impl MemoryCredentials {
    /// These credentials.
    #[must_use]
    pub fn new(credentials: impl IntoIterator<Item = Credential>) -> Self {
        let memory = Self::default();
        credentials.into_iter().for_each(|credential| memory.put(credential));
        memory
    }

    /// Adds a credential, or replaces the one of its name; what the key has used stays counted.
    pub fn put(&self, credential: Credential) {
        let name = (credential.purpose, credential.key_id.clone());
        let mut known = self.0.write();
        let counters = known.get(&name).map(|registered| Arc::clone(&registered.counters)).unwrap_or_default();
        known.insert(name, Registered { credential: Arc::new(credential), counters });
    }

    /// Removes a credential.
    pub fn remove(&self, purpose: Purpose, key_id: &ApiKeyId) {
        self.0.write().remove(&(purpose, key_id.clone()));
    }
}

impl Credentials for MemoryCredentials {
    fn find(&self, purpose: Purpose, key_id: &ApiKeyId) -> Result<Option<Registered>, Refusal> {
        Ok(self.0.read().get(&(purpose, key_id.clone())).cloned())
    }
}
