//! A halt, and its end, told by News (35=B): once for each change that concerns the session, over all its connections.
//!
//! | the session | is told |
//! |---|---|
//! | is there when it is halted, or the halt changes or ends | at once |
//! | was away | behind its next Logon |
//! | was told, and logs on again while nothing changed | nothing: News is numbered, so what it missed is sent again anyway |
//! | resets its numbers (141=Y) | as one that was never told |

use countersign_fix::Field;
use countersign_fix::answer::{HaltNews, halt_news};
use countersign_fix::session::Outgoing;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Bridge;
use crate::clock;

impl<T: AsyncRead + AsyncWrite + Unpin> Bridge<T> {
    /// Says what changed since the session was told last.
    pub(super) fn tell_halts(&mut self) {
        let gate = self.worker.shared.halts.gate();
        let strongest = gate.strongest(&self.login.identity, Some(self.listed.session().holder().sid));
        let (known, session) = (&self.worker.shared.fix_sessions, self.taken.client());
        if strongest == known.told(&session) {
            return;
        }
        let names = strongest.map(|hit| (hit.id.to_string(), hit.action.name(), hit.reason.name()));
        let news = halt_news(names.as_ref().map(|(id, action, reason)| (id.as_str(), *action, *reason)));
        let body = news.body();
        let body: Vec<Field<'_>> = body.iter().map(|(tag, value)| Field::new(*tag, value.as_bytes())).collect();
        let sent = self.client.session.send_application(clock::now(), Outgoing { msg_type: HaltNews::MSG_TYPE, header: &[], body: &body });
        match sent {
            Ok(_) => known.note_told(&session, strongest),
            // Whoever is saying goodbye, or does not read, is told next time.
            Err(error) => tracing::debug!(correlation = %self.correlation, %error, "a halt could not be told"),
        }
    }

    /// The session counts anew: to its client it is another one.
    pub(super) fn forget_halts(&self) {
        self.worker.shared.fix_sessions.note_told(&self.taken.client(), None);
    }
}
