//! The goals: ratios of figures of the same round, and whether they are reached.

use serde::Serialize;

use super::contestants::Who;
use super::contestants::Who::{Countersign, Direct, Haproxy, Nginx};
use super::rounds::Round;
use crate::load::LoadReport;
use crate::primitives::{Primitives, median};

/// A goal.
pub(super) struct Goal {
    /// Its number.
    pub(super) id: &'static str,
    /// What is divided by what.
    pub(super) text: &'static str,
    /// Groups it needs.
    pub(super) groups: &'static [&'static str],
    /// The ratio must not be above this.
    pub(super) must: f64,
    /// The ratio of one round.
    ratio: fn(&Round, &Run<'_>) -> Option<f64>,
}

/// What a round is seen beside.
struct Run<'r> {
    rounds: &'r [Round],
    primitives: &'r Primitives,
}

const fn goal(
    id: &'static str,
    text: &'static str,
    groups: &'static [&'static str],
    must: f64,
    ratio: fn(&Round, &Run<'_>) -> Option<f64>,
) -> Goal {
    Goal { id, text, groups, must, ratio }
}

/// All of them. A latency goal of "not worse" allows the 10 % within which two equal servers differ on a shared machine.
pub(super) const GOALS: &[Goal] = &[
    goal("P1", "full handshake + reply / nginx", &["full"], 0.45, |round, _| against(round, "full", Nginx)),
    goal("P2", "full handshake + reply / floor (crypto + plain TCP connection)", &["full", "tcp"], 1.35, |round, run| {
        Some(ours(round, "full")? / (run.primitives.full_handshake_us() + round.cpu_us("tcp", Direct)?))
    }),
    goal("P3", "handshake + native hello / (full handshake + one Ed25519 verification)", &["full", "hello"], 1.15, |round, run| {
        Some(ours(round, "hello")? / (ours(round, "full")? + run.primitives.ed25519_verify_us))
    }),
    goal("P4", "mutual TLS / nginx", &["mutual"], 0.30, |round, _| against(round, "mutual", Nginx)),
    goal("P5a", "resumed handshake / nginx", &["resumed"], 0.55, |round, _| against(round, "resumed", Nginx)),
    goal("P5b", "resumed handshake / own full handshake", &["resumed", "full"], 1.0, |round, _| {
        Some(ours(round, "resumed")? / ours(round, "full")?)
    }),
    goal("P6", "hybrid handshake / own X25519 handshake", &["hybrid", "full"], 1.45, |round, _| {
        Some(ours(round, "hybrid")? / ours(round, "full")?)
    }),
    goal("P7a", "HMAC request, saturated / nginx with Lua", &["hmac"], 0.70, |round, _| against(round, "hmac", Nginx)),
    goal("P7b", "HMAC request, saturated / HAProxy hmac()", &["hmac"], 0.75, |round, _| against(round, "hmac", Haproxy)),
    goal("P8", "HMAC request at 20,000/s / HAProxy hmac()", &["hmac-20k"], 0.90, |round, _| against(round, "hmac-20k", Haproxy)),
    goal("P9", "HMAC request with all policy / own public route", &["hmac", "public"], 1.10, |round, _| {
        Some(ours(round, "hmac")? / ours(round, "public")?)
    }),
    goal("P10", "(Ed25519 request - public request) / one Ed25519 verification", &["ed25519", "public"], 1.2, |round, run| {
        Some((ours(round, "ed25519")? - ours(round, "public")?) / run.primitives.ed25519_verify_us)
    }),
    goal("P12", "memory of an idle connection / nginx", &["idle"], 1.0, |round, _| {
        Some(round.counted("idle", Countersign)?.kib_per_connection() / round.counted("idle", Nginx)?.kib_per_connection())
    }),
    goal("P14a", "p50 added at 2,000/s / the better of nginx and HAProxy", &["hmac-2k"], 1.10, |round, run| added(round, "hmac-2k", run)),
    goal("P14b", "p50 added at 20,000/s / the better of nginx and HAProxy", &["hmac-20k"], 1.10, |round, run| {
        added(round, "hmac-20k", run)
    }),
    goal("P14c", "p99 added at 2,000/s / the better of nginx and HAProxy", &["hmac-2k"], 1.10, |round, run| {
        tail_added(round, "hmac-2k", run)
    }),
    goal("P14d", "p99 added at 20,000/s / the better of nginx and HAProxy", &["hmac-20k"], 1.10, |round, run| {
        tail_added(round, "hmac-20k", run)
    }),
];

/// A percentile of the latencies of a window, in nanoseconds.
type Percentile = fn(&LoadReport) -> u64;
const P50: Percentile = |report| report.p50_nanos;
const P99: Percentile = |report| report.p99_nanos;

fn ours(round: &Round, group: &str) -> Option<f64> {
    round.cpu_us(group, Countersign)
}

