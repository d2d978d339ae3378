//! A feed that is busier than the replay buffer is large, and a cable that was cut before anybody found out.
//!
//! ```text
//!   gateway: fill, 40 books, fill, 60 books ... ─▶ [8 messages are kept]      client: heard the first ten, then nothing
//!   client comes back ─▶ every fill that it missed, in order; of the books what there was place for; the rest is told as lost
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::{Monotonic, Now, Timestamp};
use countersign_session::{Event, Keeping, SessionMachine, Side};
use proptest::prelude::*;

/// Messages that the flow keeps.
const KEPT: usize = 8;
const NOW: Now = Now { wall: Timestamp::from_secs(1_800_000_000), mono: Monotonic::from_micros(1) };

/// Two ends of a recoverable flow, and what the client has of it.
struct Flow {
    client: SessionMachine,
    server: SessionMachine,
    cut: bool,
    /// What was said, by number from 1: whether it is a report.
    said: Vec<bool>,
    heard: Vec<u64>,
    lost: BTreeSet<u64>,
}

impl Flow {
    fn new() -> Self {
        let machine = |side| {
            let keeping = Keeping { messages: KEPT, time: Duration::from_secs(60) };
            SessionMachine::new(side, Duration::from_secs(10), Duration::from_secs(600), NOW).recoverable(keeping)
        };
        let (client, server) = (machine(Side::Client), machine(Side::Server));
        Self { client, server, cut: false, said: Vec::new(), heard: Vec::new(), lost: BTreeSet::new() }
    }

    /// The gateway has not noticed that the cable is cut: it goes on.
    fn say(&mut self, is_report: bool) {
        let frame = self.server.send(if is_report { r#"{"ev":"fill"}"# } else { r#"{"ev":"book"}"# }, NOW);
        self.said.push(is_report);
        if !self.cut {
            self.hear(&frame);
        }
    }

    fn hear(&mut self, frame: &str) {
        match self.client.handle_frame(frame.as_bytes(), NOW).unwrap() {
            Event::Deliver { s, missed, .. } => {
                assert_eq!(missed, None, "nothing is passed over");
                self.heard.push(s);
            }
            Event::Lost(range) => self.lost.extend(range.from..range.from + range.count),
            other @ (Event::Bye { .. }
            | Event::Busy { .. }
            | Event::Drain { .. }
            | Event::Err(_)
            | Event::Halt { .. }
            | Event::Lift
            | Event::NotApplied(_)
            | Event::Nonce(_)
            | Event::NonceAsked
            | Event::Nothing
            | Event::Reauth(_)
            | Event::Regrant { .. }
            | Event::Ready(_)) => panic!("{other:?}"),
        }
        assert_eq!(self.client.poll_transmit(NOW), None, "nothing has to be asked for");
    }

    fn acknowledge(&mut self) {
        let expected = self.client.standing().rx;
        let frame = format!(r#"{{"hb":{{"s":1,"a":{expected},"t":1,"e":null}}}}"#);
        let _ = self.server.handle_frame(frame.as_bytes(), NOW).unwrap();
    }

    fn come_back(&mut self) {
        self.server.leave();
        self.client.leave();
        let (ours, theirs) = (self.client.standing(), self.server.standing());
        let lost = self.server.take_up(ours, NOW).unwrap();
        self.client.go_on(theirs, lost, NOW);
        self.lost.extend(lost.into_iter().flat_map(|range| range.from..range.from + range.count));
        self.cut = false;
        while let Some(frame) = self.server.poll_transmit(NOW) {
            self.hear(&frame);
        }
    }
}

fn is_report(flow: &Flow, s: u64) -> bool {
    flow.said[usize::try_from(s).unwrap() - 1]
}

#[derive(Clone, Debug)]
enum Step {
    Acknowledge,
    ComeBack,
    Cut,
    Feed(u8),
    Report,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Acknowledge),
        Just(Step::ComeBack),
        Just(Step::Cut),
        (1..30_u8).prop_map(Step::Feed),
        Just(Step::Report),
        Just(Step::Report),
    ]
}

#[test]
fn a_fill_is_not_lost_to_a_feed_that_went_on_before_the_loss_was_known() {
    // HS-88 HS-135
    let mut flow = Flow::new();
    flow.say(true);
    flow.cut = true;
    for _ in 0..5 {
        flow.say(true);
        (0..40).for_each(|_| flow.say(false));
    }
    flow.come_back();
    let fills = flow.heard.iter().filter(|s| is_report(&flow, **s)).count();
    assert_eq!(fills, 6, "{:?}", flow.heard);
    assert_eq!(flow.heard.len() + flow.lost.len(), flow.said.len());
    flow.say(true);
    assert_eq!(flow.heard.last(), Some(&(flow.said.len() as u64)), "and it goes on");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// However reports, market data, acknowledgements and losses follow each other: only a report is lost to reports.
    #[test]
    fn no_report_is_lost_to_market_data(steps in proptest::collection::vec(step(), 1..60)) {
        let mut flow = Flow::new();
        for step in steps.into_iter().chain([Step::ComeBack]) {
            match step {
                Step::Acknowledge if !flow.cut => flow.acknowledge(),
                Step::Acknowledge => {}
                Step::ComeBack => {
                    let missed: Vec<u64> = (flow.client.standing().rx..flow.server.standing().tx).filter(|s| is_report(&flow, *s)).collect();
                    let owed = &missed[missed.len().saturating_sub(KEPT)..];
                    flow.come_back();
                    prop_assert!(owed.iter().all(|s| flow.heard.contains(s)), "{owed:?} of {:?}", flow.heard);
                    prop_assert_eq!(flow.client.standing().rx, flow.server.standing().tx);
                }
                Step::Cut => flow.cut = true,
                Step::Feed(count) => (0..count).for_each(|_| flow.say(false)),
                Step::Report => flow.say(true),
            }
        }
        prop_assert!(flow.heard.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(flow.heard.len() + flow.lost.len(), flow.said.len(), "each is heard or told as lost, once");
    }
}
