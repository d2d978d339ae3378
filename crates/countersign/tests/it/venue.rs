//! `venue`: the paper exchange alone.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::harness::{ENVIRONMENT, Running, USAGE, run};

#[test]
fn serves_market_data_and_stops_when_asked() {
    let venue = Running::start(&["venue", "--listen", "127.0.0.1:0", "--jwks", "http://127.0.0.1:9/.well-known/jwks.json", "--seed", "7"]);
    let mut stream = TcpStream::connect(venue.ready.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"GET /native/v1/markets HTTP/1.1\r\nHost: venue\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("BTCUSDT"), "{answer}");
    assert_eq!(venue.stop(), 0);
}

#[test]
fn says_what_it_lacks() {
    assert!(run(&["venue", "--listen", "127.0.0.1:0", "--jwks", "/nowhere.json"]).failed(USAGE).contains("/nowhere.json"));
    run(&["venue", "--listen", "127.0.0.1:0", "--jwks", "https://127.0.0.1/x"]).failed(USAGE);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = run(&["venue", "--listen", &address, "--jwks", "http://127.0.0.1:9/x"]).failed(ENVIRONMENT);
    assert!(said.contains(&address), "{said}");
}
