//! One end of a session as a page of bookkeeping: all that was applied, and the times that matter, in milliseconds.

use countersign_core::Reject;
use countersign_session::Side;
use serde_json::{Value, json};

/// What a frame means, without the machine's own types.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Applied {
        s: u64,
        body: String,
        missed: Option<(u64, u64)>,
    },
    Bye {
        missed: Option<(u64, u64)>,
    },
    Confirmed,
    NotApplied {
        from: u64,
        count: u64,
    },
    Noted,
    Refused(Reject),
    /// Of a contract that is signed anew.
    Renewal,
    Told,
}

/// What a deadline means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    Alive,
    Dead,
    Expired,
}

pub(crate) struct Reference {
    side: Side,
    heartbeat: u64,
    expires: u64,
    pub(crate) sent: Vec<String>,
    pub(crate) applied: Vec<(u64, String)>,
    pub(crate) missed: Vec<(u64, u64)>,
    pub(crate) acknowledged: u64,
    peer_clock: Option<u64>,
    heard_at: u64,
    spoke_at: u64,
    asked: bool,
    pub(crate) over: bool,
    /// The peer said how far it came before it ended the session.
    told_the_end: bool,
    /// The connection is gone, the session is not.
    pub(crate) away: bool,
    /// Whether the gateway sends again what the client missed.
    recoverable: bool,
    /// Behind what nobody has any more.
    skipped: u64,
    /// What was asked to be sent again: the first, and how many.
    asked_again: Option<(u64, u64)>,
    /// Frames that are to be sent again, after the answers.
    again: Vec<Value>,
    answers: Vec<Value>,
}

