//! Statements, the values that go into them, and the rows that come out.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _, SqlStr};

/// A statement: fixed text, for both databases or one for each.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(super) postgres: SqlStr,
    pub(super) sqlite: SqlStr,
}

impl Sql {
    /// A statement that the two databases have different words for.
    pub(crate) const fn two(postgres: &'static str, sqlite: &'static str) -> Self {
        Self { postgres: SqlStr::from_static(postgres), sqlite: SqlStr::from_static(sqlite) }
    }

    /// A statement put together from words that are fixed in this program: names of tables and columns.
    pub(crate) fn of_names(text: String) -> Self {
        let text = AssertSqlSafe(text).into_sql_str();
        Self { postgres: text.clone(), sqlite: text }
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self::two(text, text)
    }
}

/// A value of a statement, or null of its type.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Bytes.
    Bytes(Option<Vec<u8>>),
    /// A whole number.
    Number(Option<i64>),
    /// Text.
    Text(Option<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(Some(i64::from(number)))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl From<Option<&[u8]>> for Value {
    fn from(bytes: Option<&[u8]>) -> Self {
        Self::Bytes(bytes.map(<[u8]>::to_vec))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A row. Each column is read by name as what it must be; anything else is an error that says so.
pub(crate) enum Row {
    /// Of a server.
    Postgres(PgRow),
    /// Of a file.
    Sqlite(SqliteRow),
}

macro_rules! column {
    ($(#[$doc:meta] $name:ident: $type:ty;)*) => {
        impl Row {
            $(
                #[$doc]
                pub(crate) fn $name(&self, column: &str) -> Result<$type, sqlx::Error> {
                    match self {
                        Self::Postgres(row) => row.try_get(column),
                        Self::Sqlite(row) => row.try_get(column),
                    }
                }
            )*
        }
    };
}

column! {
    /// Bytes, or null.
    bytes_or_none: Option<&[u8]>;
    /// A whole number.
    number: i64;
    /// A whole number, or null.
    number_or_none: Option<i64>;
    /// Text.
    text: &str;
    /// Text, or null.
    text_or_none: Option<&str>;
}
