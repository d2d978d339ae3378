//! Method, path and query.

use countersign_core::Purpose;

use super::Variations;
use crate::catalogue::Mistake;
use crate::draft::{Name, Part, Text};
use crate::limits::VARIED_SEGMENTS_MAX;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];

pub(super) fn vary(variations: &mut Variations<'_>) {
    method(variations);
    path(variations);
    query(variations);
}

fn method(variations: &mut Variations<'_>) {
    let Some(method) = variations.base.find(Name::Method).map(|part| part.bytes.clone()) else { return };
    variations.add_bytes(Mistake::MethodLowerCase, "", Name::Method, method.to_ascii_lowercase());
    if let Some((first, rest)) = method.split_first() {
        let capital = [&[*first], rest.to_ascii_lowercase().as_slice()].concat();
        variations.add_bytes(Mistake::MethodLowerCase, "all but its first letter", Name::Method, capital);
    }
    for other in METHODS.into_iter().filter(|other| other.as_bytes() != method) {
        variations.add_bytes(Mistake::MethodWrong, format!("{other} was signed, {} was sent", method.escape_ascii()), Name::Method, other);
        variations.add_bytes(
            Mistake::MethodWrong,
            format!("{} was signed, {} was sent", other.to_ascii_lowercase(), method.escape_ascii()),
            Name::Method,
            other.to_ascii_lowercase(),
        );
    }
    left_out(variations, Name::Method, Mistake::MethodLeftOut);
}

/// Leaves a part out: with its separator, and without.
pub(super) fn left_out(variations: &mut Variations<'_>, name: Name, mistake: Mistake) {
    if variations.base.find(name).is_none_or(|part| part.bytes.is_empty()) {
        return;
    }
    variations.add_bytes(mistake, "", name, Vec::new());
    let mut text = variations.base.clone();
    let Some(at) = text.parts.iter().position(|part| part.name == name) else { return };
    let separated = |place: Option<usize>| place.filter(|place| text.parts.get(*place).is_some_and(|part| part.name == Name::Separator));
    let neighbour = separated(Some(at + 1)).or_else(|| separated(at.checked_sub(1)));
    if let Some(neighbour) = neighbour {
        text.parts.remove(at.max(neighbour));
        text.parts.remove(at.min(neighbour));
        variations.add(mistake, "with its separator", text);
    }
}

fn path(variations: &mut Variations<'_>) {
    let Some(path) = variations.base.find(Name::Path).map(|part| part.bytes.clone()) else { return };
    for (at, _) in path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').take(VARIED_SEGMENTS_MAX) {
        let detail = format!("signed from {} on, without {}", path[at..].escape_ascii(), path[..at].escape_ascii());
        variations.add_bytes(Mistake::PathPrefixLeftOut, detail, Name::Path, &path[at..]);
        variations.add_bytes(
            Mistake::PathPrefixLeftOut,
            format!("signed as {}", path[at + 1..].escape_ascii()),
            Name::Path,
            &path[at + 1..],
        );
    }
    if let Some(bare) = path.strip_prefix(b"/") {
        variations.add_bytes(Mistake::PathPrefixLeftOut, "the first slash was left out", Name::Path, bare);
    }
    // Where the rule has a constant before the path, too.
    if variations.base.parts.first().is_some_and(|part| part.name == Name::Literal && part.bytes == b"/api") {
        let parts = variations.base.parts[1..].to_vec();
        let bare = [&[Part::plain(Name::Literal, "api")], parts.as_slice()].concat();
        variations.add(Mistake::PathPrefixLeftOut, "/api is not in the path, but in the text", Text::new(parts));
        variations.add(Mistake::PathPrefixLeftOut, "the first slash was left out", Text::new(bare));
    }
    if let Some(whole) = variations.draft.around.whole_path.clone() {
        variations.add_bytes(Mistake::PathPrefixKept, "", Name::Path, whole);
    }
    prefixes(variations, &path);
    let slash = path.strip_suffix(b"/").map_or_else(|| [path.as_slice(), b"/"].concat(), <[u8]>::to_vec);
    variations.add_bytes(Mistake::PathSlash, format!("signed as {}", slash.escape_ascii()), Name::Path, slash);
    let twice = [b"/".as_slice(), &path].concat();
    variations.add_bytes(Mistake::PathSlash, format!("signed as {}", twice.escape_ascii()), Name::Path, twice);
    let blank = [b" ".as_slice(), &path].concat();
    variations.add_bytes(Mistake::SeparatorsAdded, "a blank between method and path", Name::Path, blank);
    if let Some(origin) = variations.draft.around.origin.clone() {
        let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host).to_owned();
        for front in [origin, format!("http://{host}"), host] {
            let url = [front.as_bytes(), &path].concat();
            variations.add_bytes(Mistake::FullUrlSigned, format!("with {front} in front"), Name::Path, url);
        }
    }
    left_out(variations, Name::Path, Mistake::PathLeftOut);
}

