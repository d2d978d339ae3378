//! First stage: every key as it was written, with its origin. Nothing is understood yet.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A variable of the environment.
    Environment(String),
    /// The configuration file.
    File {
        /// Line, from 1.
        line: usize,
    },
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { line } => write!(f, "file line {line}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    Boolean(bool),
    /// A section without keys.
    EmptyTable,
    Integer(i128),
    List(Vec<Self>),
    /// A type that no setting has, by its name: float, date, nested table.
    Other(&'static str),
    Text(String),
}

impl Raw {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "a boolean",
            Self::EmptyTable => "an empty table",
            Self::Integer(_) => "an integer",
            Self::List(_) => "a list",
            Self::Other(name) => name,
            Self::Text(_) => "a string",
        }
    }
}

/// A value with its origin.
#[derive(Clone, Debug)]
pub(super) struct RawValue {
    pub(super) value: Raw,
    pub(super) origin: Origin,
}

/// Keys of one table, flat: `limits.head_bytes_max`. Keys with dots in quotes do not exist here.
pub(super) type RawTable = BTreeMap<String, RawValue>;

/// One `[[route]]`.
#[derive(Clone, Debug)]
pub(super) struct RawRoute {
    pub(super) keys: RawTable,
    pub(super) line: usize,
}

/// Everything that was written.
#[derive(Clone, Debug, Default)]
pub(super) struct RawConfig {
    /// The file, for messages and as the folder of its relative paths.
    pub(super) file: Option<PathBuf>,
    pub(super) keys: RawTable,
    pub(super) routes: Vec<RawRoute>,
}

impl RawConfig {
    /// Sets a key from a source that has only text; a later source wins.
    pub(super) fn set_text(&mut self, key: &str, value: &str, origin: Origin) {
        self.keys.insert(key.to_owned(), RawValue { value: Raw::Text(value.to_owned()), origin });
    }
}
