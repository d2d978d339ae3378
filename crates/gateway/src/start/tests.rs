#![allow(clippy::unwrap_used)]
use super::*;

fn some(count: usize) -> Vec<std::net::TcpListener> {
    (0..count).map(|_| listen("127.0.0.1:0".parse().unwrap(), true).unwrap()).collect()
}

#[test]
fn every_socket_has_a_worker_and_every_worker_a_socket() {
    for (sockets, workers) in [(1, 1), (4, 4), (4, 2), (2, 4), (3, 2), (1, 3)] {
        let clients = some(sockets);
        let wanted: Vec<_> = clients.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let shares = shares(clients, Vec::new(), workers).unwrap();
        assert_eq!(shares.len(), workers);
        assert!(shares.iter().all(|share| !share.clients.is_empty() && share.proxies.is_empty()), "{sockets} {workers}");
        let served: Vec<_> = shares.iter().flat_map(|share| &share.clients).map(|socket| socket.local_addr().unwrap()).collect();
        assert!(wanted.iter().all(|address| served.contains(address)), "{sockets} {workers}");
    }
}

#[test]
fn a_socket_is_taken_over_where_the_configuration_wants_it() {
    let socket = some(1).remove(0);
    let is = socket.local_addr().unwrap();
    assert!(agrees(&socket, is).is_ok() && agrees(&socket, SocketAddr::new(is.ip(), 0)).is_ok());
    for other in [SocketAddr::new(is.ip(), is.port() ^ 1), "0.0.0.0:0".parse().unwrap()] {
        assert!(agrees(&socket, other).unwrap_err().to_string().contains("stop it to move"), "{other}");
    }
}
