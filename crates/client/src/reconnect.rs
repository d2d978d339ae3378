//! Taking a session up again: dial, resume, and if that fails for reasons that pass, again after a while.
//!
//! ```text
//!   lost ─▶ try at once ─▶ refused for good ──────────────▶ NotResumed
//!             │ no connection, no answer, busy
//!             ▼
//!           wait: full jitter below 0.1, 0.2, 0.4 ... 10 s ─▶ try ─▶ ... until `resume_s` or the session's life is over
//! ```

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{AlertCode, Entropy as _, Monotonic};
use countersign_handshake::{HandshakeError, Resumption};

use crate::clock::{self, SystemEntropy};
use crate::error::ClientError;
use crate::ladder::Ladder;
use crate::opening::{Shaken, open};
use crate::options::Options;

/// The first wait is below it: a gateway that is restarted is back in about that time.
const WAIT_FIRST: Duration = Duration::from_millis(100);
/// No wait is above it: whoever is back within it is waited for no longer than that.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A session that goes on.
pub(crate) struct Returned {
    pub(crate) shaken: Shaken,
    pub(crate) ladder: Ladder,
    pub(crate) attempts: u32,
    pub(crate) took: Duration,
}

/// Tries until it succeeds, is refused for good, or nobody waits for us any more.
pub(crate) async fn come_back(options: Arc<Options>, resumption: Resumption) -> Result<Returned, ClientError> {
    let lost_at = clock::now().mono;
    let until = lost_at.saturating_add(resumption.contract.resume_window()).min(resumption.ends);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let mut ladder = Ladder::default();
        let error = match open(&options.of_attempt(attempts), Some(&resumption), &mut ladder).await {
            Ok(shaken) => return Ok(Returned { shaken, ladder, attempts, took: since(lost_at) }),
            Err(error) => error,
        };
        if let Some(error) = final_verdict(error, attempts, until) {
            return Err(error);
        }
        tokio::time::sleep(wait(attempts, &mut SystemEntropy)).await;
    }
}

fn since(lost_at: Monotonic) -> Duration {
    clock::now().mono.saturating_since(lost_at)
}

/// The error to give up with; `None` where another attempt may do better.
fn final_verdict(error: ClientError, attempts: u32, until: Monotonic) -> Option<ClientError> {
    match &error {
        ClientError::Handshake(HandshakeError::Refused(refused)) => match refused.code {
            // The node that answers is leaving or overloaded: the session may still be there.
            Some(AlertCode::Busy | AlertCode::Drain) => {}
            _ => return Some(ClientError::NotResumed { reason: refused.to_string(), attempts }),
        },
        // What a check of ours found wrong is never tried again with the same, or weaker, settings.
        ClientError::Handshake(_) | ClientError::Pki(_) | ClientError::Credential(_) | ClientError::Url(_) => return Some(error),
        ClientError::Away
        | ClientError::Bye(_)
        | ClientError::Closed
        | ClientError::Dead
        | ClientError::Deadline(_)
        | ClientError::Expired
        | ClientError::Http(_)
        | ClientError::Io { .. }
        | ClientError::NotResumed { .. }
        | ClientError::Protocol(_)
        | ClientError::Transport(_) => {}
    }
    (clock::now().mono >= until).then(|| ClientError::NotResumed { reason: error.to_string(), attempts })
}

/// Full jitter: thousands that lost the same node do not come back in the same millisecond.
pub(crate) fn wait(attempts: u32, entropy: &mut SystemEntropy) -> Duration {
    let below = WAIT_FIRST.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX)).min(WAIT_MAX);
    let share = u32::from_be_bytes(entropy.array());
    below.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_differ() {
        let waits = |attempts| (0..100).map(|_| wait(attempts, &mut SystemEntropy)).collect::<Vec<_>>();
        for (attempts, below) in [(1, WAIT_FIRST), (2, WAIT_FIRST * 2), (8, WAIT_MAX), (40, WAIT_MAX), (u32::MAX, WAIT_MAX)] {
            let waits = waits(attempts);
            assert!(waits.iter().all(|wait| *wait <= below), "{attempts}");
            assert!(waits.iter().any(|wait| *wait > below / 2) && waits.iter().any(|wait| *wait < below / 2), "{attempts}");
        }
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_not() {
        let far = clock::now().mono.saturating_add(Duration::from_secs(60));
        let refused = |code: AlertCode| {
            ClientError::Handshake(HandshakeError::Refused(countersign_handshake::ServerError {
                code: Some(code),
                code_text: code.as_str().to_owned(),
                id: None,
                names: Vec::new(),
                retry_after: None,
                nonce: None,
            }))
        };
        for code in AlertCode::ALL {
            let again = matches!(code, AlertCode::Busy | AlertCode::Drain);
            assert_eq!(final_verdict(refused(*code), 1, far).is_none(), again, "{}", code.as_str());
        }
        assert!(final_verdict(ClientError::Closed, 1, far).is_none());
        assert!(matches!(final_verdict(ClientError::Closed, 7, clock::now().mono), Some(ClientError::NotResumed { attempts: 7, .. })));
        let wrong = ClientError::Handshake(HandshakeError::WelcomeSignature);
        assert!(matches!(final_verdict(wrong, 1, far), Some(ClientError::Handshake(_))), "no retry after a forged welcome");
    }
}
