//! What can happen: each step does one thing.

use proptest::sample::Index;
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Client,
    Server,
}

impl End {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The connection breaks, with everything on it.
    Break,
    /// A frame under way arrives, not necessarily the first.
    Deliver {
        to: End,
        place: usize,
    },
    /// The peer asks without ever reading.
    Flood {
        to: End,
        times: u8,
    },
    /// A frame arrives that no machine wrote.
    Forge {
        to: End,
        forged: Forged,
    },
    /// A frame under way does not arrive.
    Lose {
        to: End,
        place: usize,
    },
    /// Milliseconds pass; deadlines are met on the way.
    Pass(u64),
    /// A frame of any time arrives again.
    Repeat {
        to: End,
        which: Index,
    },
    /// The client comes back on a new connection; the older one, if there is one, is fenced.
    Return,
    Send(End),
    /// Messages that arrive at once, one after the other: more than are remembered.
    Talk {
        from: End,
        count: u8,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Forged {
    App {
        s: u64,
        a: Option<u64>,
        body: u8,
    },
    /// A message so many numbers after the one expected.
    Gap(u64),
    Heartbeat {
        s: u64,
        a: u64,
    },
    Nack {
        from: u64,
        count: u64,
    },
    Other(Index),
    Replay {
        from: u64,
        count: u64,
    },
}

const OTHERS: [&str; 24] = [
    r#"{"bye":{"code":"done","last":0}}"#,
    r#"{"busy":{"retry_ms":9}}"#,
    r#"{"drain":{"by_ms":5,"to":[],"why":"x"}}"#,
    r#"{"err":{"code":"halt.active"}}"#,
    r#"{"nonce":"x"}"#,
    r#"{"nonce":""}"#,
    r#"{"reauth":"x"}"#,
    r#"{"regrant":"x","sec":"y"}"#,
    r#"{"ping":"x"}"#,
    r#"{"pong":"x"}"#,
    r#"{"ready":"x"}"#,
    r#"{"hello":"x"}"#,
    r#"{"welcome":"x"}"#,
    r#"{"resume":"x"}"#,
    r#"{"halt":{"id":"H-1","action":"freeze","reason":"runaway"}}"#,
    r#"{"lift":{}}"#,
    r#"{"gap":{"from":1,"count":1,"how":"lost"}}"#,
    r#"{"s":1,"a":1,"dup":true,"d":{}}"#,
    r#"{"s":2,"dup":true,"d":{"n":1}}"#,
    r#"{"ping":"x","pong":"x"}"#,
    r#"{"s":1,"a":1,"d":{},"ping":"x"}"#,
    r#"{}"#,
    r#"["ping"]"#,
    r#"{"ping":"#,
];

impl Forged {
    /// The frame; `expected` is the next number that its hearer expects.
    pub(crate) fn text(&self, expected: u64) -> String {
        match self {
            Self::App { s, a: Some(a), body } => json!({ "s": s, "a": a, "d": { "n": body } }).to_string(),
            Self::App { s, a: None, body } => json!({ "s": s, "d": { "n": body } }).to_string(),
            Self::Gap(numbers) => json!({ "s": expected + numbers, "d": {} }).to_string(),
            Self::Heartbeat { s, a } => json!({ "hb": { "s": s, "a": a, "t": 7, "e": null } }).to_string(),
            Self::Nack { from, count } => json!({ "nack": { "from": from, "count": count } }).to_string(),
            Self::Replay { from, count } => json!({ "replay": { "from": from, "count": count } }).to_string(),
            Self::Other(which) => which.get(&OTHERS).to_string(),
        }
    }
}
