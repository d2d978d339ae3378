//! What became of resting orders: by halt, by the process that asked. This process keeps its own part, and copies of the others'.

mod answers;
mod arrivals;
mod line;
mod numbers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_core::{Monotonic, Refusal, SessionId};
use countersign_halt::HaltId;
use countersign_store::{CallName, CancelCall, NewCancel};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(super) use self::arrivals::TakeOn;
use super::FAULTS_MAX;
use crate::entropy::SystemEntropy;
use crate::halts::report::{CancelLine, CancelPart, CancelStage};

/// Halts whose cancelling is remembered: as many as the store does.
const KEPT_MAX: usize = countersign_store::limits::CANCEL_CALLS_KEPT;

/// How long nodes that turn up have to answer, too, from when they can read of it: they are known within a second or two. Who comes later
/// has no session of then.
const EXPECT_FOR: Duration = Duration::from_secs(5);

/// Sessions that are named as confirmed: names of all would make a record that is written often a long one. Who is not named is asked
/// for again where it goes on, under the same halt.
const SESSIONS_NAMED_MAX: usize = 256;

/// The books of this process.
#[derive(Debug)]
pub struct Cancels {
    /// The name of this process: two of one node serve at once while one takes over from the other.
    run: String,
    book: Mutex<Book>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Book {
    /// The latest call of each halt.
    calls: BTreeMap<HaltId, Call>,
    /// What was said here and is to be told to the others, with the call's ticket.
    untold: Vec<(Ticket, NewCancel)>,
    tickets: u64,
    /// This node.
    node: String,
    /// Whether others have the same database.
    shared: bool,
    /// Why the last look failed.
    lost: Option<String>,
    /// Sessions that came here from another process, and were not looked at yet.
    arrived: BTreeSet<SessionId>,
    /// Calls that cannot be read, and why: to be answered.
    unreadable: Vec<(CallName, String)>,
    /// Whether what processes that are gone left unfinished was closed.
    closed: bool,
}

/// A call in these books. A later one of the same halt takes its place, and nothing that is noted for the former counts any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) halt: HaltId,
    number: u64,
}

#[derive(Debug)]
struct Call {
    ticket: u64,
    what: NewCancel,
    /// Whether this process carries it out: it was said or heard here. Else it began before this process.
    here: bool,
    /// Its number in the store.
    number: Option<u64>,
    /// The store has it no more: it is forgotten there, or was lost.
    gone: bool,
    /// Since when the store has lost it, where somebody else has to tell it again; and whether nobody did in time.
    missed: Option<Monotonic>,
    lost: bool,
    /// Since when others can read of it.
    told: Option<Monotonic>,
    /// Who has to answer: whoever was there when it began, or has come since.
    nodes: BTreeSet<String>,
    /// Whether those who turn up now have to, too.
    gathers: bool,
    /// What this process does about it; none where it was over before this process began.
    own: Option<CancelPart>,
    /// Sessions of this process that a venue is asked for.
    sessions: BTreeSet<SessionId>,
    /// How many tasks of this process are at it.
    tasks: usize,
    /// Whether the store has the part as it is.
    written: bool,
    /// By node and process.
    others: BTreeMap<(String, String), CancelPart>,
    /// When they were read last.
    read: Option<Monotonic>,
    untold: Option<String>,
}

impl Cancels {
    /// Empty books of a node.
    #[must_use]
    pub fn new(node: &str) -> Self {
        let book = Book { node: node.to_owned(), ..Book::default() };
        Self { run: SessionId::random(&mut SystemEntropy).to_string(), book: Mutex::new(book), wake: Notify::new() }
    }

    /// Of one halt.
    #[must_use]
    pub fn of(&self, halt: HaltId) -> Option<CancelLine> {
        let book = self.book.lock();
        book.calls.get(&halt).map(|call| book.line(call))
    }

    /// Looks soon whether somebody called.
    pub(crate) fn look(&self) {
        self.wake.notify_one();
    }

