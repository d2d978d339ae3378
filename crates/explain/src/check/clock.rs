//! The signed time against the time of arrival.

use std::time::Duration;

use countersign_core::limits::{RECV_WINDOW_MAX, TIMESTAMP_AHEAD_MAX};
use countersign_core::{Freshness, Purpose, Timestamp};

use crate::catalogue::Mistake;
use crate::limits::{CLOCK_ERROR_MAX, ORDINARY_WINDOW};
use crate::moment::span;
use crate::report::{Clock, Finding};
use countersign_core::civil::iso;

/// When it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When the request arrived, where that is known.
    pub(crate) at: Option<Timestamp>,
    /// The time of asking.
    pub(crate) now: Timestamp,
}

/// The clock of a proof, and what is wrong with it. Without a time of arrival it is measured, and nothing is called wrong: a request is
/// explained long after it was sent.
pub(crate) fn check(purpose: Purpose, freshness: Freshness, arrival: Arrival, last_nonce: Option<u64>) -> (Option<Clock>, Option<Finding>) {
    match freshness {
        // Tokens of issuers outside are not explained here.
        Freshness::Channel | Freshness::Issued { .. } | Freshness::Unbound => (None, None),
        Freshness::Window { timestamp, recv_window, ahead_max } => window(purpose, timestamp, recv_window, ahead_max, arrival),
        Freshness::Validity { not_before, not_after, leeway, lifetime_max } => {
            validity(purpose, [not_before, Some(not_after)], leeway, lifetime_max, arrival)
        }
        Freshness::Nonce { nonce, clock, .. } => {
            if let Some(last) = last_nonce.filter(|last| nonce <= *last) {
                let detail = format!("{nonce} was sent, and {last} was used before{}", unit_hint(nonce, last));
                return (None, Some(Finding::fault(Mistake::NonceNotIncreasing, detail)));
            }
            let Some(clock) = clock else { return (None, None) };
            let (clock, finding) = window(purpose, Timestamp::from_millis(nonce), clock.behind_max, clock.ahead_max, arrival);
            // A nonce of another unit is no time of our age.
            let other = !(1_000_000_000_000..10_000_000_000_000).contains(&nonce);
            if other { (clock, Some(Finding::fault(Mistake::NonceUnit, format!("the nonce is {nonce}")))) } else { (clock, finding) }
        }
    }
}

fn unit_hint(nonce: u64, last: u64) -> String {
    let (own, other) = (nonce.to_string().len(), last.to_string().len());
    if own == other { String::new() } else { format!("; it has {own} digits, the last one {other}: another unit?") }
}

fn window(
    purpose: Purpose,
    signed: Timestamp,
    behind_max: Duration,
    ahead_max: Duration,
    arrival: Arrival,
) -> (Option<Clock>, Option<Finding>) {
    let (behind_max, ahead_max) = if purpose == Purpose::Hyperliquid {
        (behind_max, ahead_max)
    } else {
        (behind_max.min(RECV_WINDOW_MAX), ahead_max.min(TIMESTAMP_AHEAD_MAX))
    };
    let against = arrival.at.unwrap_or(arrival.now);
    let (ahead, behind) = (signed.saturating_since(against), against.saturating_since(signed));
    let measured = if ahead > Duration::ZERO { format!("{} ahead", span(ahead)) } else { format!("{} behind", span(behind)) };
    let of = if arrival.at.is_some() { "the time of arrival" } else { "this computer's time now; give --at to judge it" };
    let allowed = format!("allowed: {} behind, {} ahead", span(behind_max), span(ahead_max));
    let clock = Clock {
        signed: iso(signed),
        against: iso(against),
        skew_ms: signed.millis_after(against),
        window_ms: u64::try_from(behind_max.as_millis()).ok(),
        ahead_ms: u64::try_from(ahead_max.as_millis()).ok(),
        sentence: format!("the signed time is {measured}, against {of} ({allowed})"),
    };
    let far = ahead > CLOCK_ERROR_MAX || behind > CLOCK_ERROR_MAX;
    if arrival.at.is_none() || far {
        return (Some(clock), None);
    }
    let finding = if ahead >= ahead_max && ahead > Duration::ZERO {
        Some(Finding::fault(Mistake::ClockAhead, format!("{measured}, {allowed}")))
    } else if behind > behind_max {
        let small = matches!(purpose, Purpose::Binance | Purpose::Bybit) && behind_max < ORDINARY_WINDOW && behind <= ORDINARY_WINDOW;
        let mistake = if small { Mistake::WindowTooSmall } else { Mistake::ClockBehind };
        Some(Finding::fault(mistake, format!("{measured}, {allowed}")))
    } else {
        None
    };
    (Some(clock), finding)
}

fn validity(
    purpose: Purpose,
    [not_before, not_after]: [Option<Timestamp>; 2],
    leeway: Duration,
    lifetime_max: Duration,
    arrival: Arrival,
) -> (Option<Clock>, Option<Finding>) {
    let Some(end) = not_after else { return (None, None) };
    let against = arrival.at.unwrap_or(arrival.now);
    let (left, over) = (end.saturating_since(against), against.saturating_since(end));
    let measured =
        if left > Duration::ZERO { format!("it is good for {} yet", span(left)) } else { format!("it has been over for {}", span(over)) };
    let of = if arrival.at.is_some() { "at the time of arrival" } else { "by this computer's time now; give --at to judge it" };
    let clock = Clock {
        signed: iso(end),
        against: iso(against),
        skew_ms: end.millis_after(against),
        window_ms: None,
        ahead_ms: u64::try_from(lifetime_max.as_millis()).ok(),
        sentence: format!("{measured} {of}"),
    };
    if arrival.at.is_none() || left > CLOCK_ERROR_MAX || over > CLOCK_ERROR_MAX {
        return (Some(clock), None);
    }
    let token = purpose == Purpose::Coinbase;
    let early = not_before.map_or(Duration::ZERO, |start| start.saturating_since(against));
    let finding = if end <= against {
        Some(Finding::fault(if token { Mistake::JwtExpired } else { Mistake::ExpiresPassed }, measured))
    } else if early > leeway {
        Some(Finding::fault(Mistake::JwtNotYetValid, format!("it begins in {}", span(early))))
    } else if left > lifetime_max {
        Some(Finding::fault(Mistake::ExpiresTooFar, format!("{measured}, allowed: {}", span(lifetime_max))))
    } else {
        None
    };
    (Some(clock), finding)
}
