//! The database's shape, step by step. A step that was released is never changed; the next one is added.
//!
//! `user_version` counts the steps taken, `application_id` says whose file it is. All steps that are missing are taken in one
//! transaction, so a crash leaves the old shape or the new one. PostgreSQL has steps of its own, with the same rules
//! ([`postgres`]); SQLite's are the files of `schema/`, PostgreSQL's those of `schema/postgres/`.

pub(crate) mod postgres;

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use crate::error::StoreError;

/// "CsgN": marks the file as ours.
const APPLICATION_ID: i64 = 0x4373_674e;

/// The same as the name of our locks in a server, which other programs may use, too.
pub(crate) const LOCK_SPACE: i32 = 0x4373_674e;

/// What each step runs.
const STEPS: [&str; 9] = [
    include_str!("schema/001_initial.sql"),
    include_str!("schema/002_dialects.sql"),
    include_str!("schema/003_halts.sql"),
    include_str!("schema/004_tokens.sql"),
    include_str!("schema/005_nodes.sql"),
    include_str!("schema/006_explain.sql"),
    include_str!("schema/007_halt_cancels.sql"),
    include_str!("schema/008_halt_drills.sql"),
    include_str!("schema/009_disconnects.sql"),
];

/// The version this program writes.
const VERSION: i64 = 9;

/// Checks that the file is ours, sound and not of a newer program, then brings it to the current shape.
pub(crate) async fn prepare(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::database(path, source);
    check_owner(connection, path).await?;
    check_soundness(connection, path).await?;
    if version(connection).await.map_err(failed)? == VERSION {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    // Asked again inside: another process may have been first.
    let taken = version(&mut transaction).await.map_err(failed)?;
    for step in STEPS.iter().skip(usize::try_from(taken).unwrap_or(0)) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// As [`prepare`], without a step: what has another shape is refused.
pub(crate) async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    check_owner(connection, path).await?;
    check_soundness(connection, path).await?;
    match version(connection).await.map_err(|source| StoreError::database(path, source))? {
        VERSION => Ok(()),
        found => Err(StoreError::OlderSchema { path: path.to_owned(), found, known: VERSION }),
    }
}

async fn check_owner(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::database(path, source);
    let application: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await.map_err(failed)?;
    let objects: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await.map_err(failed)?;
    let found = version(connection).await.map_err(failed)?;
    let empty = application == 0 && objects == 0 && found == 0;
    if !empty && application != APPLICATION_ID {
        return Err(StoreError::ForeignDatabase { path: path.to_owned() });
    }
    if found > VERSION {
        return Err(StoreError::NewerSchema { path: path.to_owned(), found, known: VERSION });
    }
    Ok(())
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await
}

async fn check_soundness(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let finding: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(connection).await.map_err(|source| StoreError::database(path, source))?;
    if finding == "ok" {
        return Ok(());
    }
    // The first line only names the database.
    let detail = finding.lines().find(|line| !line.starts_with("***")).unwrap_or("quick_check failed").to_owned();
    Err(StoreError::Corrupt { path: path.to_owned(), detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_sets_the_version_and_the_owner() {
        let last = STEPS.last().copied().unwrap_or_default();
        assert_eq!(i64::try_from(STEPS.len()), Ok(VERSION));
        assert!(last.contains(&format!("PRAGMA user_version = {VERSION};")));
        assert!(STEPS[0].contains(&format!("PRAGMA application_id = {APPLICATION_ID};")));
    }
}
