//! Accounts.

use countersign_core::AccountId;

use super::{Store, check_change, check_text, row};
use crate::error::StoreError;
use crate::limits;
use crate::record::{AccountRecord, Change};

impl Store {
    /// Makes an account.
    ///
    /// # Errors
    /// [`StoreError::AccountExists`], [`StoreError::Field`], or an infrastructure failure.
    pub async fn create_account(&self, id: AccountId, label: &str, change: &Change) -> Result<AccountRecord, StoreError> {
        check_change(change)?;
        check_text("the label", label, 0, limits::LABEL_BYTES_MAX)?;
        let record = AccountRecord { id, label: label.to_owned(), created: change.at, cancel_on_disconnect: false };
        let values = [record.id.as_str().into(), label.into(), row::micros(record.created).into()];
        let added = self.db.run("INSERT INTO accounts (id, label, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", &values).await?;
        if added == 0 {
            return Err(StoreError::AccountExists(record.id));
        }
        Ok(record)
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        self.db
            .rows("SELECT id, label, created, cancel_on_disconnect FROM accounts ORDER BY id", &[])
            .await?
            .iter()
            .map(row::account)
            .collect()
    }

    /// One account.
    ///
    /// # Errors
    /// [`StoreError::AccountUnknown`], or an infrastructure failure.
    pub async fn account(&self, id: &AccountId) -> Result<AccountRecord, StoreError> {
        let one = "SELECT id, label, created, cancel_on_disconnect FROM accounts WHERE id = $1";
        let found = self.db.row(one, &[id.as_str().into()]).await?;
        row::account(&found.ok_or_else(|| StoreError::AccountUnknown(id.clone()))?)
    }

    /// Says whether new connections of an account cancel its orders when they are lost.
    ///
    /// # Errors
    /// [`StoreError::AccountUnknown`], or an infrastructure failure.
    pub async fn set_cancel_on_disconnect(&self, id: &AccountId, enabled: bool) -> Result<(), StoreError> {
        let values = [id.as_str().into(), i64::from(enabled).into()];
        let changed = self.db.run("UPDATE accounts SET cancel_on_disconnect = $2 WHERE id = $1", &values).await?;
        if changed == 0 { Err(StoreError::AccountUnknown(id.clone())) } else { Ok(()) }
    }

    /// The accounts of which they do; and what is wrong with the others, which have no keys that can be used.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn accounts_that_cancel(&self) -> Result<(Vec<AccountId>, Vec<StoreError>), StoreError> {
        let rows = self.db.rows("SELECT id FROM accounts WHERE cancel_on_disconnect = 1 ORDER BY id", &[]).await?;
        let (mut accounts, mut others) = (Vec::with_capacity(rows.len()), Vec::new());
        for found in &rows {
            match row::account_id(found) {
                Ok(account) => accounts.push(account),
                Err(error) => others.push(error),
            }
        }
        Ok((accounts, others))
    }
}
