#![allow(clippy::unwrap_used)]
use std::net::Ipv4Addr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::*;

/// A header of version 2, whose length is that of `rest`.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [binary::SIGNATURE, &[command, family], &length, rest].concat()
}

const TCP4: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 4, 1, 0xbb];

fn tcp6(source: [u8; 16]) -> Vec<u8> {
    [&source[..], &[0; 16], &[0xdc, 4, 1, 0xbb]].concat()
}

fn with_fields(fields: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[&TCP4[..], fields].concat())
}

/// Reads bytes that are offered at once.
fn read(bytes: &[u8]) -> Result<Header, HeaderError> {
    let (taken, header) = Arriving::default().take(bytes)?;
    assert!(taken <= bytes.len());
    header.ok_or(HeaderError::Malformed("not whole"))
}

fn client(address: &str) -> Result<Header, HeaderError> {
    address.parse().map(Header::Client).map_err(|_| HeaderError::Missing)
}

#[test]
fn what_names_a_client() {
    let mapped = [&[0; 10][..], &[0xff, 0xff, 192, 0, 2, 7]].concat();
    for (header, expected) in [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n".to_vec(), "192.0.2.7:56324"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 0 0\r\n".to_vec(), "192.0.2.7:0"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 443\r\n".to_vec(), "[2001:db8::7]:65535"),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 443\r\n".to_vec(), "192.0.2.7:1"),
        (v2(0x21, 0x11, &TCP4), "192.0.2.7:56324"),
        (v2(0x21, 0x21, &tcp6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7])), "[2001:db8::7]:56324"),
        (v2(0x21, 0x21, &tcp6(mapped.try_into().unwrap())), "192.0.2.7:56324"),
        // Fields that are not for us: a private one of a cloud's, an empty one, a name.
        (with_fields(b"\xea\0\x03\x01vp\x04\0\0\x02\0\x01x"), "192.0.2.7:56324"),
    ] {
        assert_eq!(read(&header), client(expected), "{}", header.escape_ascii());
    }
}

#[test]
fn what_names_nobody_is_the_balancers_own() {
    for header in [
        &b"PROXY UNKNOWN\r\n"[..],
        b"PROXY UNKNOWN 192.0.2.7 whatever\r\n",
        &v2(0x20, 0x00, b""),
        &v2(0x20, 0x11, &TCP4),
        // The specification wants all of it ignored behind LOCAL.
        &v2(0x20, 0xff, b"\xff\xff"),
        &v2(0x21, 0x00, b""),
        &v2(0x21, 0x00, b"\xea\0\x01x"),
    ] {
        assert_eq!(read(header), Ok(Header::Local), "{}", header.escape_ascii());
    }
}

#[test]
fn a_line_has_one_reading() {
    for line in [
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r443\r\n",
        "PROXY  TCP4 192.0.2.7 198.51.100.1 56324 443\r\n",
        "PROXY TCP4  192.0.2.7 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 \r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 more\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 +56324 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 056324 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1  443\r\n",
        "PROXY TCP4 192.0.2.007 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 192.0.2 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 56324 443\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 56324 443\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n",
        "PROXY TCP5 192.0.2.7 198.51.100.1 56324 443\r\n",
        "PROXY UDP4 192.0.2.7 198.51.100.1 56324 443\r\n",
        "PROXY UNKNOWNx\r\n",
        "PROXY tcp4 192.0.2.7 198.51.100.1 56324 443\r\n",
        "PROXY \r\n",
        "PROXY TCP4 \u{661}92.0.2.7 198.51.100.1 56324 443\r\n",
    ] {
        assert!(matches!(read(line.as_bytes()), Err(HeaderError::Malformed(_))), "{line:?}: {:?}", read(line.as_bytes()));
    }
}

#[test]
fn what_is_no_header_is_found_with_its_first_wrong_byte() {
    for bytes in [&b"\x16\x03\x01"[..], b"GET / HTTP/1.1\r\n", b"POST", b"proxy ", b"PROXY\t", b"\r\n\r\n\0\r\nQUIT\r", b"8=FIX", b"{"] {
        assert_eq!(read(bytes), Err(HeaderError::Missing), "{}", bytes.escape_ascii());
    }
}