fn against(round: &Round, group: &str, peer: Who) -> Option<f64> {
    Some(ours(round, group)? / round.cpu_us(group, peer)?)
}

/// Median latency added to the direct upstream, beside what the better peer adds in the same round.
fn added(round: &Round, group: &str, run: &Run<'_>) -> Option<f64> {
    let (better, _) = better_peer(run, group, P50)?;
    Some(latency_added(round, group, Countersign, P50)? / latency_added(round, group, better, P50)?)
}

/// The same of the slowest hundredth, beside the better peer's median of all rounds: in a window of half a second one hiccup of the host is
/// the slowest hundredth of whoever it hits, so that two windows of one round say nothing of each other.
fn tail_added(round: &Round, group: &str, run: &Run<'_>) -> Option<f64> {
    let (_, theirs) = better_peer(run, group, P99)?;
    Some(latency_added(round, group, Countersign, P99)? / theirs)
}

/// The better peer is that of the whole run: the lower of two figures of one short window is lower than either server is, and would be held
/// against whoever is compared with it.
fn better_peer(run: &Run<'_>, group: &str, percentile: Percentile) -> Option<(Who, f64)> {
    let peers = [Nginx, Haproxy].map(|peer| (peer, median_added(run.rounds, group, peer, percentile)));
    peers.into_iter().filter_map(|(peer, added)| Some((peer, added?))).min_by(|one, other| one.1.total_cmp(&other.1))
}

fn median_added(rounds: &[Round], group: &str, who: Who, percentile: Percentile) -> Option<f64> {
    let mut added: Vec<f64> = rounds.iter().filter_map(|round| latency_added(round, group, who, percentile)).collect();
    (!added.is_empty()).then(|| median(&mut added))
}

fn latency_added(round: &Round, group: &str, who: Who, percentile: Percentile) -> Option<f64> {
    let of = |who| round.counted(group, who).map(|report| percentile(report) as f64);
    Some(of(who)? - of(Direct)?)
}

/// How a goal came out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    /// Its number.
    pub(super) id: &'static str,
    /// What is divided by what.
    pub(super) text: &'static str,
    /// The bound.
    pub(super) must: f64,
    /// Median of the ratios of the rounds; `None` when no round counts.
    pub(super) median: Option<f64>,
    /// The lowest ratio of a round.
    pub(super) min: f64,
    /// The highest.
    pub(super) max: f64,
    /// Rounds that count.
    pub(super) rounds: usize,
}

impl Outcome {
    /// Whether it is reached; `None` when it was not measured.
    pub(super) fn reached(&self) -> Option<bool> {
        self.median.map(|median| median <= self.must)
    }
}

/// Judges the goals; only those asked for, if any were.
pub(super) fn judge(rounds: &[Round], primitives: &Primitives, only: &[String]) -> Vec<Outcome> {
    let asked = |goal: &&Goal| only.is_empty() || only.iter().any(|name| is_asked(goal.id, name));
    let run = Run { rounds, primitives };
    GOALS.iter().filter(asked).map(|goal| outcome(goal, &run)).collect()
}

/// `P7` asks for `P7a` and `P7b`, but `P1` does not ask for `P10`.
pub(super) fn is_asked(id: &str, name: &str) -> bool {
    let (id, name) = (id.to_ascii_lowercase(), name.to_ascii_lowercase());
    id == name || id.strip_prefix(&name).is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
}

fn outcome(goal: &Goal, run: &Run<'_>) -> Outcome {
    let mut ratios: Vec<f64> = run.rounds.iter().filter_map(|round| (goal.ratio)(round, run)).collect();
    let middle = (!ratios.is_empty()).then(|| median(&mut ratios));
    let (min, max) = (ratios.first().copied().unwrap_or(0.0), ratios.last().copied().unwrap_or(0.0));
    Outcome { id: goal.id, text: goal.text, must: goal.must, median: middle, min, max, rounds: ratios.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_asks_for_its_parts_and_for_no_other_number() {
        assert!(is_asked("P7a", "P7") && is_asked("P7b", "p7") && is_asked("P1", "P1") && is_asked("P7a", "P7a"));
        assert!(!is_asked("P10", "P1") && !is_asked("P7", "P7a"));
    }

    #[test]
    fn the_better_peer_is_that_of_all_rounds_and_not_the_lucky_one_of_each() {
        const GROUP: &str = "hmac-2k";
        let round = |nginx, haproxy| Round::of_latencies(GROUP, &[(Direct, 10), (Countersign, 110), (Nginx, nginx), (Haproxy, haproxy)]);
        let rounds = [round(110, 210), round(110, 210), round(210, 60)];
        let primitives = Primitives::default();
        let run = Run { rounds: &rounds, primitives: &primitives };
        assert_eq!(rounds.iter().map(|round| added(round, GROUP, &run)).collect::<Vec<_>>(), [Some(1.0), Some(1.0), Some(0.5)]);
        assert_eq!(added(&Round::default(), GROUP, &run), None);
    }
}
