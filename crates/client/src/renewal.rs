//! Proving the key again before the session's life is over, so that a session lasts as long as its client does.
//!
//! ```text
//!   Idle ── a quarter of the life is left, or other scopes are wished ─▶ Asked ── nonce ─▶ Sent ── regrant ─▶ Idle
//!                                                                         │ refused ────────┴──────────────▶ Idle, after a pause
//! ```

use std::time::Duration;

use countersign_core::{Monotonic, Scopes};
use countersign_handshake::contract::Quantity;
use countersign_handshake::{AwaitRegrant, ClientSession, SecretText};
use serde::Deserialize;

use crate::clock;
use crate::error::ClientError;
use crate::options::Options;
use crate::session::Incoming;

/// The part of a life that is left when it is renewed.
const LEFT: u32 = 4;

/// The longest pause between two attempts; a gateway allows more.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Where a renewal stands.
#[derive(Debug)]
pub(crate) struct Renewal {
    step: Step,
    not_before: Monotonic,
    wished: Option<Scopes>,
}

#[derive(Debug)]
enum Step {
    Asked,
    Idle,
    Sent(AwaitRegrant),
}

#[derive(Deserialize)]
struct Refused {
    s: Option<u64>,
    re: Option<serde_json::Value>,
}

impl Default for Renewal {
    fn default() -> Self {
        Self { step: Step::Idle, not_before: Monotonic::from_micros(0), wished: None }
    }
}

impl Renewal {
    /// Asks for other scopes as soon as possible.
    pub(crate) fn wish(&mut self, scopes: Scopes) {
        (self.wished, self.not_before) = (Some(scopes), clock::now().mono);
    }

    /// The connection is gone, and with it what was asked on it.
    pub(crate) fn forget(&mut self) {
        self.step = Step::Idle;
    }

    /// How long until something is due.
    pub(crate) fn due_in(&self, agreed: &ClientSession) -> Duration {
        if !matches!(self.step, Step::Idle) {
            return Duration::MAX;
        }
        let now = clock::now().mono;
        let left = agreed.ends.saturating_since(now);
        let by_life = if self.wished.is_some() { Duration::ZERO } else { left.saturating_sub(agreed.contract.life() / LEFT) };
        by_life.max(self.not_before.saturating_since(now))
    }

    /// The frame that begins a renewal, if it is due.
    pub(crate) fn begin(&mut self, agreed: &ClientSession) -> Option<String> {
        if !self.due_in(agreed).is_zero() {
            return None;
        }
        self.step = Step::Asked;
        self.not_before = clock::now().mono.saturating_add(pause(agreed));
        Some(countersign_session::frame::ask_nonce())
    }

    /// The proof, for the nonce that was asked for. A nonce nobody asked for is of no use.
    pub(crate) fn prove(&mut self, agreed: &mut ClientSession, options: &Options, nonce: &str) -> Result<Option<String>, ClientError> {
        if !matches!(self.step, Step::Asked) {
            return Ok(None);
        }
        let key = options.credential.signing_key()?;
        let life = options.offer.want.quantities.get(&Quantity::LifeS).copied();
        let waiting = agreed.reauth(&key, self.wished.take(), life, nonce)?;
        let frame = waiting.frame();
        if let Some(resumption) = &mut agreed.resumption {
            // HS-126: the answer may be lost with the connection.
            resumption.asked = Some(waiting.scopes().cloned().unwrap_or_else(|| resumption.contract.scopes.clone()));
        }
        self.step = Step::Sent(waiting);
        Ok(Some(frame))
    }

    /// The contract as it is now.
    pub(crate) fn granted(
        &mut self,
        agreed: &mut ClientSession,
        options: &Options,
        token: &str,
        sec: String,
    ) -> Result<Incoming, ClientError> {
        let waiting = match &self.step {
            Step::Sent(waiting) => Some(waiting),
            Step::Asked | Step::Idle => None,
        };
        let gw = options.credential.gateway_pins.first().map_or("", String::as_str);
        let asked = agreed.regranted(waiting, (token, &SecretText::new(sec)), (gw, &options.offer.need), clock::now())?;
        if asked {
            self.step = Step::Idle;
        }
        Ok(Incoming::Regranted { asked })
    }

    /// Whether a refusal is about the renewal; if so, the next attempt is later.
    pub(crate) fn is_refused(&mut self, agreed: &ClientSession, err: &str) -> bool {
        let refused: Option<Refused> = serde_json::from_str(err).ok();
        let ours = refused.is_some_and(|refused| refused.s.is_none() && refused.re.is_some_and(|re| re == "reauth"));
        if ours {
            self.step = Step::Idle;
            self.not_before = clock::now().mono.saturating_add(pause(agreed));
        }
        ours
    }
}

fn pause(agreed: &ClientSession) -> Duration {
    (agreed.contract.life() / LEFT).min(PAUSE_MAX)
}
