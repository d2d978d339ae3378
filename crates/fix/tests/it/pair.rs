//! Both ends under one virtual clock, over wires that can be cut.

use std::collections::VecDeque;
use std::time::Duration;

use countersign_core::Now;
use countersign_fix::session::{Outgoing, Peer, ResendPolicy};
use countersign_fix::{Event, Field, MemoryStore, MessageStore, Phase, Session, SessionConfig, Version};

use crate::script::{comp_id, later, start};

/// One side: its session, and the ClOrdIDs that were delivered to it.
struct End {
    session: Session<MemoryStore>,
    got: Vec<String>,
    duplicates: usize,
    wire: VecDeque<Vec<u8>>,
}

impl End {
    fn settle(&mut self, now: Now, peer_store: &mut Option<MemoryStore>) {
        loop {
            while let Some(event) = self.session.poll_event() {
                if let Event::LogonPresented(_) = event {
                    self.session.accept_logon(now, peer_store.take().unwrap(), &[]).unwrap();
                } else if let Event::Application(message) = event {
                    self.duplicates += usize::from(message.poss_dup());
                    self.got.push(String::from_utf8(message.message().first(11).unwrap().to_vec()).unwrap());
                }
            }
            let Some(bytes) = self.session.poll_transmit(now) else { return };
            self.wire.push_back(bytes);
        }
    }
}

struct Pair {
    now: Now,
    initiator: End,
    acceptor: End,
    accepting: Option<MemoryStore>,
}

impl Pair {
    fn connect(version: Version, stores: (MemoryStore, MemoryStore), now: Now, change: impl Fn(&mut SessionConfig)) -> Self {
        let end = |session| End { session, got: Vec::new(), duplicates: 0, wire: VecDeque::new() };
        let config = |ours, theirs| {
            let mut config = SessionConfig::new(version, comp_id(ours), Peer::Is(comp_id(theirs)));
            config.heart_bt_int.max = 30;
            change(&mut config);
            config
        };
        let mut initiator = Session::initiator(config("FIRM", "GATE"), stores.0, now);
        initiator.logon(now, false, |_| Vec::new()).unwrap();
        let acceptor = Session::acceptor(config("GATE", "FIRM"), now);
        let mut pair = Self { now, initiator: end(initiator), acceptor: end(acceptor), accepting: Some(stores.1) };
        pair.run();
        pair
    }

    /// Delivers until both are quiet.
    fn run(&mut self) {
        loop {
            self.initiator.settle(self.now, &mut None);
            self.acceptor.settle(self.now, &mut self.accepting);
            let (a, b) = (self.initiator.wire.pop_front(), self.acceptor.wire.pop_front());
            if a.is_none() && b.is_none() {
                return;
            }
            if let Some(bytes) = a {
                self.acceptor.session.handle_input(self.now, &bytes);
            }
            if let Some(bytes) = b {
                self.initiator.session.handle_input(self.now, &bytes);
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = later(self.now, time);
        for step in 0.. {
            assert!(step < 100_000, "a deadline that is due is acted on");
            let due = [self.initiator.session.poll_timeout(), self.acceptor.session.poll_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end.mono) else { break };
            self.now = later(self.now, due.saturating_since(self.now.mono));
            self.initiator.session.handle_timeout(self.now);
            self.acceptor.session.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    fn order(session: &mut Session<MemoryStore>, now: Now, id: &str) {
        session.send_application(now, Outgoing { msg_type: b"D", header: &[], body: &[Field::new(11, id.as_bytes())] }).unwrap();
    }

    fn both(&self, phase: Phase) -> bool {
        self.initiator.session.phase() == phase && self.acceptor.session.phase() == phase
    }

    fn stores(self) -> (MemoryStore, MemoryStore) {
        (self.initiator.session.into_store().unwrap(), self.acceptor.session.into_store().unwrap())
    }
}

fn fresh(version: Version) -> Pair {
    Pair::connect(version, (MemoryStore::default(), MemoryStore::default()), start(), |_| {})
}

#[test]
fn a_day_of_silence_is_a_day_of_heartbeats() {
    for version in Version::ALL {
        let mut pair = fresh(version);
        pair.pass(Duration::from_secs(86_400));
        assert!(pair.both(Phase::LoggedOn), "{version:?}");
        pair.initiator.session.logout(pair.now, None).unwrap();
        pair.run();
        assert!(pair.both(Phase::Disconnected), "{version:?}");
        let (ours, theirs) = pair.stores();
        assert_eq!((ours.next_sender(), ours.next_target()), (theirs.next_target(), theirs.next_sender()));
    }
}

#[test]
fn messages_lost_with_a_connection_are_recovered_at_the_next_logon_in_order() {
    for version in Version::ALL {
        for next_expected in [false, true] {
            let mut pair = fresh(version);
            Pair::order(&mut pair.initiator.session, pair.now, "a");
            pair.run();
            assert_eq!(pair.acceptor.got, ["a"]);
            // Sent into a dead wire, in both directions.
            for id in ["b", "c"] {
                Pair::order(&mut pair.initiator.session, pair.now, id);
            }
            Pair::order(&mut pair.acceptor.session, pair.now, "z");
            let now = later(pair.now, Duration::from_secs(5));
            let mut pair = Pair::connect(version, pair.stores(), now, |config| config.next_expected = next_expected);
            assert!(pair.both(Phase::LoggedOn), "{version:?}");
            Pair::order(&mut pair.initiator.session, pair.now, "d");
            pair.run();
            assert_eq!(pair.acceptor.got, ["b", "c", "d"], "{version:?} {next_expected}");
            assert_eq!(pair.initiator.got, ["z"], "{version:?} {next_expected}");
            assert_eq!((pair.acceptor.duplicates, pair.initiator.duplicates), (2, 1));
            pair.pass(Duration::from_secs(600));
            assert!(pair.both(Phase::LoggedOn), "{version:?}");
        }
    }
}

#[test]
fn stale_orders_are_gap_filled_where_that_is_the_rule() {
    let mut pair = fresh(Version::Fix44);
    Pair::order(&mut pair.initiator.session, pair.now, "a");
    let now = pair.now;
    let mut pair = Pair::connect(Version::Fix44, pair.stores(), now, |config| config.resend = ResendPolicy::GapFill);
    Pair::order(&mut pair.initiator.session, pair.now, "b");
    pair.run();
    assert_eq!(pair.acceptor.got, ["b"]);
}

#[test]
fn a_message_lost_on_the_way_is_asked_for_and_the_order_kept() {
    let mut pair = fresh(Version::Fixt11);
    for id in ["a", "b", "c"] {
        Pair::order(&mut pair.initiator.session, pair.now, id);
    }
    let _lost = pair.initiator.session.poll_transmit(pair.now).unwrap();
    pair.run();
    assert_eq!(pair.acceptor.got, ["a", "b", "c"]);
}

#[test]
fn a_cut_wire_is_noticed_after_two_intervals_and_four_tenths() {
    let mut pair = fresh(Version::Fix44);
    let mut now = pair.now;
    while pair.acceptor.session.phase() == Phase::LoggedOn {
        now = later(now, Duration::from_millis(100));
        assert!(now.mono.saturating_since(pair.now.mono) < Duration::from_secs(100));
        pair.acceptor.session.handle_timeout(now);
    }
    assert_eq!(now.mono.saturating_since(pair.now.mono), Duration::from_secs(72));
    pair.now = now;
}
