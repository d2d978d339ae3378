//! Credentials and the history of their changes.
//!
//! One key serves one purpose: neither the same public key nor the same name twice under one purpose is taken, revoked
//! ones included, so that a key that was given up cannot come back.

use countersign_core::{ApiKeyId, CredentialId, CredentialState, NoncePolicy, Purpose, Timestamp};

use super::admission::{admit, check_explain, key_hash};
use super::{Store, check_change, check_text, row};
use crate::db::{Lock, Tx, Value};
use crate::error::StoreError;
use crate::limits;
use crate::record::{Change, CredentialRecord, KeyChange, KeyChangeKind, Material, NewCredential, PolicyUpdate};

const ONE: &str = "SELECT * FROM credentials WHERE id = $1";

const INSERT: &str = "INSERT INTO credentials (id, account, purpose, key_id, algorithm, spki, sealed_secret, key_hash, scopes, ip_allow, \
     weight_per_minute, orders_per_10s, min_bind, not_after, state, label, created, replaces, sealed_passphrase, nonce_window, \
     nonce_epoch, nonce_floor, explain) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)";

const UPDATE: &str = "UPDATE credentials SET scopes = $2, ip_allow = $3, weight_per_minute = $4, orders_per_10s = $5, min_bind = $6, \
     not_after = $7, state = $8, label = $9, nonce_window = $10, nonce_epoch = $11, nonce_floor = $12, explain = $13 WHERE id = $1";

const NOTE: &str = "INSERT INTO key_changes (at, by, credential, account, purpose, key_id, change, detail) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

impl Store {
    /// Makes a credential.
    ///
    /// # Errors
    /// [`StoreError`]: unknown account, material that the purpose does not take, key or name taken, a field out of bounds, or an
    /// infrastructure failure.
    pub async fn create_credential(&self, new: NewCredential, change: &Change) -> Result<CredentialRecord, StoreError> {
        check_change(change)?;
        let record = admit(new, change.at)?;
        let mut transaction = self.db.begin(Lock::Keys).await?;
        self.insert(&mut transaction, &record).await?;
        self.note(&mut transaction, &record, KeyChangeKind::Created, &describe(&record), change).await?;
        transaction.commit().await?;
        Ok(record)
    }

    /// All credentials, oldest first.
    ///
    /// # Errors
    /// An infrastructure failure, among them a record that cannot be used: guessing which keys are good is worse than none.
    pub async fn credentials(&self) -> Result<Vec<CredentialRecord>, StoreError> {
        let rows = self.db.rows("SELECT * FROM credentials ORDER BY created, id", &[]).await?;
        rows.iter().map(|found| row::credential(found, &self.sealing)).collect()
    }

