//! Parameters joined by `&`: their order, and which of them were signed.

use super::Variations;
use crate::catalogue::Mistake;
use crate::draft::Name;
use crate::limits::{PERMUTED_PARAMETERS_MAX, VARIED_PARAMETERS_MAX};
use crate::vary::json::{short, styles};

/// The pairs of a query or form; empty ones are left out.
pub(crate) fn pairs(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).collect()
}

/// The raw value of the first parameter of this name.
pub(crate) fn value_of<'t>(text: &'t [u8], name: &str) -> Option<&'t [u8]> {
    pairs(text).into_iter().find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// All orders of some items, the given one first (Heap's method).
pub(crate) fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let mut all = vec![items.to_vec()];
    let mut items = items.to_vec();
    let mut counts = vec![0; items.len()];
    let mut at = 1;
    while at < items.len() {
        if counts[at] < at {
            items.swap(if at % 2 == 0 { 0 } else { counts[at] }, at);
            all.push(items.clone());
            counts[at] += 1;
            at = 1;
        } else {
            counts[at] = 0;
            at += 1;
        }
    }
    all
}

pub(super) fn vary(variations: &mut Variations<'_>) {
    special(variations);
    for name in [Name::Query, Name::Body] {
        let Some(text) = variations.base.find(name).map(|part| part.bytes.clone()) else { continue };
        let pairs = pairs(&text);
        if text.first().is_some_and(|byte| matches!(byte, b'{' | b'[')) {
            continue;
        }
        if !text.contains(&b'=') {
            continue;
        }
        joined(variations, name, &pairs);
        numbers(variations, name, &pairs);
        if pairs.len() > 1 {
            vary_part(variations, name, &pairs);
        }
    }
}

fn vary_part(variations: &mut Variations<'_>, name: Name, pairs: &[&[u8]]) {
    let join = |pairs: &[&[u8]]| pairs.join(&b'&');
    let mut sorted = pairs.to_vec();
    sorted.sort_by_key(|pair| name_of(pair));
    variations.add_bytes(Mistake::ParametersSorted, format!("in the {name}"), name, join(&sorted));
    for (at, pair) in pairs.iter().enumerate().take(VARIED_PARAMETERS_MAX) {
        if variations.are_wide() || variations.has_ended() {
            break;
        }
        let rest: Vec<_> = pairs.iter().enumerate().filter(|(place, _)| *place != at).map(|(_, pair)| *pair).collect();
        let mistake = match name_of(pair) {
            b"timestamp" => Mistake::TimestampLeftOut,
            b"nonce" => Mistake::NonceLeftOut,
            _ => Mistake::ParameterLeftOut,
        };
        variations.add_bytes(mistake, format!("{} in the {name}", name_of(pair).escape_ascii()), name, join(&rest));
        // A parameter put first or last is the commonest other order of many.
        let (mut first, mut last) = (vec![*pair], rest.clone());
        first.extend(&rest);
        last.push(pair);
        for order in [first, last] {
            variations.add_bytes(Mistake::ParametersReordered, signed_order(&order), name, join(&order));
        }
    }
    parted(variations, name, pairs);
    let reversed: Vec<_> = sorted.iter().rev().copied().collect();
    variations.add_bytes(Mistake::ParametersReordered, signed_order(&reversed), name, join(&reversed));
    if variations.are_wide() && pairs.len() <= PERMUTED_PARAMETERS_MAX {
        for order in orders(pairs) {
            let text = variations.base.with_bytes(name, join(&order));
            variations.add_wide(Mistake::ParametersReordered, signed_order(&order), text);
        }
    }
}

/// Only the first or the last of them: a library adds some of its own before or after its caller has signed.
fn parted(variations: &mut Variations<'_>, name: Name, pairs: &[&[u8]]) {
    if !variations.are_wide() {
        return;
    }
    for cut in 1..pairs.len().min(VARIED_PARAMETERS_MAX) {
        for (side, part) in [("first", &pairs[..cut]), ("last", &pairs[pairs.len() - cut..])] {
            let text = variations.base.with_bytes(name, part.join(&b'&'));
            variations.add_wide(Mistake::ParameterLeftOut, format!("the {side} {cut} alone, in the {name}"), text);
        }
    }
}

/// Other signs between the parameters.
fn joined(variations: &mut Variations<'_>, name: Name, pairs: &[&[u8]]) {
    variations.add_bytes(Mistake::ParametersJoined, format!("without an `&` that joins nothing, in the {name}"), name, pairs.join(&b'&'));
    for (sign, detail) in [("", "nothing"), (";", "`;`"), (",", "`,`"), ("\n", "a line feed"), ("|", "`|`"), ("&amp;", "`&amp;`")] {
        variations.add_bytes(Mistake::ParametersJoined, format!("{detail} between, in the {name}"), name, pairs.join(sign.as_bytes()));
    }
    let bare: Vec<u8> = pairs.concat().into_iter().filter(|byte| *byte != b'=').collect();
    variations.add_bytes(Mistake::ParametersJoined, format!("names and values with nothing between, in the {name}"), name, bare);
    let values: Vec<&[u8]> = pairs.iter().map(|pair| pair.splitn(2, |byte| *byte == b'=').nth(1).unwrap_or_default()).collect();
    variations.add_bytes(Mistake::ParametersJoined, format!("the values alone, in the {name}"), name, values.concat());
    let quoted: Vec<Vec<u8>> = pairs.iter().zip(&values).map(|(pair, value)| [name_of(pair), b"=\"", value, b"\""].concat()).collect();
    variations.add_bytes(Mistake::ParametersJoined, format!("values in quotes, in the {name}"), name, quoted.join(&b'&'));
}

