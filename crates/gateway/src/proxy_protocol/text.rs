//! Version 1: one line of text (2.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::header::{Header, HeaderError};

/// How it begins.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// Reads a whole line.
///
/// ```text
///   PROXY TCP4 192.0.2.7 198.51.100.1 56324 443␍␊      one space between two words, no sign and no zero in front of a number
///   PROXY UNKNOWN…␍␊                                   what stands behind it says nothing
/// ```
pub(super) fn read(line: &[u8]) -> Result<Header, HeaderError> {
    let words = line.strip_prefix(SIGNATURE).and_then(|rest| rest.strip_suffix(b"\r\n"));
    let words = words.and_then(|words| std::str::from_utf8(words).ok()).ok_or(HeaderError::Malformed("its line end, or no text"))?;
    if words.contains('\r') {
        return Err(HeaderError::Malformed("its line end, or no text"));
    }
    let mut words = words.split(' ');
    match words.next() {
        Some("UNKNOWN") => Ok(Header::Local),
        Some("TCP4") => client::<Ipv4Addr>(words),
        Some("TCP6") => client::<Ipv6Addr>(words),
        Some(_) | None => Err(HeaderError::Malformed("its protocol")),
    }
}

fn client<'l, A: FromStr + Into<IpAddr>>(mut words: impl Iterator<Item = &'l str>) -> Result<Header, HeaderError> {
    let mut next = || words.next().ok_or(HeaderError::Malformed("a word is missing"));
    let (source, _destination) = (address::<A>(next()?)?, address::<A>(next()?)?);
    let (source_port, _destination_port) = (port(next()?)?, port(next()?)?);
    if words.next().is_some() {
        return Err(HeaderError::Malformed("a word too many"));
    }
    Header::client(source.into(), source_port)
}

fn address<A: FromStr>(word: &str) -> Result<A, HeaderError> {
    word.parse().map_err(|_| HeaderError::Malformed("an address"))
}

fn port(word: &str) -> Result<u16, HeaderError> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| plain).ok_or(HeaderError::Malformed("a port"))
}
