//! Fields of a Logon: separators, tags, numbers.

use countersign_fix::tag;

use super::Variations;
use super::target::left_out;
use crate::catalogue::Mistake;
use crate::draft::{Name, Part};
use crate::limits::SIGNED_NUMBER_SHIFT_MAX;

pub(super) fn vary(variations: &mut Variations<'_>) {
    separators(variations);
    tags(variations);
    number(variations);
    message_type(variations);
    companies(variations);
    fields(variations);
}

fn is_soh(part: &Part) -> bool {
    part.name == Name::Separator && part.bytes == [1]
}

fn separators(variations: &mut Variations<'_>) {
    let base = variations.base.clone();
    let Some(separator) = base.parts.iter().find(|part| is_soh(part)).cloned() else { return };
    for (sign, name) in [
        ("|", "`|`"),
        ("", "nothing"),
        (" ", "a blank"),
        ("^A", "^A"),
        ("\n", "a line feed"),
        ("\\x01", "\\x01 as text"),
        ("\\u0001", "\\u0001 as text"),
        ("\\001", "\\001 as text"),
        ("\\n", "\\n as text"),
        ("\r\n", "carriage return and line feed"),
        ("\0", "a zero byte"),
        ("&", "`&`"),
        (",", "a comma"),
        (";", "a semicolon"),
        (".", "a dot"),
        ("-", "a dash"),
    ] {
        let mut text = base.clone();
        text.parts.iter_mut().filter(|part| is_soh(part)).for_each(|part| part.bytes = sign.as_bytes().to_vec());
        variations.add(Mistake::FixPipe, format!("{name} for SOH"), text.clone());
        text.parts.push(Part { bytes: sign.as_bytes().to_vec(), ..separator.clone() });
        variations.add(Mistake::FixPipe, format!("{name} for SOH, and at the end"), text);
    }
    let mut text = base.clone();
    text.parts.push(separator);
    variations.add(Mistake::FixTrailingSoh, "a SOH at the end", text);
    if let Some(last) = base.parts.iter().rposition(is_soh) {
        let mut text = base;
        text.parts.remove(last);
        variations.add(Mistake::FixTrailingSoh, "the last SOH was left out", text);
    }
}

/// `35=` in front of each value, or not.
fn tags(variations: &mut Variations<'_>) {
    let base = variations.base.clone();
    if base.find(Name::Literal).is_some() {
        let mut text = base;
        text.parts.retain(|part| part.name != Name::Literal);
        variations.add(Mistake::FixTagsSigned, "the values alone were signed", text);
        return;
    }
    let mut text = base;
    let mut tagged = false;
    for part in &mut text.parts {
        let tag = match part.name {
            Name::Field(tag) => tag,
            Name::Passphrase => tag::PASSWORD,
            Name::Body
            | Name::Key
            | Name::Literal
            | Name::Method
            | Name::Nonce
            | Name::Path
            | Name::Payload
            | Name::Query
            | Name::Separator
            | Name::Time
            | Name::Window => continue,
        };
        tagged = true;
        part.bytes = [format!("{tag}=").as_bytes(), &part.bytes].concat();
    }
    if tagged {
        variations.add(Mistake::FixTagsSigned, "tags and values were signed", text);
    }
}

/// Each field left out with a separator beside it, and in other letters.
fn fields(variations: &mut Variations<'_>) {
    for name in variations.base.parts.iter().map(|part| part.name).collect::<Vec<_>>() {
        if matches!(name, Name::Literal | Name::Separator) {
            continue;
        }
        left_out(variations, name, Mistake::FixFieldLeftOut);
        let Some(bytes) = variations.base.find(name).map(|part| part.bytes.clone()) else { continue };
        if name != Name::Passphrase {
            variations.add_bytes(Mistake::LettersChanged, format!("the {name} in lower case"), name, bytes.to_ascii_lowercase());
            variations.add_bytes(Mistake::LettersChanged, format!("the {name} in upper case"), name, bytes.to_ascii_uppercase());
        }
    }
}

/// What engines and people call a Logon.
const LOGON_NAMES: [&str; 5] = ["Logon", "LOGON", "logon", "0", "35=A"];

fn message_type(variations: &mut Variations<'_>) {
    let name = Name::Field(tag::MSG_TYPE);
    let Some(sent) = variations.base.find(name).map(|part| part.bytes.escape_ascii().to_string()) else { return };
    for other in LOGON_NAMES {
        variations.add_bytes(Mistake::FixMsgType, format!("{other} was signed, {sent} was sent"), name, other);
    }
}

/// Sender and target, each in the other's place.
fn companies(variations: &mut Variations<'_>) {
    let [sender, target] = [tag::SENDER_COMP_ID, tag::TARGET_COMP_ID].map(Name::Field);
    let [Some(own), Some(other)] = [sender, target].map(|name| variations.base.find(name).map(|part| part.bytes.clone())) else { return };
    let swapped = variations.base.with_bytes(sender, other).with_bytes(target, own);
    variations.add(Mistake::FixFieldOrder, "49 and 56 swapped", swapped);
}

/// To how many digits engines fill up a number.
const DIGITS: [usize; 7] = [2, 3, 4, 5, 6, 8, 9];

fn number(variations: &mut Variations<'_>) {
    let name = Name::Field(tag::MSG_SEQ_NUM);
    let Some(sent) = variations.base.find(name).and_then(|part| str::from_utf8(&part.bytes).ok()?.parse::<u64>().ok()) else { return };
    for digits in DIGITS {
        variations.add_bytes(Mistake::FixSeqNum, format!("signed with {digits} digits"), name, format!("{sent:0>digits$}"));
    }
    for shift in 1..=SIGNED_NUMBER_SHIFT_MAX {
        for other in [sent.checked_sub(shift), sent.checked_add(shift)].into_iter().flatten() {
            let text = variations.base.with_bytes(name, other.to_string());
            variations.add_wide(Mistake::FixSeqNum, format!("{other} was signed, {sent} was sent"), text);
        }
    }
}
