//! `[limits]`: every bound that can be set, with its default and the reason for it.

use std::time::Duration;

use super::reader::Reader;
use super::settings::LimitSettings;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Reads the section.
pub(super) fn read(mut keys: Reader<'_>) -> LimitSettings {
    LimitSettings {
        connections_max: keys.count(
            "connections_max",
            "Open connections of all clients. An idle TLS connection costs about 30 KiB: 10,000 fit into 300 MiB. Beyond it new ones are closed before TLS.",
            10_000,
            1..=1_000_000,
        ) as usize,
        connections_per_source_max: keys.count(
            "connections_per_source_max",
            "Open connections of one source (an IPv4 /24 or IPv6 /48) on which nobody has proved an identity yet. After the first valid login a connection no longer counts.",
            256,
            1..=1_000_000,
        ) as usize,
        connections_per_account_max: keys.count(
            "connections_per_account_max",
            "Open connections of one account that count against no source: a quarter of all, so that one key cannot keep everybody else out. Further ones are served, and count against their source.",
            2_500,
            0..=1_000_000,
        ) as usize,
        public_weight_per_minute: keys.count(
            "public_weight_per_minute",
            "Request weight per minute that one source (an IPv4 /24 or IPv6 /48) may ask of public routes, and without a login on WebSockets that are read. Twice what venues grant one address: an office has several.",
            12_000,
            1..=u32::MAX,
        ),
        handshake_deadline: keys.duration(
            "handshake_deadline",
            "Time from accept to the end of the TLS handshake. Three round trips of a bad mobile network are below it.",
            seconds(10),
            millis(100)..=seconds(60),
        ),
        unauthenticated_deadline: keys.duration(
            "unauthenticated_deadline",
            "Time from the end of the TLS handshake to a valid login on a raw native connection or a WebSocket session.",
            seconds(3),
            millis(100)..=seconds(60),
        ),
        head_deadline: keys.duration(
            "head_deadline",
            "Time from the end of the TLS handshake to the first whole request head, and from the first byte of a later one to its end. HTTP clients open connections ahead of need.",
            seconds(10),
            millis(100)..=seconds(60),
        ),
        unauthenticated_bytes_max: keys.size(
            "unauthenticated_bytes_max",
            "Body of a request that logs in, on a connection on which nobody has proved an identity yet: it waits in memory for the verdict on its signature. The longest signed order list is below 4 KiB.",
            64 * KIB,
            8 * KIB..=MIB,
        ),
        head_bytes_max: keys.size(
            "head_bytes_max",
            "Request line and headers. A native hello with an ML-DSA-65 proof is 9 KiB, the usual proxy limit 32 KiB.",
            32 * KIB,
            8 * KIB..=MIB,
        ),
        body_bytes_max: keys.size(
            "body_bytes_max",
            "Request body. Signed bodies are held in memory until they are verified, so this bounds the memory of one request. Verification reads 1 MiB at most.",
            MIB,
            KIB..=MIB,
        ),
        body_deadline: keys.duration(
            "body_deadline",
            "Time for a whole request body: one that arrives slower than 35 KiB/s at full size is not trading.",
            seconds(30),
            millis(100)..=seconds(600),
        ),
        idle_timeout: keys.duration(
            "idle_timeout",
            "Time without a request on an HTTP connection, or without the client taking more of an answer. Longer than the 60 s after which client pools close on their own.",
            seconds(120),
            seconds(1)..=seconds(86_400),
        ),
        h2_streams_max: keys.count(
            "h2_streams_max",
            "Concurrent requests on one HTTP/2 connection (RFC 9113 recommends at least 100).",
            100,
            1..=1_000,
        ),
        websocket_message_bytes_max: keys.size(
            "websocket_message_bytes_max",
            "One WebSocket message or native frame from a client: the longest order list is far below. Before anything was proved on a connection it is 8 KiB on the Binance WebSocket API (a logon is 1 KiB) and 32 KiB on the WebSockets of other venues.",
            64 * KIB,
            4 * KIB..=16 * MIB,
        ),
        upstream_connect_timeout: keys.duration(
            "upstream_connect_timeout",
            "Time to connect to an upstream: it is in the same network, or it is down.",
            seconds(2),
            millis(10)..=seconds(60),
        ),
        upstream_response_timeout: keys.duration(
            "upstream_response_timeout",
            "Time from a forwarded request to the head of its answer. Longer than any engine should think, shorter than the 10 s after which clients give up.",
            seconds(8),
            millis(10)..=seconds(600),
        ),
        upstream_silence_max: keys.duration(
            "upstream_silence_max",
            "Longest pause of an upstream in the middle of an answer over HTTP/1.1. Behind a longer one nobody would notice that the client is gone, and its connection would never come back. Feeds that are silent for longer send comments, or come over HTTP/2 or WebSocket.",
            seconds(300),
            seconds(1)..=seconds(86_400),
        ),
        upstream_idle_connections: keys.count(
            "upstream_idle_connections",
            "Idle connections kept open per upstream and core.",
            32,
            0..=4_096,
        ) as usize,
        drain_deadline: keys.duration(
            "drain_deadline",
            "Time that open connections get to finish at shutdown, before they are closed. Below the 30 s after which service managers kill.",
            seconds(10),
            seconds(0)..=seconds(3_600),
        ),
    }
}
