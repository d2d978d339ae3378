//! Families of refresh tokens, and what was revoked.
//!
//! A refresh token is judged and replaced in one transaction that holds the lock of tokens: of any number of parallel requests with one
//! token each sees what the one before it left. A revocation is on the disk, with its epoch, before anybody is told of it.

use countersign_core::{CredentialId, Refusal, Timestamp};
use countersign_oauth::{Family, RefreshKey, RefreshTicket, Revocation, RevocationTarget, Verdict};
use zeroize::Zeroizing;

use super::{Store, check_change, check_text, row};
use crate::db::{Lock, Tx, Value};
use crate::error::StoreError;
use crate::limits;
use crate::record::Change;

const REFRESH_KEY_OWNER: &str = "meta.refresh_key";
const REUSED: &str = "a refresh token was used twice";
const CROWDED: &str = "more families than one key may have";

const FAMILY: &str = "SELECT * FROM refresh_families WHERE sid = $1";

const WRITE_FAMILY: &str = "INSERT INTO refresh_families (sid, credential, account, key_id, purpose, scopes, audience, cnf, generation, \
     current_hash, previous_hash, rotated, created, ends) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
     ON CONFLICT (sid) DO UPDATE SET generation = $9, current_hash = $10, previous_hash = $11, rotated = $12";

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
        self.db.run("UPDATE meta SET refresh_key = $1 WHERE refresh_key IS NULL", &[sealed.into()]).await?;
        let row = self.one("SELECT refresh_key FROM meta").await?;
        let stored = row.bytes_or_none("refresh_key").map_err(|source| self.failed(source))?.unwrap_or_default();
        let opened = self.sealing.open(REFRESH_KEY_OWNER, stored).map_err(|_| bad_key("its sealed key does not open"))?;
        let key: &[u8; 32] = opened.expose().try_into().map_err(|_| bad_key("its sealed key has not 32 bytes"))?;
        Ok(RefreshKey::new(key))
    }

    /// Stores a new family, unless all tokens of its key were revoked after `epoch`, in which the key had proved itself: `None` then,
    /// and nothing is stored. Of the living families of its key, those beyond [`limits::FAMILIES_PER_KEY_MAX`] end, the one that was
    /// not used for the longest time first; their revocations are returned.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn open_family(&self, family: &Family, epoch: u64) -> Result<Option<Vec<Revocation>>, StoreError> {
        let mut transaction = self.db.begin(Lock::Tokens).await?;
        let of_key = RevocationTarget::Credential(family.credential.clone()).to_string();
        let values = [of_key.into(), i64::try_from(epoch).unwrap_or(i64::MAX).into()];
        let since = "SELECT epoch FROM token_revocations WHERE target = $1 AND epoch > $2 LIMIT 1";
        if transaction.row(since, &values).await?.is_some() {
            transaction.leave().await?;
            return Ok(None);
        }
        self.write_family(&mut transaction, family).await?;
        let crowd = "SELECT sid FROM refresh_families WHERE credential = $1 AND revoked IS NULL AND ends > $2 AND sid <> $3 \
                     ORDER BY rotated DESC, sid";
        let values = [family.credential.as_str().into(), row::micros(family.created).into(), family.sid.to_string().into()];
        let crowd = transaction.rows(crowd, &values).await?;
        // The new one is one of them.
        let beyond = crowd.iter().skip(limits::FAMILIES_PER_KEY_MAX as usize - 1);
        let mut revocations = Vec::new();
        let change = Change::new(family.created, CROWDED);
        for sid in beyond {
            let sid = row::sid(sid)?;
            let target = RevocationTarget::Session(sid);
            revocations.push(self.write_revocation(&mut transaction, target, &change).await?);
        }
        transaction.commit().await?;
        Ok(Some(revocations))
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
        let mut transaction = self.db.begin(Lock::Tokens).await?;
        let Some(found) = transaction.row(FAMILY, &[ticket.sid.to_string().into()]).await? else {
            transaction.leave().await?;
            return Ok(Presented::Unknown);
        };
        let mut family = row::family(&found)?;
        if let Err(refusal) = admit(&family) {
            transaction.leave().await?;
            return Ok(Presented::Refused(refusal));
        }
        match family.present(ticket, now) {
            Verdict::Over(why) => {
                transaction.leave().await?;
                Ok(Presented::Over(Box::new(family), why))
            }
            Verdict::Repeat => {
                transaction.leave().await?;
                Ok(Presented::Given(Box::new(family)))
            }
            Verdict::Rotate => {
                family.rotate(next, now);
                self.write_family(&mut transaction, &family).await?;
                transaction.commit().await?;
                Ok(Presented::Given(Box::new(family)))
            }
            Verdict::Reuse => {
                let target = RevocationTarget::Session(family.sid);
                let revocation = self.write_revocation(&mut transaction, target, &Change::new(now, REUSED)).await?;
                transaction.commit().await?;
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
        let some = "SELECT * FROM refresh_families WHERE $1 IS NULL OR credential = $1 ORDER BY rotated DESC, sid LIMIT $2";
        let values = [of.map(CredentialId::as_str).into(), limit.min(limits::LIST_MAX).into()];
        self.db.rows(some, &values).await?.iter().map(row::family).collect()
    }

    /// One family.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn family(&self, sid: countersign_core::SessionId) -> Result<Option<Family>, StoreError> {
        self.db.row(FAMILY, &[sid.to_string().into()]).await?.as_ref().map(row::family).transpose()
    }

    /// Revokes.
    ///
    /// # Errors
    /// [`StoreError::Field`], or an infrastructure failure; nothing is revoked then.
    pub async fn revoke_tokens(&self, target: RevocationTarget, change: &Change) -> Result<Revocation, StoreError> {
        check_change(change)?;
        let mut transaction = self.db.begin(Lock::Tokens).await?;
        let revocation = self.write_revocation(&mut transaction, target, change).await?;
        transaction.commit().await?;
        Ok(revocation)
    }

    /// The revocations after an epoch, in order. From 0 on: all that are remembered.
    ///
    /// # Errors
    /// [`StoreError::BadRecord`], or an infrastructure failure.
    pub async fn revocations_after(&self, epoch: u64) -> Result<Vec<Revocation>, StoreError> {
        let values = [i64::try_from(epoch).unwrap_or(i64::MAX).into()];
        let rows = self.db.rows("SELECT epoch, target, until, by FROM token_revocations WHERE epoch > $1 ORDER BY epoch", &values).await?;
        rows.iter().map(row::revocation).collect()
    }

    /// Forgets families long after their end, and revocations that name nothing any more; the latest stays, for its epoch.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn forget_tokens(&self, now: Timestamp) -> Result<(), StoreError> {
        let ended = now.saturating_sub(limits::FAMILY_RETENTION);
        self.db.run("DELETE FROM refresh_families WHERE ends < $1", &[row::micros(ended).into()]).await?;
        let over = "DELETE FROM token_revocations WHERE until <= $1 AND epoch < (SELECT max(epoch) FROM token_revocations)";
        self.db.run(over, &[row::micros(now).into()]).await.map(|_| ())
    }

    async fn write_family(&self, transaction: &mut Tx, family: &Family) -> Result<(), StoreError> {
        let cnf = serde_json::to_string(&family.cnf).unwrap_or_default();
        check_text("the audience", &family.audience, 1, limits::SESSION_TEXT_BYTES_MAX)?;
        let values: [Value; 14] = [
            family.sid.to_string().into(),
            family.credential.as_str().into(),
            family.account.as_str().into(),
            family.key_id.as_str().into(),
            family.purpose.name().into(),
            family.scopes.to_string().into(),
            family.audience.as_str().into(),
            cnf.into(),
            family.generation.into(),
            family.current.as_slice().into(),
            family.previous.as_ref().map(<[u8; 32]>::as_slice).into(),
            row::micros(family.rotated).into(),
            row::micros(family.created).into(),
            row::micros(family.ends).into(),
        ];
        transaction.run(WRITE_FAMILY, &values).await.map(|_| ())
    }

    /// Writes a revocation, and ends the families it names.
    async fn write_revocation(&self, transaction: &mut Tx, target: RevocationTarget, change: &Change) -> Result<Revocation, StoreError> {
        let until = change.at.saturating_add(limits::REVOCATION_RETENTION);
        let insert = "INSERT INTO token_revocations (target, at, until, by) VALUES ($1, $2, $3, $4) RETURNING epoch";
        let values = [target.to_string().into(), row::micros(change.at).into(), row::micros(until).into(), change.by.as_str().into()];
        let written = transaction.one(insert, &values).await?;
        let epoch = written.number("epoch").map_err(|source| self.failed(source))?;
        match &target {
            RevocationTarget::Credential(id) => {
                let of_key = "UPDATE refresh_families SET revoked = $1 WHERE credential = $2 AND revoked IS NULL";
                transaction.run(of_key, &[change.by.as_str().into(), id.to_string().into()]).await?;
            }
            RevocationTarget::Session(sid) => {
                let one = "UPDATE refresh_families SET revoked = $1 WHERE sid = $2 AND revoked IS NULL";
                transaction.run(one, &[change.by.as_str().into(), sid.to_string().into()]).await?;
            }
            RevocationTarget::Token(_) => {}
        }
        Ok(Revocation { target, epoch: u64::try_from(epoch).unwrap_or(0), until, by: change.by.as_str().into() })
    }
}

fn bad_key(why: &str) -> StoreError {
    StoreError::BadRecord { table: "meta", id: "refresh_key".to_owned(), why: why.to_owned() }
}
