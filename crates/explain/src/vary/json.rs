//! JSON written again in the ways of other libraries: blanks, order, escapes, numbers. Number literals and member order are kept
//! unless the style is to change them.

use std::fmt::Write as _;

use countersign_dialects::raw_object::RawObject;
use serde_json::value::RawValue;

use crate::limits::JSON_DEPTH_MAX;

/// How JSON is written.
#[derive(Clone, Copy, Debug)]
struct Style {
    comma: &'static str,
    colon: &'static str,
    indent: &'static str,
    sorts: bool,
    ascii: bool,
    slashes: bool,
    numbers: Numbers,
    name: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    AsTheyAre,
    Quoted,
    Unquoted,
}

const COMPACT: Style = Style {
    comma: ",",
    colon: ":",
    indent: "",
    sorts: false,
    ascii: false,
    slashes: false,
    numbers: Numbers::AsTheyAre,
    name: "without blanks",
};
const BLANKS: Style = Style { comma: ", ", colon: ": ", name: "with a blank after each comma and colon", ..COMPACT };

/// The same JSON in other styles, each with its name.
pub(crate) fn styles(text: &str) -> Vec<(&'static str, String)> {
    let all = [
        COMPACT,
        BLANKS,
        Style { sorts: true, name: "without blanks, members sorted", ..COMPACT },
        Style { sorts: true, name: "with blanks, members sorted", ..BLANKS },
        Style { ascii: true, name: "without blanks, other letters than ASCII escaped", ..COMPACT },
        Style { ascii: true, name: "with blanks, other letters than ASCII escaped", ..BLANKS },
        Style { slashes: true, name: "without blanks, slashes escaped", ..COMPACT },
        Style { colon: ": ", indent: "  ", name: "indented by two", ..COMPACT },
        Style { colon: ": ", indent: "    ", name: "indented by four", ..COMPACT },
        Style { colon: ": ", indent: "\t", name: "indented by tabs", ..COMPACT },
        Style { numbers: Numbers::Quoted, name: "without blanks, numbers as strings", ..COMPACT },
        Style { numbers: Numbers::Unquoted, name: "without blanks, strings as numbers", ..COMPACT },
        Style { numbers: Numbers::Quoted, name: "with blanks, numbers as strings", ..BLANKS },
        Style { numbers: Numbers::Unquoted, name: "with blanks, strings as numbers", ..BLANKS },
    ];
    let Ok(value) = serde_json::from_str::<&RawValue>(text.trim()) else { return Vec::new() };
    let written = |style: &Style| {
        let mut out = String::with_capacity(text.len() * 2);
        write(value.get(), style, 0, &mut out)?;
        Some(out)
    };
    let mut found: Vec<_> = all.iter().filter_map(|style| Some((style.name, written(style)?))).collect();
    found.extend(written(&BLANKS).map(|text| ("as Python prints a dict", printed(&text))));
    found
}

/// What Python's `str` makes of a dict with these members: no JSON at all.
fn printed(text: &str) -> String {
    let mut out = text.replace('"', "'");
    for (json, python) in [(": true", ": True"), (": false", ": False"), (": null", ": None")] {
        out = out.replace(json, python);
    }
    out
}

fn write(text: &str, style: &Style, depth: usize, out: &mut String) -> Option<()> {
    if depth > JSON_DEPTH_MAX {
        return None;
    }
    match text.as_bytes().first()? {
        b'{' => {
            let object: RawObject<'_> = serde_json::from_str(text).ok()?;
            let mut members: Vec<_> = object.members().collect();
            if style.sorts {
                members.sort_by_key(|(name, _)| *name);
            }
            enclose(['{', '}'], &members, style, depth, out, &|(name, value), out| {
                out.push_str(&string(name, style));
                out.push_str(style.colon);
                write(value.get(), style, depth + 1, out)
            })
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            enclose(['[', ']'], &items, style, depth, out, &|item, out| write(item.get(), style, depth + 1, out))
        }
        b'"' => {
            let value: String = serde_json::from_str(text).ok()?;
            let number = style.numbers == Numbers::Unquoted && value.parse::<f64>().is_ok_and(f64::is_finite);
            out.push_str(&if number { value } else { string(&value, style) });
            Some(())
        }
        b'-' | b'0'..=b'9' if style.numbers == Numbers::Quoted => write!(out, "\"{text}\"").ok(),
        _ => {
            out.push_str(text);
            Some(())
        }
    }
}

fn enclose<T>(
    [open, close]: [char; 2],
    items: &[T],
    style: &Style,
    depth: usize,
    out: &mut String,
    write: &dyn Fn(&T, &mut String) -> Option<()>,
) -> Option<()> {
    let line = |out: &mut String, depth: usize| {
        if !style.indent.is_empty() && !items.is_empty() {
            out.push('\n');
            out.push_str(&style.indent.repeat(depth));
        }
    };
    out.push(open);
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push_str(style.comma);
        }
        line(out, depth + 1);
        write(item, out)?;
    }
    line(out, depth);
    out.push(close);
    Some(())
}

fn string(text: &str, style: &Style) -> String {
    let mut quoted = serde_json::to_string(text).unwrap_or_default();
    if style.slashes {
        quoted = quoted.replace('/', "\\/");
    }
    if !style.ascii || quoted.is_ascii() {
        return quoted;
    }
    let mut escaped = String::with_capacity(quoted.len() * 2);
    for c in quoted.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

/// The members of a flat object as a form; `None` for anything else.
pub(crate) fn to_form(text: &str) -> Option<String> {
    let object: RawObject<'_> = serde_json::from_str(text.trim()).ok()?;
    let pairs: Vec<String> = object
        .members()
        .map(|(name, value)| format!("{name}={}", countersign_dialects::raw_object::literal(value).unwrap_or_default()))
        .collect();
    Some(pairs.join("&"))
}

/// A form as a JSON object of strings.
pub(crate) fn from_form(text: &str) -> String {
    let pairs: Vec<String> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            format!("{}:{}", string(name, &COMPACT), string(value, &COMPACT))
        })
        .collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn styles_change_the_writing_and_not_the_meaning() {
        let text = r#"{"b":1.50,"a":["x/é",{}],"c":"2"}"#;
        let written: Vec<_> = styles(text).into_iter().map(|(_, text)| text).collect();
        for expected in [
            r#"{"b":1.50,"a":["x/é",{}],"c":"2"}"#,
            r#"{"b": 1.50, "a": ["x/é", {}], "c": "2"}"#,
            r#"{"a":["x/é",{}],"b":1.50,"c":"2"}"#,
            r#"{"b":1.50,"a":["x/\u00e9",{}],"c":"2"}"#,
            r#"{"b":1.50,"a":["x\/é",{}],"c":"2"}"#,
            r#"{"b":"1.50","a":["x/é",{}],"c":"2"}"#,
            r#"{"b":1.50,"a":["x/é",{}],"c":2}"#,
            "{\n  \"b\": 1.50,\n  \"a\": [\n    \"x/é\",\n    {}\n  ],\n  \"c\": \"2\"\n}",
        ] {
            assert!(written.iter().any(|text| text == expected), "{expected}");
        }
        assert!(styles("a=1").is_empty());
    }

    #[test]
    fn forms_and_objects_turn_into_each_other() {
        assert_eq!(to_form(r#"{"a":"x","b":1}"#).unwrap(), "a=x&b=1");
        assert_eq!(from_form("a=x&b=1"), r#"{"a":"x","b":"1"}"#);
    }
}
