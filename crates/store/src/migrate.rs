//! From one database to another: everything is copied, or nothing; and each row is compared before it counts.
//!
//! ```text
//!   source ── a view of one moment ──┐
//!                                    ├─▶ copy ─▶ compare row by row ─▶ commit       all that is written is one transaction
//!   target ── empty, and locked ─────┘
//! ```
//!
//! What is sealed stays sealed: the sealing key is not copied and has to be the same on both sides, which opening them has checked.

mod tables;

use std::cmp::Ordering;

use aws_lc_rs::digest::{Context, Digest, SHA256};

use self::tables::{Kind, TABLES, Table};
use crate::db::{Lock, Row, Sql, Tx, Value};
use crate::error::StoreError;
use crate::limits;
use crate::store::Store;

/// A table on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReport {
    /// Its name.
    pub table: &'static str,
    /// Rows in the source.
    pub source_rows: u64,
    /// Rows in the target.
    pub target_rows: u64,
    /// Rows that are on one side only, or differ.
    pub differing: u64,
    /// SHA-256 over the SHA-256 of each row of the source, in the order of their keys; hexadecimal.
    pub digest: String,
}

impl TableReport {
    /// Whether both sides have the same rows.
    #[must_use]
    pub const fn is_same(&self) -> bool {
        self.differing == 0 && self.source_rows == self.target_rows
    }
}

/// What [`copy`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Each table, compared.
    pub tables: Vec<TableReport>,
    /// Everything was there already, row by row the same; nothing was written.
    pub was_there: bool,
}

/// Copies everything from one database into another that is empty, and compares row by row before it commits.
///
/// # Errors
/// [`StoreError::TargetInUse`] when the target holds anything else than the same; an infrastructure failure. The target is as it was
/// then.
pub async fn copy(from: &Store, to: &Store) -> Result<Copied, StoreError> {
    let mut source = from.database().view().await?;
    let mut target = to.database().begin(Lock::Schema).await?;
    // Whoever writes without a lock of ours waits for the table.
    if to.database().links().is_some() {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        target.run(Sql::of_names(format!("LOCK TABLE {} IN EXCLUSIVE MODE", names.join(", "))), &[]).await?;
    }
    let mut is_empty = true;
    for table in &TABLES {
        is_empty &= table.is_untouched(&mut target).await?;
    }
    if is_empty {
        for table in &TABLES {
            copy_table(table, &mut source, &mut target).await?;
        }
    }
    let tables = compare_all(&mut source, &mut target).await?;
    source.leave().await?;
    if !tables.iter().all(TableReport::is_same) {
        target.leave().await?;
        return Err(StoreError::TargetInUse { path: to.path().to_owned() });
    }
    if is_empty {
        target.commit().await?;
    } else {
        target.leave().await?;
    }
    Ok(Copied { tables, was_there: !is_empty })
}

/// Compares two databases row by row, each as it is at one moment.
///
/// # Errors
/// An infrastructure failure.
pub async fn compare(from: &Store, to: &Store) -> Result<Vec<TableReport>, StoreError> {
    let (mut source, mut target) = (from.database().view().await?, to.database().view().await?);
    let tables = compare_all(&mut source, &mut target).await?;
    source.leave().await?;
    target.leave().await?;
    Ok(tables)
}

async fn compare_all(source: &mut Tx, target: &mut Tx) -> Result<Vec<TableReport>, StoreError> {
    let mut reports = Vec::new();
    for table in &TABLES {
        reports.push(compare_table(table, source, target).await?);
    }
    Ok(reports)
}

async fn copy_table(table: &Table, source: &mut Tx, target: &mut Tx) -> Result<(), StoreError> {
    let mut pages = Pages::new(table);
    while let Some(row) = pages.next(source).await? {
        target.run(table.write(), &row.values).await?;
    }
    Ok(())
}

