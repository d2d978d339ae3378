//! The guards against repetition change hands: at no moment do two processes decide by themselves.
//!
//! ```text
//!   predecessor   own journals ──release──▶ between: whoever asks waits ──lend──▶ asks the successor, until it has drained
//!   successor                                └─▶ opens the journals, answers ───────▲
//!   the successor failed: between ──take_back──▶ own journals again
//! ```
//!
//! # Security
//! A question that is not answered in time is a refusal ([`Reject::StoreUnavailable`]), never an acceptance. The journals are closed
//! before they are opened elsewhere: what was accepted until then is in them.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::{
    CredentialId, Detail, Effect, Monotonic, NonceGuard, NoncePolicy, NonceWindow, Refusal, Reject, ReplayGuard, ReplayId, Timestamp,
};
use countersign_store::{AuditHealth, JournaledNonceGuard, JournaledReplayGuard, LocalNonces, NonceKey, StoreError};

use super::limits::{LET_GO_DEADLINE, QUESTION_DEADLINE, RELEASE_DEADLINE};
use super::wire::{self, Frame, unexpected};
use crate::clock;

/// The journals of this node, or the way to whoever has them.
pub struct Lender {
    folder: PathBuf,
    /// Whether it takes writes; both journals ask first.
    disk: AuditHealth,
    state: ArcSwap<State>,
    /// Whether it is between two states, for those who wait.
    between: Mutex<bool>,
    settled: Condvar,
}

enum State {
    Between,
    Lent(Mutex<Option<UnixStream>>),
    Own(Own),
}

struct Own {
    replay: JournaledReplayGuard,
    nonces: JournaledNonceGuard,
}

impl Own {
    fn open(folder: &Path, disk: &AuditHealth) -> Result<Self, StoreError> {
        let replay = JournaledReplayGuard::open(folder, clock::now())?.heeding(disk.clone());
        Ok(Self { replay, nonces: JournaledNonceGuard::open(folder)?.heeding(disk.clone()) })
    }
}

impl std::fmt::Debug for Lender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &**self.state.load() {
            State::Between => "Lender(between)",
            State::Lent(_) => "Lender(lent)",
            State::Own(_) => "Lender(own)",
        })
    }
}

impl Lender {
    /// Opens both journals in `folder`, which must be this process's alone, on a disk of that health.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read or written.
    pub fn open(folder: &Path, disk: AuditHealth) -> Result<Arc<Self>, StoreError> {
        let state = State::Own(Own::open(folder, &disk)?);
        Ok(Arc::new(Self {
            folder: folder.to_owned(),
            disk,
            state: ArcSwap::from_pointee(state),
            between: Mutex::new(false),
            settled: Condvar::new(),
        }))
    }

    /// Closes the journals: everything that was accepted is in them. Whoever asks from now on waits. Blocks.
    ///
    /// # Errors
    /// Somebody does not let go of them; then everything is as it was.
    pub(super) fn release(&self) -> std::io::Result<()> {
        *self.between.lock().unwrap_or_else(PoisonError::into_inner) = true;
        let own = self.state.swap(Arc::new(State::Between));
        let until = clock::mono().saturating_add(LET_GO_DEADLINE);
        // Nobody can find it any more; those who did hold it for one decision.
        while Arc::strong_count(&own) > 1 {
            if clock::mono() >= until {
                self.settle(own);
                return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "a request does not let go of the replay guard"));
            }
            std::thread::park_timeout(LET_GO_LOOK);
        }
        Ok(())
    }

    /// From now on the successor decides.
    pub(super) fn lend(&self, questions: UnixStream) -> std::io::Result<()> {
        questions.set_read_timeout(Some(QUESTION_DEADLINE))?;
        questions.set_write_timeout(Some(QUESTION_DEADLINE))?;
        self.settle(Arc::new(State::Lent(Mutex::new(Some(questions)))));
        Ok(())
    }

    /// There is no successor after all: opens the journals again, with all that was accepted meanwhile.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing that counts once passes any more.
    pub(super) fn take_back(&self) -> Result<(), StoreError> {
        self.settle(Arc::new(State::Own(Own::open(&self.folder, &self.disk)?)));
        Ok(())
    }

    fn settle(&self, state: Arc<State>) {
        self.state.store(state);
        *self.between.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.settled.notify_all();
    }

    /// Decides here, or asks. `None`: nobody can tell.
    fn decide<T>(&self, own: impl FnOnce(&Own) -> T, ask: impl FnOnce(&Mutex<Option<UnixStream>>) -> Option<T>) -> Option<T> {
        if let State::Between = &**self.state.load() {
            let between = self.between.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.settled.wait_timeout_while(between, RELEASE_DEADLINE, |between| *between));
        }
        match &**self.state.load() {
            State::Own(journals) => Some(own(journals)),
            State::Lent(questions) => ask(questions),
            State::Between => None,
        }
    }
}

