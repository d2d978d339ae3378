//! The findings: a line each while they are made, or one document at the end.

use std::time::Duration;

use countersign_client::now;
use countersign_core::Monotonic;
use serde_json::{Value, json};

use crate::commands::connect_show;
use crate::commands::output;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It failed.
    Bad,
    /// It worked.
    Good,
    /// Neither good nor bad: something learnt.
    Note,
}

impl Mark {
    const fn sign(self) -> &'static str {
        match self {
            Self::Bad => "✗",
            Self::Good => "✓",
            Self::Note => "·",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Bad => "failed",
            Self::Good => "ok",
            Self::Note => "note",
        }
    }
}

/// All steps so far.
pub(super) struct Report {
    target: String,
    live: bool,
    steps: Vec<Value>,
    last: Monotonic,
}

impl Report {
    /// An empty report; a live one writes each step as it is made.
    pub(super) fn new(target: &str, live: bool) -> Self {
        Self { target: target.to_owned(), live, steps: Vec::new(), last: now().mono }
    }

    /// Notes a step; its time is counted from the step before.
    pub(super) fn step(&mut self, mark: Mark, name: &str, outcome: impl Into<String>) -> anyhow::Result<()> {
        let at = now().mono;
        let took = at.saturating_since(self.last);
        self.last = at;
        self.add(mark, name, outcome.into(), Some(took), Value::Null)
    }

    /// Notes a step with its findings for machines.
    pub(super) fn step_with(&mut self, mark: Mark, name: &str, outcome: impl Into<String>, findings: Value) -> anyhow::Result<()> {
        let at = now().mono;
        let took = at.saturating_since(self.last);
        self.last = at;
        self.add(mark, name, outcome.into(), Some(took), findings)
    }

    /// Notes something that took no time of its own.
    pub(super) fn fact(&mut self, mark: Mark, name: &str, outcome: impl Into<String>) -> anyhow::Result<()> {
        self.add(mark, name, outcome.into(), None, Value::Null)
    }

    fn add(&mut self, mark: Mark, name: &str, outcome: String, took: Option<Duration>, findings: Value) -> anyhow::Result<()> {
        let outcome: String = outcome.chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }).collect();
        if self.live {
            let time = took.map_or_else(String::new, connect_show::millis);
            output::line(format!("{} {name:<20} {time:>12}  {}", mark.sign(), outcome.replace('\n', INDENTED)))?;
        }
        let mut step = json!({ "step": name, "result": mark.word(), "outcome": outcome });
        if let Some(took) = took {
            step["us"] = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).into();
        }
        if !findings.is_null() {
            step["findings"] = findings;
        }
        self.steps.push(step);
        Ok(())
    }

    /// One document with everything.
    pub(super) fn to_json(&self) -> Value {
        json!({ "target": self.target, "steps": self.steps })
    }
}

/// Further lines of an outcome stand below its first.
const INDENTED: &str = "\n                                     ";