/// Walks both sides in the order of their keys.
async fn compare_table(table: &Table, source: &mut Tx, target: &mut Tx) -> Result<TableReport, StoreError> {
    let mut report = TableReport { table: table.name, source_rows: 0, target_rows: 0, differing: 0, digest: String::new() };
    let mut digest = Context::new(&SHA256);
    let (mut ours, mut theirs) = (Pages::new(table), Pages::new(table));
    let (mut mine, mut other) = (ours.next(source).await?, theirs.next(target).await?);
    while mine.is_some() || other.is_some() {
        let order = match (&mine, &other) {
            (Some(mine), Some(other)) => mine.key.cmp(&other.key),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        report.differing += u64::from(order != Ordering::Equal || mine.as_ref().map(Record::digest) != other.as_ref().map(Record::digest));
        if order != Ordering::Greater {
            report.source_rows += 1;
            if let Some(row) = &mine {
                digest.update(&row.digest());
            }
            mine = ours.next(source).await?;
        }
        if order != Ordering::Less {
            report.target_rows += 1;
            other = theirs.next(target).await?;
        }
    }
    report.digest = hex::encode(digest.finish());
    Ok(report)
}

/// The key of a row: its place in the order that both databases have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(String),
}

struct Record {
    key: Key,
    values: Vec<Value>,
}

impl Record {
    fn read(table: &Table, row: &Row) -> Result<Self, sqlx::Error> {
        let mut values = Vec::with_capacity(table.columns.len());
        for (column, kind) in table.columns {
            values.push(match kind {
                Kind::Bytes => row.bytes_or_none(column)?.into(),
                Kind::Number => row.number_or_none(column)?.into(),
                Kind::Text => row.text_or_none(column)?.into(),
            });
        }
        let key = match table.columns[0] {
            (column, Kind::Number) => Key::Number(row.number(column)?),
            (column, Kind::Bytes | Kind::Text) => Key::Text(row.text(column)?.to_owned()),
        };
        Ok(Self { key, values })
    }

    /// SHA-256 over each value with its kind and length, so that no two rows look alike.
    fn digest(&self) -> Vec<u8> {
        let mut digest = Context::new(&SHA256);
        let mut add = |kind: u8, bytes: Option<&[u8]>| {
            digest.update(&[kind, u8::from(bytes.is_some())]);
            let bytes = bytes.unwrap_or_default();
            digest.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(bytes);
        };
        for value in &self.values {
            match value {
                Value::Bytes(bytes) => add(b'b', bytes.as_deref()),
                Value::Number(number) => add(b'n', number.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice)),
                Value::Text(text) => add(b't', text.as_deref().map(str::as_bytes)),
            }
        }
        let digest: Digest = digest.finish();
        digest.as_ref().to_vec()
    }
}

/// The rows of a table, some at a time.
struct Pages<'t> {
    table: &'t Table,
    after: Key,
    read: std::vec::IntoIter<Record>,
    is_last: bool,
}

impl<'t> Pages<'t> {
    fn new(table: &'t Table) -> Self {
        let after = if table.columns[0].1 == Kind::Number { Key::Number(i64::MIN) } else { Key::Text(String::new()) };
        Self { table, after, read: Vec::new().into_iter(), is_last: false }
    }

    async fn next(&mut self, side: &mut Tx) -> Result<Option<Record>, StoreError> {
        if self.read.len() == 0 && !self.is_last {
            let after = match &self.after {
                Key::Number(number) => Value::from(*number),
                Key::Text(text) => Value::from(text.as_str()),
            };
            let rows = side.rows(self.table.page(), &[after, limits::COPY_ROWS.into()]).await?;
            let bad = |error: sqlx::Error| StoreError::BadRecord { table: self.table.name, id: "?".to_owned(), why: error.to_string() };
            let read = rows.iter().map(|row| Record::read(self.table, row)).collect::<Result<Vec<_>, _>>().map_err(bad)?;
            self.is_last = read.len() < limits::COPY_ROWS as usize;
            if let Some(last) = read.last() {
                self.after = last.key.clone();
            }
            self.read = read.into_iter();
        }
        Ok(self.read.next())
    }
}