/// How often the journals are looked at while somebody uses them.
const LET_GO_LOOK: Duration = Duration::from_millis(1);

/// Puts a question. `None` when it is not answered: the conversation is over then, for an answer that comes late would be taken for
/// that of the next question.
fn ask(questions: &Mutex<Option<UnixStream>>, question: &Frame) -> Option<Result<(), Refusal>> {
    let mut talk = questions.lock().unwrap_or_else(PoisonError::into_inner);
    let stream = talk.as_ref()?;
    let answered = wire::send(stream, question).and_then(|()| wire::receive(stream));
    let Ok(Frame::Verdict { reject, last_nonce, why }) = answered else {
        // Not the frame: others than a verdict hold secrets.
        let error = answered.err().unwrap_or_else(unexpected);
        tracing::error!(%error, "the process that took over does not say what it has seen: what needs that is refused here");
        *talk = None;
        return None;
    };
    let Some(label) = reject else { return Some(Ok(())) };
    let reject = Reject::ALL.iter().copied().find(|reject| reject.label() == label)?;
    let detail = last_nonce.map_or_else(|| why.map_or(Detail::None, |why| Detail::Operator(why.into())), Detail::LastNonce);
    Some(Err(Refusal { reject, detail }))
}

/// What came of a question, for the predecessor: as much of a refusal as guards say.
fn verdict_frame(verdict: Result<(), Refusal>) -> Frame {
    let Err(Refusal { reject, detail }) = verdict else { return Frame::Verdict { reject: None, last_nonce: None, why: None } };
    let (last_nonce, why) = match detail {
        Detail::LastNonce(last) => (Some(last), None),
        Detail::Operator(why) => (None, Some(why.into_owned())),
        Detail::Names(_) | Detail::None | Detail::Parameter(_) | Detail::RetryAfter(_) | Detail::Skew { .. } => (None, None),
    };
    Frame::Verdict { reject: Some(reject.label().to_owned()), last_nonce, why }
}

const fn effect_byte(effect: Effect) -> u8 {
    match effect {
        Effect::Cancel => 0,
        Effect::Read => 1,
        Effect::Write => 2,
    }
}

/// What is not known is the one that is looked at hardest.
const fn effect_of(byte: u8) -> Effect {
    match byte {
        0 => Effect::Cancel,
        1 => Effect::Read,
        _ => Effect::Write,
    }
}

/// The replay guard of a node whose journals may change hands.
#[derive(Clone, Debug)]
pub struct LentReplay(pub Arc<Lender>);

