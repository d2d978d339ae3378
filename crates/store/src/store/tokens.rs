//! Families of refresh tokens, and what was revoked.
//!
//! A refresh token is judged and replaced in one transaction that holds the write lock: of any number of parallel requests with one
//! token each sees what the one before it left. A revocation is on the disk, with its epoch, before anybody is told of it.

use countersign_core::{CredentialId, Refusal, Timestamp};
use countersign_oauth::{Family, RefreshKey, RefreshTicket, Revocation, RevocationTarget, Verdict};
use sqlx::{Sqlite, Transaction};
use zeroize::Zeroizing;

use super::{Store, check_change, check_text, row};
use crate::error::StoreError;
use crate::limits;
use crate::record::Change;

const REFRESH_KEY_OWNER: &str = "meta.refresh_key";
const REUSED: &str = "a refresh token was used twice";
const CROWDED: &str = "more families than one key may have";

/// What became of a refresh token.
#[derive(Clone, Debug)]
pub enum Presented {
    /// The family is over or its asker was refused: nothing changed.
    Refused(Refusal),
    /// The current token again, or the next one: the family as it is now.
    Given(Box<Family>),
    /// A token was used twice. The family ended with this revocation.
    Reused(Box<Family>, Revocation),
    /// There is no such family.
    Unknown,
    /// The family is over: why.
    Over(Box<Family>, &'static str),
}

impl Store {
    /// The key that refresh tokens are derived from: drawn once, sealed in the database.
    ///
    /// # Errors
    /// [`StoreError::BadRecord`] when it does not open, or an infrastructure failure.
    pub async fn refresh_key(&self) -> Result<RefreshKey, StoreError> {
        let mut fresh = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(fresh.as_mut_slice()).map_err(|_| bad_key("the operating system gives no randomness"))?;
        let sealed = self.sealing.seal(REFRESH_KEY_OWNER, fresh.as_slice());
        sqlx::query("UPDATE meta SET refresh_key = ?1 WHERE refresh_key IS NULL")
            .bind(sealed)
            .execute(&self.pool)
            .await
            .map_err(|source| self.failed(source))?;
        let stored: Vec<u8> =
            sqlx::query_scalar("SELECT refresh_key FROM meta").fetch_one(&self.pool).await.map_err(|source| self.failed(source))?;
        let opened = self.sealing.open(REFRESH_KEY_OWNER, &stored).map_err(|_| bad_key("its sealed key does not open"))?;
        let key: &[u8; 32] = opened.expose().try_into().map_err(|_| bad_key("its sealed key has not 32 bytes"))?;
        Ok(RefreshKey::new(key))
    }

    /// Stores a new family. Of the living families of its key, those beyond [`limits::FAMILIES_PER_KEY_MAX`] end, the one that was
    /// not used for the longest time first; their revocations are returned.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn open_family(&self, family: &Family) -> Result<Vec<Revocation>, StoreError> {
        let mut transaction = self.begin().await?;
        self.write_family(&mut transaction, family).await?;
        let crowd: Vec<String> = sqlx::query_scalar(
            "SELECT sid FROM refresh_families WHERE credential = ?1 AND revoked IS NULL AND ends > ?2 AND sid <> ?3 \
             ORDER BY rotated DESC, sid LIMIT -1 OFFSET ?4",
        )
        .bind(family.credential.as_str())
        .bind(row::micros(family.created))
        .bind(family.sid.to_string())
        .bind(i64::from(limits::FAMILIES_PER_KEY_MAX) - 1)
        .fetch_all(&mut *transaction)
        .await
        .map_err(|source| self.failed(source))?;
        let mut revocations = Vec::new();
        let change = Change::new(family.created, CROWDED);
        for target in crowd.iter().filter_map(|sid| RevocationTarget::parse(&format!("sid:{sid}"))) {
            revocations.push(self.write_revocation(&mut transaction, target, &change).await?);
        }
        self.commit(transaction).await?;
        Ok(revocations)
    }

    /// Judges a refresh token that was shown, and replaces it by `next` if it is its turn. `admit` says whether the asker may use
    /// the family at all; nothing changes when it refuses.
    ///
    /// # Errors
    /// An infrastructure failure; nothing changed then.
    pub async fn present_refresh(
        &self,
        ticket: &RefreshTicket,
        next: &RefreshTicket,
        now: Timestamp,
        admit: impl FnOnce(&Family) -> Result<(), Refusal>,
    ) -> Result<Presented, StoreError> {
        let mut transaction = self.begin().await?;
        let found = sqlx::query("SELECT * FROM refresh_families WHERE sid = ?1").bind(ticket.sid.to_string());
        let found = found.fetch_optional(&mut *transaction).await.map_err(|source| self.failed(source))?;
        let Some(found) = found else { return Ok(Presented::Unknown) };
        let mut family = row::family(&found)?;
        if let Err(refusal) = admit(&family) {
            return Ok(Presented::Refused(refusal));
        }
        match family.present(ticket, now) {
            Verdict::Over(why) => Ok(Presented::Over(Box::new(family), why)),
            Verdict::Repeat => Ok(Presented::Given(Box::new(family))),
            Verdict::Rotate => {
                family.rotate(next, now);
                self.write_family(&mut transaction, &family).await?;
                self.commit(transaction).await?;
                Ok(Presented::Given(Box::new(family)))
            }
            Verdict::Reuse => {
                let target = RevocationTarget::Session(family.sid);
                let revocation = self.write_revocation(&mut transaction, target, &Change::new(now, REUSED)).await?;
                self.commit(transaction).await?;
                family.revoked = Some(REUSED.to_owned());
                Ok(Presented::Reused(Box::new(family), revocation))
            }
        }
    }

