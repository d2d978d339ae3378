//! FIX: an acceptor over the same book, for the gateway's upstream sessions.
//!
//! ```text
//!   Logon with the identity in RawData ─▶ seat of (account, BeginString, CompIDs): numbers and waiting reports outlive the connection
//!   NewOrderSingle, OrderCancelRequest, … ─▶ desk ─▶ exchange ─▶ hub ─▶ watch ─▶ seat's outbox ─▶ ExecutionReport
//!   MarketDataRequest ─▶ market watch of the connection ─▶ W, X
//! ```
//!
//! Codec and session are `countersign-fix`, the one house crate that the venue knows: writing a second FIX engine for a paper venue would
//! test nothing that QuickFIX, as upstream in the tests, does not. What is told of an order is told to every FIX session of its account,
//! whichever façade placed it.
//!
//! What is not here: lists, quotes, positions, trade capture; their messages get a BusinessMessageReject.

mod connection;
mod desk;
mod market_data;
mod out;
mod replies;
mod report;
mod seat;
mod watch;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::shell::Shell;

pub(crate) use seat::Seats;

/// Accepts connections until the venue stops.
pub(crate) async fn accept(shell: Arc<Shell>, listener: TcpListener, connections: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shell.stopping.cancelled() => return,
        };
        match accepted {
            Ok((socket, _)) => drop(connections.spawn(connection::serve(Arc::clone(&shell), socket))),
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
}