impl ReplayGuard for LentReplay {
    fn check_and_insert(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<(), Refusal> {
        let question = || Frame::Replay { id: id.to_bytes(), effect: effect_byte(effect), signed_at: signed_at.as_micros() };
        let decided = self.0.decide(|own| own.replay.check_and_insert(id, effect, signed_at, now), |questions| ask(questions, &question()));
        decided.unwrap_or_else(|| Err(Reject::StoreUnavailable.into()))
    }

    fn records(&self) -> usize {
        match &**self.0.state.load() {
            State::Own(own) => own.replay.records(),
            State::Between | State::Lent(_) => 0,
        }
    }
}

/// The nonce guard of a node whose journals may change hands.
#[derive(Clone, Debug)]
pub struct LentNonces(pub Arc<Lender>);

impl NonceGuard for LentNonces {
    fn spend(&self, credential: &CredentialId, policy: NoncePolicy, nonce: u64, effect: Effect) -> Result<(), Refusal> {
        let NoncePolicy { window, epoch, floor } = policy;
        let credential_text = credential.as_str().to_owned();
        let question = || Frame::Nonce { credential: credential_text, floor, window, epoch, nonce, effect: effect_byte(effect) };
        let decided = self.0.decide(|own| own.nonces.spend(credential, policy, nonce, effect), |questions| ask(questions, &question()));
        decided.unwrap_or_else(|| Err(Reject::StoreUnavailable.into()))
    }
}

impl LocalNonces for LentNonces {
    /// What is lent is brought to other nodes by whoever has it.
    fn windows(&self) -> Vec<(NonceKey, NonceWindow)> {
        match &**self.0.state.load() {
            State::Own(own) => own.nonces.windows(),
            State::Between | State::Lent(_) => Vec::new(),
        }
    }
}

/// Answers the predecessor's questions until it is gone. Blocks.
pub(super) fn answer_questions(questions: &UnixStream, lender: &Arc<Lender>) {
    let (replay, nonces) = (LentReplay(Arc::clone(lender)), LentNonces(Arc::clone(lender)));
    while let Ok(question) = wire::receive(questions) {
        let verdict = match question {
            Frame::Replay { id, effect, signed_at } => {
                let signed_at = Timestamp::from_micros(signed_at);
                replay.check_and_insert(ReplayId::from_bytes(&id), effect_of(effect), signed_at, clock::mono())
            }
            Frame::Nonce { credential, floor, window, epoch, nonce, effect } => match CredentialId::parse(&credential) {
                Ok(credential) => nonces.spend(&credential, NoncePolicy { window, epoch, floor }, nonce, effect_of(effect)),
                Err(_) => Err(Reject::Internal.into()),
            },
            Frame::FixOver
            | Frame::Handed { .. }
            | Frame::Hello { .. }
            | Frame::Leaving
            | Frame::Offer(_)
            | Frame::Ready
            | Frame::Refused { .. }
            | Frame::Release
            | Frame::Released
            | Frame::Take { .. }
            | Frame::Verdict { .. } => return,
        };
        if wire::send(questions, &verdict_frame(verdict)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_store::{AuditKey, AuditLog};

    use super::*;

    fn id(number: u8) -> ReplayId {
        ReplayId::from_bytes(&[number; 20])
    }

    fn write(guard: &LentReplay, number: u8) -> Result<(), Reject> {
        guard.check_and_insert(id(number), Effect::Write, clock::wall(), clock::mono()).map_err(|refusal| refusal.reject)
    }

    fn spend(guard: &LentNonces, nonce: u64) -> Result<(), Reject> {
        let credential = CredentialId::parse("credential").map_err(|_| Reject::Internal)?;
        let policy = NoncePolicy { window: 0, epoch: 0, floor: 0 };
        guard.spend(&credential, policy, nonce, Effect::Write).map_err(|refusal| refusal.reject)
    }

    /// A disk that takes writes.
    fn disk(folder: &tempfile::TempDir) -> AuditHealth {
        AuditLog::open(&folder.path().join("audit"), AuditKey::from_seed(&[7; 32]).unwrap()).unwrap().health()
    }

    /// Two processes of one node: what either accepted, neither accepts again, before, during and after the hand-over.
    #[test]
    fn of_two_processes_one_decides() {
        let folder = tempfile::tempdir().unwrap();
        let old = Lender::open(folder.path(), disk(&folder)).unwrap();
        let (old_replay, old_nonces) = (LentReplay(Arc::clone(&old)), LentNonces(Arc::clone(&old)));
        assert_eq!((write(&old_replay, 1), spend(&old_nonces, 5)), (Ok(()), Ok(())));

        old.release().unwrap();
        let waiting = std::thread::spawn({
            let guard = old_replay.clone();
            move || write(&guard, 2)
        });
        let new = Lender::open(folder.path(), disk(&folder)).unwrap();
        let (new_replay, new_nonces) = (LentReplay(Arc::clone(&new)), LentNonces(Arc::clone(&new)));
        assert_eq!(write(&new_replay, 1), Err(Reject::Replayed), "what was accepted before is in the journal");

        let (ours, theirs) = UnixStream::pair().unwrap();
        let answering = std::thread::spawn({
            let new = Arc::clone(&new);
            move || answer_questions(&theirs, &new)
        });
        old.lend(ours).unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(()), "whoever asked in between waited");
        assert_eq!(write(&new_replay, 2), Err(Reject::Replayed));
        assert_eq!(write(&new_replay, 3), Ok(()));
        assert_eq!(write(&old_replay, 3), Err(Reject::Replayed));
        let read = old_replay.check_and_insert(id(3), Effect::Read, clock::wall(), clock::mono());
        assert_eq!(read, Ok(()), "effects are told apart on the way");
        assert!(spend(&old_nonces, 5).is_err() && spend(&old_nonces, 6).is_ok() && spend(&new_nonces, 6).is_err());
        let credential = CredentialId::parse("credential").unwrap();
        let policy = NoncePolicy { window: 0, epoch: 0, floor: 0 };
        let refusal = old_nonces.spend(&credential, policy, 6, Effect::Write).unwrap_err();
        assert_eq!(refusal.detail, Detail::LastNonce(6), "the client is told by which number it goes on, by either process");

        drop((old, old_replay, old_nonces));
        answering.join().unwrap();
    }

    #[test]
    fn without_a_successor_the_journals_are_taken_back_and_without_an_answer_nothing_passes() {
        let folder = tempfile::tempdir().unwrap();
        let lender = Lender::open(folder.path(), disk(&folder)).unwrap();
        let guard = LentReplay(Arc::clone(&lender));
        write(&guard, 1).unwrap();
        lender.release().unwrap();
        lender.take_back().unwrap();
        assert_eq!((write(&guard, 1), write(&guard, 2)), (Err(Reject::Replayed), Ok(())));
        lender.release().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        lender.lend(ours).unwrap();
        drop(theirs);
        assert_eq!(write(&guard, 3), Err(Reject::StoreUnavailable));
        assert_eq!(spend(&LentNonces(lender), 1), Err(Reject::StoreUnavailable));
    }
}