/// Other zeros in the numbers.
fn numbers(variations: &mut Variations<'_>, name: Name, pairs: &[&[u8]]) {
    type Rewrite = fn(&str) -> String;
    let ways: [(Rewrite, &str); 4] = [
        (|text| short(text).to_owned(), "without zeros at their end"),
        (|text| if text.contains('.') { text.to_owned() } else { format!("{text}.0") }, "whole ones with .0"),
        (|text| if text.contains('.') { format!("{text}0") } else { text.to_owned() }, "with a zero more"),
        (|text| text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| format!("{number:.8}")), "with eight decimals"),
    ];
    for (rewrite, detail) in ways {
        let written: Vec<Vec<u8>> = pairs
            .iter()
            .map(|pair| {
                let value = pair.splitn(2, |byte| *byte == b'=').nth(1).and_then(|value| str::from_utf8(value).ok());
                // Of times, ids and counts nobody writes decimals.
                let decimal = value.filter(|value| value.len() < 13 && value.parse::<f64>().is_ok_and(f64::is_finite));
                decimal.map_or_else(|| pair.to_vec(), |value| [name_of(pair), b"=", rewrite(value).as_bytes()].concat())
            })
            .collect();
        let others = written.iter().enumerate().filter(|(place, other)| other.as_slice() != pairs[*place]);
        for (place, other) in others.take(VARIED_PARAMETERS_MAX) {
            if !variations.are_wide() {
                break;
            }
            let mut alone = pairs.to_vec();
            alone[place] = other;
            let signed = variations.base.with_bytes(name, alone.join(&b'&'));
            let which = name_of(other).escape_ascii();
            variations.add_wide(Mistake::NumbersRewritten, format!("{which} {detail}, in the {name}"), signed);
        }
        variations.add_bytes(Mistake::NumbersRewritten, format!("{detail}, in the {name}"), name, written.join(&b'&'));
    }
}

fn signed_order(order: &[&[u8]]) -> String {
    let names: Vec<_> = order.iter().take(VARIED_PARAMETERS_MAX).map(|pair| name_of(pair).escape_ascii().to_string()).collect();
    let more = if order.len() > VARIED_PARAMETERS_MAX { ", …" } else { "" };
    format!("signed as {}{more}", names.join(", "))
}

/// What depends on where the signature stands, and on the seam between query and body.
fn special(variations: &mut Variations<'_>) {
    let around = &variations.draft.around;
    let (unsorted, before, with) = (around.unsorted.clone(), around.before_signature.clone(), around.with_signature.clone());
    let [query, body] = [Name::Query, Name::Body].map(|name| variations.base.find(name).map_or_else(Vec::new, |part| part.bytes.clone()));
    if let Some(unsorted) = unsorted {
        // The parameters of a frame as the JSON that they are sent in.
        for (style, text) in styles(&variations.draft.around.object.clone().unwrap_or_default(), false) {
            variations.add_bytes(Mistake::BodyOtherForm, format!("signed as JSON {style}"), Name::Query, text);
        }
        variations.add_bytes(Mistake::ParametersNotSorted, "", Name::Query, unsorted);
    }
    if variations.draft.purpose != countersign_core::Purpose::Binance || variations.draft.around.fix {
        return;
    }
    let holder = if value_of(&variations.draft.around.query, "signature").is_some() { Name::Query } else { Name::Body };
    if let Some(before) = before {
        variations.add_bytes(Mistake::ParametersAfterSignature, "", holder, before);
    }
    if let Some(with) = with {
        variations.add_bytes(Mistake::SignatureSigned, "", holder, with);
    }
    if !query.is_empty() && !body.is_empty() {
        for (between, detail) in [("&", "`&`"), ("\n", "a line feed"), ("?", "`?`")] {
            let joined = [between.as_bytes(), &body].concat();
            variations.add_bytes(Mistake::QueryBodyJoined, format!("{detail} between"), Name::Body, joined);
        }
        let mut text = variations.base.clone();
        text.parts.reverse();
        variations.add(Mistake::BodyBeforeQuery, "", text);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_orders_are_there_once() {
        for (count, expected) in [(0, 1), (1, 1), (2, 2), (3, 6), (4, 24), (6, 720)] {
            let items: Vec<usize> = (0..count).collect();
            let all = orders(&items);
            assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (expected, expected));
            assert_eq!(all[0], items);
        }
    }

    #[test]
    fn values_are_found_by_whole_names() {
        assert_eq!(value_of(b"xa=1&a=2&&b", "a"), Some(&b"2"[..]));
        assert_eq!(value_of(b"xa=1", "a"), None);
    }
}
