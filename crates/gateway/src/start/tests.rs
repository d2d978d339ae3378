#![allow(clippy::unwrap_used)]
use countersign_core::Risk;
use countersign_halt::{Action, HaltId, HaltScope};

use super::*;
use crate::halts::cancels;
use crate::halts::tests::{clear, halt};
use crate::testing::on_stage;

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

/// A node that ended while it asked would leave orders that nobody asks for again.
#[tokio::test]
async fn a_node_does_not_end_while_venues_are_to_be_asked_to_cancel() {
    on_stage(|stage| async move {
        let halts = &stage.worker.shared.halts;
        assert!(tokio::time::timeout(Duration::from_secs(10), drained(&stage.worker, Duration::MAX)).await.is_ok(), "nothing is open");
        let order = clear(&stage, Risk::Increase).unwrap();
        let draining = async {
            let id = loop {
                tokio::task::yield_now().await;
                if let Some(halt) = halts.status().halts.first() {
                    break HaltId::parse(&halt.id).unwrap();
                }
            };
            let scope = HaltScope::parse("account:desk").unwrap();
            cancels::say(&stage.worker.shared, &stage.upstreams, id, scope, "operator alice".to_owned());
            let mut draining = Box::pin(drained(&stage.worker, Duration::MAX));
            let is_over = tokio::time::timeout(DRAIN_POLL * 3, &mut draining).await.is_ok();
            assert!(!is_over && halts.cancels().is_asking(), "it waits for an order of before");
            order.sent();
            draining.await;
            let line = halts.cancels().of(id).unwrap();
            assert_eq!((line.asked, line.confirmed, halts.cancels().is_asking()), (1, 1, false), "{line:?}");
        };
        tokio::join!(halt(&stage, "account:desk", Action::CancelOnly), draining);
    })
    .await;
}

/// What works on a thread beside a worker is left alone in the end: the process goes.
#[test]
fn a_worker_ends_although_a_thread_beside_it_does_not() {
    let (go_on, waits) = std::sync::mpsc::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.spawn_blocking(move || waits.recv());
        end(runtime, LocalSet::new(), Duration::ZERO);
        tell.send(()).unwrap();
    });
    assert!(told.recv_timeout(Duration::from_secs(20)).is_ok(), "it waits for the thread");
    drop(go_on);
}
