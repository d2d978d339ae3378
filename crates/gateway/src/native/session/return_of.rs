//! The client comes back: the session's side.
//!
//! ```text
//!   ticket generation ─▶ numbers ─▶ contract countersigned over the new channel ─▶ older connection fenced ─▶ answer ─▶ replay
//!        │ spent           │ impossible                                              bye session.taken_over
//!        ▼                 ▼
//!   session revoked     refused, nothing changed
//! ```

use std::rc::Rc;

use countersign_core::{AlertCode, Refusal, Reject};
use countersign_handshake::{Continuation, Established, Gap, GapHow, Numbers};
use countersign_session::{Standing, frame::Range};
use countersign_store::{AuditEvent, AuditRecord};
use tokio_websockets::CloseCode;

use super::Session;
use super::ending::Ending;
use crate::authenticate::SessionRef;
use crate::clock;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::native::carriage::Carriage;
use crate::native::comeback::{Return, TakenUp};
use crate::native::grant;
use crate::native::line::{self, Line};
use crate::native::sessions::SessionGuard;

impl<C: Carriage + 'static> Session<C> {
    /// Goes on with a client whose proof was verified.
    ///
    /// # Errors
    /// The session ends when a spent ticket is shown. All other refusals are answered, and nothing has changed.
    pub(super) async fn take_back(&mut self, returning: Return, guard: &SessionGuard) -> Result<(), Ending> {
        let Return { awaiting, identity, connection, correlation, answer } = returning;
        // The task that waits for our answer says first whether its client is still there.
        tokio::task::yield_now().await;
        if answer.is_closed() {
            return Ok(());
        }
        // HS-84. Counted on a copy: a return that is refused leaves the older connection unfenced, and a `ready` that is still on its
        // way there must confirm the ticket that was given with it, not one that nobody was given.
        let mut generations = self.generations;
        let Ok(generation) = generations.show(awaiting.generation()) else {
            let _ = answer.send(Err(Reject::SessionReuse.into()));
            return Err(Ending::Fatal(Refusal::operator(Reject::SessionReuse, "a spent resumption ticket was shown")));
        };
        let Numbers { rx, tx } = awaiting.numbers();
        let theirs = Standing { rx, tx };
        let now = clock::now();
        let ours = self.machine.standing();
        let contract = self.contract_for(&identity);
        let continued = self.machine.check_return(theirs).map(|()| Continuation {
            contract,
            generation,
            seq: Numbers { rx: ours.rx, tx: ours.tx },
            gap: gap(theirs, ours, self.machine.lost_for(theirs, now)),
            until: self.until,
        });
        let mint = |context: &countersign_handshake::TokenContext<'_>| Ok(grant::mint(&self.worker, context));
        let established = continued
            .and_then(|session| awaiting.conclude(identity, session, mint, &mut SystemEntropy, now))
            .and_then(|established| self.record_return(&established, &connection, correlation).map(|()| established));
        let established = match established {
            Ok(established) => established,
            Err(refusal) => {
                let _ = answer.send(Err(refusal));
                return Ok(());
            }
        };
        self.generations = generations;
        self.fence();
        self.worker.shared.sessions.end_wait(guard.session());
        self.absence.returned();
        self.feeds.returned();
        // Checked above, and nothing happened in between.
        self.machine.take_up(theirs, now).map_err(Ending::Fatal)?;
        self.connection = Rc::new(Connection::of_facts(connection));
        let welcome = established.welcome_frame();
        self.adopt(established);
        // Before the client has its new ticket, whoever goes on with the session must know of it.
        self.mirror_anew()?;
        let (far, near) = line::ends();
        self.line = Line::Far(far);
        if answer.send(Ok(TakenUp { welcome, line: near })).is_err() {
            return Err(Ending::Dead);
        }
        // HS-88
        self.transmit().await?;
        // HS-99
        self.check_halts().await
    }

    /// What changes with the new contract: its hash, and what is confirmed.
    fn adopt(&mut self, established: Established) {
        let Established { sid, ch, contract, await_ready, identity, renewable, .. } = established;
        self.worker.shared.sessions.regranted(sid, &contract.scopes, self.until, ch.text());
        self.renewable = Some(renewable);
        self.await_ready = Some(await_ready);
        if let Some(login) = &mut self.login {
            login.identity = identity;
            login.session = Some(SessionRef { sid, ch: *ch.as_bytes(), granted: contract.scopes.clone() });
        }
        self.contract = contract;
        self.checked = self.worker.shared.credentials.load_full();
    }

    /// HS-85: one connection for one session. The older one is told and closed; what it still sends is not read.
    fn fence(&mut self) {
        let mut older = std::mem::replace(&mut self.line, Line::Away);
        if older.is_away() {
            return;
        }
        let bye = countersign_session::frame::bye(AlertCode::SessionTakenOver.as_str(), self.machine.standing().tx - 1);
        tokio::task::spawn_local(async move {
            let _ = older.feed(bye).await;
            let _ = older.flush().await;
            older.close(Some(CloseCode::POLICY_VIOLATION), AlertCode::SessionTakenOver.as_str()).await;
        });
    }

    fn record_return(
        &self,
        established: &Established,
        connection: &crate::connection::ConnectionFacts,
        correlation: countersign_core::CorrelationId,
    ) -> Result<(), Refusal> {
        let mut record = AuditRecord::new(clock::wall(), AuditEvent::SessionResume).identity(&established.identity);
        record.correlation = Some(correlation);
        record.session = Some(established.sid);
        record.binding = Some(established.contract.bind);
        record.remote = Some(connection.remote().ip());
        record.channel = Some(connection.channel());
        self.worker.shared.audit.append(record).map_err(Refusal::from)
    }
}

/// What the client missed: all of it follows, or the first of it is gone.
fn gap(theirs: Standing, ours: Standing, lost: Option<Range>) -> Option<Gap> {
    let missed = ours.tx.saturating_sub(theirs.rx);
    match lost {
        Some(Range { from, count }) => Some(Gap { from, count, how: GapHow::Lost }),
        None if missed > 0 => Some(Gap { from: theirs.rx, count: missed, how: GapHow::Replay }),
        None => None,
    }
}