    /// The same for whoever must go on with those that can be used; and what is wrong with the others, by which nobody logs in.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn usable_credentials(&self) -> Result<(Vec<CredentialRecord>, Vec<StoreError>), StoreError> {
        let rows = self.db.rows("SELECT * FROM credentials ORDER BY created, id", &[]).await?;
        let (mut usable, mut others) = (Vec::with_capacity(rows.len()), Vec::new());
        for found in &rows {
            match row::credential(found, &self.sealing) {
                Ok(record) => usable.push(record),
                Err(error) => others.push(error),
            }
        }
        Ok((usable, others))
    }

    /// One credential.
    ///
    /// # Errors
    /// [`StoreError::CredentialUnknown`], or an infrastructure failure.
    pub async fn credential(&self, id: &CredentialId) -> Result<CredentialRecord, StoreError> {
        let found = self.db.row(ONE, &[id.as_str().into()]).await?;
        row::credential(&found.ok_or_else(|| StoreError::CredentialUnknown(id.clone()))?, &self.sealing)
    }

    /// The credential that clients name so, if there is one.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn find_credential(&self, purpose: Purpose, key_id: &ApiKeyId) -> Result<Option<CredentialRecord>, StoreError> {
        let values = [purpose.name().into(), key_id.as_str().into()];
        let found = self.db.row("SELECT * FROM credentials WHERE purpose = $1 AND key_id = $2", &values).await?;
        found.map(|found| row::credential(&found, &self.sealing)).transpose()
    }

    /// Lets the nonces of a credential begin anew above `floor`: for a client that once sent a huge one and is locked out since.
    ///
    /// # Errors
    /// [`StoreError::CredentialUnknown`], or an infrastructure failure.
    ///
    /// # Security
    /// Requests that were signed with nonces above the floor, and recorded by somebody, pass again: a venue that signs no time leaves
    /// no other mark on them. A new key is the safer way where TLS may have been broken.
    pub async fn reset_nonce(&self, id: &CredentialId, floor: u64, change: &Change) -> Result<CredentialRecord, StoreError> {
        check_change(change)?;
        let mut transaction = self.db.begin(Lock::Keys).await?;
        let mut record = self.read(&mut transaction, id).await?;
        record.nonce = NoncePolicy { epoch: record.nonce.epoch.wrapping_add(1), floor, ..record.nonce };
        self.update(&mut transaction, &record).await?;
        self.note(&mut transaction, &record, KeyChangeKind::NonceReset, &format!("nonces begin above {floor}"), change).await?;
        transaction.commit().await?;
        Ok(record)
    }

    /// Activates, suspends or revokes a credential.
    ///
    /// # Errors
    /// [`StoreError::Revoked`]: revocation is for ever; unknown credential; an infrastructure failure.
    pub async fn set_state(&self, id: &CredentialId, state: CredentialState, change: &Change) -> Result<CredentialRecord, StoreError> {
        check_change(change)?;
        let mut transaction = self.db.begin(Lock::Keys).await?;
        let mut record = self.read(&mut transaction, id).await?;
        if record.state == state {
            transaction.leave().await?;
            return Ok(record);
        }
        if record.state == CredentialState::Revoked {
            return Err(StoreError::Revoked(id.clone()));
        }
        let detail = format!("{} -> {}", record.state.name(), state.name());
        record.state = state;
        self.update(&mut transaction, &record).await?;
        self.note(&mut transaction, &record, KeyChangeKind::State, &detail, change).await?;
        transaction.commit().await?;
        Ok(record)
    }

    /// Makes a new credential with new material and the policy of an old one, which ends at `overlap_end` at the latest.
    /// `key_id` as in [`NewCredential::key_id`].
    ///
    /// # Errors
    /// [`StoreError::NotActive`], and as [`Self::create_credential`].
    pub async fn rotate(
        &self,
        id: &CredentialId,
        material: Material,
        key_id: Option<ApiKeyId>,
        overlap_end: Timestamp,
        change: &Change,
    ) -> Result<CredentialRecord, StoreError> {
        check_change(change)?;
        let mut transaction = self.db.begin(Lock::Keys).await?;
        let mut old = self.read(&mut transaction, id).await?;
        if old.state != CredentialState::Active {
            return Err(StoreError::NotActive(id.clone()));
        }
        let mut record = admit(successor(&old, material, key_id), change.at)?;
        record.replaces = Some(old.id.clone());
        self.insert(&mut transaction, &record).await?;
        old.not_after = Some(old.not_after.map_or(overlap_end, |end| end.min(overlap_end)));
        self.update(&mut transaction, &old).await?;
        let detail = format!("replaces {}; {}", old.id, describe(&record));
        self.note(&mut transaction, &record, KeyChangeKind::Rotated, &detail, change).await?;
        let detail = format!("by {} at {}", record.id, row::micros(overlap_end));
        self.note(&mut transaction, &old, KeyChangeKind::Superseded, &detail, change).await?;
        transaction.commit().await?;
        Ok(record)
    }

    /// Changes what a credential may do, from where, how much and how long. What is so already is no change: nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Revoked`], unknown credential, a field out of bounds, or an infrastructure failure.
    pub async fn update_policy(&self, id: &CredentialId, update: PolicyUpdate, change: &Change) -> Result<CredentialRecord, StoreError> {
        check_change(change)?;
        let mut transaction = self.db.begin(Lock::Keys).await?;
        let mut record = self.read(&mut transaction, id).await?;
        if record.state == CredentialState::Revoked {
            return Err(StoreError::Revoked(id.clone()));
        }
        let before = policy(&record);
        apply(&mut record, update)?;
        if policy(&record) == before {
            transaction.leave().await?;
            return Ok(record);
        }
        self.update(&mut transaction, &record).await?;
        self.note(&mut transaction, &record, KeyChangeKind::Policy, &describe(&record), change).await?;
        transaction.commit().await?;
        Ok(record)
    }

    /// The newest `limit` changes of keys, newest first; of one credential, if it is named.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn key_changes(&self, of: Option<&CredentialId>, limit: u32) -> Result<Vec<KeyChange>, StoreError> {
        let values = [of.map(CredentialId::as_str).into(), limit.min(limits::LIST_MAX).into()];
        let rows =
            self.db.rows("SELECT * FROM key_changes WHERE $1 IS NULL OR credential = $1 ORDER BY seq DESC LIMIT $2", &values).await?;
        rows.iter().map(row::key_change).collect()
    }

    async fn read(&self, transaction: &mut Tx, id: &CredentialId) -> Result<CredentialRecord, StoreError> {
        let found = transaction.row(ONE, &[id.as_str().into()]).await?;
        row::credential(&found.ok_or_else(|| StoreError::CredentialUnknown(id.clone()))?, &self.sealing)
    }

    async fn insert(&self, transaction: &mut Tx, record: &CredentialRecord) -> Result<(), StoreError> {
        self.check_free(transaction, record).await?;
        let (spki, sealed) = match &record.material {
            Material::Address(_) | Material::Certificate { .. } => (None, None),
            Material::PublicKey(key, _) => (Some(key.spki_der()), None),
            Material::Secret(secret, _) => (None, Some(self.sealing.seal(record.id.as_str(), secret.expose()))),
        };
        let passphrase = record.passphrase.as_ref();
        let passphrase = passphrase.map(|text| self.sealing.seal(&row::passphrase_name(record.id.as_str()), text.expose()));
        let values: [Value; 23] = [
            record.id.as_str().into(),
            record.account.as_str().into(),
            record.purpose.name().into(),
            record.key_id.as_str().into(),
            record.material.algorithm().map(|algorithm| algorithm.name()).into(),
            spki.into(),
            sealed.into(),
            key_hash(&record.material).as_ref().map(ApiKeyId::as_str).into(),
            record.scopes.to_string().into(),
            addresses(record).into(),
            record.rate.weight_per_minute.get().into(),
            record.rate.orders_per_10s.get().into(),
            record.min_bind.name().into(),
            record.not_after.map(row::micros).into(),
            record.state.name().into(),
            record.label.as_str().into(),
            row::micros(record.created).into(),
            record.replaces.as_ref().map(CredentialId::as_str).into(),
            passphrase.into(),
            i64::from(record.nonce.window).into(),
            i64::from(record.nonce.epoch).into(),
            record.nonce.floor.to_string().into(),
            i64::from(record.explain).into(),
        ];
        transaction.run(INSERT, &values).await.map(|_| ())
    }

    /// Says clearly what the constraints of the table would refuse. The lock of keys is held, so nobody comes between.
    async fn check_free(&self, transaction: &mut Tx, record: &CredentialRecord) -> Result<(), StoreError> {
        let account = [record.account.as_str().into()];
        if transaction.row("SELECT id FROM accounts WHERE id = $1", &account).await?.is_none() {
            return Err(StoreError::AccountUnknown(record.account.clone()));
        }
        if let Some(hash) = key_hash(&record.material) {
            let same = transaction.row("SELECT id, purpose FROM credentials WHERE key_hash = $1", &[hash.as_str().into()]).await?;
            if let Some(holder) = same {
                let failed = |source| self.failed(source);
                let id = CredentialId::parse(holder.text("id").map_err(failed)?);
                let purpose = Purpose::parse(holder.text("purpose").map_err(failed)?);
                if let (Ok(id), Some(purpose)) = (id, purpose) {
                    return Err(StoreError::KeyTaken { id, purpose });
                }
            }
        }
        let name = [record.purpose.name().into(), record.key_id.as_str().into()];
        if transaction.row("SELECT id FROM credentials WHERE purpose = $1 AND key_id = $2", &name).await?.is_some() {
            return Err(StoreError::NameTaken { purpose: record.purpose, key_id: record.key_id.clone() });
        }
        Ok(())
    }

    /// Writes what of a credential may change; its key never does.
    async fn update(&self, transaction: &mut Tx, record: &CredentialRecord) -> Result<(), StoreError> {
        let values: [Value; 13] = [
            record.id.as_str().into(),
            record.scopes.to_string().into(),
            addresses(record).into(),
            record.rate.weight_per_minute.get().into(),
            record.rate.orders_per_10s.get().into(),
            record.min_bind.name().into(),
            record.not_after.map(row::micros).into(),
            record.state.name().into(),
            record.label.as_str().into(),
            i64::from(record.nonce.window).into(),
            i64::from(record.nonce.epoch).into(),
            record.nonce.floor.to_string().into(),
            i64::from(record.explain).into(),
        ];
        transaction.run(UPDATE, &values).await.map(|_| ())
    }

    async fn note(
        &self,
        transaction: &mut Tx,
        record: &CredentialRecord,
        kind: KeyChangeKind,
        detail: &str,
        change: &Change,
    ) -> Result<(), StoreError> {
        let values: [Value; 8] = [
            row::micros(change.at).into(),
            change.by.as_str().into(),
            record.id.as_str().into(),
            record.account.as_str().into(),
            record.purpose.name().into(),
            record.key_id.as_str().into(),
            kind.name().into(),
            detail.into(),
        ];
        transaction.run(NOTE, &values).await.map(|_| ())
    }
}

