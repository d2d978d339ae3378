//! The values of components (RFC 9421, 2): derived ones, and fields.
//!
//! | component | value |
//! |---|---|
//! | `@method` | as sent |
//! | `@authority` | host in lower case, without the port of HTTPS |
//! | `@scheme` | `https`: there is no other listener |
//! | `@target-uri` | scheme, authority, path and query |
//! | `@request-target` | path and query as sent |
//! | `@path`, `@query` | as sent; the query with its question mark, which is there even without one |
//! | `@query-param;name` | the one parameter of this name, decoded and encoded again (2.2.8) |
//! | field | the value of the one line of this name |
//! | field`;sf`, `;key`, `;bs` | the value as a structured field, one member of it, or its bytes in base64 |
//!
//! Values are bytes of the message wherever the standard lets them be. A field that is there twice has no value: a client that
//! joins lines and an upstream that reads the first see two requests. `@status`, `;req` and `;tr` do not occur: responses and
//! trailers are not signed here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Detail, Refusal, Reject};
use sfv::{DictSerializer, Dictionary, FieldType as _, Item, KeyRef, List, ListEntry, Parser};

use super::{SIGNATURE_INPUT, unique};
use crate::dialect::{Header, RequestView};
use crate::fields::malformed;

/// The value of one component.
///
/// # Errors
/// [`Reject::Malformed`] for a component that does not exist or has no value in this request.
pub(super) fn value(item: &Item, request: &RequestView<'_>) -> Result<Vec<u8>, Refusal> {
    let name = item.bare_item.as_string().map(|name| name.as_str()).ok_or_else(unknown)?;
    if !name.starts_with('@') {
        return field(name, item, request);
    }
    if name == "@query-param" {
        return query_parameter(item, request.query());
    }
    if !item.params.is_empty() {
        return Err(unknown());
    }
    match name {
        "@authority" => Ok(authority(request)?.into_bytes()),
        "@method" => Ok(request.method.as_bytes().to_vec()),
        "@path" => Ok(request.path().to_vec()),
        "@query" => Ok([b"?", request.query()].concat()),
        "@request-target" => Ok(request.target.to_vec()),
        "@scheme" => Ok(b"https".to_vec()),
        "@target-uri" => Ok([b"https://", authority(request)?.as_bytes(), request.target].concat()),
        _ => Err(unknown()),
    }
}

fn unknown() -> Refusal {
    malformed(SIGNATURE_INPUT)
}

/// A component that is well named and that this request does not have.
fn valueless() -> Refusal {
    Refusal::with(Reject::MissingParameter, Detail::Parameter(SIGNATURE_INPUT))
}

/// RFC 9421, 2.2.3.
fn authority(request: &RequestView<'_>) -> Result<String, Refusal> {
    let host = request.host.filter(|host| !host.is_empty()).ok_or_else(valueless)?;
    Ok(host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase())
}

/// RFC 9421, 2.2.8: names and values are read as of a form and written percent-encoded.
fn query_parameter(item: &Item, query: &[u8]) -> Result<Vec<u8>, Refusal> {
    let wanted = match (item.params.len(), item.params.get("name").and_then(|name| name.as_string())) {
        (1, Some(name)) => name.as_str(),
        _ => return Err(unknown()),
    };
    // `byte_serialize` writes a blank as `+`; a plus itself it encodes.
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let mut values = form_urlencoded::parse(query).filter(|(name, _)| encoded(name) == wanted);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Ok(encoded(&value).into_bytes()),
        (None, _) => Err(valueless()),
        (Some(_), Some(_)) => Err(malformed("@query-param")),
    }
}

/// How a field's value is to be read.
enum Reading<'i> {
    Bytes,
    Member(&'i str),
    Plain,
    Structured,
}

/// RFC 9421, 2.1.
fn field(name: &str, item: &Item, request: &RequestView<'_>) -> Result<Vec<u8>, Refusal> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase());
    if !plain {
        return Err(unknown());
    }
    let line = match request.headers.find(name) {
        Header::Absent => return Err(valueless()),
        Header::Once(line) => line.trim_ascii(),
        Header::Repeated => return Err(malformed("a signed field that is there twice")),
    };
    if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Err(unknown());
    }
    match reading(item)? {
        Reading::Bytes => Ok(format!(":{}:", STANDARD.encode(line)).into_bytes()),
        Reading::Member(key) => {
            let members = unique::dictionary(line).ok_or_else(valueless)?;
            members.get(key).and_then(serialized).map(String::into_bytes).ok_or_else(valueless)
        }
        Reading::Plain => Ok(line.to_vec()),
        Reading::Structured => structured(line).map(String::into_bytes).ok_or_else(valueless),
    }
}

fn reading(item: &Item) -> Result<Reading<'_>, Refusal> {
    let mut parameters = item.params.iter();
    let reading = match parameters.next().map(|(key, value)| (key.as_str(), value)) {
        None => Reading::Plain,
        Some(("bs", value)) if value.as_boolean() == Some(true) => Reading::Bytes,
        Some(("sf", value)) if value.as_boolean() == Some(true) => Reading::Structured,
        Some(("key", value)) => Reading::Member(value.as_string().ok_or_else(unknown)?.as_str()),
        Some(_) => return Err(unknown()),
    };
    if parameters.next().is_some() { Err(unknown()) } else { Ok(reading) }
}

/// The value in the spelling of a serializer (2.1.1). What a field holds is not known here; it is a dictionary, a list or an item,
/// whichever it can be, in this order: where it can be several, they are written alike.
fn structured(line: &[u8]) -> Option<String> {
    if Parser::new(line).parse::<Dictionary>().is_ok() {
        return unique::dictionary(line)?.serialize();
    }
    match Parser::new(line).parse::<List>() {
        Ok(items) => items.serialize(),
        Err(_) => Parser::new(line).parse::<Item>().ok().map(|item| item.serialize()),
    }
}

/// The value of a member of a dictionary, with its parameters.
pub(super) fn serialized(member: &ListEntry) -> Option<String> {
    let key = KeyRef::from_str("a").ok()?;
    let mut serializer = DictSerializer::new();
    match member {
        // A dictionary leaves the value of a true boolean out.
        ListEntry::Item(item) => return Some(item.serialize()),
        ListEntry::InnerList(inner) => {
            let mut list = serializer.inner_list(key);
            list.items(&inner.items);
            let _ = list.finish().parameters(&inner.params);
        }
    }
    serializer.finish()?.strip_prefix("a=").map(str::to_owned)
}
