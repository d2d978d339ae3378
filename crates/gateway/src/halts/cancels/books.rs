//! What became of resting orders: by halt, by the process that asked. This process keeps its own part, and copies of the others'.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_core::{Refusal, SessionId, Timestamp};
use countersign_halt::HaltId;
use countersign_store::{CancelAnswer, CancelCall, NewCancel};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::FAULTS_MAX;
use crate::clock;
use crate::entropy::SystemEntropy;
use crate::halts::report::{CancelFault, CancelLine, CancelPart, CancelStage};

/// Halts whose cancelling is remembered: as many as the store does.
const KEPT_MAX: usize = countersign_store::limits::CANCEL_CALLS_KEPT;

/// How long what others say is read: a venue that answers nothing is asked for some minutes, a node that says nothing for an hour has
/// nothing to say.
const READ_FOR: Duration = Duration::from_secs(3_600);

/// How long nodes that turn up have to answer, too: they are known within a second or two. Who comes later has no session of then.
const EXPECT_FOR: Duration = Duration::from_secs(5);

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
    at: Timestamp,
    /// Its number in the store.
    number: Option<u64>,
    /// Who has to answer: whoever was there when it began, or has come since.
    nodes: BTreeSet<String>,
    /// What this process does about it; none where it was over before this process began.
    own: Option<CancelPart>,
    /// Whether the store has that as it is.
    written: bool,
    /// By node and process.
    others: BTreeMap<(String, String), CancelPart>,
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

    /// Who has to answer what is not settled. A node that is lost meanwhile still has.
    pub(super) fn expect(&self, nodes: &[String]) {
        let mut book = self.book.lock();
        let now = clock::wall();
        for call in book.calls.values_mut().filter(|call| call.own.is_some() && now.saturating_since(call.at) < EXPECT_FOR) {
            call.nodes.extend(nodes.iter().cloned());
        }
    }

    /// It was said here: this process begins, the others are to be told.
    pub(super) fn say(&self, new: NewCancel) -> Ticket {
        let mut book = self.book.lock();
        let ticket = book.begin(new.halt, new.at, None);
        book.untold.push((ticket, new));
        drop(book);
        self.look();
        ticket
    }

    /// It was said at another node, or in another process of this one.
    pub(super) fn hear(&self, call: &CancelCall) -> Ticket {
        self.book.lock().begin(call.what.halt, call.what.at, Some(call.number))
    }

    /// It was said before this process began, which has no part in it.
    pub(super) fn remember(&self, call: &CancelCall) {
        let mut book = self.book.lock();
        book.begin(call.what.halt, call.what.at, Some(call.number));
        if let Some(call) = book.calls.get_mut(&call.what.halt) {
            (call.own, call.written) = (None, true);
        }
    }

    /// What is to be told.
    pub(super) fn untold(&self) -> Vec<(Ticket, NewCancel)> {
        self.book.lock().untold.clone()
    }

    /// The others can read it, or need not any more.
    pub(super) fn note_told(&self, ticket: Ticket, number: Option<u64>) {
        let mut book = self.book.lock();
        book.untold.retain(|(waiting, _)| *waiting != ticket);
        if let Some(call) = book.call(ticket) {
            call.number = number;
            call.untold = None;
        }
    }

    /// They cannot.
    pub(super) fn note_untold(&self, ticket: Ticket, why: &str) {
        if let Some(call) = self.book.lock().call(ticket) {
            call.untold = Some(why.to_owned());
        }
    }

    /// Nothing of before is under way, or that was waited for too long; so many are asked for.
    pub(super) fn note_asking(&self, ticket: Ticket, asked: usize, late: bool) {
        self.change(ticket, |part| {
            (part.stage, part.asked, part.late) = (CancelStage::Asking, asked as u64, late);
        });
        self.look();
    }

    pub(super) fn note(&self, ticket: Ticket, whom: &str, outcome: &Result<usize, Refusal>) {
        self.change(ticket, |part| match outcome {
            Ok(orders) => {
                part.confirmed += 1;
                part.orders += *orders as u64;
            }
            Err(refusal) => part.fail(whom, refusal.to_string(), FAULTS_MAX),
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

    /// This process is through with it; what it came to here.
    pub(super) fn end(&self, ticket: Ticket) {
        self.change(ticket, |part| part.stage = CancelStage::Done);
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
    pub(super) fn unwritten(&self) -> Vec<(Ticket, u64, CancelPart)> {
        let book = self.book.lock();
        let unwritten = |(halt, call): (&HaltId, &Call)| {
            let ticket = Ticket { halt: *halt, number: call.ticket };
            Some((ticket, call.number?, call.own.clone().filter(|_| !call.written)?))
        };
        book.calls.iter().filter_map(unwritten).collect()
    }

    /// The store has it, unless it changed meanwhile.
    pub(super) fn note_written(&self, ticket: Ticket, written: &CancelPart) {
        if let Some(call) = self.book.lock().call(ticket) {
            call.written = call.own.as_ref() == Some(written);
        }
    }

    /// The first call of which others may still have something to say.
    pub(super) fn unsettled_from(&self) -> Option<u64> {
        let book = self.book.lock();
        let now = clock::wall();
        let open = |call: &&Call| now.saturating_since(call.at) < READ_FOR && !book.line(call).done;
        book.calls.values().filter(open).filter_map(|call| call.number).min()
    }

    /// What others say.
    pub(super) fn note_answers(&self, answers: Vec<(CancelAnswer, CancelPart)>) {
        let mut book = self.book.lock();
        for (CancelAnswer { number, node, run, record: _ }, part) in answers {
            if let Some(call) = book.calls.values_mut().find(|call| call.number == Some(number)).filter(|_| run != self.run) {
                call.others.insert((node, run), part);
            }
        }
    }
}

impl Book {
    fn begin(&mut self, halt: HaltId, at: Timestamp, number: Option<u64>) -> Ticket {
        self.tickets += 1;
        let oldest = self.calls.iter().min_by_key(|(_, call)| call.ticket).map(|(halt, _)| *halt);
        if let Some(oldest) = oldest.filter(|_| self.calls.len() >= KEPT_MAX && !self.calls.contains_key(&halt)) {
            self.calls.remove(&oldest);
        }
        let own = Some(CancelPart::default());
        let call =
            Call { ticket: self.tickets, at, number, nodes: BTreeSet::new(), own, written: false, others: BTreeMap::new(), untold: None };
        self.calls.insert(halt, call);
        Ticket { halt, number: self.tickets }
    }

    fn call(&mut self, ticket: Ticket) -> Option<&mut Call> {
        self.calls.get_mut(&ticket.halt).filter(|call| call.ticket == ticket.number)
    }

    /// All parts together.
    fn line(&self, call: &Call) -> CancelLine {
        let own = call.own.iter().map(|part| (self.node.as_str(), part));
        // The process before this one, over a file, where nodes have no names.
        let named = |node: &String| if node.is_empty() { self.node.clone() } else { node.clone() };
        let others: Vec<_> = call.others.iter().map(|((node, _), part)| (named(node), part)).collect();
        let parts: Vec<(&str, &CancelPart)> = own.chain(others.iter().map(|(node, part)| (node.as_str(), *part))).collect();
        let sum = |count: fn(&CancelPart) -> u64| parts.iter().map(|(_, part)| count(part)).sum::<u64>();
        let those = |which: fn(&CancelPart) -> bool| {
            let mut nodes: Vec<String> = parts.iter().filter(|(_, part)| which(part)).map(|(node, _)| (*node).to_owned()).collect();
            nodes.dedup();
            nodes
        };
        let silent: Vec<String> = call.nodes.iter().filter(|node| !parts.iter().any(|(said, _)| said == node)).cloned().collect();
        let faults: Vec<CancelFault> = parts.iter().flat_map(|(_, part)| part.faults.clone()).take(FAULTS_MAX).collect();
        let alone = !self.shared;
        // What has just been said is not through where nobody knows yet whom it concerns.
        let is_told = alone || call.own.is_none() || (call.number.is_some() && !call.nodes.is_empty());
        CancelLine {
            done: is_told && silent.is_empty() && parts.iter().all(|(_, part)| part.stage == CancelStage::Done),
            asked: sum(|part| part.asked),
            confirmed: sum(|part| part.confirmed),
            orders: sum(|part| part.orders),
            unconfirmed: sum(|part| part.unconfirmed),
            faults,
            waiting: those(|part| part.stage == CancelStage::Waiting),
            late: those(|part| part.late),
            silent,
            untold: call.untold.clone().filter(|_| !alone),
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::Reject;
    use countersign_halt::HaltScope;

    use super::*;

    fn new(run: &str) -> NewCancel {
        let halt = HaltId::from_bytes([7; 6]);
        NewCancel { halt, scope: HaltScope::Venue, by: "operator alice".to_owned(), run: run.to_owned(), at: clock::wall() }
    }

    fn answer(node: &str, run: &str, part: CancelPart) -> (CancelAnswer, CancelPart) {
        (CancelAnswer { number: 1, node: node.to_owned(), run: run.to_owned(), record: String::new() }, part)
    }

    #[test]
    fn counts_add_up_and_faults_are_bounded() {
        let (cancels, halt) = (Cancels::new("a"), new("").halt);
        assert_eq!(cancels.of(halt), None);
        let ticket = cancels.say(new(cancels.run()));
        assert_eq!(cancels.of(halt).map(|line| line.waiting), Some(vec!["a".to_owned()]));
        cancels.note_asking(ticket, 20, false);
        cancels.note(ticket, "desk", &Ok(3));
        cancels.note(ticket, "other", &Ok(0));
        for _ in 0..18 {
            cancels.note(ticket, "gone", &Err(Reject::UpstreamTimeout.into()));
        }
        let line = cancels.of(halt).unwrap_or_default();
        assert!(!line.done && line.waiting.is_empty() && line.late.is_empty());
        cancels.end(ticket);
        let line = cancels.of(halt).unwrap_or_default();
        assert_eq!((line.asked, line.confirmed, line.orders, line.unconfirmed), (20, 2, 3, 18));
        assert_eq!((line.faults.len(), line.faults[0].whom.as_str(), line.done), (FAULTS_MAX, "gone", true));
    }

    #[test]
    fn a_halt_is_done_when_every_node_has_said_so() {
        let (cancels, halt) = (Cancels::new("?"), new("").halt);
        cancels.set_node("a", true);
        let ticket = cancels.say(new(cancels.run()));
        cancels.expect(&["a".to_owned(), "b".to_owned()]);
        cancels.expect(&["c".to_owned()]);
        cancels.note_untold(ticket, "the server is away");
        cancels.note_asking(ticket, 0, true);
        cancels.end(ticket);
        let line = cancels.of(halt).unwrap_or_default();
        assert_eq!((line.done, line.silent.join(" "), line.late.join(" ")), (false, "b c".to_owned(), "a".to_owned()));
        assert_eq!((line.untold.as_deref(), cancels.unwritten().len()), (Some("the server is away"), 0));
        cancels.note_told(ticket, Some(1));
        assert!(cancels.untold().is_empty() && cancels.unsettled_from() == Some(1));
        let (_, number, part) = cancels.unwritten().remove(0);
        assert_eq!(number, 1);
        cancels.note_written(ticket, &part);
        assert!(cancels.unwritten().is_empty());
        let done = CancelPart { stage: CancelStage::Done, asked: 2, confirmed: 1, orders: 5, unconfirmed: 1, ..CancelPart::default() };
        let own = CancelPart { asked: 99, ..done.clone() };
        cancels.note_answers(vec![
            answer("b", "x", done.clone()),
            answer("c", "y", CancelPart::default()),
            answer("a", cancels.run(), own),
        ]);
        let line = cancels.of(halt).unwrap_or_default();
        assert_eq!((line.done, line.silent.len(), line.waiting.join(" "), line.asked), (false, 0, "c".to_owned(), 2));
        cancels.note_answers(vec![answer("c", "y", done)]);
        let line = cancels.of(halt).unwrap_or_default();
        assert_eq!((line.done, line.asked, line.confirmed, line.orders, line.unconfirmed), (true, 4, 2, 10, 2));
        assert_eq!(cancels.unsettled_from(), None);
    }

    #[test]
    fn what_is_noted_for_a_former_call_of_a_halt_does_not_count() {
        let (cancels, halt) = (Cancels::new("a"), new("").halt);
        let (former, latter) = (cancels.say(new(cancels.run())), cancels.say(new(cancels.run())));
        cancels.note_asking(latter, 1, false);
        cancels.note(former, "desk", &Ok(3));
        cancels.end(former);
        assert_eq!(cancels.of(halt).map(|line| (line.confirmed, line.done)), Some((0, false)));
        assert_eq!(cancels.untold().len(), 2, "the others are told of both");
    }
}
