//! What is measured: groups of windows whose figures are compared with each other, in the order in which they are taken.

use std::collections::BTreeSet;

use super::RigArgs;
use super::contestants::{Contestants, JWKS_PATH, TINY_PATH, Target, Who};
use super::goals::{GOALS, is_asked};

/// A group: one kind of work, done by several contestants in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group {
    /// Short name, as in the JSON.
    pub(super) id: &'static str,
    /// What an operation is.
    pub(super) title: &'static str,
    /// Who does it.
    pub(super) who: &'static [Who],
    /// What kind of figure it gives.
    pub(super) figure: Figure,
}

/// How a window of a group is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Figure {
    /// Memory per connection; no window.
    Memory,
    /// CPU and latency at a fixed rate.
    Rate(u32),
    /// CPU at saturation: the server core must be full.
    Saturated,
    /// CPU at saturation of the client: the server may idle, its CPU per operation counts.
    Unsaturated,
}

use Who::{Countersign, Direct, Haproxy, Nginx};

const ALL: &[Who] = &[Countersign, Nginx, Haproxy];
const WITH_DIRECT: &[Who] = &[Countersign, Nginx, Haproxy, Direct];

const fn group(id: &'static str, title: &'static str, who: &'static [Who], figure: Figure) -> Group {
    Group { id, title, who, figure }
}

/// All groups.
pub(super) const GROUPS: &[Group] = &[
    group("idle", "idle TLS connection after one HMAC-signed request: PSS", ALL, Figure::Memory),
    group("tcp", "TCP connection, one request, close; no TLS", &[Direct], Figure::Unsaturated),
    group("full", "full handshake (X25519), tiny reply, close", ALL, Figure::Saturated),
    group("resumed", "resumed handshake, tiny reply, close", ALL, Figure::Saturated),
    group("mutual", "full handshake with client certificate, tiny reply, close", ALL, Figure::Saturated),
    group("hybrid", "full handshake (X25519MLKEM768), tiny reply, close", &[Countersign], Figure::Saturated),
    group("hello", "full handshake and native hello (Ed25519, exporter), close", &[Countersign], Figure::Saturated),
    group("public", "request on a kept-alive connection, no authentication", ALL, Figure::Saturated),
    group("hmac", "request signed with HMAC-SHA256", ALL, Figure::Saturated),
    group("ed25519", "request signed with Ed25519", &[Countersign, Nginx], Figure::Saturated),
    group("websocket", "120-byte message and its echo on an open WebSocket", ALL, Figure::Saturated),
    group("native", "message and answer on an open native session (paper venue)", &[Countersign], Figure::Unsaturated),
    group("hmac-20k", "HMAC request, 20,000 a second", WITH_DIRECT, Figure::Rate(20_000)),
    group("hmac-2k", "HMAC request, 2,000 a second", WITH_DIRECT, Figure::Rate(2_000)),
];

/// One window: whose, and the arguments of the load generator.
pub(super) struct Task {
    pub(super) group: Group,
    pub(super) who: Who,
    pub(super) arguments: Vec<String>,
}

/// What is measured in each round; memory only in the first.
pub(super) struct Plan {
    pub(super) tasks: Vec<Task>,
    pub(super) rounds: usize,
    window_millis: u64,
}

impl Plan {
    /// The plan for these arguments.
    pub(super) fn new(args: &RigArgs, contestants: &Contestants) -> Self {
        let wanted: Option<BTreeSet<&str>> = (!args.only.is_empty()).then(|| {
            let goals = GOALS.iter().filter(|goal| args.only.iter().any(|only| is_asked(goal.id, only)));
            goals.flat_map(|goal| goal.groups.iter().copied()).collect()
        });
        let groups = GROUPS.iter().filter(|group| wanted.as_ref().is_none_or(|wanted| wanted.contains(group.id)));
        let groups = groups.filter(|group| group.id != "native" || contestants.venue.is_ok());
        let one = |group: &Group, who: Who| Task { group: *group, who, arguments: arguments(args, contestants, group, who) };
        let tasks = groups.flat_map(|group| group.who.iter().map(|who| one(group, *who))).collect();
        Self { tasks, rounds: args.rounds(), window_millis: args.window_millis() }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Windows in all.
    pub(super) fn windows(&self) -> usize {
        self.tasks.len() * self.rounds
    }

    /// About how long it takes.
    pub(super) fn seconds(&self) -> f64 {
        (self.window_millis as f64 / 1_000.0 + 0.5) * self.windows() as f64
    }
}

/// Clients in saturated loads of handshakes and of requests; at a fixed rate.
const HANDSHAKE_CLIENTS: usize = 24;
const REQUEST_CLIENTS: usize = 32;
const RATE_CLIENTS: usize = 16;

fn arguments(args: &RigArgs, contestants: &Contestants, group: &Group, who: Who) -> Vec<String> {
    let target = target(contestants, group, who);
    let mut words: Vec<String> = vec!["--address".into(), target.address.to_string(), "--server".into(), target.pid.to_string()];
    let mut say = |name: &str, value: String| words.extend([name.to_owned(), value]);
    let files = &contestants.files;
    let tiny = if who == Who::Countersign { JWKS_PATH } else { TINY_PATH };
    let (scenario, path, clients) = match group.id {
        "idle" => ("idle", "/api/v3/account", args.idle_connections()),
        "hello" => ("hello", "/", HANDSHAKE_CLIENTS),
        "native" => ("native-message", "/", REQUEST_CLIENTS),
        "websocket" => ("websocket", "/echo", REQUEST_CLIENTS),
        "public" => ("request", "/public", REQUEST_CLIENTS),
        "hmac" => ("request", "/api/v3/account", REQUEST_CLIENTS),
        "ed25519" if who == Who::Nginx => ("request", "/ed25519/account", REQUEST_CLIENTS),
        "ed25519" => ("request", "/api/v3/account", REQUEST_CLIENTS),
        "hmac-2k" | "hmac-20k" => ("request", "/api/v3/account", RATE_CLIENTS),
        _ => ("handshake", tiny, HANDSHAKE_CLIENTS),
    };
    say("--scenario", scenario.to_owned());
    say("--path", path.to_owned());
    say("--connections", clients.to_string());
    say("--window", args.window_millis().to_string());
    if let Figure::Rate(rate) = group.figure {
        say("--rate", rate.to_string());
    }
    let credential = match group.id {
        "hello" | "native" => Some(&files.native),
        "ed25519" => Some(&files.ed25519),
        // The public route gets the same bytes, so that the difference is the policy and not the length of the head.
        "idle" | "public" | "hmac" | "hmac-2k" | "hmac-20k" => Some(&files.hmac),
        _ => None,
    };
    if let Some(credential) = credential {
        say("--credential", credential.display().to_string());
    }
    if target.pid != contestants.upstream_pid() {
        say("--upstream", contestants.upstream_pid().to_string());
    }
    match group.id {
        "hybrid" => say("--group", "x25519mlkem768".to_owned()),
        "mutual" => say("--certificate", contestants.certificates.client_both.display().to_string()),
        "resumed" => words.push("--resume".to_owned()),
        _ => {}
    }
    if who == Who::Direct {
        words.push("--plain".to_owned());
    }
    words
}

fn target(contestants: &Contestants, group: &Group, who: Who) -> Target {
    match group.id {
        "mutual" => contestants.mutual(who),
        "tcp" => contestants.floor(),
        _ => contestants.target(who),
    }
}
