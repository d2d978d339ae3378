//! Every phase with every kind of message, as a table that is reviewed when it changes.

use std::fmt::Write as _;

use countersign_fix::session::Peer;
use countersign_fix::{Event, MemoryStore, Phase, Session, SessionConfig, Version};

use crate::script::{comp_id, config, later, peer_message, raw, shown, start};

const INPUTS: [(&str, &str, &str, &str); 17] = [
    ("Logon", "N", "A", "98=0|108=30"),
    ("Logon, reset", "1", "A", "98=0|108=30|141=Y"),
    ("Logon, wrong", "N", "A", "98=0|108=0"),
    ("Heartbeat", "N", "0", ""),
    ("TestRequest", "N", "1", "112=x"),
    ("ResendRequest", "N", "2", "7=1|16=0"),
    ("Reject", "N", "3", "45=1"),
    ("gap fill", "N", "4", "123=Y|36=9"),
    ("reset", "N", "4", "36=9"),
    ("Logout", "N", "5", ""),
    ("application", "N", "D", "11=x"),
    ("too high", "8", "D", "11=x"),
    ("too low", "0", "D", "11=x"),
    ("too low, duplicate", "0", "D", "@43=Y|@122=-1|11=x"),
    ("other CompID", "N", "D", "@49=WT|11=x"),
    ("old", "N", "D", "@52=-300|11=x"),
    ("fault", "N", "D", "@43=x|11=x"),
];

fn acceptor() -> Session<MemoryStore> {
    Session::acceptor(config(Version::Fix44), start())
}

fn initiator() -> Session<MemoryStore> {
    let mut rules = SessionConfig::new(Version::Fix44, comp_id("GATE"), Peer::Is(comp_id("FIRM")));
    rules.next_expected = false;
    Session::initiator(rules, MemoryStore::default(), start())
}

fn logon() -> Vec<u8> {
    peer_message(Version::Fix44, start(), "1", "A", "98=0|108=30")
}

/// A session brought into a phase by the shortest way, and the number it expects.
fn in_phase(name: &str) -> (Session<MemoryStore>, &'static str) {
    let mut session = if name.starts_with("acceptor") { acceptor() } else { initiator() };
    let phase = name.split_once(' ').unwrap().1;
    if name.starts_with("acceptor") {
        if phase != "ExpectLogon" {
            session.handle_input(start(), &logon());
        }
        if !matches!(phase, "ExpectLogon" | "AwaitVerification") {
            session.accept_logon(start(), MemoryStore::default(), &[]).unwrap();
        }
    } else if phase != "ReadyToLogon" {
        session.logon(start(), false, |_| Vec::new()).unwrap();
        if phase != "ExpectLogonReply" {
            session.handle_input(start(), &logon());
        }
    }
    if phase == "ExpectLogout" {
        session.logout(start(), None).unwrap();
    }
    while session.poll_event().is_some() || session.poll_transmit(start()).is_some() {}
    assert_eq!(format!("{:?}", session.phase()), phase);
    let expected = if matches!(phase, "LoggedOn" | "ExpectLogout") { "2" } else { "1" };
    (session, expected)
}

fn outcome(mut session: Session<MemoryStore>, now: countersign_core::Now) -> String {
    let mut told = Vec::new();
    while let Some(event) = session.poll_event() {
        told.push(if let Event::LogonPresented(logon) = &event {
            format!("LogonPresented(within: {})", logon.is_within())
        } else if matches!(event, Event::LoggedOn(_)) {
            "LoggedOn".to_owned()
        } else {
            format!("{event:?}")
        });
    }
    let sent: Vec<String> = std::iter::from_fn(|| session.poll_transmit(now)).map(|bytes| shown(&bytes)).collect();
    format!("{:?} | {} | {}", session.phase(), told.join(", "), sent.join(", "))
}

fn table(phases: &[&str]) -> String {
    let mut table = String::new();
    for phase in phases {
        for (name, seq, msg_type, fields) in INPUTS {
            let (mut session, expected) = in_phase(phase);
            let bytes = peer_message(Version::Fix44, start(), &seq.replace('N', expected), msg_type, fields);
            session.handle_input(start(), &bytes);
            writeln!(table, "{phase} | {name} | {}", outcome(session, start())).unwrap();
        }
        let (mut session, _) = in_phase(phase);
        session.handle_input(start(), &raw("8=FIX.4.4|9=5|35=0|10=000|"));
        writeln!(table, "{phase} | garbled | {}", outcome(session, start())).unwrap();
        let (mut session, _) = in_phase(phase);
        let due = session.poll_timeout();
        if let Some(due) = due {
            let now = later(start(), due.saturating_since(start().mono));
            session.handle_timeout(now);
            writeln!(table, "{phase} | deadline after {:?} | {}", due.saturating_since(start().mono), outcome(session, now)).unwrap();
        }
    }
    table
}

#[test]
fn acceptor_table() {
    let phases = ["acceptor ExpectLogon", "acceptor AwaitVerification", "acceptor LoggedOn", "acceptor ExpectLogout"];
    insta::assert_snapshot!("acceptor", table(&phases));
}

#[test]
fn initiator_table() {
    let phases = ["initiator ReadyToLogon", "initiator ExpectLogonReply", "initiator LoggedOn", "initiator ExpectLogout"];
    insta::assert_snapshot!("initiator", table(&phases));
}

#[test]
fn after_the_end_nothing_happens() {
    for (_, seq, msg_type, fields) in INPUTS {
        let mut session = acceptor();
        session.handle_input(start(), b"x");
        assert_eq!(session.phase(), Phase::Disconnected);
        while session.poll_event().is_some() {}
        session.handle_input(start(), &peer_message(Version::Fix44, start(), &seq.replace('N', "1"), msg_type, fields));
        session.handle_timeout(later(start(), std::time::Duration::from_secs(3_600)));
        assert_eq!((session.poll_event(), session.poll_transmit(start()), session.poll_timeout()), (None, None, None));
    }
}
