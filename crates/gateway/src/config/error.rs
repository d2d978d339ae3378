//! What is wrong with a configuration.

use std::fmt;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it was written: the file's path, `environment NAME` or `flag --name`; empty when it was not written anywhere.
    pub path: String,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// The key concerned.
    pub key: Option<String>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for ConfigError {
    /// `file:line: key: message`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.as_str(), self.line) {
            ("", _) => {}
            (path, Some(line)) => write!(f, "{path}:{line}: ")?,
            (path, None) => write!(f, "{path}: ")?,
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}
