//! A small trading service whose clients log in as at OKX.
//!
//! ```text
//!   cargo run -p countersign-tower --example axum -- 127.0.0.1:8090
//!   curl http://127.0.0.1:8090/health
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use countersign_tower::core::{AccountId, ApiKeyId, Binding, Credential, CredentialId, Purpose, Scopes, Secret, Verifier};
use countersign_tower::dialects::by_name;
use countersign_tower::dialects::routes::RestRoute;
use countersign_tower::{ClientAddress, CountersignLayer, Gate, MemoryCredentials, Rules, Verified};
use tokio::net::TcpListener;

/// The secret of the one key of this example. Yours are in a store.
pub(crate) const SECRET: &[u8] = b"an example, not a secret";

/// The key of a desk that may trade and read.
fn credential() -> Credential {
    Credential {
        passphrase: Some(Secret::new(b"passphrase".to_vec())),
        scopes: Scopes::parse("account:read order:write").unwrap(),
        min_bind: Binding::Exp,
        ..Credential::new(
            CredentialId::parse("example").unwrap(),
            AccountId::parse("desk-1").unwrap(),
            Purpose::Okx,
            ApiKeyId::parse("key-of-desk-1").unwrap(),
            Verifier::hmac_sha256(SECRET),
        )
    }
}

/// Three endpoints of the venue and one of our own; what is not here is refused.
const ENDPOINTS: [RestRoute; 4] = [
    RestRoute::public("GET", "/health"),
    RestRoute::signed("GET", "/api/v5/account/balance", "account:read"),
    RestRoute::trade("POST", "/api/v5/trade/order", 1),
    RestRoute::signed("POST", "/api/v5/asset/withdrawal", "funds:withdraw"),
];

/// The service: handlers that only say who is asking.
pub(crate) fn service() -> Router {
    let rules = Rules::new(&ENDPOINTS).unwrap();
    let gate = Gate::builder(by_name("okx").unwrap(), rules, Arc::new(MemoryCredentials::new([credential()]))).build();
    let whose = |Extension(verified): Extension<Verified>| async move { verified.account().unwrap().to_string() };
    let placed =
        |Extension(verified): Extension<Verified>, order: String| async move { format!("{} {order}", verified.account().unwrap()) };
    Router::new()
        .route("/health", get(|| async { "well" }))
        .route("/api/v5/account/balance", get(whose))
        .route("/api/v5/trade/order", post(placed))
        .route("/api/v5/asset/withdrawal", post(whose))
        .layer(CountersignLayer::new(gate))
        // Outside of the layer: where the connection came from.
        .layer(from_fn(note_address))
}

async fn note_address(ConnectInfo(remote): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(ClientAddress(remote.ip()));
    next.run(request).await
}

/// Serves until the process ends.
pub(crate) async fn serve(listener: TcpListener) {
    let service = service().into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await.unwrap();
}

#[tokio::main]
#[allow(dead_code)] // a test takes the service from this file
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".to_owned());
    let listener = TcpListener::bind(address).await.unwrap();
    println!("ready: http://{}", listener.local_addr().unwrap());
    serve(listener).await;
}
