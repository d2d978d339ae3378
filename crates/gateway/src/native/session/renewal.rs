//! The contract of an open session changes: its client proves itself again, or its key has fewer scopes than before.
//!
//! ```text
//!   {"nonce":""} ─▶ nonce      {"reauth":..} ─▶ nonce spent ─▶ key as of now ─▶ proof ─▶ record ─▶ in force ─▶ {"regrant":..}
//!   credentials changed ─▶ the key lost scopes of the contract ─▶ record ─▶ in force ─▶ {"regrant":..}, unasked
//! ```
//!
//! What a key lost is refused from the moment that the node knows it, whatever contract the client holds: messages are judged by
//! both ([`admission`](super::admission)). The re-grant tells the client.

use countersign_core::{Refusal, Reject, Timestamp, VerifiedIdentity};
use countersign_handshake::{Contract, Renewed, Terms, TokenContext};
use countersign_store::{AuditEvent, AuditRecord};

use super::Session;
use super::ending::Ending;
use crate::authenticate::{SessionRef, verify_presented};
use crate::clock;
use crate::entropy::SystemEntropy;
use crate::native::carriage::Carriage;
use crate::native::grant;
use crate::native::limits::REAUTHS_PER_MINUTE_MAX;
use crate::routes::Family;

/// What a refusal of a re-authentication is about, in the member `re`.
const RE: &str = "\"reauth\"";

impl<C: Carriage + 'static> Session<C> {
    /// The client asks for a nonce.
    pub(super) async fn give_nonce(&mut self) -> Result<(), Ending> {
        let Some(renewable) = self.renewable.as_mut().filter(|_| self.await_ready.is_none()) else {
            return self.refuse(&Reject::UnexpectedMessage.into(), None, None).await;
        };
        let nonce = renewable.nonce(&mut SystemEntropy, clock::now());
        self.machine.note_sent(clock::now());
        Ok(self.line.feed(countersign_handshake::frame::nonce(&nonce)).await?)
    }

    /// The client proves itself again.
    pub(super) async fn on_reauth(&mut self, token: &str) -> Result<(), Ending> {
        match self.renew(token) {
            Ok((identity, renewed)) => self.adopt_renewed(identity, renewed).await,
            Err(refusal) => self.refuse(&refusal, None, Some(RE)).await,
        }
    }

    fn renew(&mut self, token: &str) -> Result<(VerifiedIdentity, Renewed), Refusal> {
        let sid = self.session_ref().map(|session| session.sid);
        let renewable = self.renewable.as_mut().filter(|_| self.await_ready.is_none()).ok_or(Reject::UnexpectedMessage)?;
        // HS-129
        self.reauths.charge(1, REAUTHS_PER_MINUTE_MAX, clock::wall())?;
        let awaiting = renewable.receive(token, clock::now())?;
        let identity = verify_presented(&self.worker, &self.connection, awaiting.presented())?.identity;
        self.worker.shared.halts.gate().admit_presence(Some(&identity), Family::NATIVE, sid)?;
        let now = clock::now();
        let entitlements = grant::entitlements(&self.worker, &identity, now.wall);
        let terms = Terms { contract: &self.contract, until: self.until, generation: self.generations.last() };
        let mint = |context: &TokenContext<'_>| Ok(grant::mint(&self.worker, context));
        let renewed = renewable.renew(awaiting, &identity, terms, &entitlements, mint, &mut SystemEntropy, now)?;
        Ok((identity, renewed))
    }

    /// Tells the client what its key lost, if it lost something of the contract.
    pub(super) async fn check_scopes(&mut self) -> Result<(), Ending> {
        let (Some(login), Some(renewable)) = (&self.login, &mut self.renewable) else { return Ok(()) };
        let identity = login.identity.clone();
        if self.line.is_away() || self.await_ready.is_some() {
            // Whoever comes back, or has not confirmed yet, gets what is left when it does.
            return Ok(());
        }
        let terms = Terms { contract: &self.contract, until: self.until, generation: self.generations.last() };
        let mint = |context: &TokenContext<'_>| Ok(grant::mint(&self.worker, context));
        match renewable.narrow(&identity, terms, mint, &mut SystemEntropy, clock::now()) {
            Ok(None) => Ok(()),
            Ok(Some(renewed)) => self.adopt_renewed(identity, renewed).await,
            Err(refusal) => Err(Ending::Fatal(refusal)),
        }
    }

    /// The contract that the next welcome has. In force when that is answered: a client whose return is refused is still to be told.
    pub(super) fn contract_for(&self, identity: &VerifiedIdentity) -> Contract {
        // HS-126
        self.contract.narrowed(&identity.credential().scopes).unwrap_or_else(|| self.contract.clone())
    }

    /// From here on it is the contract. A re-grant that cannot be recorded is none: the session ends, for the client cannot know.
    async fn adopt_renewed(&mut self, identity: VerifiedIdentity, renewed: Renewed) -> Result<(), Ending> {
        let Renewed { contract, ch, until, frame } = renewed;
        let words = format!("scopes {}, until {}", contract.scopes, until.as_secs());
        // HS-125
        self.record_regrant(&identity, &words).map_err(Ending::Fatal)?;
        let now = clock::now();
        self.machine.extend(now.mono.saturating_add(Timestamp::saturating_since(until, now.wall)));
        self.until = until;
        if let Some(login) = &mut self.login {
            if let Some(SessionRef { sid, .. }) = login.session {
                self.worker.shared.sessions.regranted(sid, &contract.scopes, until, ch.text());
                login.session = Some(SessionRef { sid, ch: *ch.as_bytes(), granted: contract.scopes.clone() });
            }
            login.identity = identity;
        }
        self.contract = contract;
        // Whoever goes on with the session must know the contract that the client has.
        self.mirror_anew()?;
        self.machine.note_sent(now);
        self.line.feed(frame.expose().to_owned()).await?;
        Ok(self.line.flush().await?)
    }

    fn record_regrant(&self, identity: &VerifiedIdentity, words: &str) -> Result<(), Refusal> {
        let mut record = AuditRecord::new(clock::wall(), AuditEvent::SessionRegrant).identity(identity).sentence(words);
        record.correlation = Some(self.worker.correlation.next());
        record.session = self.session_ref().map(|session| session.sid);
        record.binding = Some(self.contract.bind);
        record.remote = Some(self.connection.remote.ip());
        record.channel = Some(std::sync::Arc::clone(&self.connection.channel));
        self.worker.shared.audit.append(record).map_err(Refusal::from)
    }
}
