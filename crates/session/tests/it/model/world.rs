//! Two ends, two queues, one clock: whatever the machines do, the references must do too.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::{Monotonic, Now, Reject, Timestamp};
use countersign_session::{Event, Keeping, Liveness, SessionMachine, Side};
use serde_json::{Value, json};

use super::reference::{Pulse, Reference, Verdict};
use super::step::{End, Step};

const HEARTBEAT_MS: u64 = 10_000;
const LIFE_MS: u64 = 100_000;
const START_MS: u64 = 1_800_000_000_000;

struct Party {
    machine: SessionMachine,
    reference: Reference,
    /// Frames on their way to this end.
    under_way: Vec<String>,
    /// All frames that were ever sent to it.
    past: Vec<String>,
    /// Numbers of its own messages that the peer told it were not applied.
    not_applied: BTreeSet<u64>,
}

pub(crate) struct World {
    client: Party,
    server: Party,
    millis: u64,
}

impl World {
    pub(crate) fn new(recoverable: bool) -> Self {
        Self { client: Party::new(Side::Client, recoverable), server: Party::new(Side::Server, recoverable), millis: 0 }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Break => self.break_wire(),
            Step::Return => self.come_back(),
            Step::Deliver { to, place } => {
                let queue = &mut self.party(*to).under_way;
                if !queue.is_empty() {
                    let frame = queue.remove(place % queue.len());
                    self.hear(*to, &frame);
                }
            }
            Step::Flood { to, times } => self.flood(*to, *times),
            Step::Forge { to, forged } => {
                let expected = self.party(*to).reference.next();
                self.hear(*to, &forged.text(expected));
            }
            Step::Lose { to, place } => {
                let queue = &mut self.party(*to).under_way;
                if !queue.is_empty() {
                    queue.remove(place % queue.len());
                }
            }
            Step::Pass(millis) => self.pass(*millis),
            Step::Repeat { to, which } => {
                let past = &self.party(*to).past;
                if !past.is_empty() {
                    let frame = which.get(past).clone();
                    self.hear(*to, &frame);
                }
            }
            Step::Send(from) => self.send(*from),
            Step::Talk { from, count } => self.talk(*from, *count),
        }
    }

    fn party(&mut self, end: End) -> &mut Party {
        match end {
            End::Client => &mut self.client,
            End::Server => &mut self.server,
        }
    }

    fn send(&mut self, from: End) {
        let millis = self.millis;
        let party = self.party(from);
        if party.reference.over {
            return;
        }
        // A client keeps nothing for later: what it cannot send now it does not number.
        if from == End::Client && party.reference.away {
            return;
        }
        let body = json!({ "n": party.reference.sent.len() }).to_string();
        let frame = party.machine.send(&body, now(millis));
        assert_eq!(value(&frame), party.reference.send(&body, millis));
        if !self.party(from).reference.away {
            self.post(from.other(), frame);
        }
    }

    fn post(&mut self, to: End, frame: String) {
        let party = self.party(to);
        party.past.push(frame.clone());
        party.under_way.push(frame);
    }

    /// Everything under way is lost; neither end reads this connection again.
    fn break_wire(&mut self) {
        for party in [&mut self.client, &mut self.server] {
            party.machine.leave();
            party.reference.leave();
            party.under_way.clear();
            party.past.clear();
        }
    }

    /// What the shells do around a resume whose proof holds.
    fn come_back(&mut self) {
        let (ours, theirs) = (self.client.machine.standing(), self.server.machine.standing());
        if self.server.reference.over {
            let refused = self.server.machine.take_up(ours, now(self.millis)).unwrap_err();
            assert_eq!(refused.reject, Reject::SessionUnknown, "a session that ended does not come back");
            return;
        }
        if self.client.reference.over {
            return;
        }
        self.break_wire();
        assert_eq!(self.server.machine.check_return(ours), Ok(()), "{ours:?} {theirs:?}");
        let lost = self.server.machine.take_up(ours, now(self.millis)).unwrap();
        let expected = self.server.reference.take_up(ours.rx, self.millis);
        assert_eq!(lost.map(|range| (range.from, range.count)), expected);
        self.client.machine.go_on(theirs, lost, now(self.millis));
        self.client.reference.go_on(theirs.rx, expected, self.millis);
        self.client.not_applied.retain(|number| *number < theirs.rx);
        assert_eq!(self.client.machine.standing().tx, self.client.reference.sent.len() as u64 + 1);
        self.transmit(End::Server);
        self.transmit(End::Client);
    }

    fn hear(&mut self, to: End, frame: &str) {
        if self.party(to).reference.away {
            return;
        }
        self.judge(to, frame);
        self.transmit(to);
    }

    /// Both judge, and must agree. A fatal refusal ends this end, as the shell does.
    fn judge(&mut self, to: End, frame: &str) {
        let millis = self.millis;
        let party = self.party(to);
        let heard = party.machine.handle_frame(frame.as_bytes(), now(millis));
        let verdict = match &heard {
            Ok(event) => verdict(event),
            Err(refusal) => Verdict::Refused(refusal.reject),
        };
        assert_eq!(verdict, party.reference.hear(frame, millis, wall_us(millis)), "{to:?} hears {frame}");
        assert_eq!(party.machine.peer_expects(), party.reference.acknowledged);
        match verdict {
            Verdict::NotApplied { from, count } => party.not_applied.extend(from..from + count),
            Verdict::Refused(reject) if reject.alert().is_fatal() && !party.reference.over => self.leave(to, reject.alert().as_str()),
            Verdict::Applied { .. }
            | Verdict::Bye { .. }
            | Verdict::Confirmed
            | Verdict::Noted
            | Verdict::Refused(_)
            | Verdict::Renewal
            | Verdict::Told => {}
        }
    }

    fn flood(&mut self, to: End, times: u8) {
        for _ in 0..times {
            self.judge(to, r#"{"ping":"x"}"#);
        }
        self.transmit(to);
    }

    fn talk(&mut self, from: End, count: u8) {
        for _ in 0..count {
            self.send(from);
            if let Some(frame) = self.party(from.other()).under_way.pop() {
                self.hear(from.other(), &frame);
            }
        }
    }

    fn leave(&mut self, end: End, code: &str) {
        let millis = self.millis;
        let party = self.party(end);
        let bye = party.machine.bye(code);
        party.reference.over = true;
        drop(party.reference.answers(millis));
        assert_eq!(value(&bye)["bye"]["last"].as_u64(), Some(party.reference.sent.len() as u64));
        self.post(end.other(), bye);
    }

    fn transmit(&mut self, from: End) {
        let millis = self.millis;
        let party = self.party(from);
        let mut frames = Vec::new();
        while let Some(frame) = party.machine.poll_transmit(now(millis)) {
            frames.push(frame);
        }
        let expected = party.reference.answers(millis);
        assert_eq!(frames.iter().map(|frame| value(frame)).collect::<Vec<_>>(), expected, "{from:?} says by itself");
        let deadline = party.machine.poll_timeout().map(|at| at.as_micros() / 1_000);
        assert_eq!(deadline, party.reference.deadline(), "{from:?} wakes");
        frames.into_iter().for_each(|frame| self.post(from.other(), frame));
    }

    fn pass(&mut self, millis: u64) {
        let target = self.millis + millis;
        while let Some(due) = self.next_deadline().filter(|due| *due <= target) {
            assert!(due >= self.millis, "a deadline that was met is asked for again");
            self.millis = due;
            self.wake(End::Client);
            self.wake(End::Server);
            assert!(self.next_deadline().is_none_or(|next| next > due), "a deadline that was met stays due");
        }
        self.millis = target;
    }

    fn next_deadline(&self) -> Option<u64> {
        [&self.client, &self.server].iter().filter_map(|party| party.reference.deadline()).min()
    }

    fn wake(&mut self, end: End) {
        let millis = self.millis;
        let party = self.party(end);
        let pulse = match party.machine.handle_timeout(now(millis)) {
            Liveness::Alive => Pulse::Alive,
            Liveness::Dead => Pulse::Dead,
            Liveness::Expired => Pulse::Expired,
        };
        assert_eq!(pulse, party.reference.tick(millis, wall_us(millis)), "{end:?} at {millis} ms");
        if pulse == Pulse::Dead {
            // The shell closes the socket, so the other end learns of it, too.
            self.break_wire();
        }
        if pulse == Pulse::Expired {
            self.leave(end, Reject::SessionExpired.alert().as_str());
        }
        self.transmit(end);
    }

    /// What holds between two honest ends at any time.
    pub(crate) fn check_agreement(&self) {
        for (from, to) in [(&self.client, &self.server), (&self.server, &self.client)] {
            let applied: BTreeSet<u64> = to.reference.applied.iter().map(|(s, _)| *s).collect();
            assert_eq!(applied.len(), to.reference.applied.len(), "applied twice");
            for (s, body) in &to.reference.applied {
                assert_eq!(Some(body), from.reference.sent.get(usize::try_from(s - 1).unwrap()), "applied what nobody sent");
            }
            assert!(from.not_applied.is_disjoint(&applied), "applied, and told that it was not");
            let in_order = to.reference.applied.windows(2).all(|pair| pair[0].0 < pair[1].0);
            assert!(in_order, "applied out of order");
            assert!(from.reference.acknowledged <= to.reference.next(), "acknowledged before it came");
        }
    }

    /// The network is good again: who is still there stays there, and knows of everything what became of it.
    pub(crate) fn heal(&mut self) {
        if self.client.reference.away || self.server.reference.away {
            self.come_back();
        }
        self.send(End::Client);
        self.send(End::Server);
        self.deliver_all();
        if self.client.reference.gone() || self.server.reference.gone() {
            return;
        }
        for _ in 0..50 {
            self.pass(HEARTBEAT_MS / 10);
            self.deliver_all();
        }
        if self.millis < LIFE_MS {
            assert!(!self.client.reference.gone() && !self.server.reference.gone(), "died on a good network");
        }
        self.check_agreement();
        for (from, to) in [(&self.client, &self.server), (&self.server, &self.client)] {
            if to.reference.ended_alone() {
                continue;
            }
            let mut known: BTreeSet<u64> = to.reference.applied.iter().map(|(s, _)| *s).collect();
            known.extend(to.reference.missed.iter().flat_map(|(first, count)| *first..first + count));
            assert!(known.into_iter().eq(1..=from.reference.sent.len() as u64), "a message of which nobody knows what became of it");
        }
    }

    /// A recoverable flow loses nothing, however often the connection broke.
    pub(crate) fn check_nothing_is_lost(&self) {
        if self.client.reference.gone() || self.server.reference.gone() {
            return;
        }
        let applied: Vec<&String> = self.client.reference.applied.iter().map(|(_, body)| body).collect();
        assert!(applied.into_iter().eq(&self.server.reference.sent), "the client has all, once and in order");
        assert!(self.client.reference.missed.is_empty());
    }

    fn deliver_all(&mut self) {
        while !(self.client.under_way.is_empty() && self.server.under_way.is_empty()) {
            self.take(&Step::Deliver { to: End::Client, place: 0 });
            self.take(&Step::Deliver { to: End::Server, place: 0 });
        }
    }
}

