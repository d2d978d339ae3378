//! All tables with all columns, the key first.

use crate::db::{Sql, Tx};
use crate::error::StoreError;

/// What is in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bytes,
    Number,
    Text,
}

use Kind::{Bytes, Number, Text};

/// A table. Its first column is its key.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// It has one row, from the beginning; this says that nobody has changed it.
    untouched: Option<&'static str>,
}

impl Table {
    const fn new(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Self {
        Self { name, columns, untouched: None }
    }

    const fn of_one(name: &'static str, columns: &'static [(&'static str, Kind)], untouched: &'static str) -> Self {
        Self { name, columns, untouched: Some(untouched) }
    }

    /// Whether nothing is in it.
    pub(super) async fn is_untouched(&self, side: &mut Tx) -> Result<bool, StoreError> {
        let (name, key) = (self.name, self.columns[0].0);
        let touched = self.untouched.map(|untouched| format!(" WHERE NOT ({untouched})")).unwrap_or_default();
        Ok(side.row(Sql::of_names(format!("SELECT {key} FROM {name}{touched} LIMIT 1")), &[]).await?.is_none())
    }

    /// The rows after a key, in order.
    pub(super) fn page(&self) -> Sql {
        let (name, key) = (self.name, self.columns[0].0);
        Sql::of_names(format!("SELECT {} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT $2", self.names()))
    }

    /// Writes one row.
    pub(super) fn write(&self) -> Sql {
        let (name, key) = (self.name, self.columns[0].0);
        let numbered = |what: &dyn Fn(&str, usize) -> String| {
            self.columns.iter().enumerate().map(|(index, (column, _))| what(column, index + 1)).collect::<Vec<_>>().join(", ")
        };
        Sql::of_names(if self.untouched.is_some() {
            format!("UPDATE {name} SET {} WHERE {key} = $1", numbered(&|column, number| format!("{column} = ${number}")))
        } else {
            format!("INSERT INTO {name} ({}) VALUES ({})", self.names(), numbered(&|_, number| format!("${number}")))
        })
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(column, _)| *column).collect::<Vec<_>>().join(", ")
    }
}

/// In an order in which they can be written: what others refer to first, and last the counter that all of it moves. What halts that cancel
/// came to is not among them: it concerns what was open at the processes of then, and the audit log has it.
pub(super) const TABLES: [Table; 12] = [
    Table::new("accounts", &[("id", Text), ("label", Text), ("created", Number), ("cancel_on_disconnect", Number)]),
    Table::new(
        "credentials",
        &[
            ("id", Text),
            ("account", Text),
            ("purpose", Text),
            ("key_id", Text),
            ("algorithm", Text),
            ("spki", Bytes),
            ("sealed_secret", Bytes),
            ("key_hash", Text),
            ("scopes", Text),
            ("ip_allow", Text),
            ("weight_per_minute", Number),
            ("orders_per_10s", Number),
            ("min_bind", Text),
            ("not_after", Number),
            ("state", Text),
            ("label", Text),
            ("created", Number),
            ("replaces", Text),
            ("sealed_passphrase", Bytes),
            ("nonce_window", Number),
            ("nonce_epoch", Number),
            ("nonce_floor", Text),
            ("explain", Number),
        ],
    ),
    Table::new(
        "key_changes",
        &[
            ("seq", Number),
            ("at", Number),
            ("by", Text),
            ("credential", Text),
            ("account", Text),
            ("purpose", Text),
            ("key_id", Text),
            ("change", Text),
            ("detail", Text),
        ],
    ),
    Table::new(
        "sessions",
        &[
            ("sid", Text),
            ("account", Text),
            ("credential", Text),
            ("ch", Text),
            ("contract", Text),
            ("remote", Text),
            ("created", Number),
            ("ended", Number),
            ("end_reason", Text),
            ("node", Text),
            ("shown", Text),
        ],
    ),
    Table::of_one("halt_epoch", &[("one", Number), ("epoch", Number), ("drill_epoch", Number)], "epoch = 0 AND drill_epoch = 0"),
    Table::new("halts", &[("id", Text), ("record", Text), ("raised", Number), ("lowered", Number), ("lowered_to", Text)]),
    Table::new("halt_log", &[("epoch", Number), ("at", Number), ("record", Text), ("payload", Text), ("signatures", Text)]),
    Table::new("halt_lifts", &[("id", Text), ("payload", Text), ("expires", Number), ("signatures", Text)]),
    Table::new("halt_drills", &[("drill_epoch", Number), ("record", Text)]),
    Table::new(
        "refresh_families",
        &[
            ("sid", Text),
            ("credential", Text),
            ("account", Text),
            ("key_id", Text),
            ("purpose", Text),
            ("scopes", Text),
            ("audience", Text),
            ("cnf", Text),
            ("generation", Number),
            ("current_hash", Bytes),
            ("previous_hash", Bytes),
            ("rotated", Number),
            ("created", Number),
            ("ends", Number),
            ("revoked", Text),
        ],
    ),
    Table::new("token_revocations", &[("epoch", Number), ("target", Text), ("at", Number), ("until", Number), ("by", Text)]),
    // Whoever opens a database seals a check into it; that is no use of it yet.
    Table::of_one(
        "meta",
        &[("one", Number), ("change_counter", Number), ("sealing_check", Bytes), ("refresh_key", Bytes)],
        "change_counter = 0 AND refresh_key IS NULL",
    ),
];
