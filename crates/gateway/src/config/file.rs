//! The configuration file: TOML, flattened to keys with their lines.

use std::io::Read as _;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::raw::{Origin, Raw, RawConfig, RawRoute, RawTable, RawValue};

/// Largest file read: a thousand routes are about 200 KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the file into `raw`; everything wrong with the file itself goes into `errors`.
pub(super) fn read(path: &Path, raw: &mut RawConfig, errors: &mut Vec<ConfigError>) {
    let shown = path.display().to_string();
    let fail = |line, message: String| ConfigError { path: shown.clone(), line, key: None, message };
    let text = match read_text(path) {
        Ok(text) => text,
        Err(message) => return errors.push(fail(None, message)),
    };
    let lines = Lines(&text);
    let (document, problems) = DeTable::parse_recoverable(&text);
    errors.extend(problems.iter().map(|problem| fail(problem.span().map(|span| lines.number(span.start)), problem.message().to_owned())));
    raw.file = Some(path.to_owned());
    for (key, value) in document.get_ref() {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("route", DeValue::Array(routes)) => raw.routes = routes.iter().map(|route| lines.route(route)).collect(),
            (name, _) => lines.flatten(name, lines.number(key.span().start), value, &mut raw.keys),
        }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// Turns offsets into line numbers.
struct Lines<'t>(&'t str);

impl Lines<'_> {
    fn number(&self, offset: usize) -> usize {
        self.0.as_bytes()[..offset.min(self.0.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn flatten(&self, key: &str, line: usize, value: &Spanned<DeValue<'_>>, keys: &mut RawTable) {
        if let DeValue::Table(table) = value.get_ref()
            && !table.is_empty()
        {
            for (name, inner) in table {
                self.flatten(&format!("{key}.{}", name.get_ref()), self.number(name.span().start), inner, keys);
            }
            return;
        }
        keys.insert(key.to_owned(), RawValue { value: raw(value.get_ref()), origin: Origin::File { line } });
    }

    fn route(&self, value: &Spanned<DeValue<'_>>) -> RawRoute {
        let line = self.number(value.span().start);
        let mut keys = RawTable::new();
        if let DeValue::Table(table) = value.get_ref() {
            for (name, inner) in table {
                self.flatten(name.get_ref(), self.number(name.span().start), inner, &mut keys);
            }
        }
        RawRoute { keys, line }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::Array(values) => Raw::List(values.iter().map(|value| raw(value.get_ref())).collect()),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Float(_) => Raw::Other("a float"),
        DeValue::Integer(value) => {
            i128::from_str_radix(value.as_str(), value.radix()).map_or(Raw::Other("an integer out of range"), Raw::Integer)
        }
        DeValue::String(text) => Raw::Text(text.clone().into_owned()),
        DeValue::Table(table) if table.is_empty() => Raw::EmptyTable,
        DeValue::Table(_) => Raw::Other("a table"),
    }
}