impl Party {
    fn new(side: Side, recoverable: bool) -> Self {
        let (heartbeat, life) = (Duration::from_millis(HEARTBEAT_MS), Duration::from_millis(LIFE_MS));
        let machine = SessionMachine::new(side, heartbeat, life, now(0));
        let keeping = Keeping { messages: 100_000, time: life };
        Self {
            machine: if recoverable { machine.recoverable(keeping) } else { machine },
            reference: Reference::new(side, HEARTBEAT_MS, LIFE_MS, recoverable),
            under_way: Vec::new(),
            past: Vec::new(),
            not_applied: BTreeSet::new(),
        }
    }
}

fn verdict(event: &Event<'_>) -> Verdict {
    match event {
        Event::Bye { missed, .. } => Verdict::Bye { missed: missed.map(|range| (range.from, range.count)) },
        Event::Deliver { s, d, missed, .. } => {
            Verdict::Applied { s: *s, body: d.get().to_owned(), missed: missed.map(|range| (range.from, range.count)) }
        }
        Event::Busy { .. } | Event::Drain { .. } | Event::Err(_) | Event::Halt { .. } | Event::Lift => Verdict::Told,
        Event::Lost(_) => Verdict::Told,
        Event::NotApplied(range) => Verdict::NotApplied { from: range.from, count: range.count },
        Event::Nonce(_) | Event::NonceAsked | Event::Reauth(_) | Event::Regrant { .. } => Verdict::Renewal,
        Event::Nothing => Verdict::Noted,
        Event::Ready(_) => Verdict::Confirmed,
    }
}

fn now(millis: u64) -> Now {
    Now { wall: Timestamp::from_millis(START_MS + millis), mono: Monotonic::from_micros(millis * 1_000) }
}

const fn wall_us(millis: u64) -> u64 {
    (START_MS + millis) * 1_000
}

fn value(frame: &str) -> Value {
    serde_json::from_str(frame).unwrap()
}