    /// Families that are not forgotten, the latest used first; those of one key only, if one is named.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn families(&self, of: Option<&CredentialId>, limit: u32) -> Result<Vec<Family>, StoreError> {
        let rows = sqlx::query("SELECT * FROM refresh_families WHERE ?1 IS NULL OR credential = ?1 ORDER BY rotated DESC, sid LIMIT ?2")
            .bind(of.map(CredentialId::as_str))
            .bind(i64::from(limit.min(limits::LIST_MAX)))
            .fetch_all(&self.pool)
            .await;
        rows.map_err(|source| self.failed(source))?.iter().map(row::family).collect()
    }

    /// One family.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn family(&self, sid: countersign_core::SessionId) -> Result<Option<Family>, StoreError> {
        let found = sqlx::query("SELECT * FROM refresh_families WHERE sid = ?1").bind(sid.to_string()).fetch_optional(&self.pool).await;
        found.map_err(|source| self.failed(source))?.as_ref().map(row::family).transpose()
    }

    /// Revokes.
    ///
    /// # Errors
    /// [`StoreError::Field`], or an infrastructure failure; nothing is revoked then.
    pub async fn revoke_tokens(&self, target: RevocationTarget, change: &Change) -> Result<Revocation, StoreError> {
        check_change(change)?;
        let mut transaction = self.begin().await?;
        let revocation = self.write_revocation(&mut transaction, target, change).await?;
        self.commit(transaction).await?;
        Ok(revocation)
    }

    /// The revocations after an epoch, in order. From 0 on: all that are remembered.
    ///
    /// # Errors
    /// [`StoreError::BadRecord`], or an infrastructure failure.
    pub async fn revocations_after(&self, epoch: u64) -> Result<Vec<Revocation>, StoreError> {
        let rows = sqlx::query("SELECT epoch, target, until FROM token_revocations WHERE epoch > ?1 ORDER BY epoch")
            .bind(i64::try_from(epoch).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await;
        rows.map_err(|source| self.failed(source))?.iter().map(row::revocation).collect()
    }

    /// Forgets families long after their end, and revocations that name nothing any more; the latest stays, for its epoch.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn forget_tokens(&self, now: Timestamp) -> Result<(), StoreError> {
        let ended = now.saturating_sub(limits::FAMILY_RETENTION);
        let families = sqlx::query("DELETE FROM refresh_families WHERE ends < ?1").bind(row::micros(ended)).execute(&self.pool).await;
        families.map_err(|source| self.failed(source))?;
        sqlx::query("DELETE FROM token_revocations WHERE until <= ?1 AND epoch < (SELECT max(epoch) FROM token_revocations)")
            .bind(row::micros(now))
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|source| self.failed(source))
    }

    async fn write_family(&self, transaction: &mut Transaction<'static, Sqlite>, family: &Family) -> Result<(), StoreError> {
        let cnf = serde_json::to_string(&family.cnf).unwrap_or_default();
        check_text("the audience", &family.audience, 1, limits::SESSION_TEXT_BYTES_MAX)?;
        sqlx::query(
            "INSERT INTO refresh_families (sid, credential, account, key_id, purpose, scopes, audience, cnf, generation, current_hash, \
             previous_hash, rotated, created, ends) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
             ON CONFLICT (sid) DO UPDATE SET generation = ?9, current_hash = ?10, previous_hash = ?11, rotated = ?12",
        )
        .bind(family.sid.to_string())
        .bind(family.credential.as_str())
        .bind(family.account.as_str())
        .bind(family.key_id.as_str())
        .bind(family.purpose.name())
        .bind(family.scopes.to_string())
        .bind(&family.audience)
        .bind(cnf)
        .bind(i64::from(family.generation))
        .bind(family.current.as_slice())
        .bind(family.previous.as_ref().map(<[u8; 32]>::as_slice))
        .bind(row::micros(family.rotated))
        .bind(row::micros(family.created))
        .bind(row::micros(family.ends))
        .execute(&mut **transaction)
        .await
        .map(|_| ())
        .map_err(|source| self.failed(source))
    }

    /// Writes a revocation, and ends the families it names.
    async fn write_revocation(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        target: RevocationTarget,
        change: &Change,
    ) -> Result<Revocation, StoreError> {
        let until = change.at.saturating_add(limits::REVOCATION_RETENTION);
        let written = sqlx::query("INSERT INTO token_revocations (target, at, until, by) VALUES (?1, ?2, ?3, ?4)")
            .bind(target.to_string())
            .bind(row::micros(change.at))
            .bind(row::micros(until))
            .bind(&change.by)
            .execute(&mut **transaction)
            .await
            .map_err(|source| self.failed(source))?;
        let families = match &target {
            RevocationTarget::Credential(id) => {
                let of_key = "UPDATE refresh_families SET revoked = ?1 WHERE credential = ?2 AND revoked IS NULL";
                Some(sqlx::query(of_key).bind(&change.by).bind(id.to_string()))
            }
            RevocationTarget::Session(sid) => {
                let one = "UPDATE refresh_families SET revoked = ?1 WHERE sid = ?2 AND revoked IS NULL";
                Some(sqlx::query(one).bind(&change.by).bind(sid.to_string()))
            }
            RevocationTarget::Token(_) => None,
        };
        if let Some(families) = families {
            families.execute(&mut **transaction).await.map_err(|source| self.failed(source))?;
        }
        Ok(Revocation { target, epoch: u64::try_from(written.last_insert_rowid()).unwrap_or(0), until })
    }
}

fn bad_key(why: &str) -> StoreError {
    StoreError::BadRecord { table: "meta", id: "refresh_key".to_owned(), why: why.to_owned() }
}
