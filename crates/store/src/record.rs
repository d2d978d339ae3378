//! What the store takes and gives: accounts, credentials, key changes, sessions.

use std::net::IpAddr;

use countersign_core::{
    AccountId, Address, Algorithm, ApiKeyId, Binding, Credential, CredentialId, CredentialState, IpAllowList, KeyRate, NoncePolicy,
    PublicKey, PublicKeyError, Purpose, Scopes, Secret, SessionId, Timestamp, Verifier,
};

use crate::error::StoreError;

/// When a change is made, and by whom: recorded with it.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Who: an operator certificate's subject, a local user, `first start`.
    pub by: String,
}

impl Change {
    /// A change by `by` at `at`.
    #[must_use]
    pub fn new(at: Timestamp, by: impl Into<String>) -> Self {
        Self { at, by: by.into() }
    }
}

/// An account: the owner of orders and balances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its name.
    pub id: AccountId,
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
    /// Whether its new connections cancel its orders when they are lost.
    pub cancel_on_disconnect: bool,
}

/// Verification material.
#[derive(Clone, Debug)]
pub enum Material {
    /// A client certificate, verified by TLS; it is found by its name or by the hash of its key.
    Certificate {
        /// Subject alternative name, or base64url of the SHA-256 of its SubjectPublicKeyInfo.
        key_id: ApiKeyId,
    },
    /// A public key and the one algorithm it is registered for.
    PublicKey(PublicKey, Algorithm),
    /// A shared secret and the one MAC it is registered for: the bytes that key the MAC.
    Secret(Secret, Algorithm),
    /// The address of a secp256k1 key, which is the name clients are known by, too.
    Address(Address),
}

impl Material {
    /// The algorithm, if a signature is checked at all.
    #[must_use]
    pub const fn algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Certificate { .. } => None,
            Self::PublicKey(_, algorithm) => Some(*algorithm),
            Self::Secret(_, algorithm) => Some(*algorithm),
            Self::Address(_) => Some(Algorithm::EcdsaSecp256k1Recoverable),
        }
    }
}

/// A credential to be made.
#[derive(Clone, Debug)]
pub struct NewCredential {
    /// Whose it will be.
    pub account: AccountId,
    /// What for.
    pub purpose: Purpose,
    /// How its proofs are checked.
    pub material: Material,
    /// The second secret of keys that have one; `None`: none is asked for.
    pub passphrase: Option<Secret>,
    /// How many of the highest nonces are remembered one by one.
    pub nonce_window: u16,
    /// The name clients send; `None`: the hash of a native public key, the key id of a certificate, a random text for an exchange key.
    pub key_id: Option<ApiKeyId>,
    /// What it may do.
    pub scopes: Scopes,
    /// From where.
    pub ip_allow: IpAllowList,
    /// How much.
    pub rate: KeyRate,
    /// The weakest channel binding of its native sessions.
    pub min_bind: Binding,
    /// When it ends.
    pub not_after: Option<Timestamp>,
    /// What people call it.
    pub label: String,
    /// Whether a refused login of it may be explained online (ADR 0017).
    pub explain: bool,
}

impl NewCredential {
    /// A credential with no scopes yet, from any address, with the default rate, the strongest binding and no end.
    #[must_use]
    pub fn new(account: AccountId, purpose: Purpose, material: Material) -> Self {
        Self {
            account,
            purpose,
            material,
            passphrase: None,
            nonce_window: 0,
            key_id: None,
            scopes: Scopes::none(),
            ip_allow: IpAllowList::any(),
            rate: KeyRate::default(),
            min_bind: Binding::Exp,
            not_after: None,
            label: String::new(),
            explain: false,
        }
    }
}

/// A credential as stored.
#[derive(Clone, Debug)]
pub struct CredentialRecord {
    /// Our name of it.
    pub id: CredentialId,
    /// Whose it is.
    pub account: AccountId,
    /// What for.
    pub purpose: Purpose,
    /// The name clients send.
    pub key_id: ApiKeyId,
    /// How its proofs are checked.
    pub material: Material,
    /// The second secret of keys that have one.
    pub passphrase: Option<Secret>,
    /// How its nonces are counted.
    pub nonce: NoncePolicy,
    /// What it may do.
    pub scopes: Scopes,
    /// From where.
    pub ip_allow: IpAllowList,
    /// How much.
    pub rate: KeyRate,
    /// The weakest channel binding of its native sessions.
    pub min_bind: Binding,
    /// When it ends.
    pub not_after: Option<Timestamp>,
    /// Whether it may be used.
    pub state: CredentialState,
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
    /// The credential it was rotated from.
    pub replaces: Option<CredentialId>,
    /// Whether a refused login of it may be explained online (ADR 0017).
    pub explain: bool,
}

