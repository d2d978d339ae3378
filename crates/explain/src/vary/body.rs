//! The body: left out, added, written again; and the inner hashes that some venues have.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::parameters::pairs;
use super::target::left_out;
use super::{Variations, json};
use crate::catalogue::Mistake;
use crate::draft::{Form, Hash, Name, Part, Writing};

/// What libraries make of no body.
const NOTHINGS: [&str; 6] = ["{}", "[]", "null", "\"\"", "undefined", "None"];

pub(super) fn vary(variations: &mut Variations<'_>) {
    hashes(variations);
    let body = variations.base.find(Name::Body).map(|part| part.bytes.clone());
    let query = variations.base.find(Name::Query).map(|part| part.bytes.clone());
    match (body, query) {
        (Some(body), _) if body.is_empty() => nothing(variations, Name::Body),
        (Some(body), _) => something(variations, &body),
        (None, Some(_)) => nothing(variations, Name::Query),
        (None, None) => behind(variations),
    }
}

/// A login has no place for a body: it was signed behind the rest.
fn behind(variations: &mut Variations<'_>) {
    if variations.draft.around.fix || variations.base.find(Name::Time).is_none() {
        return;
    }
    for text in NOTHINGS {
        let mut signed = variations.base.clone();
        signed.parts.push(Part::plain(Name::Body, text));
        variations.add(Mistake::BodyNotSent, format!("{text} was signed"), signed);
    }
}

/// Nothing was sent: what could have been signed all the same.
fn nothing(variations: &mut Variations<'_>, name: Name) {
    let own = variations.base.find(name).map_or_else(Vec::new, |part| part.bytes.clone());
    for text in NOTHINGS {
        variations.add_bytes(Mistake::BodyNotSent, format!("{text} was signed"), name, [own.as_slice(), text.as_bytes()].concat());
    }
    let query = variations.draft.around.query.clone();
    // Where the signature is a parameter, it was none yet.
    let sent: Vec<_> = pairs(&query).into_iter().filter(|pair| !pair.starts_with(b"signature=")).collect();
    let Some(text) = String::from_utf8(sent.join(&b'&')).ok().filter(|text| !text.is_empty()) else { return };
    let object = json::from_form(&text);
    for (style, text) in json::styles(&object, false) {
        let detail = format!("the query as JSON {style}");
        variations.add_bytes(Mistake::BodyNotSent, detail.clone(), name, text.clone());
        if name == Name::Body {
            let mut whole = variations.base.with_bytes(name, text);
            whole.parts.retain(|part| part.name != Name::Query && part.bytes != b"?");
            variations.add(Mistake::BodyNotSent, format!("{detail} in place of the query"), whole);
        }
    }
    if name == Name::Body {
        variations.add_bytes(Mistake::BodyNotSent, "the query once more", name, query);
    }
}

fn something(variations: &mut Variations<'_>, body: &[u8]) {
    for end in ["\n", "\r\n"] {
        let longer = [body, end.as_bytes()].concat();
        variations.add_bytes(Mistake::BodyNewline, "signed with a line break that was not sent", Name::Body, longer);
    }
    let bare: &[u8] = body.trim_ascii_end();
    variations.add_bytes(Mistake::BodyNewline, "sent with a line break or blank at its end that was not signed", Name::Body, bare);
    if let Ok(text) = str::from_utf8(body) {
        written_again(variations, text);
    }
    left_out(variations, Name::Body, Mistake::BodyLeftOut);
    for text in NOTHINGS {
        variations.add_bytes(Mistake::BodyLeftOut, format!("{text} in its place"), Name::Body, text);
    }
}

/// The body in another writing.
fn written_again(variations: &mut Variations<'_>, text: &str) {
    for (style, text) in json::styles(text, variations.are_wide()) {
        let text = variations.base.with_bytes(Name::Body, text);
        // Those of the long list come in the pass of the many.
        if variations.are_wide() {
            variations.add_wide(Mistake::JsonReserialised, format!("signed {style}"), text);
        } else {
            variations.add(Mistake::JsonReserialised, format!("signed {style}"), text);
        }
    }
    if variations.are_wide() {
        members(variations, text);
        return;
    }
    if text.starts_with(['{', '[']) {
        let quoted = serde_json::to_string(text).unwrap_or_default();
        variations.add_bytes(Mistake::BodyOtherForm, "signed as a JSON string, written twice", Name::Body, quoted);
    }
    if let Some(form) = json::to_form(text).filter(|form| !form.is_empty()) {
        let mut sorted: Vec<&str> = form.split('&').collect();
        sorted.sort_unstable();
        variations.add_bytes(Mistake::BodyOtherForm, "signed as a form, its parameters sorted", Name::Body, sorted.join("&"));
        variations.add_bytes(Mistake::BodyOtherForm, "signed as a form", Name::Body, form);
        variations.add_bytes(Mistake::BodyOtherForm, "signed as a list of one", Name::Body, format!("[{text}]"));
    } else if let Some(only) = json::only_item(text) {
        variations.add_bytes(Mistake::BodyOtherForm, "sent as a list of one, and signed without the list", Name::Body, only);
    } else if text.contains('=') {
        for (style, text) in json::styles(&json::from_form(text), false) {
            variations.add_bytes(Mistake::BodyOtherForm, format!("signed as JSON {style}"), Name::Body, text);
        }
    }
    hashed(variations, text.as_bytes());
}

