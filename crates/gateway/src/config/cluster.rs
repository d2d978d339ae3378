//! `[cluster]`: the name of this node, and the database and the memory that it shares with the others.

use std::time::Duration;

use countersign_store::DatabaseAddress;
use countersign_store::limits::SHARED_TIMEOUT as TIMEOUT;

use super::raw::Origin;
use super::reader::Reader;
use super::settings::{ClusterSettings, DatabaseSettings, RedisSettings};

/// The name of a node that has no others beside it.
const NODE: &str = "node-1";
/// Longest name: it is part of keys in the shared memory, of metrics and of halts.
const NODE_BYTES_MAX: usize = 32;
/// Longest URL: a host name has at most 253 bytes, a path of a socket 107.
const URL_BYTES_MAX: usize = 512;
/// Most other nodes that a client is told of: it tries them in turn.
const ALSO_MAX: usize = 16;
/// What the URL of the shared memory starts with.
const SCHEMES: [&str; 3] = ["redis://", "rediss://", "redis+unix://"];

/// Reads the section.
pub(super) fn read(mut keys: Reader<'_>) -> ClusterSettings {
    let node = keys.text_or(
        "node",
        "The name of this node among those that share its database and memory: a-z, 0-9 and -. Each node has its own.",
        NODE,
        node_name,
    );
    let database = database(&mut keys);
    let redis_origin = keys.origin_of("redis").unwrap_or(Origin::Default);
    let url = keys.text_or(
        "redis",
        "Redis or Valkey that all nodes share: redis://, rediss:// (TLS) or redis+unix://. It remembers accepted writes, so that none passes at a second node; while it is out of reach new orders are refused and cancels pass.",
        "none",
        redis_url,
    );
    let password_file =
        keys.path_or("redis_password_file", "File with the password, readable by its owner only. A URL that holds one is refused.", "none");
    let ca = keys.path_or("redis_ca", "PEM file of the CAs that the server of a rediss:// URL is believed by.", "those of the system");
    let timeout = keys.duration(
        "redis_timeout",
        "How long one question to it may take: it stands in the way of each order. After one that took longer nobody asks for half a second.",
        TIMEOUT,
        Duration::from_millis(5)..=Duration::from_secs(5),
    );
    let tls = url.as_ref().is_some_and(|url| url.starts_with("rediss://"));
    if url.is_none() && (password_file.is_some() || ca.is_some()) {
        keys.report().problem(&redis_origin, "cluster.redis", "is missing, and other keys say how to reach it");
    } else if ca.is_some() && !tls {
        keys.report().problem(&redis_origin, "cluster.redis", "redis_ca is for rediss:// only");
    }
    let redis = url.map(|url| RedisSettings { url, password_file, ca, timeout });
    let also = also(&mut keys, redis.is_some());
    ClusterSettings { node: node.unwrap_or_else(|| NODE.to_owned()), database, redis, also }
}

/// Where clients find the other nodes.
fn also(keys: &mut Reader<'_>, shares: bool) -> Vec<String> {
    let origin = keys.origin_of("also").unwrap_or(Origin::Default);
    let also = keys.list_or(
        "also",
        "Where clients find the other nodes, HOST:PORT each: told to them when this node leaves. With it, sessions are left to the others then; without, they end with the last process of this node, and orders are cancelled as agreed.",
        "none",
        address_of_a_node,
    );
    let also = also.unwrap_or_default();
    if also.len() > ALSO_MAX {
        keys.report().problem(&origin, "cluster.also", format!("has more than {ALSO_MAX} nodes"));
    } else if !also.is_empty() && !shares {
        keys.report().problem(&origin, "cluster.also", "is of no use without redis: no other node could go on with a session");
    }
    also
}

fn address_of_a_node(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').and_then(|(host, port)| port.parse::<u16>().ok().filter(|port| *port > 0 && !host.is_empty()));
    let fine = text.len() <= URL_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    if port.is_some() && fine { Ok(text.to_owned()) } else { Err("expected HOST:PORT".to_owned()) }
}

fn database(keys: &mut Reader<'_>) -> Option<DatabaseSettings> {
    let origin = keys.origin_of("database").unwrap_or(Origin::Default);
    let url = keys.text_or(
        "database",
        "PostgreSQL database that all nodes share: postgresql://USER@HOST[:PORT]/DATABASE. Without sslmode in it, a server that is not on this machine needs TLS with a certificate for its name (verify-full). `countersign migrate` copies the embedded database into it.",
        "embedded SQLite",
        database_url,
    );
    let password_file = keys.path_or(
        "database_password_file",
        "File with the password, readable by its owner only. Without it, PGPASSWORD or ~/.pgpass counts, as for PostgreSQL's own programs. A URL that holds one is refused.",
        "none",
    );
    if url.is_none() && password_file.is_some() {
        keys.report().problem(&origin, "cluster.database", "is missing, and database_password_file is there");
    }
    url.map(|url| DatabaseSettings { url, password_file })
}

/// A URL without a password. What was found is not repeated: it may hold one.
fn database_url(text: &str) -> Result<String, String> {
    DatabaseAddress::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn node_name(text: &str) -> Result<String, String> {
    let fine = (1..=NODE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if fine { Ok(text.to_owned()) } else { Err(format!("expected 1 to {NODE_BYTES_MAX} of a-z, 0-9 and -")) }
}

/// A URL without a password. What was found is not repeated: it may hold one.
fn redis_url(text: &str) -> Result<String, String> {
    let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)).filter(|rest| !rest.is_empty());
    let Some(rest) = rest else { return Err("expected redis://HOST[:PORT][/DB], rediss://… or redis+unix:///PATH".to_owned()) };
    if text.len() > URL_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('#') {
        return Err(format!("expected at most {URL_BYTES_MAX} visible ASCII characters without #"));
    }
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    if user.is_some_and(|user| user.contains(':')) || rest.contains("pass=") {
        return Err("holds a password, which everybody could see: put it into a file and name that in redis_password_file".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_url_has_no_password_and_a_known_scheme() {
        for fine in
            ["redis://127.0.0.1", "redis://node@cache.example:6380/2", "rediss://cache.example", "redis+unix:///run/redis.sock?db=3"]
        {
            assert_eq!(redis_url(fine).as_deref(), Ok(fine));
        }
        let secret =
            ["redis://:hunter2@h", "rediss://user:hunter2@h", "redis+unix:///s?pass=hunter2", "hunter2", "redis://h#hunter2", "redis://"];
        for wrong in secret {
            let told = redis_url(wrong).unwrap_err();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn addresses_of_nodes_have_a_port() {
        assert!(["east-2.example:8443", "10.0.0.2:1", "[::1]:8443"].iter().all(|fine| address_of_a_node(fine).is_ok()));
        assert!(["east-2.example", ":1", "a:0", "a:b", "https://a:1", "a b:1"].iter().all(|wrong| address_of_a_node(wrong).is_err()));
    }

    #[test]
    fn names_of_nodes_fit_everywhere() {
        assert!(node_name("node-1").is_ok() && node_name(&"a".repeat(NODE_BYTES_MAX)).is_ok());
        for wrong in ["", "Node", "a.b", "a b", &"a".repeat(NODE_BYTES_MAX + 1)] {
            assert!(node_name(wrong).is_err(), "{wrong}");
        }
    }
}
