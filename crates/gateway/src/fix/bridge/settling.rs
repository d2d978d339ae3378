//! The end of a turn: on record first, then halts once more, then sent.
//!
//! | what comes late to the venue | a halt holds now, or is not known |
//! |---|---|
//! | an order whose copy took its time | the session ends before it is sent; its number makes the venue ask for it, at the next Logon |
//! | an order that the venue asks for again ([`resends`](crate::fix::resends)) | a gap fill in its place; the client is told |

use countersign_core::{Refusal, Reject};
use countersign_store::{CommitError, Touch};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Bridge, End, Side, committable};
use crate::clock;
use crate::fix::line::Lost;
use crate::fix::resends::{LEASE_LOOK, LEASE_WAIT_MAX};

impl<T: AsyncRead + AsyncWrite + Unpin> Bridge<T> {
    /// Makes durable what happened, the destination first, then sends; and once more what the client is told of messages that the venue
    /// asked for and did not get, which is known when it is sent. Each round takes all that there is, and nothing is received meanwhile.
    pub(super) async fn settle(&mut self, from: Side) -> Result<(), End> {
        self.settle_once(from).await?;
        while self.upstream.resends.has_refused() {
            let ended = committable(self.take_from_upstream())?;
            self.upstream.resends.told();
            self.settle_once(Side::Upstream).await?;
            if let Some(end) = ended {
                return Err(end);
            }
        }
        Ok(())
    }

    async fn settle_once(&mut self, from: Side) -> Result<(), End> {
        let order = match from {
            Side::Client => [Side::Upstream, Side::Client],
            Side::Upstream => [Side::Client, Side::Upstream],
        };
        let binding = std::mem::take(&mut self.binding);
        let committed = self.journals.commit(&order, binding).await;
        committed.map_err(|error| match error {
            CommitError::Elsewhere => End::Elsewhere,
            CommitError::Journal(_) | CommitError::Unshared => End::Store(Refusal::operator(Reject::StoreUnavailable, error.to_string())),
        })?;
        self.write_terms().await?;
        self.journals.settle_doubt();
        self.tell_behind();
        self.confirm_under_way().await?;
        self.upstream.transmit().await.map_err(|Lost| End::Upstream("the venue's FIX connection is gone".to_owned()))?;
        self.under_way.clear();
        self.listed.session().note_numbers(&self.journals);
        self.client.transmit().await.map_err(|Lost| End::Client)
    }

    /// Says once that the session goes on alone, and once that it does not any more.
    fn tell_behind(&mut self) {
        let behind = self.journals.is_behind();
        if std::mem::replace(&mut self.was_behind, behind) == behind {
            return;
        }
        if behind {
            tracing::warn!(correlation = %self.correlation, "a FIX session goes on without its copy: cancels pass, orders do not");
        } else {
            tracing::info!(correlation = %self.correlation, "the copy of a FIX session has everything");
        }
    }

    /// Asks once more for what was admitted: its copy may have taken longer than the lease of halts lives. What is stopped now ends the
    /// session, for it has its number at the venue already.
    async fn confirm_under_way(&mut self) -> Result<(), End> {
        let until = clock::mono().saturating_add(LEASE_WAIT_MAX);
        loop {
            let gate = self.worker.shared.halts.gate();
            let Err(refusal) = self.under_way.iter().try_for_each(|cleared| gate.confirm(cleared)) else { return Ok(()) };
            if refusal.reject != Reject::HaltUnknown || clock::mono() >= until {
                return Err(End::Store(refusal));
            }
            tokio::time::sleep(LEASE_LOOK).await;
            if self.journals.touch().is_some_and(|touch| *touch.borrow() == Touch::Elsewhere) {
                return Err(End::Elsewhere);
            }
        }
    }
}