/// A hash of the body where the body itself is signed.
fn hashed(variations: &mut Variations<'_>, body: &[u8]) {
    if variations.base.find(Name::Body).is_none_or(|part| part.form != Form::Plain) {
        return;
    }
    for hash in [Hash::Sha256, Hash::Sha512] {
        let digest = digest::digest(hash.algorithm(), body);
        variations.add_bytes(Mistake::BodyHashed, format!("{} in hexadecimal", hash.name()), Name::Body, hex::encode(digest));
        variations.add_bytes(Mistake::BodyHashed, format!("{} in base64", hash.name()), Name::Body, STANDARD.encode(digest));
    }
    variations.add_bytes(Mistake::BodyHashed, "the body in base64", Name::Body, STANDARD.encode(body));
}

/// A member of the object that was added after the signature, or moved.
fn members(variations: &mut Variations<'_>, text: &str) {
    for (name, without) in json::without_each(text) {
        let mistake = match name.as_str() {
            "timestamp" => Mistake::TimestampLeftOut,
            "nonce" => Mistake::NonceLeftOut,
            _ => Mistake::ParameterLeftOut,
        };
        let signed = variations.base.with_bytes(Name::Body, without);
        variations.add_wide(mistake, format!("{} in the body", name.escape_debug()), signed);
    }
}

/// The inner hash in another form.
fn recast(variations: &mut Variations<'_>, from: Form, mistake: Mistake, detail: String, to: Form, only: Option<Name>) {
    let mut text = variations.base.clone();
    let chosen = text.parts.iter_mut().filter(|part| part.form == from && only.is_none_or(|name| part.name == name));
    chosen.for_each(|part| part.form = to);
    variations.add(mistake, detail, text);
}

fn hashes(variations: &mut Variations<'_>) {
    let Some(form) = variations.base.parts.iter().map(|part| part.form).find(|form| *form != Form::Plain) else { return };
    let mut all = |mistake, detail: String, other: Form, only: Option<Name>| recast(variations, form, mistake, detail, other, only);
    all(Mistake::BodyHashLeftOut, String::new(), Form::Plain, None);
    match form {
        Form::Digest(own) => {
            all(Mistake::InnerHashHex, String::new(), Form::HexDigest(own), None);
            all(Mistake::InnerHashHex, "in capitals".to_owned(), Form::Miswritten(own, Writing::HexUpper), None);
            for (writing, detail) in [
                (Writing::Lossy, "with what is no UTF-8 replaced, as toString() does"),
                (Writing::Latin, "each byte as a character, written in UTF-8"),
                (Writing::Base64, "in base64"),
            ] {
                all(Mistake::InnerHashText, detail.to_owned(), Form::Miswritten(own, writing), None);
            }
            all(Mistake::BodyHashLeftOut, "the nonce stands outside the hash".to_owned(), Form::Plain, Some(Name::Nonce));
            for hash in Hash::ALL {
                all(Mistake::BodyHashWrong, format!("{} inside", hash.name()), Form::Digest(hash), None);
            }
        }
        Form::HexDigest(own) => {
            all(Mistake::BodyHashWrong, format!("the bytes of {}, not its hexadecimal text", own.name()), Form::Digest(own), None);
            for hash in Hash::ALL {
                all(Mistake::BodyHashWrong, format!("{} inside", hash.name()), Form::HexDigest(hash), None);
            }
            for (writing, detail) in [
                (Writing::Base64, "in base64"),
                (Writing::HexUpper, "in hexadecimal with capitals"),
                (Writing::Lossy, "made text, with what is no UTF-8 replaced"),
                (Writing::Latin, "made text, each byte a character"),
            ] {
                all(Mistake::BodyHashWrong, format!("{} {detail}", own.name()), Form::Miswritten(own, writing), None);
            }
        }
        Form::Plain | Form::Miswritten(..) => {}
    }
}
