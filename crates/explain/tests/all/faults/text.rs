//! Faults of the signed text.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_explain::Mistake::*;
use serde_json::Value;

use super::recorded::decoded;
use super::signing::{Piece, Signing, Slot};
use super::{Fault, fault};

fn sorted(text: &str) -> String {
    let mut pairs: Vec<&str> = text.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

fn reversed(text: &str) -> String {
    text.split('&').rev().collect::<Vec<_>>().join("&")
}

/// Where it is more than one, without it.
fn without(text: &str, last: bool) -> String {
    let cut = if last { text.rsplit_once('&').map(|(rest, _)| rest) } else { text.split_once('&').map(|(_, rest)| rest) };
    cut.unwrap_or(text).to_owned()
}

fn in_front(signing: &mut Signing, slot: Slot, text: &str) {
    signing.pieces.insert(0, Piece::plain(slot, text));
}

fn at_end(signing: &mut Signing, slot: Slot, text: &str) {
    signing.pieces.push(Piece::plain(slot, text));
}

fn separated(signing: &mut Signing, by: &str) {
    let has = signing.pieces.iter().any(|piece| piece.slot == Slot::Separator);
    if has || signing.pieces.iter().any(|piece| piece.inner.is_some()) {
        signing.change(Slot::Separator, |_| by.to_owned());
        return;
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for piece in signing.pieces.drain(..).filter(|piece| !piece.bytes.is_empty()) {
        let glued = matches!(piece.slot, Slot::Mark) || pieces.last().is_none_or(|last| last.slot == Slot::Mark);
        if !glued {
            pieces.push(Piece::plain(Slot::Separator, by));
        }
        pieces.push(piece);
    }
    signing.pieces = pieces;
}

fn take(signing: &mut Signing, slot: Slot) -> Vec<Piece> {
    let (taken, rest) = signing.pieces.drain(..).partition(|piece| piece.slot == slot);
    signing.pieces = rest;
    taken
}

fn json(text: &str, write: fn(&Value) -> String) -> String {
    serde_json::from_str(text).map_or_else(|_| text.to_owned(), |value| write(&value))
}

fn body_for_nothing(signing: &mut Signing, text: &str) {
    let empty = signing.find(Slot::Body).is_some_and(|piece| piece.bytes.is_empty());
    if empty {
        signing.change(Slot::Body, |_| text.to_owned());
    }
}

fn without_query(signing: &mut Signing) {
    signing.remove(Slot::Mark);
    signing.change(Slot::Query, |_| String::new());
}

pub(super) const PATHS: &[Fault] = &[
    fault("method in lower case", &[MethodLowerCase, LettersChanged], |s| s.change(Slot::Method, str::to_lowercase)),
    fault("another method", &[MethodWrong], |s| s.change(Slot::Method, |own| if own == "GET" { "POST" } else { "GET" }.to_owned())),
    fault("without the method", &[MethodLeftOut], |s| s.change(Slot::Method, |_| String::new())),
    fault("without the path", &[PathLeftOut], |s| s.change(Slot::Path, |_| String::new())),
    fault("path without its first segment", &[PathPrefixLeftOut], |s| {
        s.change(Slot::Path, |path| path[1..].find('/').map_or(path, |at| &path[at + 1..]).to_owned());
    }),
    fault("last segment of the path", &[PathPrefixLeftOut], |s| {
        s.change(Slot::Path, |path| path.rfind('/').map_or(path, |at| &path[at..]).to_owned());
    }),
    fault("path with /api in front", &[PathPrefixAdded], |s| s.change(Slot::Path, |path| format!("/api{path}"))),
    fault("path without its slash", &[PathPrefixLeftOut], |s| s.change(Slot::Path, |path| path.trim_start_matches('/').to_owned())),
    fault("slash at the end of the path", &[PathSlash], |s| s.change(Slot::Path, |path| format!("{path}/"))),
    fault("two slashes in front", &[PathSlash], |s| s.change(Slot::Path, |path| format!("/{path}"))),
    fault("path in lower case", &[LettersChanged], |s| s.change(Slot::Path, str::to_lowercase)),
    fault("path percent-encoded", &[EncodingAdded], |s| s.change(Slot::Path, |path| path.replace('/', "%2F"))),
    fault("whole URL", &[FullUrlSigned], |s| {
        let host = s.host.clone();
        s.change(Slot::Path, |path| if host.is_empty() { path.to_owned() } else { format!("https://{host}{path}") });
    }),
    fault("host and path", &[FullUrlSigned], |s| {
        let host = s.host.clone();
        s.change(Slot::Path, |path| format!("{host}{path}"));
    }),
    fault("without the query", &[QueryLeftOut, TextEmpty], without_query),
    fault("without the question mark", &[QuestionMark], |s| s.remove(Slot::Mark)),
    fault("& for the question mark", &[QuestionMark], |s| s.change(Slot::Mark, |_| "&".to_owned())),
    fault("question mark without a query", &[QuestionMark], |s| {
        let alone = s.find(Slot::Query).is_none() && s.find(Slot::Method).is_some();
        s.change(Slot::Path, |path| if alone { format!("{path}?") } else { path.to_owned() });
    }),
    fault("question mark before the query", &[QuestionMark], |s| {
        let marked = s.find(Slot::Mark).is_some();
        s.change(Slot::Query, |query| if marked || query.is_empty() { query.to_owned() } else { format!("?{query}") });
    }),
];

pub(super) const PARAMETERS: &[Fault] = &[
    fault("parameters sorted", &[ParametersSorted, ParametersJoined], |s| s.change_parameters(sorted)),
    fault("parameters sorted in reverse", &[ParametersReordered], |s| s.change_parameters(|text| reversed(&sorted(text)))),
    fault("parameters in reverse", &[ParametersReordered, ParametersNotSorted, ParametersSorted], |s| s.change_parameters(reversed)),
    fault("without the first parameter", &[ParameterLeftOut, TimestampLeftOut, NonceLeftOut], |s| {
        s.change_parameters(|text| without(text, false))
    }),
    fault("without the last parameter", &[ParameterLeftOut, TimestampLeftOut, NonceLeftOut], |s| {
        s.change_parameters(|text| without(text, true))
    }),
    fault("only the first parameter", &[ParameterLeftOut], |s| {
        s.change_parameters(|text| text.split('&').next().unwrap_or_default().to_owned());
    }),
    fault("& at the end", &[ParameterNotSent], |s| s.change_parameters(|text| format!("{text}&"))),
    fault("& in front", &[ParameterNotSent, QueryBodyJoined], |s| s.change_parameters(|text| format!("&{text}"))),
    fault("recvWindow signed, not sent", &[ParameterNotSent], |s| {
        s.change_parameters(|text| {
            if text.contains("ecvWindow") || !text.contains("timestamp=") { text.to_owned() } else { format!("{text}&recvWindow=5000") }
        });
    }),
    fault("parameters joined by nothing", &[ParametersJoined], |s| s.change_parameters(|text| text.replace('&', ""))),
    fault("parameters without = and &", &[ParametersJoined], |s| s.change_parameters(|text| text.replace(['&', '='], ""))),
    fault("parameters joined by commas", &[ParametersJoined], |s| s.change_parameters(|text| text.replace('&', ","))),
    fault("parameters percent-decoded", &[EncodingNotSigned], |s| s.change_parameters(decoded)),
    fault("parameters encoded once more", &[DoubleEncoding], |s| s.change_parameters(|text| text.replace('%', "%25"))),
    fault("commas percent-encoded", &[EncodingAdded], |s| s.change_parameters(|text| text.replace(',', "%2C"))),
    fault("escapes in lower case", &[EncodingCase], |s| {
        s.change_parameters(|text| text.replace("%2C", "%2c").replace("%5B", "%5b").replace("%5D", "%5d").replace("%2F", "%2f"))
    }),
    fault("blank as +", &[PlusForSpace], |s| s.change_parameters(|text| text.replace("%20", "+"))),
    fault("+ as %20", &[PlusForSpace], |s| s.change_parameters(|text| text.replace('+', "%20"))),
    fault("parameters in lower case", &[LettersChanged], |s| s.change_parameters(str::to_lowercase)),
    fault("whole numbers with .0", &[NumbersRewritten], |s| {
        s.change_parameters(|text| {
            let each = text.split('&').map(|pair| {
                let value = pair.split_once('=').map_or("", |(_, value)| value);
                if !value.is_empty() && value.len() < 6 && value.bytes().all(|byte| byte.is_ascii_digit()) {
                    format!("{pair}.0")
                } else {
                    pair.to_owned()
                }
            });
            each.collect::<Vec<_>>().join("&")
        });
    }),
    fault("body before the query", &[BodyBeforeQuery, PartsReordered], |s| {
        if s.find(Slot::Separator).is_none() {
            let body = take(s, Slot::Body);
            s.pieces.splice(0..0, body);
        }
    }),
    fault("query as JSON for no body", &[BodyNotSent], |s| {
        let query = s.find(Slot::Query).map(Piece::text).unwrap_or_default();
        let members: Vec<String> =
            query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        if !members.is_empty() {
            body_for_nothing(s, &format!("{{{}}}", members.join(",")));
        }
    }),
];

pub(super) const BODIES: &[Fault] = &[
    fault("without the body", &[BodyLeftOut, TextEmpty], |s| s.change(Slot::Body, |_| String::new())),
    fault("{} for no body", &[BodyNotSent], |s| body_for_nothing(s, "{}")),
    fault("null for no body", &[BodyNotSent], |s| body_for_nothing(s, "null")),
    fault("\"\" for no body", &[BodyNotSent], |s| body_for_nothing(s, "\"\"")),
    fault("[] for no body", &[BodyNotSent], |s| body_for_nothing(s, "[]")),
    fault("{} for the body", &[BodyLeftOut], |s| s.change_json(|_| "{}".to_owned())),
    fault("body with a line feed", &[BodyNewline, TextNewline], |s| {
        s.change(Slot::Body, |text| if text.is_empty() { String::new() } else { format!("{text}\n") })
    }),
    fault("JSON with blanks", &[JsonReserialised], |s| {
        s.change_json(|text| text.replace("\": ", "\":").replace(", \"", ",\"").replace("\":", "\": ").replace(",\"", ", \""));
    }),
    fault("JSON without blanks", &[JsonReserialised], |s| s.change_json(|text| text.replace("\": ", "\":").replace(", \"", ",\""))),
    fault("JSON sorted", &[JsonReserialised], |s| s.change_json(|text| json(text, Value::to_string))),
    fault("JSON sorted, on lines", &[JsonReserialised], |s| {
        s.change_json(|text| json(text, |value| serde_json::to_string_pretty(value).unwrap()))
    }),
    fault("JSON as Python prints it", &[JsonReserialised, BodyOtherForm], |s| {
        s.change_json(|text| {
            text.replace("\": ", "\":")
                .replace(", \"", ",\"")
                .replace("\":", "\": ")
                .replace(",\"", ", \"")
                .replace('"', "'")
                .replace(": true", ": True")
                .replace(": false", ": False")
        });
    }),
    fault("JSON as a string", &[BodyOtherForm], |s| s.change_json(|text| Value::from(text).to_string())),
    fault("JSON without its first member", &[ParameterLeftOut, TimestampLeftOut, NonceLeftOut], |s| {
        s.change_json(|text| {
            if text.starts_with('{') {
                text.split_once(',').map_or_else(|| text.to_owned(), |(_, rest)| format!("{{{}", rest.trim_start()))
            } else {
                text.to_owned()
            }
        });
    }),
    fault("JSON with strings for numbers", &[JsonReserialised], |s| {
        s.change_json(|text| {
            let mut out = String::new();
            let mut rest = text;
            while let Some(at) =
                rest.find(|c: char| c.is_ascii_digit()).filter(|at| rest[..*at].ends_with(':') || rest[..*at].ends_with(": "))
            {
                let end = rest[at..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |end| at + end);
                out.push_str(&format!("{}\"{}\"", &rest[..at], &rest[at..end]));
                rest = &rest[end..];
            }
            out + rest
        });
    }),
    fault("JSON with escaped slashes", &[JsonReserialised], |s| s.change_json(|text| text.replace('/', "\\/"))),
    fault("JSON as a form", &[BodyOtherForm], |s| {
        s.change_json(|text| {
            let Ok(Value::Object(members)) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
            if members.values().any(Value::is_object) {
                return text.to_owned();
            }
            let pairs =
                members.iter().map(|(name, value)| format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            pairs.collect::<Vec<_>>().join("&")
        });
    }),
    fault("SHA-256 of the body", &[BodyHashed, BodyHashWrong, TextHashed], |s| {
        let plain = s.find(Slot::Body).is_some_and(|piece| piece.inner.is_none());
        s.change(Slot::Body, |text| {
            if text.is_empty() || !plain { text.to_owned() } else { hex::encode(digest::digest(&digest::SHA256, text.as_bytes())) }
        });
    }),
    fault("base64 of the body", &[BodyHashed, TextHashed], |s| {
        let plain = s.find(Slot::Body).is_some_and(|piece| piece.inner.is_none());
        s.change(Slot::Body, |text| if plain { STANDARD.encode(text) } else { text.to_owned() });
    }),
    fault("body without the inner hash", &[BodyHashLeftOut], |s| s.pieces.iter_mut().for_each(|piece| piece.inner = None)),
    fault("inner hash in hexadecimal", &[InnerHashHex], |s| s.inner = |bytes| hex::encode(bytes).into_bytes()),
    fault("inner hash in base64", &[InnerHashText, BodyHashWrong], |s| s.inner = |bytes| STANDARD.encode(bytes).into_bytes()),
    fault("inner hash as bytes", &[BodyHashWrong], |s| s.inner = <[u8]>::to_vec),
    fault("inner hash as UTF-8", &[InnerHashText, BodyHashWrong], |s| {
        s.inner = |bytes| String::from_utf8_lossy(bytes).into_owned().into_bytes()
    }),
    fault("inner hash as Latin-1", &[InnerHashText, BodyHashWrong], |s| {
        s.inner = |bytes| bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes();
    }),
    fault("inner hash in capitals", &[BodyHashWrong, InnerHashHex], |s| s.inner = |bytes| hex::encode_upper(bytes).into_bytes()),
    fault("SHA-512 inside", &[BodyHashWrong], |s| inner(s, &digest::SHA512)),
    fault("SHA-256 inside", &[BodyHashWrong], |s| inner(s, &digest::SHA256)),
    fault("SHA-1 inside", &[BodyHashWrong], |s| inner(s, &digest::SHA1_FOR_LEGACY_USE_ONLY)),
    fault("nothing for the hash of no body", &[BodyHashLeftOut, BodyLeftOut], |s| {
        let empty = s.find(Slot::Body).is_some_and(|piece| piece.bytes.is_empty() && piece.inner.is_some());
        if empty && s.pieces.iter().filter(|piece| piece.inner.is_some()).count() == 1 {
            s.pieces.iter_mut().for_each(|piece| piece.inner = None);
        }
    }),
    fault("payload before base64", &[PayloadPlain], |s| {
        s.change(Slot::Payload, |text| {
            STANDARD.decode(text).map_or_else(|_| text.to_owned(), |plain| String::from_utf8_lossy(&plain).into_owned())
        })
    }),
];

fn inner(signing: &mut Signing, hash: &'static digest::Algorithm) {
    signing.pieces.iter_mut().filter(|piece| piece.inner.is_some()).for_each(|piece| piece.inner = Some(hash));
}

pub(super) const PARTS: &[Fault] = &[
    fault("parts in reverse", &[PartsReordered, FixFieldOrder, BodyBeforeQuery], |s| {
        let (last, glue) = (s.pieces.last().map(|piece| piece.slot), s.find(Slot::Mark).is_some());
        if last != Some(Slot::Separator) && !glue && s.find(Slot::Literal).is_none() {
            s.pieces.reverse();
        }
    }),
    fault("time at the end", &[PartsReordered, OtherRule, FixFieldOrder], |s| {
        if s.find(Slot::Separator).is_none() {
            let time = take(s, Slot::Time);
            s.pieces.extend(time);
        }
    }),
    fault("time in front", &[PartsReordered, OtherRule], |s| {
        if s.find(Slot::Separator).is_none() {
            let time = take(s, Slot::Time);
            s.pieces.splice(0..0, time);
        }
    }),
    fault("method after the path", &[PartsReordered, OtherRule], |s| {
        if s.find(Slot::Separator).is_none()
            && let Some(at) = s.pieces.iter().position(|piece| piece.slot == Slot::Method)
            && at + 1 < s.pieces.len()
        {
            let end = if s.find(Slot::Mark).is_some() { 3 } else { 1 };
            s.pieces[at..=at + end].rotate_left(1);
        }
    }),
    fault("key in front", &[CredentialSigned, FixFieldLeftOut], |s| {
        let key = s.key.clone();
        if s.find(Slot::Key).is_none() && !s.method.is_empty() {
            in_front(s, Slot::Key, &key);
        }
    }),
    fault("key at the end", &[CredentialSigned], |s| {
        let key = s.key.clone();
        if s.find(Slot::Key).is_none() && !s.method.is_empty() {
            at_end(s, Slot::Key, &key);
        }
    }),
    fault("without the key", &[KeyLeftOut], |s| s.remove(Slot::Key)),
    fault("without the window", &[WindowLeftOut], |s| s.remove(Slot::Window)),
    fault("another window", &[WindowDiffers], |s| s.change(Slot::Window, |own| if own == "5000" { "10000" } else { "5000" }.to_owned())),
    fault("without the literal", &[ConstantLeftOut, PathPrefixLeftOut, FixTagsSigned, OtherRule], |s| s.remove(Slot::Literal)),
    fault("method in front", &[MethodSigned], |s| {
        let method = s.method.clone();
        if s.find(Slot::Method).is_none() && s.find(Slot::Payload).is_none() && !method.is_empty() {
            in_front(s, Slot::Method, &method);
        }
    }),
    fault("parts joined by line feeds", &[SeparatorsAdded, QueryBodyJoined], |s| {
        if s.find(Slot::Separator).is_none() {
            separated(s, "\n")
        }
    }),
    fault("parts joined by &", &[SeparatorsAdded, SeparatorsLeftOut, QueryBodyJoined, FixPipe], |s| separated(s, "&")),
    fault("parts joined by |", &[SeparatorsAdded, SeparatorsLeftOut, FixPipe], |s| separated(s, "|")),
    fault("parts joined by blanks", &[SeparatorsAdded, SeparatorsLeftOut, FixPipe], |s| separated(s, " ")),
    fault("parts joined by dots", &[SeparatorsAdded, SeparatorsLeftOut, FixPipe], |s| separated(s, ".")),
    fault("parts joined by dashes", &[SeparatorsAdded, SeparatorsLeftOut, FixPipe], |s| separated(s, "-")),
    fault("parts joined by nothing", &[SeparatorsLeftOut, FixPipe], |s| s.change(Slot::Separator, |_| String::new())),
    fault("parts joined by \\n as text", &[SeparatorsLeftOut, FixPipe], |s| s.change(Slot::Separator, |_| "\\n".to_owned())),
    fault("parts joined by CR LF", &[SeparatorsLeftOut, FixPipe], |s| s.change(Slot::Separator, |_| "\r\n".to_owned())),
    fault("line feed at the end", &[TextNewline, BodyNewline], |s| at_end(s, Slot::Literal, "\n")),
    fault("CR LF at the end", &[TextNewline, BodyNewline], |s| at_end(s, Slot::Literal, "\r\n")),
    fault("blank at the end", &[TextNewline, SecretNewline], |s| at_end(s, Slot::Literal, " ")),
    fault("line feed in front", &[TextNewline], |s| in_front(s, Slot::Literal, "\n")),
    fault("without its last character", &[LastSeparatorLeftOut, FixSendingTime, TimestampDiffers, TextCut], |s| {
        s.whole = |mut text| {
            text.pop();
            text
        }
    }),
    fault("text in lower case", &[LettersChanged, MethodLowerCase], |s| {
        if !s.has_raw_hash() {
            s.whole = |text| text.to_ascii_lowercase()
        }
    }),
    fault("text in upper case", &[LettersChanged], |s| {
        if !s.has_raw_hash() {
            s.whole = |text| text.to_ascii_uppercase()
        }
    }),
    fault("text in quotes", &[TextQuoted], |s| {
        if !s.has_raw_hash() {
            s.whole = |text| [b"\"", text.as_slice(), b"\""].concat()
        }
    }),
    fault("text as JSON", &[TextQuoted], |s| s.whole = |text| Value::from(String::from_utf8_lossy(&text).into_owned()).to_string().into()),
    fault("text in UTF-16", &[TextCharset], |s| {
        s.whole = |text| String::from_utf8_lossy(&text).encode_utf16().flat_map(u16::to_le_bytes).collect()
    }),
    fault("text in hexadecimal", &[TextHashed, InnerHashHex], |s| s.whole = |text| hex::encode(text).into()),
    fault("text in base64", &[TextHashed, InnerHashText, BodyOtherForm], |s| s.whole = |text| STANDARD.encode(text).into()),
    fault("SHA-256 of the text", &[TextHashed], |s| s.whole = |text| digest::digest(&digest::SHA256, &text).as_ref().to_vec()),
    fault("SHA-256 of the text in hexadecimal", &[TextHashed], |s| {
        s.whole = |text| hex::encode(digest::digest(&digest::SHA256, &text)).into()
    }),
    fault("SHA-512 of the text", &[TextHashed], |s| s.whole = |text| digest::digest(&digest::SHA512, &text).as_ref().to_vec()),
    fault("SHA-512 of the text in hexadecimal", &[TextHashed], |s| {
        s.whole = |text| hex::encode(digest::digest(&digest::SHA512, &text)).into()
    }),
    fault("text percent-encoded", &[EncodingAdded], |s| {
        s.whole = |text| {
            let each = |byte: &u8| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
            };
            text.iter().map(each).collect::<String>().into()
        };
    }),
    fault("text twice", &[TextTwice], |s| s.whole = |text| text.repeat(2)),
    fault("no text", &[TextEmpty], |s| s.whole = |_| Vec::new()),
];