impl CredentialRecord {
    /// The credential as verification uses it, its key parsed.
    ///
    /// # Errors
    /// [`StoreError::Key`] when the stored key is not one for its algorithm, which no record of ours is.
    pub fn to_credential(&self) -> Result<Credential, StoreError> {
        let no_mac = StoreError::Key(PublicKeyError::Unusable("a shared secret for an algorithm that is no MAC"));
        let verifier = match &self.material {
            Material::Certificate { .. } => Verifier::Certificate,
            Material::PublicKey(key, algorithm) => Verifier::PublicKey(key.verifying_key(*algorithm)?),
            Material::Address(address) => Verifier::EthereumAddress(*address),
            // Clients of Deribit also show the secret itself (inside TLS), or a plain hash over it (FIX).
            Material::Secret(secret, algorithm) if self.purpose == Purpose::Deribit => {
                Verifier::mac_keeping_secret(*algorithm, secret).ok_or(no_mac)?
            }
            Material::Secret(secret, algorithm) => Verifier::mac(*algorithm, secret.expose()).ok_or(no_mac)?,
        };
        Ok(Credential {
            id: self.id.clone(),
            account: self.account.clone(),
            purpose: self.purpose,
            key_id: self.key_id.clone(),
            verifier,
            passphrase: self.passphrase.clone(),
            nonce: self.nonce,
            scopes: self.scopes.clone(),
            ip_allow: self.ip_allow.clone(),
            rate: self.rate,
            min_bind: self.min_bind,
            not_after: self.not_after,
            state: self.state,
        })
    }
}

/// What of a credential's policy changes; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct PolicyUpdate {
    /// What it may do.
    pub scopes: Option<Scopes>,
    /// From where.
    pub ip_allow: Option<IpAllowList>,
    /// How much.
    pub rate: Option<KeyRate>,
    /// The weakest channel binding of its native sessions.
    pub min_bind: Option<Binding>,
    /// When it ends; `Some(None)`: never.
    pub not_after: Option<Option<Timestamp>>,
    /// What people call it.
    pub label: Option<String>,
    /// Whether a refused login of it may be explained online.
    pub explain: Option<bool>,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChangeKind {
    /// It was made.
    Created,
    /// Scopes, addresses, rate, binding, expiry, label or the explanation of refusals changed.
    Policy,
    /// Counting of its nonces began anew.
    NonceReset,
    /// It was made to replace another.
    Rotated,
    /// It was replaced by another, and ends with the overlap.
    Superseded,
    /// Activated, suspended or revoked.
    State,
}

impl KeyChangeKind {
    const ALL: [Self; 6] = [Self::Created, Self::NonceReset, Self::Policy, Self::Rotated, Self::Superseded, Self::State];

    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::NonceReset => "nonce-reset",
            Self::Policy => "policy",
            Self::Rotated => "rotated",
            Self::State => "state",
            Self::Superseded => "superseded",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One line of the history of keys, written in the transaction that made the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// Grows with each change.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Which credential.
    pub credential: CredentialId,
    /// Whose.
    pub account: AccountId,
    /// What for.
    pub purpose: Purpose,
    /// The name clients send.
    pub key_id: ApiKeyId,
    /// What happened.
    pub kind: KeyChangeKind,
    /// What exactly; never a secret.
    pub detail: String,
}

/// A native session, open or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its name.
    pub sid: SessionId,
    /// Whose.
    pub account: AccountId,
    /// By which credential.
    pub credential: CredentialId,
    /// The contract hash, as text.
    pub ch: String,
    /// The contract, as JSON.
    pub contract: String,
    /// From where.
    pub remote: Option<IpAddr>,
    /// When it was agreed.
    pub created: Timestamp,
    /// When it ended; `None` while it lives.
    pub ended: Option<Timestamp>,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// As operators of another node see it, in JSON of theirs.
    pub shown: Option<String>,
}

/// A session with the node that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSession {
    /// The session.
    pub session: SessionRecord,
    /// The node that recorded it last.
    pub node: String,
}
