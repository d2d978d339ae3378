//! Lifts: proposed, signed, applied.

use countersign_halt::lift::Proposal;
use countersign_halt::{Action, Change, HaltId, Lift, LiftError, LiftId, Lowered, OperatorSignature};
use countersign_store::audit::{AuditEvent, AuditRecord};

use super::{HaltKeeper, KeeperError};
use crate::clock;
use crate::halts::report::{HaltLine, LiftReport};

impl HaltKeeper {
    /// Proposes a lift.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub async fn propose(&self, halts: Vec<HaltId>, to: Option<Action>, reason: &str, by: &str) -> Result<LiftReport, KeeperError> {
        self.read().await;
        let now = clock::wall();
        let lift = {
            let node = self.node.lock();
            Lift::propose(node.set(), Proposal { gateway: self.operators.gateway(), halts, to, reason, by, now })??
        };
        self.store.propose(&lift, now).await?;
        self.record(AuditEvent::HaltLiftSigned, &format!("{} proposed by operator {by}", lift.id()));
        Ok(self.report(&lift, &[], None))
    }

    /// A proposal as it stands.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub async fn lift(&self, id: LiftId) -> Result<LiftReport, KeeperError> {
        let stored = self.store.lift(id).await?.ok_or(KeeperError::NoProposal)?;
        Ok(self.report(&stored.lift, &stored.signatures, None))
    }

    /// Adds an operator's signature.
    ///
    /// # Errors
    /// [`KeeperError`]; a signature that does not verify is not kept.
    pub async fn sign(&self, id: LiftId, signature: &OperatorSignature) -> Result<LiftReport, KeeperError> {
        let stored = self.store.lift(id).await?.ok_or(KeeperError::NoProposal)?;
        self.operators.verify(&stored.lift, signature)?;
        stored.lift.check_against(self.node.lock().set(), clock::wall())?;
        self.store.sign(id, signature).await?.ok_or(KeeperError::NoProposal)?;
        self.record(AuditEvent::HaltLiftSigned, &format!("{id} signed by operator {}", signature.operator));
        self.lift(id).await
    }

    /// Applies a lift that enough operators signed.
    ///
    /// # Errors
    /// [`KeeperError`]; nothing is lifted then.
    pub async fn apply(&self, id: LiftId, by: &str) -> Result<LiftReport, KeeperError> {
        self.read().await;
        let stored = self.store.lift(id).await?.ok_or(KeeperError::NoProposal)?;
        let now = clock::wall();
        let agreed = self.operators.agree(&stored.lift, &stored.signatures, self.node.lock().set(), now)?;
        let lift = agreed.lift().clone();
        let names = agreed.operators().join(", ");
        let halts = lift.halts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let to = lift.to.map_or("nothing", Action::name);
        // Before it is done: a restart of trading that cannot be recorded does not happen.
        let words = format!("{id}: {halts} to {to}, signed by {names}, applied by operator {by}");
        self.audit.append(AuditRecord::new(now, AuditEvent::HaltLift).told(&words)).map_err(|_| KeeperError::Unrecorded)?;
        let lowered = self.store.lower(&agreed, &stored.signatures, now).await.map_err(KeeperError::from);
        let moved = || LiftError::EpochMoved { signed: lift.if_epoch, now: self.node.lock().set().epoch() }.into();
        // What is on record and did not happen must be on record, too.
        let epoch = lowered.and_then(|epoch| epoch.ok_or_else(moved)).inspect_err(|error| self.record_failed(id, error))?;
        {
            let mut node = self.node.lock();
            node.note_lowered(&lift.halts, Lowered { epoch, to: lift.to });
        }
        self.publish();
        self.announce(epoch, Change::Lower { halts: lift.halts.clone(), to: lift.to });
        tracing::warn!(lift = %id, %halts, to, operators = %names, "lifted");
        Ok(self.report(&lift, &stored.signatures, Some(epoch)))
    }

    fn record_failed(&self, id: LiftId, error: &KeeperError) {
        self.record(AuditEvent::HaltLiftFailed, &format!("{id}: {error}"));
    }

    fn report(&self, lift: &Lift, signatures: &[OperatorSignature], applied: Option<u64>) -> LiftReport {
        let node = self.node.lock();
        let line = |id: &HaltId| {
            let entry = node.set().find(*id)?;
            Some(HaltLine::new(entry, entry.level()?))
        };
        let obstacle = applied.is_none().then(|| self.operators.agree(lift, signatures, node.set(), clock::wall()).err()).flatten();
        LiftReport {
            id: lift.id().to_string(),
            payload: lift.payload().to_owned(),
            check_words: lift.check_words(),
            signed_by: signatures.iter().map(|signature| signature.operator.to_string()).collect(),
            needed: lift.needed(node.set(), self.operators.quorum()),
            expires_ms: lift.expires.as_millis(),
            halts: lift.halts.iter().filter_map(line).collect(),
            obstacle: obstacle.map(|error| error.to_string()),
            applied,
        }
    }
}
