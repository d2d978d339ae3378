//! The shape of a PostgreSQL database. The tables are those of SQLite; the steps are its own.
//!
//! | found in the schema that `search_path` names first | |
//! |---|---|
//! | nothing | all steps are taken |
//! | our mark with fewer steps | the missing ones are taken |
//! | our mark with more steps, another program's mark, tables without a mark | refused, nothing is written |
//! | our mark, but a table is missing, or a trigger is missing or switched off | refused as damaged |
//!
//! All of it in one transaction under a lock, so that any number of nodes may start at once.

use std::path::Path;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::{APPLICATION_ID, LOCK_SPACE};
use crate::db::Lock;
use crate::error::StoreError;

const STEPS: [&str; 9] = [
    include_str!("postgres/001_initial.sql"),
    include_str!("postgres/002_fix.sql"),
    include_str!("postgres/003_fix_wills.sql"),
    include_str!("postgres/004_fix_lost.sql"),
    include_str!("postgres/005_halt_nodes.sql"),
    include_str!("postgres/006_halt_cancels.sql"),
    include_str!("postgres/007_halt_drills.sql"),
    include_str!("postgres/008_disconnects.sql"),
    include_str!("postgres/009_common_identity.sql"),
];

/// The version this program writes.
const VERSION: i64 = 9;

/// What must be there for the rest to hold: each table, and each trigger on it.
const TABLES: [(&str, &[&str]); 20] = [
    ("accounts", &["accounts_changed"]),
    ("audit_lines", &["audit_lines_kept", "audit_lines_whole"]),
    ("counters", &[]),
    ("credentials", &["credentials_changed"]),
    ("fix_journals", &[]),
    ("fix_records", &[]),
    ("halt_cancel_answers", &[]),
    ("halt_cancels", &["halt_cancels_heard"]),
    ("halt_drill_answers", &[]),
    ("halt_drills", &["halt_drills_heard"]),
    ("halt_epoch", &["halts_heard"]),
    ("halt_lifts", &[]),
    ("halt_log", &["halt_log_kept", "halt_log_whole"]),
    ("halt_nodes", &[]),
    ("halts", &[]),
    ("key_changes", &["key_changes_kept", "key_changes_numbered", "key_changes_whole"]),
    ("meta", &[]),
    ("refresh_families", &[]),
    ("sessions", &[]),
    ("token_revocations", &["revocations_heard", "revocations_numbered"]),
];

/// Checks that the schema is ours, whole and not of a newer program, then brings it to the current shape.
pub(crate) async fn prepare(connection: &mut PgConnection, place: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::database(place, source);
    let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await.map_err(failed)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1, $2)")
        .bind(LOCK_SPACE)
        .bind(Lock::Schema as i32)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    let taken = check_owner(&mut transaction, place).await?;
    for step in STEPS.iter().skip(usize::try_from(taken).unwrap_or(0)) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(failed)?;
    }
    if taken > 0 {
        // Behind the steps: what they made has to be there, too, and nothing of them is kept where something else is missing.
        check_whole(&mut transaction, place).await?;
    }
    transaction.commit().await.map_err(failed)
}

/// As [`prepare`], without a step: what has another shape is refused.
pub(crate) async fn check(connection: &mut PgConnection, place: &Path) -> Result<(), StoreError> {
    match check_owner(connection, place).await? {
        0 => Err(StoreError::NoTables { path: place.to_owned() }),
        VERSION => check_whole(connection, place).await,
        found => Err(StoreError::OlderSchema { path: place.to_owned(), found, known: VERSION }),
    }
}

/// How many steps were taken.
async fn check_owner(connection: &mut PgConnection, place: &Path) -> Result<i64, StoreError> {
    let failed = |source| StoreError::database(place, source);
    let foreign = || StoreError::ForeignDatabase { path: place.to_owned() };
    let tables = "SELECT relname::text AS name FROM pg_class \
                  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await.map_err(failed)?;
    if tables.is_empty() {
        return Ok(0);
    }
    if !tables.iter().any(|table| table == "countersign_schema") {
        return Err(foreign());
    }
    let mark = sqlx::query("SELECT application, version FROM countersign_schema").fetch_optional(connection).await.map_err(failed)?;
    let mark = mark.ok_or_else(foreign)?;
    let (application, found): (i64, i64) = (mark.try_get("application").map_err(failed)?, mark.try_get("version").map_err(failed)?);
    if application != APPLICATION_ID {
        return Err(foreign());
    }
    if found > VERSION {
        return Err(StoreError::NewerSchema { path: place.to_owned(), found, known: VERSION });
    }
    Ok(found)
}

async fn check_whole(connection: &mut PgConnection, place: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::database(place, source);
    // 'O' and 'A': they act in a session that serves clients; 'D' and 'R' do not.
    let parts = "SELECT c.relname::text AS name, t.tgname::text AS trigger FROM pg_class c \
                 LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') \
                 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'";
    let rows = sqlx::query(parts).fetch_all(connection).await.map_err(failed)?;
    let found: Vec<(String, Option<String>)> =
        rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("trigger")?))).collect::<Result<_, _>>().map_err(failed)?;
    let damaged = |detail| Err(StoreError::Corrupt { path: place.to_owned(), detail });
    for (table, triggers) in TABLES {
        if !found.iter().any(|(name, _)| name == table) {
            return damaged(format!("the table {table} is missing"));
        }
        for trigger in triggers {
            if !found.iter().any(|(name, own)| name == table && own.as_deref() == Some(trigger)) {
                return damaged(format!("the trigger {trigger} on {table} is missing or switched off"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_and_trigger_of_the_steps_is_checked() {
        let text = STEPS.concat().replace("CREATE UNLOGGED TABLE", "CREATE TABLE");
        let tables = TABLES.iter().filter(|(table, _)| text.contains(&format!("CREATE TABLE {table} ("))).count();
        assert_eq!((tables, text.matches("CREATE TABLE").count()), (TABLES.len(), TABLES.len() + 1), "and the mark itself");
        let triggers: Vec<&&str> = TABLES.iter().flat_map(|(_, triggers)| *triggers).collect();
        assert!(triggers.iter().all(|trigger| text.contains(&format!("CREATE TRIGGER {trigger} "))));
        assert_eq!(text.matches("CREATE TRIGGER").count(), triggers.len());
        assert!(text.contains(&format!("VALUES (1, {APPLICATION_ID}, 1);")));
        assert!(STEPS[STEPS.len() - 1].contains(&format!("UPDATE countersign_schema SET version = {VERSION};")));
        assert_eq!(i64::try_from(STEPS.len()), Ok(VERSION));
    }
}
