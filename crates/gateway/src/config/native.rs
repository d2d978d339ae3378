//! The section `native`: what sessions of the gateway's own protocol may ask for.

use std::time::Duration;

use countersign_core::Binding;

use super::raw::Origin;
use super::reader::Reader;
use super::settings::NativeSettings;

/// Reads it.
pub(super) fn read(mut keys: Reader<'_>) -> NativeSettings {
    let seconds = Duration::from_secs;
    let enabled = keys.boolean("enabled", "Whether native sessions are offered.", true);
    let min_bind = keys.choice(
        "min_bind",
        "Weakest channel binding of this host: exp (TLS exporter), sep (server certificate), chl (trusts TLS alone). A credential may ask for more.",
        &[("sep", Binding::Sep), ("exp", Binding::Exp), ("chl", Binding::Chl)],
    );
    let (heartbeat_min, heartbeat_max) = heartbeats(&mut keys);
    let session_life = keys.duration(
        "session_life",
        "Longest life of a session: one trading day. After it a key proves itself again.",
        seconds(86_400),
        seconds(60)..=seconds(604_800),
    );
    let access_token_life = keys.duration(
        "access_token_life",
        "Life of an access token for HTTP, which is bound to its connection.",
        seconds(300),
        seconds(30)..=seconds(300),
    );
    let orders_per_second = keys.count(
        "orders_per_second",
        "Orders per second granted to one session, counted over ten seconds; the key's own limits hold besides.",
        50,
        1..=100_000,
    );
    let resume_window = keys.duration(
        "resume_window",
        "Longest time a session waits for a client that lost its connection; 0s, and sessions end with their connection.",
        seconds(600),
        seconds(0)..=seconds(3_600),
    );
    let keep_messages = keys.count(
        "keep_messages",
        "Messages that a session keeps to give them again to a client that missed them, at most 256 KiB; 0 for none.",
        1_024,
        0..=65_536,
    );
    let cancel_grace_max = keys.duration(
        "cancel_grace_max",
        "Longest delay between a lost connection and the cancellation of orders, where a contract has cancel on disconnect.",
        seconds(60),
        seconds(0)..=seconds(600),
    );
    NativeSettings {
        enabled,
        min_bind,
        heartbeat_min,
        heartbeat_max,
        session_life,
        access_token_life,
        orders_per_second,
        resume_window,
        keep_messages,
        cancel_grace_max,
    }
}

/// The shortest and the longest heartbeat interval.
fn heartbeats(keys: &mut Reader<'_>) -> (Duration, Duration) {
    let seconds = Duration::from_secs;
    let written = keys.origin_of("heartbeat_min").or_else(|| keys.origin_of("heartbeat_max")).unwrap_or(Origin::Default);
    let min = keys.duration(
        "heartbeat_min",
        "Shortest heartbeat interval granted: below it heartbeats cost more than orders.",
        seconds(1),
        Duration::from_millis(100)..=seconds(60),
    );
    let max = keys.duration(
        "heartbeat_max",
        "Longest heartbeat interval granted: a dead peer is found after twice this time.",
        seconds(60),
        seconds(1)..=seconds(600),
    );
    if min > max {
        keys.report().problem(&written, "native.heartbeat_min", "is longer than native.heartbeat_max");
    }
    (min, max)
}
