//! From a raw value to a typed one: the only place that knows what may be written where.
//!
//! A reader takes keys out of the raw table. Whatever goes wrong is noted and the default is used instead, so that one run finds
//! every problem; what is left in the table afterwards is unknown.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::raw::{Origin, Raw, RawTable, RawValue};
use super::settings::Shown;
use super::suggest::nearest;
use super::units::{parse_duration, parse_size, show_duration, show_size};

/// What reading has found so far.
#[derive(Default)]
pub(super) struct Report {
    pub(super) file: Option<PathBuf>,
    pub(super) shown: Vec<Shown>,
    pub(super) errors: Vec<ConfigError>,
    /// Every key that exists, for suggestions.
    pub(super) known: Vec<String>,
}

impl Report {
    /// Notes a problem with a key that was written at `origin`.
    pub(super) fn problem(&mut self, origin: &Origin, key: &str, message: impl Into<String>) {
        let file = || self.file.as_ref().map_or_else(String::new, |path| path.display().to_string());
        let (path, line) = match origin {
            Origin::Default => (String::new(), None),
            Origin::Environment(name) => (format!("environment {name}"), None),
            Origin::File { line } => (file(), Some(*line)),
            Origin::Flag(name) => (format!("flag {name}"), None),
        };
        self.errors.push(ConfigError { path, line, key: Some(key.to_owned()), message: message.into() });
    }

    /// Notes every key that nobody took; `shown_prefix` stands before the keys of a route.
    pub(super) fn unknown_keys(&mut self, left: &RawTable, shown_prefix: &str) {
        for (key, value) in left {
            let name = format!("{shown_prefix}{key}");
            let section_known = self.known.iter().any(|known| known.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.')));
            if value.value == Raw::EmptyTable && section_known {
                continue;
            }
            let hint = match nearest(&name, self.known.iter().map(String::as_str)) {
                Some(known) => format!("unknown key; did you mean \"{}\"?", known.strip_prefix(shown_prefix).unwrap_or(known)),
                None => "unknown key".to_owned(),
            };
            self.problem(&value.origin, &name, hint);
        }
    }
}

/// Reads one section or one route.
pub(super) struct Reader<'r> {
    keys: &'r mut RawTable,
    report: &'r mut Report,
    /// What stands before the keys in the table.
    section: String,
    /// What stands before the keys in messages.
    shown: String,
}

type Parsed<T> = Result<T, String>;

impl<'r> Reader<'r> {
    /// Reads the keys `section.*`; the keys outside sections with `section` empty.
    pub(super) fn section(keys: &'r mut RawTable, report: &'r mut Report, section: &str) -> Self {
        let section = if section.is_empty() { String::new() } else { format!("{section}.") };
        Self { keys, report, shown: section.clone(), section }
    }

    /// Reads the keys of one route.
    pub(super) fn route(keys: &'r mut RawTable, report: &'r mut Report, shown: &str) -> Self {
        Self { keys, report, section: String::new(), shown: shown.to_owned() }
    }

    /// The report, for problems that concern more than one key.
    pub(super) fn report(&mut self) -> &mut Report {
        self.report
    }

    /// Whether the key was written at all, and where.
    pub(super) fn origin_of(&self, key: &str) -> Option<Origin> {
        self.keys.get(&format!("{}{key}", self.section)).map(|raw| raw.origin.clone())
    }

    /// Takes a key if it was written and can be understood. It is not shown.
    pub(super) fn optional<T>(&mut self, key: &str, parse: impl FnOnce(&RawValue) -> Parsed<T>) -> Option<(T, Origin)> {
        let name = format!("{}{key}", self.shown);
        let raw = self.keys.remove(&format!("{}{key}", self.section));
        self.report.known.push(name.clone());
        let raw = raw?;
        match parse(&raw) {
            Ok(value) => Some((value, raw.origin)),
            Err(message) => {
                self.report.problem(&raw.origin, &name, message);
                None
            }
        }
    }

    /// Puts a value into the effective configuration.
    pub(super) fn show(&mut self, key: &str, value: String, origin: Origin, default: String, about: &'static str) {
        self.report.shown.push(Shown { key: format!("{}{key}", self.shown), value, origin, default, about });
    }

    fn value<T>(
        &mut self,
        key: &str,
        about: &'static str,
        default: T,
        show: impl Fn(&T) -> String,
        parse: impl FnOnce(&RawValue) -> Parsed<T>,
    ) -> T {
        let default_text = show(&default);
        let (value, origin) = self.optional(key, parse).unwrap_or((default, Origin::Default));
        self.show(key, show(&value), origin, default_text, about);
        value
    }

    /// A whole number.
    pub(super) fn count(&mut self, key: &str, about: &'static str, default: u32, range: RangeInclusive<u32>) -> u32 {
        self.value(key, about, default, u32::to_string, |raw| count(raw, &range))
    }

