//! Native sessions: what was agreed, with whom, from when to when.

use countersign_core::{SessionId, Timestamp};

use super::{Store, check_text, row};
use crate::error::StoreError;
use crate::limits;
use crate::record::SessionRecord;

impl Store {
    /// Stores a session as it begins (or, for an import, as it was).
    ///
    /// # Errors
    /// [`StoreError::Field`], or an infrastructure failure, which a second record of one name is, too.
    pub async fn record_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        check_text("the contract hash", &session.ch, 1, limits::SESSION_TEXT_BYTES_MAX)?;
        if session.contract.len() > limits::CONTRACT_BYTES_MAX {
            return Err(StoreError::Field { field: "the contract", bytes_min: 0, bytes_max: limits::CONTRACT_BYTES_MAX });
        }
        let done = sqlx::query(
            "INSERT INTO sessions (sid, account, credential, ch, contract, remote, created, ended, end_reason) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .bind(session.sid.to_string())
        .bind(session.account.as_str())
        .bind(session.credential.as_str())
        .bind(&session.ch)
        .bind(&session.contract)
        .bind(session.remote.map(|remote| remote.to_string()))
        .bind(row::micros(session.created))
        .bind(session.ended.map(row::micros))
        .bind(&session.end_reason)
        .execute(&self.pool)
        .await;
        done.map(|_| ()).map_err(|source| self.failed(source))
    }

    /// Ends a session; one that has ended keeps its first end.
    ///
    /// # Errors
    /// [`StoreError::SessionUnknown`], [`StoreError::Field`], or an infrastructure failure.
    pub async fn end_session(&self, sid: SessionId, at: Timestamp, reason: &str) -> Result<(), StoreError> {
        check_text("the reason", reason, 1, limits::SESSION_TEXT_BYTES_MAX)?;
        let done = sqlx::query("UPDATE sessions SET ended = coalesce(ended, ?2), end_reason = coalesce(end_reason, ?3) WHERE sid = ?1")
            .bind(sid.to_string())
            .bind(row::micros(at))
            .bind(reason)
            .execute(&self.pool)
            .await
            .map_err(|source| self.failed(source))?;
        if done.rows_affected() == 0 { Err(StoreError::SessionUnknown(sid)) } else { Ok(()) }
    }

    /// Ends all sessions that are open in the records; for the start of a gateway after one that could not say goodbye.
    ///
    /// # Errors
    /// As [`Self::end_session`].
    pub async fn end_open_sessions(&self, at: Timestamp, reason: &str) -> Result<u64, StoreError> {
        check_text("the reason", reason, 1, limits::SESSION_TEXT_BYTES_MAX)?;
        let done = sqlx::query("UPDATE sessions SET ended = ?1, end_reason = ?2 WHERE ended IS NULL")
            .bind(row::micros(at))
            .bind(reason)
            .execute(&self.pool)
            .await;
        done.map(|done| done.rows_affected()).map_err(|source| self.failed(source))
    }

    /// The newest `limit` sessions, newest first.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn sessions(&self, limit: u32) -> Result<Vec<SessionRecord>, StoreError> {
        let rows = sqlx::query("SELECT * FROM sessions ORDER BY created DESC, sid LIMIT ?1")
            .bind(i64::from(limit.min(limits::LIST_MAX)))
            .fetch_all(&self.pool)
            .await;
        rows.map_err(|source| self.failed(source))?.iter().map(row::session).collect()
    }
}