/// What the base address of a library begins its paths with.
const PREFIXES: [&str; 9] = ["/api", "/api/v1", "/api/v2", "/api/v3", "/api/v4", "/api/v5", "/v1", "/v2", "/derivatives"];

/// The beginning that a base address has already, signed once more, or one of another version.
fn prefixes(variations: &mut Variations<'_>, path: &[u8]) {
    let own = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').take(2).map(|(end, _)| path[..end].to_vec());
    let of_others = PREFIXES.iter().map(|prefix| prefix.as_bytes().to_vec());
    for prefix in own.chain(of_others) {
        let detail = format!("signed with {} in front", prefix.escape_ascii());
        variations.add_bytes(Mistake::PathPrefixAdded, detail, Name::Path, [prefix.as_slice(), path].concat());
    }
}

fn query(variations: &mut Variations<'_>) {
    let base = variations.base.clone();
    let mark = base.parts.iter().position(|part| part.name == Name::Separator && part.bytes == b"?");
    if let Some(mark) = mark {
        let mut text = base.clone();
        text.parts.retain(|part| part.name != Name::Query);
        text.parts.remove(mark);
        variations.add(Mistake::QueryLeftOut, "", text);
        if let Some(query) = base.find(Name::Query) {
            let twice = [query.bytes.as_slice(), b"?", &query.bytes].concat();
            variations.add_bytes(Mistake::QuestionMark, "the query was signed twice, each with its question mark", Name::Query, twice);
        }
        let mut text = base;
        text.parts[mark].bytes = b"&".to_vec();
        variations.add(Mistake::QuestionMark, "`&` was signed for the question mark", text.clone());
        text.parts.remove(mark);
        variations.add(Mistake::QuestionMark, "the question mark was left out", text);
        return;
    }
    if base.find(Name::Path).is_some() && base.find(Name::Query).is_none() && base.find(Name::Method).is_some() {
        let with = [base.find(Name::Path).map_or_else(Vec::new, |part| part.bytes.clone()), b"?".to_vec()].concat();
        variations.add_bytes(Mistake::QuestionMark, "a question mark without a query was signed", Name::Path, with);
    }
    if let Some(query) = base.find(Name::Query).filter(|part| !part.bytes.is_empty()) {
        let marked = Part { bytes: [b"?", query.bytes.as_slice()].concat(), ..query.clone() };
        variations.add(Mistake::QuestionMark, "the question mark was signed", base.replaced(Name::Query, &[marked]));
        if let Some(path) = base.find(Name::Path).filter(|_| variations.draft.purpose == Purpose::Gate) {
            let whole = [path.bytes.as_slice(), b"?", &query.bytes].concat();
            let text = base.with_bytes(Name::Path, whole).with_bytes(Name::Query, "");
            variations.add(Mistake::QuestionMark, "the query was signed behind the path, and its own line left empty", text);
            let whole = [path.bytes.as_slice(), b"?", &query.bytes].concat();
            variations.add_bytes(Mistake::QuestionMark, "the query was signed behind the path, too", Name::Path, whole);
        }
        if base.parts.len() > 2 || base.find(Name::Body).is_some_and(|body| !body.bytes.is_empty()) {
            variations.add_bytes(Mistake::QueryLeftOut, "", Name::Query, Vec::new());
        }
    }
}
