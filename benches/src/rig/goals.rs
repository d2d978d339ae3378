//! The goals: ratios of figures of the same round, and whether they are reached.

use serde::Serialize;

use super::contestants::Who;
use super::contestants::Who::{Countersign, Direct, Haproxy, Nginx};
use super::rounds::Round;
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
    ratio: fn(&Round, &Primitives) -> Option<f64>,
}

const fn goal(
    id: &'static str,
    text: &'static str,
    groups: &'static [&'static str],
    must: f64,
    ratio: fn(&Round, &Primitives) -> Option<f64>,
) -> Goal {
    Goal { id, text, groups, must, ratio }
}

/// All of them. A latency goal of "not worse" allows the 10 % within which two equal servers differ on a shared machine.
pub(super) const GOALS: &[Goal] = &[
    goal("P1", "full handshake + reply / nginx", &["full"], 0.45, |round, _| against(round, "full", Nginx)),
    goal("P2", "full handshake + reply / floor (crypto + plain TCP connection)", &["full", "tcp"], 1.35, |round, primitives| {
        Some(ours(round, "full")? / (primitives.full_handshake_us() + round.cpu_us("tcp", Direct)?))
    }),
    goal("P3", "handshake + native hello / (full handshake + one Ed25519 verification)", &["full", "hello"], 1.15, |round, primitives| {
        Some(ours(round, "hello")? / (ours(round, "full")? + primitives.ed25519_verify_us))
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
    goal("P10", "(Ed25519 request - public request) / one Ed25519 verification", &["ed25519", "public"], 1.2, |round, primitives| {
        Some((ours(round, "ed25519")? - ours(round, "public")?) / primitives.ed25519_verify_us)
    }),
    goal("P12", "memory of an idle connection / nginx", &["idle"], 1.0, |round, _| {
        Some(round.counted("idle", Countersign)?.kib_per_connection() / round.counted("idle", Nginx)?.kib_per_connection())
    }),
    goal("P14a", "p50 added at 2,000/s / the better of nginx and HAProxy", &["hmac-2k"], 1.10, |round, _| added(round, "hmac-2k")),
    goal("P14b", "p50 added at 20,000/s / the better of nginx and HAProxy", &["hmac-20k"], 1.10, |round, _| added(round, "hmac-20k")),
];

fn ours(round: &Round, group: &str) -> Option<f64> {
    round.cpu_us(group, Countersign)
}

fn against(round: &Round, group: &str, peer: Who) -> Option<f64> {
    Some(ours(round, group)? / round.cpu_us(group, peer)?)
}

/// Median latency added to the direct upstream, beside what the better peer adds.
fn added(round: &Round, group: &str) -> Option<f64> {
    let p50 = |who| round.counted(group, who).map(|report| report.p50_nanos as f64);
    let direct = p50(Direct)?;
    let better = p50(Nginx)?.min(p50(Haproxy)?);
    Some((p50(Countersign)? - direct) / (better - direct))
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
    GOALS.iter().filter(asked).map(|goal| outcome(goal, rounds, primitives)).collect()
}

/// `P7` asks for `P7a` and `P7b`, but `P1` does not ask for `P10`.
pub(super) fn is_asked(id: &str, name: &str) -> bool {
    let (id, name) = (id.to_ascii_lowercase(), name.to_ascii_lowercase());
    id == name || id.strip_prefix(&name).is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
}

fn outcome(goal: &Goal, rounds: &[Round], primitives: &Primitives) -> Outcome {
    let mut ratios: Vec<f64> = rounds.iter().filter_map(|round| (goal.ratio)(round, primitives)).collect();
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
}
