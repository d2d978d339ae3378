//! The plain address for balancers and kubelets, which have no certificate: whether the process answers, and whether it should get
//! clients. Nothing else is there, and nothing can be changed.
//!
//! | request | answer |
//! |---|---|
//! | `GET /healthz` | 200 while the process answers |
//! | `GET /readyz` | 200, or 503 while it drains or cannot record; why is said at the operators' doors |

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::backend::OperatorBackend;
use super::listener::Tasks;
use super::serve::serve;
use crate::connection::ConnectionLimits;

/// Connections at once: every node of a large cluster of balancers may ask in the same moment.
const CONNECTIONS_MAX: usize = 128;
/// The part of them that one source (an IPv4 /24 or IPv6 /48) gets: balancers stand side by side.
const CONNECTIONS_PER_SOURCE_MAX: usize = 64;
/// A probe asks once, or a few times on one connection: whoever holds one longer holds a place.
const CONNECTION_MAX: Duration = Duration::from_secs(5);

/// Serves probes until `stop`.
pub async fn serve_health<B: OperatorBackend>(listener: TcpListener, backend: Arc<B>, stop: CancellationToken) {
    let router = Router::new()
        .route("/healthz", get(|| async { Json(json!({ "healthy": true })) }))
        .route("/readyz", get(readyz::<B>))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(backend);
    let places = ConnectionLimits::new(CONNECTIONS_MAX, CONNECTIONS_PER_SOURCE_MAX, 0);
    let mut tasks = Tasks::new(stop);
    while let Some(accepted) = tasks.next(|| listener.accept()).await {
        let Ok((stream, remote)) = accepted else { continue };
        let Some(place) = places.admit(remote.ip()) else { continue };
        let (router, stop) = (router.clone(), tasks.stop.clone());
        tasks.open.spawn(async move {
            let _place = place;
            drop(tokio::time::timeout(CONNECTION_MAX, serve(stream, router, None, stop)).await);
        });
    }
    tasks.finish().await;
}

async fn readyz<B: OperatorBackend>(State(backend): State<Arc<B>>) -> (StatusCode, Json<Value>) {
    let ready = backend.ready().is_ok();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready })))
}
