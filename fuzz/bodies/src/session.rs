//! Frames of an open session.

use std::time::Duration;

use countersign_core::{Monotonic, Now, Timestamp};
use countersign_session::{SessionMachine, Side};

/// Time between two lines: less than a heartbeat, so that timers fire in between now and then.
const STEP: Duration = Duration::from_millis(700);

/// One frame per line, to both sides, with the clock going on; what is waiting to be sent stays bounded and is JSON.
pub fn session_frames(data: &[u8]) {
    for side in [Side::Client, Side::Server] {
        run(side, data);
    }
}

fn run(side: Side, data: &[u8]) {
    let mut now = Now { wall: Timestamp::from_secs(1_800_000_000), mono: Monotonic::from_micros(0) };
    let mut machine = SessionMachine::new(side, Duration::from_secs(1), Duration::from_secs(60), now);
    for line in data.split(|byte| *byte == b'\n').take(256) {
        if machine.handle_frame(line, now).is_err() {
            return;
        }
        now = Now { wall: now.wall.saturating_add(STEP), mono: now.mono.saturating_add(STEP) };
        let _ = machine.handle_timeout(now);
        let mut sent = 0;
        while let Some(frame) = machine.poll_transmit(now) {
            sent += 1;
            assert!(sent <= countersign_session::limits::TRANSMIT_QUEUE_MAX + 1, "what waits to be sent is bounded");
            assert!(serde_json::from_str::<serde_json::Value>(&frame).is_ok(), "what we send is JSON");
        }
    }
}