    /// A size in bytes.
    pub(super) fn size(&mut self, key: &str, about: &'static str, default: usize, range: RangeInclusive<usize>) -> usize {
        self.value(key, about, default, |size| show_size(*size as u64), |raw| size(raw, &range))
    }

    /// A duration.
    pub(super) fn duration(&mut self, key: &str, about: &'static str, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        self.value(key, about, default, |duration| show_duration(*duration), |raw| duration(raw, &range))
    }

    /// A boolean.
    pub(super) fn boolean(&mut self, key: &str, about: &'static str, default: bool) -> bool {
        self.value(key, about, default, bool::to_string, boolean)
    }

    /// One of a few words; the first is the default.
    pub(super) fn choice<T: Clone>(&mut self, key: &str, about: &'static str, choices: &[(&'static str, T)]) -> T {
        let (_, value) = self.value(key, about, choices[0].clone(), |(word, _)| (*word).to_owned(), |raw| choice(raw, choices));
        value
    }

    /// Address and port.
    pub(super) fn address(&mut self, key: &str, about: &'static str, default: SocketAddr) -> SocketAddr {
        self.value(key, about, default, SocketAddr::to_string, |raw| {
            text(raw)?.parse().map_err(|_| "expected address:port, such as 127.0.0.1:8443 or [::1]:8443".to_owned())
        })
    }

    /// Address and port, or "off": the default.
    pub(super) fn address_or_off(&mut self, key: &str, about: &'static str) -> Option<SocketAddr> {
        let show = |address: &Option<SocketAddr>| address.map_or_else(|| "off".to_owned(), |address| address.to_string());
        self.value(key, about, None, show, |raw| match text(raw)?.as_str() {
            "off" => Ok(None),
            address => {
                address.parse().map(Some).map_err(|_| "expected \"off\" or address:port, such as 127.0.0.1:8480 or [::1]:8480".to_owned())
            }
        })
    }

    /// A path that has a default.
    pub(super) fn path(&mut self, key: &str, about: &'static str, default: PathBuf) -> PathBuf {
        let parse = self.path_parser();
        self.value(key, about, default, |path| path.display().to_string(), parse)
    }

    /// A path that may be missing; `absent` says what happens then.
    pub(super) fn path_or(&mut self, key: &str, about: &'static str, absent: &str) -> Option<PathBuf> {
        let parse = self.path_parser();
        let show = |path: &Option<PathBuf>| path.as_ref().map_or_else(|| absent.to_owned(), |path| path.display().to_string());
        self.value(key, about, None, show, |raw| parse(raw).map(Some))
    }

    /// A text that may be missing; `absent` says what happens then.
    pub(super) fn text_or(&mut self, key: &str, about: &'static str, absent: &str, check: fn(&str) -> Parsed<String>) -> Option<String> {
        let show = |value: &Option<String>| value.clone().unwrap_or_else(|| absent.to_owned());
        self.value(key, about, None, show, |raw| check(&text(raw)?).map(Some))
    }

    /// As [`Self::text_or`]. A list of one is taken too: once that was the only form.
    pub(super) fn one_or(&mut self, key: &str, about: &'static str, absent: &str, check: fn(&str) -> Parsed<String>) -> Option<String> {
        let show = |value: &Option<String>| value.clone().unwrap_or_else(|| absent.to_owned());
        self.value(key, about, None, show, |raw| match &raw.value {
            Raw::List(_) => match &list(raw)?[..] {
                [one] => check(one).map(Some),
                _ => Err("expected one".to_owned()),
            },
            Raw::Boolean(_) | Raw::EmptyTable | Raw::Integer(_) | Raw::Other(_) | Raw::Text(_) => check(&text(raw)?).map(Some),
        })
    }

    /// A list of texts that may be missing; `absent` says what happens then.
    pub(super) fn list_or(
        &mut self,
        key: &str,
        about: &'static str,
        absent: &str,
        check: fn(&str) -> Parsed<String>,
    ) -> Option<Vec<String>> {
        let show = |list: &Option<Vec<String>>| list.as_ref().map_or_else(|| absent.to_owned(), |list| list.join(", "));
        self.value(key, about, None, show, |raw| list(raw)?.iter().map(|item| check(item)).collect::<Parsed<Vec<_>>>().map(Some))
    }

    /// Paths in the file are relative to the file; all others to the working directory.
    fn path_parser(&self) -> impl Fn(&RawValue) -> Parsed<PathBuf> + use<> {
        let folder = self.report.file.as_ref().and_then(|file| file.parent().map(std::path::Path::to_owned));
        move |raw| {
            let path = PathBuf::from(text(raw)?);
            if path.as_os_str().is_empty() {
                return Err("expected a path".to_owned());
            }
            Ok(match (&raw.origin, &folder) {
                (Origin::File { .. }, Some(folder)) => folder.join(path),
                (Origin::Default | Origin::Environment(_) | Origin::File { .. } | Origin::Flag(_), _) => path,
            })
        }
    }
}

