//! The order of the parts, and what stands between them.

use super::Variations;
use super::parameters::orders;
use crate::catalogue::Mistake;
use crate::draft::{Form, Name, Part, Text};
use crate::limits::PERMUTED_PARTS_MAX;

/// The signs that are put between parts by mistake.
const SIGNS: [(&str, &str); 8] = [
    ("\n", "a line feed"),
    ("&", "`&`"),
    ("|", "`|`"),
    (" ", "a blank"),
    (",", "a comma"),
    (":", "a colon"),
    (".", "a dot"),
    ("-", "a dash"),
];

/// What moves together: parts between separators, a path with its query, parts that are hashed together stay single.
fn items(text: &Text) -> (Vec<Vec<Part>>, Option<Part>) {
    let separator = text.parts.iter().find(|part| part.name == Name::Separator && part.bytes != b"?").cloned();
    let mut items: Vec<Vec<Part>> = vec![Vec::new()];
    for part in &text.parts {
        let is_mark = part.name == Name::Separator && part.bytes == b"?";
        let glued = is_mark || items.last().and_then(|item| item.last()).is_some_and(|last| last.name == Name::Separator);
        match &separator {
            Some(own) if part == own => items.push(Vec::new()),
            Some(_) => items.last_mut().expect("there is one").push(part.clone()),
            None if glued => items.last_mut().expect("there is one").push(part.clone()),
            None => items.push(vec![part.clone()]),
        }
    }
    if separator.is_none() {
        items.retain(|item| !item.is_empty());
    }
    (items, separator)
}

fn joined<I: AsRef<[Part]>>(items: &[I], separator: Option<&Part>) -> Text {
    let mut parts = Vec::new();
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            parts.extend(separator.cloned());
        }
        parts.extend_from_slice(item.as_ref());
    }
    Text::new(parts)
}

pub(super) fn vary(variations: &mut Variations<'_>) {
    let (items, separator) = items(variations.base);
    separators(variations, &items, separator.as_ref());
    let trailing = separator.is_some() && items.last().is_some_and(Vec::is_empty);
    let moving = if trailing { &items[..items.len() - 1] } else { &items[..] };
    if !variations.are_wide() || moving.len() < 2 || moving.len() > PERMUTED_PARTS_MAX {
        return;
    }
    let mistake = if variations.draft.around.fix { Mistake::FixFieldOrder } else { Mistake::PartsReordered };
    let empty = Vec::new();
    let places: Vec<&Vec<Part>> = moving.iter().collect();
    for mut order in orders(&places) {
        let names: Vec<String> =
            order.iter().filter_map(|item| item.iter().find(|part| part.name != Name::Literal)).map(|part| part.name.to_string()).collect();
        if trailing {
            order.push(&empty);
        }
        variations.add_wide(mistake, format!("signed as {}", names.join(", ")), joined(&order, separator.as_ref()));
    }
}

fn separators(variations: &mut Variations<'_>, items: &[Vec<Part>], separator: Option<&Part>) {
    let Some(separator) = separator else {
        let filled: Vec<_> = items.iter().filter(|item| item.iter().any(|part| !part.bytes.is_empty())).cloned().collect();
        let plain = filled.iter().flatten().all(|part| part.form == Form::Plain);
        for (sign, name) in SIGNS.into_iter().filter(|_| filled.len() > 1 && plain) {
            let text = joined(&filled, Some(&Part::plain(Name::Separator, sign)));
            variations.add(Mistake::SeparatorsAdded, format!("{name} between the parts"), text);
        }
        return;
    };
    if variations.draft.around.fix {
        return;
    }
    variations.add(Mistake::SeparatorsLeftOut, "", joined(items, None));
    for (sign, name) in SIGNS {
        let other = Part { bytes: sign.as_bytes().to_vec(), ..separator.clone() };
        variations.add(Mistake::SeparatorsLeftOut, format!("{name} in their place"), joined(items, Some(&other)));
    }
    let literal = Part { bytes: b"\\n".to_vec(), ..separator.clone() };
    for indent in ["    ", "  ", "\t", "        "] {
        let indented = Part { bytes: format!("\n{indent}").into_bytes(), ..separator.clone() };
        variations.add(Mistake::SeparatorsAdded, "the lines were signed with their indentation", joined(items, Some(&indented)));
    }
    let both = Part { bytes: b"\r\n".to_vec(), ..separator.clone() };
    variations.add(Mistake::SeparatorsLeftOut, "carriage return and line feed in their place", joined(items, Some(&both)));
    variations.add(Mistake::SeparatorsLeftOut, "backslash and n in their place", joined(items, Some(&literal)));
    if items.last().is_some_and(|last| last.iter().all(|part| part.bytes.is_empty())) {
        variations.add(Mistake::LastSeparatorLeftOut, "", joined(&items[..items.len() - 1], Some(separator)));
    }
    let filled: Vec<_> =
        items.iter().filter(|item| item.iter().any(|part| !part.bytes.is_empty() || part.form != Form::Plain)).cloned().collect();
    if filled.len() + 1 == items.len() && filled.last() == items.last() {
        variations.add(Mistake::SeparatorsLeftOut, "the empty line", joined(&filled, Some(separator)));
    }
}
