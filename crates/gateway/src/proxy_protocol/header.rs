//! A header as it arrives: which version, how long it is, and what it says.

use std::net::{IpAddr, SocketAddr};

use super::limits::{BINARY_BYTES_MAX, TEXT_BYTES_MAX};
use super::{Closed, binary, text};

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// Whose connection it is; an IPv4 address is never written as IPv6.
    Client(SocketAddr),
    /// The balancer's own: a check of it, or it names nobody.
    Local,
}

impl Header {
    /// A client's address, if a TCP connection can come from it.
    pub(super) fn client(address: IpAddr, port: u16) -> Result<Self, HeaderError> {
        let address = address.to_canonical();
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        if address.is_unspecified() || address.is_multicast() || broadcast {
            return Err(HeaderError::Malformed("a source that nobody can connect from"));
        }
        Ok(Self::Client(SocketAddr::new(address, port)))
    }
}

/// Why there is no header that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// What arrives is something else.
    #[error("no PROXY protocol header")]
    Missing,
    /// It is longer than any that is needed.
    #[error("a PROXY protocol header longer than {0} bytes")]
    TooLong(usize),
    /// It breaks the specification, or has a source that no client over TCP has.
    #[error("a PROXY protocol header that cannot be read: {0}")]
    Malformed(&'static str),
    /// Its checksum (CRC-32C) is that of other bytes.
    #[error("a PROXY protocol header with a wrong checksum")]
    Checksum,
}

impl HeaderError {
    /// As it is counted.
    #[must_use]
    pub const fn closed(self) -> Closed {
        match self {
            Self::Missing => Closed::Missing,
            Self::TooLong(_) | Self::Malformed(_) | Self::Checksum => Closed::Malformed,
        }
    }
}

/// The part of a header that has arrived.
#[derive(Debug, Default)]
pub struct Arriving(Vec<u8>);

impl Arriving {
    /// Takes what of `offered` belongs to the header: how many bytes, and the header once it is whole. Nothing may be offered after that.
    ///
    /// # Errors
    /// [`HeaderError`], as soon as the bytes so far cannot begin a header.
    pub fn take(&mut self, offered: &[u8]) -> Result<(usize, Option<Header>), HeaderError> {
        let mut taken = 0;
        while taken < offered.len() {
            let wanted = missing(&self.0)?.min(offered.len() - taken);
            self.0.extend_from_slice(&offered[taken..taken + wanted]);
            taken += wanted;
            if missing(&self.0)? == 0 {
                return Ok((taken, Some(read(&self.0)?)));
            }
        }
        Ok((taken, None))
    }
}

/// How many more bytes are surely part of the header that begins like this; 0 when it is whole.
fn missing(bytes: &[u8]) -> Result<usize, HeaderError> {
    if begins_like(bytes, binary::SIGNATURE) {
        let length = match binary::length(bytes) {
            Some(length) if length > BINARY_BYTES_MAX => return Err(HeaderError::TooLong(BINARY_BYTES_MAX)),
            Some(length) => length,
            // The two signatures differ in their first byte.
            None if bytes.is_empty() => 1,
            None => binary::FIXED_BYTES,
        };
        return Ok(length - bytes.len());
    }
    if !begins_like(bytes, text::SIGNATURE) {
        return Err(HeaderError::Missing);
    }
    match bytes {
        [.., b'\n'] => Ok(0),
        _ if bytes.len() >= TEXT_BYTES_MAX => Err(HeaderError::TooLong(TEXT_BYTES_MAX)),
        // A line ends where its end is: nobody has said how long it is.
        _ => Ok(1),
    }
}

/// Whether one is the beginning of the other.
fn begins_like(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(byte, expected)| byte == expected)
}

fn read(whole: &[u8]) -> Result<Header, HeaderError> {
    if whole.starts_with(binary::SIGNATURE) { binary::read(whole) } else { text::read(whole) }
}