impl Reference {
    pub(crate) const fn new(side: Side, heartbeat: u64, expires: u64, recoverable: bool) -> Self {
        Self {
            side,
            heartbeat,
            expires,
            sent: Vec::new(),
            applied: Vec::new(),
            missed: Vec::new(),
            acknowledged: 1,
            peer_clock: None,
            heard_at: 0,
            spoke_at: 0,
            asked: false,
            over: false,
            told_the_end: false,
            away: false,
            recoverable,
            skipped: 1,
            asked_again: None,
            again: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// The next number expected from the peer.
    pub(crate) fn next(&self) -> u64 {
        self.applied.last().map_or(1, |(s, _)| s + 1).max(self.skipped)
    }

    /// Whether nobody can be heard here any more.
    pub(crate) const fn gone(&self) -> bool {
        self.over || self.away
    }

    /// Whether this end reached the end of the session's life before the peer could say how far it came.
    pub(crate) const fn ended_alone(&self) -> bool {
        self.gone() && !self.told_the_end
    }

    /// An application message of our own, as it must be written.
    pub(crate) fn send(&mut self, body: &str, now: u64) -> Value {
        self.sent.push(body.to_owned());
        self.spoke_at = now;
        let d: Value = serde_json::from_str(body).unwrap();
        json!({ "s": self.sent.len(), "a": self.next(), "d": d })
    }

    /// What was said by itself since the last call.
    pub(crate) fn answers(&mut self, now: u64) -> Vec<Value> {
        self.answers.append(&mut self.again);
        if !self.answers.is_empty() {
            self.spoke_at = now;
        }
        std::mem::take(&mut self.answers)
    }

    pub(crate) fn hear(&mut self, frame: &str, now: u64, wall_us: u64) -> Verdict {
        if self.over || self.away {
            return Verdict::Refused(Reject::UnexpectedMessage);
        }
        let Ok(Value::Object(said)) = serde_json::from_str(frame) else { return Verdict::Refused(Reject::Malformed) };
        let number = |object: &Value, name: &str| object[name].as_u64();
        let topics: Vec<&str> = said.keys().map(String::as_str).filter(|name| !["s", "a", "ch", "dup", "sec"].contains(name)).collect();
        let &[topic] = topics.as_slice() else { return Verdict::Refused(Reject::Malformed) };
        (self.heard_at, self.asked) = (now, false);
        let body = &said[topic];
        match (topic, self.side) {
            ("d", _) => {
                let (s, a, again) = (said["s"].as_u64().unwrap(), said.get("a").and_then(Value::as_u64), said.contains_key("dup"));
                self.hear_message((s, again), a, body.to_string(), wall_us)
            }
            ("hb", _) => {
                self.peer_clock = number(body, "t");
                if !self.acknowledge(number(body, "a").unwrap()) {
                    return Verdict::Refused(Reject::SequenceRange);
                }
                let s = number(body, "s").unwrap();
                if self.side == Side::Client && self.recoverable && s > self.next() {
                    self.asked_again = None;
                    return self.ask_before(s);
                }
                Verdict::Noted
            }
            ("nack", _) => self.hear_nack(number(body, "from").unwrap(), number(body, "count").unwrap()),
            ("ping", _) => self.answer(json!({ "pong": body })),
            ("bye", _) => {
                (self.over, self.told_the_end) = (true, true);
                let (last, next) = (number(body, "last").unwrap(), self.next());
                let missed = (last >= next).then(|| (next, last - next + 1));
                self.missed.extend(missed);
                Verdict::Bye { missed }
            }
            ("pong", _) => Verdict::Noted,
            ("nonce", Side::Client) | ("reauth", Side::Server) | ("regrant", Side::Client) => Verdict::Renewal,
            ("nonce", Side::Server) if body == "" => Verdict::Renewal,
            ("ready", Side::Server) => Verdict::Confirmed,
            ("busy" | "drain" | "err" | "halt" | "lift", Side::Client) => Verdict::Told,
            ("replay", Side::Server) => self.hear_replay(number(body, "from").unwrap(), number(body, "count").unwrap()),
            ("gap", Side::Client) => self.hear_gap(number(body, "from").unwrap(), number(body, "count").unwrap()),
            ("refresh" | "resume", _) => Verdict::Refused(Reject::Unsupported),
            _ => Verdict::Refused(Reject::UnexpectedMessage),
        }
    }

    fn hear_message(&mut self, (s, again): (u64, bool), a: Option<u64>, body: String, wall_us: u64) -> Verdict {
        if a.is_some_and(|expected| !self.acknowledge(expected)) || s == 0 || s >= 1 << 53 {
            return Verdict::Refused(Reject::SequenceRange);
        }
        let next = self.next();
        if self.side == Side::Client && self.recoverable && s > next {
            return self.ask_before(s + 1);
        }
        if s < next {
            let remembered = self.applied.iter().rev().take(128).find(|(known, _)| *known == s);
            let no_news = again && self.side == Side::Client && self.recoverable;
            return match remembered {
                Some((_, known)) if *known != body => Verdict::Refused(Reject::SequenceConflict),
                Some(_) | None if no_news => Verdict::Noted,
                Some(_) => self.answer(self.heartbeat(wall_us)),
                None => Verdict::Refused(Reject::SequenceRange),
            };
        }
        if s - next > 65_536 {
            return Verdict::Refused(Reject::SequenceRange);
        }
        let missed = (s > next).then_some((next, s - next));
        self.applied.push((s, body.clone()));
        if let Some((from, count)) = missed {
            self.missed.push((from, count));
            let told = self.answer(json!({ "nack": { "from": from, "count": count } }));
            if told != Verdict::Noted {
                return told;
            }
        }
        Verdict::Applied { s, body, missed }
    }

    fn hear_nack(&self, from: u64, count: u64) -> Verdict {
        let sent = self.sent.len() as u64;
        let ours = from >= 1 && count >= 1 && from.checked_add(count).is_some_and(|end| end <= sent + 1);
        if ours { Verdict::NotApplied { from, count } } else { Verdict::Refused(Reject::SequenceRange) }
    }

    /// Nothing is delivered behind a hole of a recoverable flow; what is missing before `end` is asked for once.
    fn ask_before(&mut self, end: u64) -> Verdict {
        let next = self.next();
        if end - next > 65_536 {
            return Verdict::Refused(Reject::SequenceRange);
        }
        if self.asked_again.is_some_and(|(from, count)| next < from + count) {
            return Verdict::Noted;
        }
        self.asked_again = Some((next, end - next));
        self.answer(json!({ "replay": { "from": next, "count": end - next } }))
    }

    /// What the client has acknowledged is not kept, and nothing on an idempotent flow.
    fn hear_replay(&mut self, from: u64, count: u64) -> Verdict {
        if !matches!(self.hear_nack(from, count), Verdict::NotApplied { .. }) {
            return Verdict::Refused(Reject::SequenceRange);
        }
        let end = from + count;
        let first = self.first_kept().unwrap_or(end).min(end).max(from);
        self.send_again(first, end);
        if first > from {
            self.again.insert(0, json!({ "gap": { "from": from, "count": first - from, "how": "lost" } }));
        }
        Verdict::Noted
    }

    fn first_kept(&self) -> Option<u64> {
        let kept = self.recoverable && self.sent.len() as u64 >= self.acknowledged;
        kept.then_some(self.acknowledged)
    }

    fn send_again(&mut self, from: u64, end: u64) {
        let a = self.next();
        let frame = |s: u64| {
            let d: Value = serde_json::from_str(&self.sent[usize::try_from(s).unwrap() - 1]).unwrap();
            json!({ "s": s, "a": a, "dup": true, "d": d })
        };
        self.again = (from..end).map(frame).collect();
    }

    fn hear_gap(&mut self, from: u64, count: u64) -> Verdict {
        let next = self.next();
        if !self.recoverable || from == 0 || from > next || count == 0 {
            return Verdict::Refused(Reject::UnexpectedMessage);
        }
        if from + count <= next {
            return Verdict::Noted;
        }
        self.missed.push((next, from + count - next));
        self.skipped = from + count;
        Verdict::Told
    }

    /// The connection is gone, and all that was to be said on it.
    pub(crate) fn leave(&mut self) {
        self.away = !self.over;
        self.answers.clear();
        self.again.clear();
        self.asked_again = None;
    }

    fn reopen(&mut self, now: u64) {
        (self.away, self.heard_at, self.spoke_at, self.asked) = (false, now, now, false);
    }

    /// A client that expects number `expected` is back. What it missed and nobody has.
    pub(crate) fn take_up(&mut self, expected: u64, now: u64) -> Option<(u64, u64)> {
        self.reopen(now);
        self.acknowledged = expected;
        let end = self.sent.len() as u64 + 1;
        if self.recoverable {
            self.send_again(expected, end);
            return None;
        }
        (end > expected).then_some((expected, end - expected))
    }

    /// Goes on with a gateway that expects number `expected`: what is beyond was never applied.
    pub(crate) fn go_on(&mut self, expected: u64, lost: Option<(u64, u64)>, now: u64) {
        self.reopen(now);
        self.sent.truncate(usize::try_from(expected).unwrap() - 1);
        self.acknowledged = expected;
        if let Some((from, count)) = lost {
            self.missed.push((from, count));
            self.skipped = from + count;
        }
    }

    fn acknowledge(&mut self, expected: u64) -> bool {
        let ours = expected <= self.sent.len() as u64 + 1;
        if ours {
            self.acknowledged = self.acknowledged.max(expected);
        }
        ours
    }

    fn answer(&mut self, frame: Value) -> Verdict {
        if self.answers.len() == 64 {
            return Verdict::Refused(Reject::SlowConsumer);
        }
        self.answers.push(frame);
        Verdict::Noted
    }

    fn heartbeat(&self, wall_us: u64) -> Value {
        json!({ "hb": { "s": self.sent.len() + 1, "a": self.next(), "t": wall_us, "e": self.peer_clock } })
    }

    pub(crate) fn tick(&mut self, now: u64, wall_us: u64) -> Pulse {
        if self.over {
            return Pulse::Alive;
        }
        if !self.away && now >= self.heard_at + 2 * self.heartbeat {
            self.leave();
            return Pulse::Dead;
        }
        if now >= self.expires {
            return Pulse::Expired;
        }
        if self.away {
            return Pulse::Alive;
        }
        if now >= self.heard_at + self.heartbeat * 3 / 2 && !self.asked {
            self.asked = true;
            self.answers.push(json!({ "ping": "alive" }));
            self.spoke_at = now;
        } else if now >= self.spoke_at + self.heartbeat {
            self.answers.push(self.heartbeat(wall_us));
            self.spoke_at = now;
        }
        Pulse::Alive
    }

    /// The next moment at which something must happen.
    pub(crate) fn deadline(&self) -> Option<u64> {
        if self.away {
            return Some(self.expires).filter(|_| !self.over);
        }
        let silence = if self.asked { self.heartbeat * 2 } else { self.heartbeat * 3 / 2 };
        let due = [self.spoke_at + self.heartbeat, self.heard_at + silence, self.expires];
        due.into_iter().min().filter(|_| !self.over)
    }
}
