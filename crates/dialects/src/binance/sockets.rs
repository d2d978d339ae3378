//! Where WebSockets of the venue open.

/// Those of the public market-data streams; those of futures are also in groups. Only who shows a listen key hears of an account
/// there; the vendor's own client opens `/private` with the others.
pub const STREAMS: &[&str] = &[
    "/ws",
    "/ws/*",
    "/stream",
    "/market/ws",
    "/market/ws/*",
    "/market/stream",
    "/private/ws",
    "/private/ws/*",
    "/private/stream",
    "/public/ws",
    "/public/ws/*",
    "/public/stream",
];

/// What clients ask of a connection of these streams (vendor, `web-socket-streams.md`): where another venue has the same path, a frame
/// with such a `method` is theirs, and public.
pub(crate) const STREAM_METHODS: [&str; 4] = ["GET_PROPERTY", "LIST_SUBSCRIPTIONS", "SUBSCRIBE", "UNSUBSCRIBE"];

/// Where Hyperliquid has its WebSocket, too, whose frames say whose client it is.
pub const SHARED_STREAM: &str = "/ws";

/// Those of the WebSocket APIs of spot and of USD-M futures: the name of the route, and the path.
pub const WS_APIS: [(&str, &str); 2] = [("ws-api", "/ws-api/v3"), ("ws-fapi", "/ws-fapi/v1")];