    pub(super) const fn wake(&self) -> &Notify {
        &self.wake
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Who this is, and whether others have the same database.
    pub(super) fn set_node(&self, node: &str, shared: bool) {
        let mut book = self.book.lock();
        (book.node, book.shared) = (node.to_owned(), shared);
    }

    /// Who has to answer what is not settled. A node that is lost meanwhile still has. `read` when the database told of them, too: time
    /// in which nobody could read of a call does not count.
    pub(super) fn expect(&self, nodes: &[String], read: Option<Monotonic>) {
        let mut book = self.book.lock();
        for call in book.calls.values_mut().filter(|call| call.here && call.gathers) {
            let known = call.nodes.len();
            call.nodes.extend(nodes.iter().cloned());
            call.gathers = read.zip(call.told).is_none_or(|(now, told)| now.saturating_since(told) < EXPECT_FOR);
            if let Some(part) = call.own.as_mut().filter(|_| call.nodes.len() != known) {
                part.expects.clone_from(&call.nodes);
                call.written = false;
            }
        }
    }

    /// What came of a look at the database.
    pub(super) fn note_look(&self, failed: Option<String>) {
        self.book.lock().lost = failed;
    }

    /// It was said here: this process begins, the others are to be told.
    pub(super) fn say(&self, mut new: NewCancel) -> Ticket {
        let mut book = self.book.lock();
        // The time is part of the name of a call.
        if let Some(former) = book.calls.get(&new.halt).filter(|former| former.what.at >= new.at) {
            new.at = former.what.at.saturating_add(Duration::from_micros(1));
        }
        let ticket = book.begin(&new, None, None);
        book.untold.push((ticket, new));
        drop(book);
        self.look();
        ticket
    }

    /// It was said at another node, or in another process of this one, so long ago. Who hears of it late cannot tell who was there then.
    pub(super) fn hear(&self, call: &CancelCall, age: Duration, now: Monotonic) -> Ticket {
        let mut book = self.book.lock();
        let ticket = book.begin(&call.what, Some(call.number), Some(before(now, age)));
        book.expect_caller(ticket, &call.node);
        if let Some(call) = book.call(ticket) {
            call.gathers = age < EXPECT_FOR;
        }
        ticket
    }

    /// It was said before this process began, which has no part in it.
    pub(super) fn remember(&self, call: &CancelCall, age: Duration, now: Monotonic) {
        let mut book = self.book.lock();
        let ticket = book.begin(&call.what, Some(call.number), Some(before(now, age)));
        book.expect_caller(ticket, &call.node);
        if let Some(call) = book.call(ticket) {
            (call.here, call.own, call.tasks, call.written) = (false, None, 0, true);
        }
    }

    /// What is to be told.
    pub(super) fn untold(&self) -> Vec<(Ticket, NewCancel)> {
        self.book.lock().untold.clone()
    }

    /// The others can read it, or need not any more.
    pub(super) fn note_told(&self, ticket: Ticket, number: Option<u64>, now: Monotonic) {
        let mut book = self.book.lock();
        book.untold.retain(|(waiting, _)| *waiting != ticket);
        if let Some(call) = book.call(ticket) {
            (call.number, call.told, call.gone) = (number, number.map(|_| now), false);
            call.untold = None;
        }
    }

    /// They cannot.
    pub(super) fn note_untold(&self, ticket: Ticket, why: &str) {
        if let Some(call) = self.book.lock().call(ticket) {
            call.untold = Some(why.to_owned());
        }
    }

    /// Nothing of before is under way, or that was waited for too long; so many are asked for, these sessions among them.
    pub(super) fn note_asking(&self, ticket: Ticket, asked: usize, sessions: impl IntoIterator<Item = SessionId>, late: bool) {
        if let Some(call) = self.book.lock().call(ticket) {
            call.sessions.extend(sessions);
        }
        self.change(ticket, |part| {
            (part.stage, part.asked, part.late) = (CancelStage::Asking, asked as u64, late);
        });
        self.look();
    }

    pub(super) fn note_late(&self, ticket: Ticket) {
        self.change(ticket, |part| part.late = true);
    }

    pub(super) fn note(&self, ticket: Ticket, whom: (&str, Option<SessionId>), outcome: &Result<usize, Refusal>) {
        // Who could not be asked for here is asked for again where it comes to, be it here.
        if let (Err(_), Some(session), Some(call)) = (outcome, whom.1, self.book.lock().call(ticket)) {
            call.sessions.remove(&session);
        }
        self.change(ticket, |part| match outcome {
            Ok(orders) => {
                part.confirmed += 1;
                part.orders += *orders as u64;
                part.sessions.extend(whom.1.filter(|_| part.sessions.len() < SESSIONS_NAMED_MAX).map(|sid| sid.to_string()));
            }
            Err(refusal) => part.fail(whom.0, refusal.to_string(), FAULTS_MAX),
        });
    }

    /// Nobody was asked, and why.
    pub(super) fn note_unasked(&self, ticket: Ticket, why: &str) {
        let node = self.book.lock().node.clone();
        self.change(ticket, |part| {
            part.asked += 1;
            part.fail(&format!("node {node}"), why.to_owned(), FAULTS_MAX);
        });
    }

    /// A task of this process is through with it; when all are, so is this process.
    pub(super) fn end(&self, ticket: Ticket) {
        let mut left = 0;
        if let Some(call) = self.book.lock().call(ticket) {
            call.tasks = call.tasks.saturating_sub(1);
            left = call.tasks;
        }
        if left == 0 {
            self.change(ticket, |part| part.stage = CancelStage::Done);
        }
        self.look();
    }

    fn change(&self, ticket: Ticket, change: impl FnOnce(&mut CancelPart)) {
        if let Some(call) = self.book.lock().call(ticket) {
            call.written = false;
            change(call.own.get_or_insert_default());
        }
    }

    /// Whether this process still waits, or asks.
    pub(crate) fn is_asking(&self) -> bool {
        self.book.lock().calls.values().any(|call| call.own.as_ref().is_some_and(|part| part.stage != CancelStage::Done))
    }

    /// Parts of this process that the store does not have as they are.
    pub(super) fn unwritten(&self) -> Vec<(Ticket, CallName, CancelPart)> {
        let book = self.book.lock();
        let unwritten = |(halt, call): (&HaltId, &Call)| {
            let ticket = Ticket { halt: *halt, number: call.ticket };
            call.number.filter(|_| !call.gone)?;
            Some((ticket, call.what.name(), call.own.clone().filter(|_| !call.written)?))
        };
        book.calls.iter().filter_map(unwritten).collect()
    }

    /// The store has it, unless it changed meanwhile.
    pub(super) fn note_written(&self, ticket: Ticket, written: &CancelPart) {
        if let Some(call) = self.book.lock().call(ticket) {
            call.written = call.own.as_ref() == Some(written);
        }
    }
}

impl Book {
    fn begin(&mut self, new: &NewCancel, number: Option<u64>, told: Option<Monotonic>) -> Ticket {
        self.tickets += 1;
        let halt = new.halt;
        let oldest = self.calls.iter().min_by_key(|(_, call)| call.ticket).map(|(halt, _)| *halt);
        if let Some(oldest) = oldest.filter(|_| self.calls.len() >= KEPT_MAX && !self.calls.contains_key(&halt)) {
            self.calls.remove(&oldest);
        }
        let call = Call {
            ticket: self.tickets,
            what: new.clone(),
            here: true,
            number,
            gone: false,
            missed: None,
            lost: false,
            told,
            nodes: BTreeSet::new(),
            gathers: true,
            own: Some(CancelPart::default()),
            sessions: BTreeSet::new(),
            tasks: 1,
            written: false,
            others: BTreeMap::new(),
            read: None,
            untold: None,
        };
        self.calls.insert(halt, call);
        Ticket { halt, number: self.tickets }
    }

    /// Whoever said it has to answer as well.
    fn expect_caller(&mut self, ticket: Ticket, node: &str) {
        let node = self.named(node);
        if let Some(call) = self.call(ticket) {
            call.nodes.insert(node);
        }
    }

    fn call(&mut self, ticket: Ticket) -> Option<&mut Call> {
        self.calls.get_mut(&ticket.halt).filter(|call| call.ticket == ticket.number)
    }
}

fn before(now: Monotonic, age: Duration) -> Monotonic {
    Monotonic::from_micros(now.as_micros().saturating_sub(u64::try_from(age.as_micros()).unwrap_or(u64::MAX)))
}