/// A string.
pub(super) fn text(raw: &RawValue) -> Parsed<String> {
    match &raw.value {
        Raw::Text(text) => Ok(text.clone()),
        other @ (Raw::Boolean(_) | Raw::EmptyTable | Raw::Integer(_) | Raw::List(_) | Raw::Other(_)) => Err(expected("a string", other)),
    }
}

/// A boolean.
pub(super) fn boolean(raw: &RawValue) -> Parsed<bool> {
    match (&raw.value, bare(raw)) {
        (Raw::Boolean(value), _) => Ok(*value),
        (_, Some("true")) => Ok(true),
        (_, Some("false")) => Ok(false),
        (other, _) => Err(expected("true or false", other)),
    }
}

/// A whole number within a range.
pub(super) fn count(raw: &RawValue, range: &RangeInclusive<u32>) -> Parsed<u32> {
    let number = match (&raw.value, bare(raw)) {
        (Raw::Integer(number), _) => Some(*number),
        (_, Some(text)) => text.parse().ok(),
        (Raw::Boolean(_) | Raw::EmptyTable | Raw::List(_) | Raw::Other(_) | Raw::Text(_), None) => None,
    };
    let number = number.ok_or_else(|| expected("an integer", &raw.value))?;
    u32::try_from(number).ok().filter(|number| range.contains(number)).ok_or_else(|| outside(range.start(), range.end()))
}

/// One of a few words.
pub(super) fn choice<T: Clone>(raw: &RawValue, choices: &[(&'static str, T)]) -> Parsed<(&'static str, T)> {
    let word = text(raw)?;
    let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let known = choices.iter().find(|(choice, _)| *choice == word);
    known.cloned().ok_or_else(|| format!("expected {}, {}", words.join(" or "), found(&word)))
}

/// A list of strings; from text, separated by commas.
pub(super) fn list(raw: &RawValue) -> Parsed<Vec<String>> {
    if let Some(text) = bare(raw) {
        return Ok(text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect());
    }
    let Raw::List(items) = &raw.value else { return Err(expected("a list of strings", &raw.value)) };
    let texts = items.iter().map(|item| match item {
        Raw::Text(text) => Ok(text.clone()),
        other @ (Raw::Boolean(_) | Raw::EmptyTable | Raw::Integer(_) | Raw::List(_) | Raw::Other(_)) => {
            Err(expected("a list of strings", other))
        }
    });
    texts.collect()
}

fn size(raw: &RawValue, range: &RangeInclusive<usize>) -> Parsed<usize> {
    let bytes = match &raw.value {
        Raw::Integer(bytes) => u64::try_from(*bytes).ok(),
        Raw::Text(text) => parse_size(text),
        Raw::Boolean(_) | Raw::EmptyTable | Raw::List(_) | Raw::Other(_) => None,
    };
    let bytes = bytes.ok_or_else(|| expected("bytes, such as 4096 or \"32 KiB\"", &raw.value))?;
    let fitting = usize::try_from(bytes).ok().filter(|bytes| range.contains(bytes));
    fitting.ok_or_else(|| outside(show_size(*range.start() as u64), show_size(*range.end() as u64)))
}

fn duration(raw: &RawValue, range: &RangeInclusive<Duration>) -> Parsed<Duration> {
    let read = match &raw.value {
        Raw::Text(text) => parse_duration(text),
        Raw::Boolean(_) | Raw::EmptyTable | Raw::Integer(_) | Raw::List(_) | Raw::Other(_) => None,
    };
    let read = read.ok_or_else(|| expected("a duration with its unit, such as \"500ms\", \"10s\", \"5m\" or \"24h\"", &raw.value))?;
    if !range.contains(&read) {
        return Err(outside(show_duration(*range.start()), show_duration(*range.end())));
    }
    Ok(read)
}

/// The text of a value whose source has no types.
fn bare(raw: &RawValue) -> Option<&str> {
    match (&raw.origin, &raw.value) {
        (Origin::Environment(_) | Origin::Flag(_), Raw::Text(text)) => Some(text),
        (Origin::Default | Origin::Environment(_) | Origin::File { .. } | Origin::Flag(_), _) => None,
    }
}

/// What was found, as a message repeats it, which goes to logs: what stands before an `@` may be a login.
pub(super) fn found(text: &str) -> String {
    let shown = text.rfind('@').map_or_else(|| text.to_owned(), |at| format!("...{}", &text[at..]));
    format!("found \"{}\"", shown.escape_debug())
}

fn expected(what: &str, raw: &Raw) -> String {
    match raw {
        Raw::Text(text) => format!("expected {what}, {}", found(text)),
        Raw::Boolean(_) | Raw::EmptyTable | Raw::Integer(_) | Raw::List(_) | Raw::Other(_) => {
            format!("expected {what}, found {}", raw.type_name())
        }
    }
}

fn outside(least: impl Display, most: impl Display) -> String {
    format!("must be from {least} to {most}")
}