#[test]
fn version_2_is_read_as_it_is_written_down() {
    for (header, why) in [
        (v2(0x11, 0x11, &TCP4), "its version or command"),
        (v2(0x22, 0x11, &TCP4), "its version or command"),
        (v2(0x21, 0x12, &TCP4), "its family or transport"),
        (v2(0x21, 0x22, &tcp6([1; 16])), "its family or transport"),
        (v2(0x21, 0x31, &[b'/'; 216]), "its family or transport"),
        (v2(0x21, 0x32, &[b'/'; 216]), "its family or transport"),
        (v2(0x21, 0x01, &TCP4), "its family or transport"),
        (v2(0x21, 0x41, &TCP4), "its family or transport"),
        (v2(0x21, 0x11, &TCP4[..11]), "its addresses are cut off"),
        (v2(0x21, 0x11, b""), "its addresses are cut off"),
        (v2(0x21, 0x21, &TCP4), "its addresses are cut off"),
        (with_fields(b"\x01"), "a field is cut off"),
        (with_fields(b"\x01\0"), "a field is cut off"),
        (with_fields(b"\x01\0\x04abc"), "a field is cut off"),
        (with_fields(b"\x03\0\x03abc"), "its checksum has no four bytes"),
        (v2(0x21, 0x11, &[&[0, 0, 0, 0], &TCP4[4..]].concat()), "a source that nobody can connect from"),
        (v2(0x21, 0x11, &[&[224, 0, 0, 1], &TCP4[4..]].concat()), "a source that nobody can connect from"),
        (v2(0x21, 0x11, &[&[255; 4], &TCP4[4..]].concat()), "a source that nobody can connect from"),
        (v2(0x21, 0x21, &tcp6([0xff; 16])), "a source that nobody can connect from"),
    ] {
        assert_eq!(read(&header), Err(HeaderError::Malformed(why)), "{}", header.escape_ascii());
    }
}

#[test]
fn a_checksum_is_that_of_the_header_with_noughts_in_its_place() {
    // CRC-32C of the nine digits is the check value of the catalogue (RFC 3720, B.4 has others).
    assert_eq!(crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(b"123456789"), 0xe306_9283);
    let zeroed = with_fields(b"\x02\0\x01x\x03\0\x04\0\0\0\0\x04\0\x02\0\0");
    let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&zeroed).to_be_bytes();
    let mut header = zeroed;
    let at = header.len() - 5 - 4;
    header[at..at + 4].copy_from_slice(&sum);
    assert_eq!(read(&header), client("192.0.2.7:56324"));
    for at in [16, 20, 27, header.len() - 1] {
        let mut damaged = header.clone();
        damaged[at] ^= 1;
        assert_eq!(read(&damaged), Err(HeaderError::Checksum), "byte {at}");
    }
}

#[test]
fn two_checksums_are_one_too_many() {
    // The first is right only over a second that is as it will be: the second is found in any case.
    let mut header = with_fields(b"\x03\0\x04\0\0\0\0\x03\0\x04\0\0\0\0");
    let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&header).to_be_bytes();
    let at = header.len() - 11;
    header[at..at + 4].copy_from_slice(&sum);
    assert_eq!(read(&header), Err(HeaderError::Malformed("two checksums")));
}

#[test]
fn a_header_has_a_longest_form() {
    let fields = |bytes: usize| {
        let value = vec![0; bytes - 3];
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[4][..], &length, &value].concat()
    };
    let longest = with_fields(&fields(BINARY_BYTES_MAX - 28));
    assert_eq!(longest.len(), BINARY_BYTES_MAX);
    assert_eq!(read(&longest), client("192.0.2.7:56324"));
    // Told by its fixed part: not a byte of the rest is waited for.
    let longer = with_fields(&fields(BINARY_BYTES_MAX - 27));
    assert_eq!(read(&longer[..16]), Err(HeaderError::TooLong(BINARY_BYTES_MAX)));
    let line = format!("PROXY UNKNOWN {}\r\n", "x".repeat(TEXT_BYTES_MAX - 16));
    assert_eq!((line.len(), read(line.as_bytes())), (TEXT_BYTES_MAX, Ok(Header::Local)));
    assert_eq!(read(format!("PROXY UNKNOWN {}", "x".repeat(TEXT_BYTES_MAX)).as_bytes()), Err(HeaderError::TooLong(TEXT_BYTES_MAX)));
}

