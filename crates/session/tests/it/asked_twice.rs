//! A replay that is asked for twice, because a heartbeat was under way, on a line that is slow.
//!
//! ```text
//!   gateway ─ 200 fills ─╳   ─ fill 201 ─▶ a hole: client asks ─────▶ replay ─▶ client has all
//!           └ heartbeat, sent before the question came ─▶ asks again ─▶ replay ─▶ nothing new, and no harm
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use countersign_core::{Monotonic, Now, Reject, Timestamp};
use countersign_session::frame::{self, Range};
use countersign_session::limits::REMEMBERED_MAX;
use countersign_session::{Event, Keeping, SessionMachine, Side};

const HEARTBEAT_MS: u64 = 1_000;

/// One way, in milliseconds. There and back takes longer than a heartbeat.
const WAY_MS: u64 = 600;

/// More than are remembered.
const FILLS: u64 = REMEMBERED_MAX as u64 + 72;

/// Two ends, a slow line, one clock.
struct Line {
    client: SessionMachine,
    gateway: SessionMachine,
    /// Frames under way, with when they arrive.
    to_client: VecDeque<(u64, String)>,
    to_gateway: VecDeque<(u64, String)>,
    millis: u64,
    delivered: Vec<u64>,
    /// What the client wrote.
    said: Vec<String>,
    /// Messages that came again.
    came_again: usize,
}

impl Line {
    fn new() -> Self {
        let machine = |side| {
            let keeping = Keeping { messages: 1_000, time: Duration::from_secs(60) };
            SessionMachine::new(side, Duration::from_millis(HEARTBEAT_MS), Duration::from_secs(600), at(0)).recoverable(keeping)
        };
        Self {
            client: machine(Side::Client),
            gateway: machine(Side::Server),
            to_client: VecDeque::new(),
            to_gateway: VecDeque::new(),
            millis: 0,
            delivered: Vec::new(),
            said: Vec::new(),
            came_again: 0,
        }
    }

    fn fill(&mut self, arrives: bool) {
        let frame = self.gateway.send(r#"{"ev":"fill"}"#, at(self.millis));
        if arrives {
            self.to_client.push_back((self.millis + WAY_MS, frame));
        }
    }

    /// Millisecond by millisecond, so that everything happens when it is due.
    fn pass_until(&mut self, end: u64) {
        while self.millis < end {
            self.millis += 1;
            while let Some((_, frame)) = self.to_client.pop_front_if(|(due, _)| *due <= self.millis) {
                self.client_hears(&frame);
                self.write();
            }
            while let Some((_, frame)) = self.to_gateway.pop_front_if(|(due, _)| *due <= self.millis) {
                let _ = self.gateway.handle_frame(frame.as_bytes(), at(self.millis)).unwrap();
            }
            let _ = self.client.handle_timeout(at(self.millis));
            let _ = self.gateway.handle_timeout(at(self.millis));
            self.write();
        }
    }

    fn client_hears(&mut self, frame: &str) {
        self.came_again += usize::from(frame.contains("\"dup\":true") && self.delivered.len() as u64 == FILLS + 1);
        if let Event::Deliver { s, .. } = self.client.handle_frame(frame.as_bytes(), at(self.millis)).unwrap() {
            self.delivered.push(s);
        }
    }

    fn write(&mut self) {
        let (now, due) = (at(self.millis), self.millis + WAY_MS);
        while let Some(frame) = self.gateway.poll_transmit(now) {
            self.to_client.push_back((due, frame));
        }
        while let Some(frame) = self.client.poll_transmit(now) {
            self.said.push(frame.clone());
            self.to_gateway.push_back((due, frame));
        }
    }
}

const fn at(millis: u64) -> Now {
    Now { wall: Timestamp::from_millis(1_800_000_000_000 + millis), mono: Monotonic::from_micros(millis * 1_000) }
}

#[test]
fn a_replay_that_is_asked_for_twice_ends_no_session() {
    // HS-90
    let mut line = Line::new();
    (0..FILLS).for_each(|_| line.fill(false));
    line.pass_until(450);
    line.fill(true);
    line.pass_until(5_000);
    let asked = frame::replay(Range { from: 1, count: FILLS + 1 });
    assert_eq!(line.said.iter().filter(|frame| **frame == asked).count(), 2, "a heartbeat was under way: {:?}", line.said);
    assert_eq!(line.came_again as u64, FILLS + 1, "and all of it came again");
    assert!(line.delivered.iter().copied().eq(1..=FILLS + 1), "each once, in order");
    assert!(line.said.len() < 12, "what is no news is not answered one by one: {}", line.said.len());
    line.fill(true);
    line.pass_until(6_000);
    assert_eq!(line.delivered.last(), Some(&(FILLS + 2)), "and it goes on");
}

#[test]
fn what_is_sent_again_is_no_way_around_a_number() {
    // HS-72 HS-73 HS-90
    let mut line = Line::new();
    (0..=FILLS).for_each(|_| line.fill(true));
    line.pass_until(WAY_MS);
    let mut hear = |frame: String| line.client.handle_frame(frame.as_bytes(), at(1_000)).map(|event| format!("{event:?}"));
    let fill = r#"{"ev":"fill"}"#;
    assert_eq!(hear(frame::replayed(1, 1, fill)), Ok("Nothing".to_owned()), "received before, and not remembered");
    assert_eq!(hear(frame::replayed(FILLS, 1, "{}")).unwrap_err().reject, Reject::SequenceConflict, "remembered, with another body");
    for s in [0, 1 << 53, u64::MAX] {
        assert_eq!(hear(frame::replayed(s, 1, fill)).unwrap_err().reject, Reject::SequenceRange, "{s}");
    }
    assert_eq!(hear(frame::app(1, 1, fill)).unwrap_err().reject, Reject::SequenceRange, "not said to be sent again");
}

#[test]
fn a_gateway_takes_nothing_for_sent_again() {
    // HS-73: what it missed it told as not applied; nothing may sound as if it had been.
    let mut line = Line::new();
    let mut hear = |frame: String| line.gateway.handle_frame(frame.as_bytes(), at(0)).map(drop);
    assert_eq!(hear(frame::app(3, 1, "{}")), Ok(()));
    assert_eq!(hear(frame::replayed(1, 1, "{}")).unwrap_err().reject, Reject::SequenceRange);
}
