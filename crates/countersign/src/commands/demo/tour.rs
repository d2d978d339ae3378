//! What the tour says: sections, steps with ✓ or ✗ and their time, ladders; or one JSON object per step.

use std::time::Duration;

use countersign_client::now;
use countersign_core::Monotonic;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::commands::connect_show::millis;
use crate::commands::output;

/// How often the spinner turns.
const SPINNER_TICK: Duration = Duration::from_millis(100);

/// The state of the tour.
pub(super) struct Tour {
    as_json: bool,
    spinner: ProgressBar,
    section: String,
    passed: usize,
    failed: usize,
    began: Monotonic,
}

impl Tour {
    /// A tour that has not begun.
    pub(super) fn new(as_json: bool) -> Self {
        let spinner = output::progress(None, as_json);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(SPINNER_TICK);
        Self { as_json, spinner, section: String::new(), passed: 0, failed: 0, began: now().mono }
    }

    /// Begins a section.
    pub(super) fn section(&mut self, title: &str) -> anyhow::Result<()> {
        title.clone_into(&mut self.section);
        self.text(&format!("\n{title}"))
    }

    /// Runs a step and tells how it ended; a step that fails does not end the tour.
    pub(super) async fn step<T>(
        &mut self,
        name: &str,
        step: impl Future<Output = anyhow::Result<(T, String)>>,
    ) -> anyhow::Result<Option<T>> {
        self.spinner.set_message(name.to_owned());
        let began = now().mono;
        let outcome = step.await;
        let took = now().mono.saturating_since(began);
        self.spinner.set_message("");
        match outcome {
            Ok((value, said)) => {
                self.passed += 1;
                self.tell(name, true, &said, took)?;
                Ok(Some(value))
            }
            Err(error) => {
                self.failed += 1;
                self.tell(name, false, &format!("{error:#}"), took)?;
                Ok(None)
            }
        }
    }

    fn tell(&self, name: &str, held: bool, said: &str, took: Duration) -> anyhow::Result<()> {
        if self.as_json {
            let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            return output::line(json!({ "section": self.section, "step": name, "held": held, "outcome": said, "us": us }).to_string());
        }
        let sign = if held { "✓" } else { "✗" };
        let mut lines = said.lines();
        self.text(&format!("  {sign} {name:<34} {:>11}  {}", millis(took), lines.next().unwrap_or_default()))?;
        lines.try_for_each(|line| self.text(&format!("      {line}")))
    }

    /// Shows text to people; nothing for machines.
    pub(super) fn text(&self, text: &str) -> anyhow::Result<()> {
        if self.as_json { Ok(()) } else { self.spinner.suspend(|| output::line(text)) }
    }

    /// The last line.
    pub(super) fn end(&self) -> anyhow::Result<()> {
        self.spinner.finish_and_clear();
        let took = now().mono.saturating_since(self.began);
        self.text(&format!("\n{} of {} steps held, {:.1} s", self.passed, self.passed + self.failed, took.as_secs_f64()))
    }

    /// Whether every step held.
    pub(super) const fn held(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}