#[test]
fn not_a_byte_behind_a_header_is_taken_however_it_is_cut() {
    let crowd =
        [&b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"[..], &with_fields(b"\x04\0\x02\n\n"), b"PROXY UNKNOWN\r\n", &v2(0x20, 0, b"")];
    for header in crowd {
        let stream = [header, b"\x16\x03\x01PROXY "].concat();
        for cut in 0..stream.len() {
            let mut arriving = Arriving::default();
            let (first, early) = arriving.take(&stream[..cut]).unwrap();
            let taken = match early {
                Some(_) => first,
                None => first + arriving.take(&stream[first..]).unwrap().0,
            };
            assert_eq!(taken, header.len(), "{} cut at {cut}", header.escape_ascii());
        }
    }
}

fn trusting(networks: &[&str]) -> ProxyProtocol {
    ProxyProtocol::Required(networks.iter().map(|network| network.parse().unwrap()).collect())
}

/// A connection whose client's end sends `bytes`, and then ends where it is `closed`.
async fn arriving(bytes: &[u8], closed: bool) -> (TcpStream, Option<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    client.write_all(bytes).await.unwrap();
    (stream, (!closed).then_some(client))
}

async fn caller(limits: &Arc<ConnectionLimits>, bytes: &[u8], closed: bool) -> Result<(Caller, TcpStream), Unnamed> {
    let (mut stream, _client) = arriving(bytes, closed).await;
    let peer = stream.peer_addr().unwrap();
    let arrival = trusting(&["127.0.0.0/8"]).admit(limits, peer).unwrap();
    Ok((arrival.caller(&mut stream, HEADER_DEADLINE).await?, stream))
}

#[tokio::test]
async fn the_client_is_who_the_balancer_says_and_what_follows_is_left() {
    let limits = ConnectionLimits::new(2, 1, 1);
    let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
    let (named, mut stream) = caller(&limits, &[&header[..], b"PROXY TLS"].concat(), true).await.unwrap();
    assert_eq!((named.remote.to_string(), named.proxy), ("192.0.2.7:56324".to_owned(), Some(Ipv4Addr::LOCALHOST.into())));
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "PROXY TLS");
    // Its source has its one place, which another client of the balancer does not want.
    assert!(matches!(caller(&limits, header, true).await, Err(Unnamed::Full(_))));
    let (other, _) = caller(&limits, b"PROXY TCP4 198.51.100.7 198.51.100.1 1 443\r\n", true).await.unwrap();
    assert_eq!(limits.open(), 2);
    assert!(trusting(&["127.0.0.0/8"]).admit(&limits, other.remote).is_err());
    drop((named, other));
    assert_eq!(limits.open(), 0);
}

#[tokio::test]
async fn a_check_of_the_balancer_is_its_own() {
    let limits = ConnectionLimits::new(9, 9, 9);
    let (check, stream) = caller(&limits, &v2(0x20, 0, b""), true).await.unwrap();
    assert_eq!(check.remote, stream.peer_addr().unwrap());
    assert_eq!(check.proxy, Some(Ipv4Addr::LOCALHOST.into()));
}

#[tokio::test(start_paused = true)]
async fn a_balancer_that_says_nothing_of_use_is_closed_and_its_place_given_back() {
    let limits = ConnectionLimits::new(1, 1, 1);
    for (bytes, closed, expected) in [
        (&b"\x16\x03\x01\x02\0"[..], false, Closed::Missing),
        (b"", true, Closed::Silent),
        (b"PROXY TCP4 192.0.2.7", true, Closed::Missing),
        (b"PROXY TCP4\r\n", false, Closed::Malformed),
        (b"PROXY TCP4 192.0.2.7", false, Closed::Late),
        (b"", false, Closed::Late),
    ] {
        let found = caller(&limits, bytes, closed).await.map(drop);
        assert!(matches!(&found, Err(Unnamed::Closed(why, _)) if *why == expected), "{}: {found:?}", bytes.escape_ascii());
        assert_eq!(limits.open(), 0);
    }
}

#[test]
fn a_balancer_that_lies_has_no_more_than_all_places() {
    let limits = ConnectionLimits::new(3, 1, 1);
    let (balancer, protocol) = ("10.0.0.1:4000".parse().unwrap(), trusting(&["10.0.0.0/8"]));
    let held: Vec<_> = std::iter::repeat_with(|| protocol.admit(&limits, balancer)).take_while(Result::is_ok).take(9).collect();
    assert_eq!(held.len(), 3, "while it says nothing, too");
    drop(held);
    let lie = |number: u8| {
        let Ok(Arrival::Proxy(_, place)) = protocol.admit(&limits, balancer) else { return None };
        place.of_source(Ipv4Addr::new(192, 0, number, 1).into())
    };
    let held: Vec<_> = (0..9).map_while(lie).collect();
    assert_eq!(held.len(), 3, "however many sources it names");
}

#[test]
fn who_may_connect() {
    let limits = ConnectionLimits::new(9, 9, 9);
    let peer = |address: &str| address.parse().unwrap();
    assert!(matches!(ProxyProtocol::Off.admit(&limits, peer("192.0.2.7:1")), Ok(Arrival::Client(Caller { proxy: None, .. }))));
    let required = trusting(&["10.0.0.0/8", "2001:db8::/32"]);
    for (address, trusted) in [
        ("10.1.2.3:1", true),
        ("[::ffff:10.1.2.3]:1", true),
        ("[2001:db8::1]:1", true),
        ("192.0.2.7:1", false),
        ("127.0.0.1:1", false),
        ("[2001:db9::1]:1", false),
    ] {
        let admitted = required.admit(&limits, peer(address));
        assert_eq!(matches!(admitted, Ok(Arrival::Proxy(..))), trusted, "{address}");
        assert_eq!(matches!(admitted, Err(NoPlace::Untrusted)), !trusted, "{address}");
    }
}
