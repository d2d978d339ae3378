//! JSON written again in the ways of other libraries: blanks, order, escapes, numbers. Number literals and member order are kept
//! unless the style is to change them.

mod style;

use std::fmt::Write as _;

use countersign_dialects::raw_object::RawObject;
use serde_json::value::RawValue;

use style::{BLANKS, COMMON, COMPACT, Letters, Numbers, Style};

use crate::limits::{JSON_DEPTH_MAX, MEMBERS_LEFT_OUT_MAX};

/// The same JSON in other styles, each with its name, written as it is asked for: those of the common libraries, or all.
pub(crate) fn styles(text: &str, all: bool) -> impl Iterator<Item = (String, String)> {
    let value: Option<&RawValue> = serde_json::from_str(text.trim()).ok();
    let wanted: Vec<Style> = if all { Style::all().collect() } else { COMMON.to_vec() };
    let printed = value.filter(|_| !all).and_then(|value| Some(("as Python prints a dict".to_owned(), printed(&written(value, &BLANKS)?))));
    let styled = wanted.into_iter().filter_map(move |style| {
        let value = value.filter(|_| style.matters(text))?;
        Some((style.name(), written(value, &style)?))
    });
    styled.chain(printed)
}

fn written(value: &RawValue, style: &Style) -> Option<String> {
    let mut out = String::with_capacity(value.get().len() * 2);
    write(value.get(), style, 0, &mut out)?;
    Some(out)
}

/// The object without each of its members in turn, without blanks and with them.
pub(crate) fn without_each(text: &str) -> Vec<(String, String)> {
    let Ok(object) = serde_json::from_str::<RawObject<'_>>(text.trim()) else { return Vec::new() };
    let members: Vec<_> = object.members().collect();
    if members.len() > MEMBERS_LEFT_OUT_MAX {
        return Vec::new();
    }
    let mut found = Vec::new();
    for style in [&COMPACT, &BLANKS] {
        let each: Option<Vec<String>> =
            members.iter().map(|(name, value)| Some(format!("{}{}{}", string(name, style), style.colon, written(value, style)?))).collect();
        let Some(each) = each else { continue };
        for (place, (name, _)) in members.iter().enumerate() {
            let rest: Vec<&str> = each.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, member)| member.as_str()).collect();
            found.push(((*name).to_owned(), format!("{{{}}}", rest.join(style.comma))));
        }
    }
    found
}

/// The one item of a list.
pub(crate) fn only_item(text: &str) -> Option<&str> {
    let items: Vec<&RawValue> = serde_json::from_str(text.trim()).ok()?;
    let [item] = items.as_slice() else { return None };
    Some(item.get())
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
            let mut members: Vec<_> = object.members().filter(|(_, value)| !(style.drops && value.get() == "null")).collect();
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
            let number = value.parse::<f64>().is_ok_and(f64::is_finite);
            out.push_str(&match style.numbers {
                Numbers::Unquoted if number => value,
                Numbers::ShortStrings if number => string(short(&value), style),
                Numbers::AsTheyAre | Numbers::Quoted | Numbers::AllQuoted | Numbers::Unquoted | Numbers::Short | Numbers::ShortStrings => {
                    string(&value, style)
                }
            });
            Some(())
        }
        b'-' | b'0'..=b'9' if matches!(style.numbers, Numbers::Quoted | Numbers::AllQuoted) => write!(out, "\"{text}\"").ok(),
        b't' | b'f' if style.numbers == Numbers::AllQuoted => write!(out, "\"{text}\"").ok(),
        b'-' | b'0'..=b'9' if matches!(style.numbers, Numbers::Short | Numbers::ShortStrings) => {
            out.push_str(short(text));
            Some(())
        }
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

/// A decimal without zeros at its end.
pub(crate) fn short(text: &str) -> &str {
    let plain = text.contains('.') && !text.contains(['e', 'E']);
    if plain { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn string(text: &str, style: &Style) -> String {
    let mut quoted = serde_json::to_string(text).unwrap_or_default();
    if matches!(style.letters, Letters::Slashes | Letters::AsciiAndSlashes) {
        quoted = quoted.replace('/', "\\/");
    }
    if style.letters == Letters::Html {
        return quoted.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    }
    let capital = match style.letters {
        Letters::Ascii | Letters::AsciiAndSlashes => false,
        Letters::AsciiCapital => true,
        Letters::AsTheyAre | Letters::Slashes | Letters::Html => return quoted,
    };
    let mut escaped = String::with_capacity(quoted.len() * 2);
    for c in quoted.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = if capital { write!(escaped, "\\u{unit:04X}") } else { write!(escaped, "\\u{unit:04x}") };
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
        let written: Vec<_> = styles(text, false).chain(styles(text, true)).map(|(_, text)| text).collect();
        for expected in [
            r#"{"b":1.50,"a":["x/é",{}],"c":"2"}"#,
            r#"{"b": 1.50, "a": ["x/é", {}], "c": "2"}"#,
            r#"{"a":["x/é",{}],"b":1.50,"c":"2"}"#,
            r#"{"b":1.50,"a":["x/\u00e9",{}],"c":"2"}"#,
            r#"{"b":1.50,"a":["x\/é",{}],"c":"2"}"#,
            r#"{"b":"1.50","a":["x/é",{}],"c":"2"}"#,
            r#"{"b":1.50,"a":["x/é",{}],"c":2}"#,
            r#"{"b":1.5,"a":["x/é",{}],"c":"2"}"#,
            r#"{"a": ["x\/\u00e9", {}], "b": "1.50", "c": "2"}"#,
            "{\n  \"b\": 1.50,\n  \"a\": [\n    \"x/é\",\n    {}\n  ],\n  \"c\": \"2\"\n}",
        ] {
            assert!(written.iter().any(|text| text == expected), "{expected}");
        }
        assert_eq!(styles("a=1", false).chain(styles("a=1", true)).count(), 0);
    }

    #[test]
    fn members_are_left_out_one_by_one() {
        let without: Vec<_> = without_each(r#"{"a":1,"b":[2]}"#).into_iter().map(|(_, text)| text).collect();
        assert_eq!(without, [r#"{"b":[2]}"#, r#"{"a":1}"#, r#"{"b": [2]}"#, r#"{"a": 1}"#]);
        assert_eq!((only_item("[{}]"), only_item("[1,2]"), only_item("{}")), (Some("{}"), None, None));
    }

    #[test]
    fn forms_and_objects_turn_into_each_other() {
        assert_eq!(to_form(r#"{"a":"x","b":1}"#).unwrap(), "a=x&b=1");
        assert_eq!(from_form("a=x&b=1"), r#"{"a":"x","b":"1"}"#);
    }
}