fn successor(old: &CredentialRecord, material: Material, key_id: Option<ApiKeyId>) -> NewCredential {
    NewCredential {
        account: old.account.clone(),
        purpose: old.purpose,
        material,
        passphrase: old.passphrase.clone(),
        nonce_window: old.nonce.window,
        key_id,
        scopes: old.scopes.clone(),
        ip_allow: old.ip_allow.clone(),
        rate: old.rate,
        min_bind: old.min_bind,
        not_after: old.not_after,
        label: old.label.clone(),
        explain: old.explain,
    }
}

fn apply(record: &mut CredentialRecord, update: PolicyUpdate) -> Result<(), StoreError> {
    let explain = update.explain.unwrap_or(record.explain);
    check_explain(record.purpose, explain)?;
    record.explain = explain;
    if let Some(label) = update.label {
        check_text("the label", &label, 0, limits::LABEL_BYTES_MAX)?;
        record.label = label;
    }
    record.scopes = update.scopes.unwrap_or_else(|| record.scopes.clone());
    record.ip_allow = update.ip_allow.unwrap_or_else(|| record.ip_allow.clone());
    record.rate = update.rate.unwrap_or(record.rate);
    record.min_bind = update.min_bind.unwrap_or(record.min_bind);
    record.not_after = update.not_after.unwrap_or(record.not_after);
    Ok(())
}

/// All that [`apply`] may change.
fn policy(record: &CredentialRecord) -> (String, String) {
    (describe(record), record.label.clone())
}

fn addresses(record: &CredentialRecord) -> String {
    record.ip_allow.texts().collect::<Vec<_>>().join(" ")
}

/// The policy in one line of history.
fn describe(record: &CredentialRecord) -> String {
    let algorithm = record.material.algorithm().map_or("certificate", |algorithm| algorithm.name());
    let from = if record.ip_allow.is_any() { "any".to_owned() } else { addresses(record) };
    let end = record.not_after.map_or_else(|| "never".to_owned(), |end| row::micros(end).to_string());
    let explained = if record.explain { "; refusals explained" } else { "" };
    format!(
        "{algorithm}; scopes {}; from {from}; weight {}/min, orders {}/10s; bind {}; ends {end}{explained}",
        record.scopes, record.rate.weight_per_minute, record.rate.orders_per_10s, record.min_bind
    )
}
