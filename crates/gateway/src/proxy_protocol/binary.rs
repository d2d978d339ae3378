//! Version 2: a fixed part, addresses, and fields of type, length and value (2.2).
//!
//! ```text
//!   signature (12) || version and command (1) || family and transport (1) || length of the rest (2) || addresses || fields
//! ```

use std::net::IpAddr;

use crc::{CRC_32_ISCSI, Crc};

use super::header::{Header, HeaderError};

/// How it begins: what no line of text and no TLS record begins with.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The part that says how long the rest is.
pub(super) const FIXED_BYTES: usize = 16;

/// Version 2 and a connection that the balancer opened for itself.
const LOCAL: u8 = 0x20;
/// Version 2 and one that it opened for somebody.
const PROXY: u8 = 0x21;

/// No family and no transport.
const UNSPEC: u8 = 0x00;
/// TCP over IPv4.
const TCP4: u8 = 0x11;
/// TCP over IPv6.
const TCP6: u8 = 0x21;

/// The field with the checksum (2.2.3).
const TYPE_CRC32C: u8 = 0x03;
/// Castagnoli's polynomial, as iSCSI and SCTP have it.
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// How long the whole header is, once the fixed part is there.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.get(FIXED_BYTES - 2..FIXED_BYTES)?;
    Some(FIXED_BYTES + usize::from(u16::from_be_bytes([rest[0], rest[1]])))
}

/// Reads a whole header.
///
/// A socket of the balancer's own machine (`AF_UNIX`) and a datagram are refused: neither is a client over TCP. What stands behind the
/// command `LOCAL` is not looked at, as the specification wants it.
pub(super) fn read(header: &[u8]) -> Result<Header, HeaderError> {
    let (fixed, rest) = header.split_at_checked(FIXED_BYTES).ok_or(HeaderError::Malformed("it is too short"))?;
    match fixed[SIGNATURE.len()] {
        LOCAL => return Ok(Header::Local),
        PROXY => {}
        _ => return Err(HeaderError::Malformed("its version or command")),
    }
    let (said, fields_at) = match fixed[SIGNATURE.len() + 1] {
        UNSPEC => (Header::Local, 0),
        TCP4 => (client::<4>(rest)?, 2 * (4 + 2)),
        TCP6 => (client::<16>(rest)?, 2 * (16 + 2)),
        _ => return Err(HeaderError::Malformed("its family or transport")),
    };
    check_fields(header, FIXED_BYTES + fields_at)?;
    Ok(said)
}

/// The source: address, the other's address, port, the other's port.
fn client<const N: usize>(addresses: &[u8]) -> Result<Header, HeaderError>
where
    [u8; N]: Into<IpAddr>,
{
    let cut = HeaderError::Malformed("its addresses are cut off");
    let source: [u8; N] = *addresses.first_chunk().ok_or(cut)?;
    let ports = addresses.get(2 * N..2 * (N + 2)).ok_or(cut)?;
    Header::client(source.into(), u16::from_be_bytes([ports[0], ports[1]]))
}

/// Walks over the fields: none is cut off, and a checksum is that of this header with noughts in its place.
fn check_fields(header: &[u8], mut at: usize) -> Result<(), HeaderError> {
    let cut = HeaderError::Malformed("a field is cut off");
    let mut checked = false;
    while let Some([kind, rest @ ..]) = header.get(at..) {
        let [high, low, rest @ ..] = rest else { return Err(cut) };
        let value = rest.get(..usize::from(u16::from_be_bytes([*high, *low]))).ok_or(cut)?;
        let value_at = at + 3;
        at = value_at + value.len();
        if *kind != TYPE_CRC32C {
            continue;
        }
        let sum = value.try_into().map(u32::from_be_bytes).map_err(|_| HeaderError::Malformed("its checksum has no four bytes"))?;
        if std::mem::replace(&mut checked, true) {
            return Err(HeaderError::Malformed("two checksums"));
        }
        let mut digest = CRC32C.digest();
        digest.update(&header[..value_at]);
        digest.update(&[0; 4]);
        digest.update(&header[at..]);
        if digest.finalize() != sum {
            return Err(HeaderError::Checksum);
        }
    }
    Ok(())
}
