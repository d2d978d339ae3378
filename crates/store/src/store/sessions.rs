//! Native sessions: what was agreed, with whom, from when to when.

use countersign_core::{SessionId, Timestamp};
use serde_json::json;

use super::{Store, check_text, row};
use crate::db::Sql;
use crate::error::StoreError;
use crate::limits;
use crate::record::{HeldSession, SessionRecord};

/// Many rows in one statement, from a JSON array of arrays; each database has functions of its own for that.
const RECORD: Sql = Sql::two(
    "INSERT INTO sessions (sid, account, credential, ch, contract, remote, created, ended, end_reason, shown, node) \
               SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, (value ->> 6)::bigint, \
               (value ->> 7)::bigint, value ->> 8, value ->> 9, $2 FROM json_array_elements($1::json) WHERE true \
               ON CONFLICT (sid) DO UPDATE SET node = excluded.node, remote = excluded.remote, shown = excluded.shown, ended = NULL, end_reason = NULL \
               WHERE sessions.node <> excluded.node AND sessions.contract = excluded.contract",
    "INSERT INTO sessions (sid, account, credential, ch, contract, remote, created, ended, end_reason, shown, node) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, \
             value ->> 9, $2 \
             FROM json_each($1) WHERE true \
             ON CONFLICT (sid) DO UPDATE SET node = excluded.node, remote = excluded.remote, shown = excluded.shown, ended = NULL, end_reason = NULL \
             WHERE sessions.node <> excluded.node AND sessions.contract = excluded.contract",
);

/// A session that has ended keeps its first end. One that went on at another node is not ended by the one it left.
const END: Sql = Sql::two(
    "UPDATE sessions SET ended = coalesce(ended, (one.value ->> 1)::bigint), end_reason = coalesce(end_reason, one.value ->> 2) \
               FROM json_array_elements($1::json) AS one WHERE sid = one.value ->> 0 AND node = $2",
    "UPDATE sessions SET ended = coalesce(ended, one.value ->> 1), end_reason = coalesce(end_reason, one.value ->> 2) \
             FROM json_each($1) AS one WHERE sid = one.value ->> 0 AND node = $2",
);

impl Store {
    /// Stores a session as it begins (or, for an import, as it was). One that another node had is this node's from now on, and open;
    /// one that this node has stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Field`], or an infrastructure failure.
    pub async fn record_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        self.record_sessions(std::slice::from_ref(session)).await
    }

    /// Stores many sessions in one statement: when thousands connect at once, one statement each would be the slowest thing
    /// that happens to them. All of them are stored or none.
    ///
    /// # Errors
    /// As [`Self::record_session`].
    pub async fn record_sessions(&self, sessions: &[SessionRecord]) -> Result<(), StoreError> {
        for session in sessions {
            check_text("the contract hash", &session.ch, 1, limits::SESSION_TEXT_BYTES_MAX)?;
            let shown = session.shown.as_ref().map_or(0, String::len);
            for (field, bytes) in [("the contract", session.contract.len()), ("what operators see of it", shown)] {
                if bytes > limits::CONTRACT_BYTES_MAX {
                    return Err(StoreError::Field { field, bytes_min: 0, bytes_max: limits::CONTRACT_BYTES_MAX });
                }
            }
        }
        let row = |session: &SessionRecord| {
            json!([
                session.sid.to_string(),
                session.account.as_str(),
                session.credential.as_str(),
                session.ch,
                session.contract,
                session.remote.map(|remote| remote.to_string()),
                row::micros(session.created),
                session.ended.map(row::micros),
                session.end_reason,
                session.shown,
            ])
        };
        let rows: Vec<_> = sessions.iter().map(row).collect();
        self.db.run(RECORD, &[json!(rows).to_string().into(), self.node.as_str().into()]).await.map(|_| ())
    }

    /// Ends a session; one that has ended keeps its first end.
    ///
    /// # Errors
    /// [`StoreError::SessionUnknown`], [`StoreError::Field`], or an infrastructure failure.
    pub async fn end_session(&self, sid: SessionId, at: Timestamp, reason: &str) -> Result<(), StoreError> {
        if self.end_sessions(&[(sid, at, reason)]).await? == 0 { Err(StoreError::SessionUnknown(sid)) } else { Ok(()) }
    }

    /// Ends many sessions in one statement: which, when, why. How many of them there were; those that have ended keep their
    /// first end.
    ///
    /// # Errors
    /// [`StoreError::Field`], or an infrastructure failure.
    pub async fn end_sessions(&self, ends: &[(SessionId, Timestamp, &str)]) -> Result<u64, StoreError> {
        for (_, _, reason) in ends {
            check_text("the reason", reason, 1, limits::SESSION_TEXT_BYTES_MAX)?;
        }
        let rows: Vec<_> = ends.iter().map(|(sid, at, reason)| json!([sid.to_string(), row::micros(*at), reason])).collect();
        self.db.run(END, &[json!(rows).to_string().into(), self.node.as_str().into()]).await
    }

    /// Ends all sessions of this node that are open in the records; for the start of a gateway after one that could not say goodbye.
    ///
    /// # Errors
    /// As [`Self::end_session`].
    pub async fn end_open_sessions(&self, at: Timestamp, reason: &str) -> Result<u64, StoreError> {
        check_text("the reason", reason, 1, limits::SESSION_TEXT_BYTES_MAX)?;
        let values = [row::micros(at).into(), reason.into(), self.node.as_str().into()];
        self.db.run("UPDATE sessions SET ended = $1, end_reason = $2 WHERE ended IS NULL AND node = $3", &values).await
    }

    /// One session, if it is on record.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn session(&self, sid: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let row = self.db.row("SELECT * FROM sessions WHERE sid = $1", &[sid.to_string().into()]).await?;
        row.as_ref().map(row::session).transpose()
    }

    /// A session that is open in the records, at whichever node.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn open_session(&self, sid: SessionId) -> Result<Option<HeldSession>, StoreError> {
        let row = self.db.row("SELECT * FROM sessions WHERE sid = $1 AND ended IS NULL", &[sid.to_string().into()]).await?;
        row.as_ref().map(row::held_session).transpose()
    }

    /// The sessions that other nodes have open in the records, newest first, at most `limit`.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn sessions_elsewhere(&self, limit: u32) -> Result<Vec<HeldSession>, StoreError> {
        let elsewhere = "SELECT * FROM sessions WHERE ended IS NULL AND node <> $1 ORDER BY created DESC, sid LIMIT $2";
        let values = [self.node.as_str().into(), limit.min(limits::LIST_MAX).into()];
        self.db.rows(elsewhere, &values).await?.iter().map(row::held_session).collect()
    }

    /// The nodes that have sessions open in the records, a lost one among them that nobody has taken the place of.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn nodes_with_sessions(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.db.rows("SELECT DISTINCT node FROM sessions WHERE ended IS NULL ORDER BY node", &[]).await?;
        rows.iter().map(|row| row.text("node").map(str::to_owned).map_err(|source| self.failed(source))).collect()
    }

    /// The newest `limit` sessions, newest first.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn sessions(&self, limit: u32) -> Result<Vec<SessionRecord>, StoreError> {
        let rows =
            self.db.rows("SELECT * FROM sessions ORDER BY created DESC, sid LIMIT $1", &[limit.min(limits::LIST_MAX).into()]).await?;
        rows.iter().map(row::session).collect()
    }
}
