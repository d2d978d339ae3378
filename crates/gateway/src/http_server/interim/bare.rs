//! Frames that ask for nothing: how many a client may send, and what it is told when it sends more.
//!
//! The library answers such frames whatever their number, and others wait meanwhile. Answers pay for them, by what they carry.

use super::frames::{Head, Kind};

/// Frames that a client may send ahead of our answers, besides requests and their bodies.
///
/// PING, SETTINGS, `WINDOW_UPDATE`, PRIORITY, `RST_STREAM` and unknown ones cost more to handle than to send (CVE-2019-9512, CVE-2019-9515),
/// and the library goes on whatever their number. A ping each second is within it for an hour without any answer.
const BARE_FRAMES_MAX: i32 = 4_096;
/// What the head of an answer pays for: a client that cancels, pings and changes its settings with every request sends fewer.
const BARE_FRAMES_PER_HEAD: i32 = 16;
/// What each frame of its body pays for: some clients ping for every one, to measure the way, and widen a window.
const BARE_FRAMES_PER_DATA: i32 = 2;
/// And so many bytes of an answer pay for one. Go's client tells of every 4 KiB that its program reads, of stream and connection, however long
/// ago they came: two for 4,096 bytes.
const BARE_FRAME_BYTES: u32 = 1_024;
/// Most that is paid ahead: for 1 GiB, the widest window of a connection among those clients.
const BARE_FRAMES_AHEAD_MAX: i32 = 1 << 20;

const GOAWAY: u8 = 0x7;
/// The code for a peer whose behaviour might be generating excessive load (RFC 9113, 7).
const ENHANCE_YOUR_CALM: u8 = 0xb;

/// Frames of the client besides requests and bodies, less those that answers paid for.
#[derive(Debug, Default)]
pub(super) struct BareFrames(i32);

impl BareFrames {
    /// Counts what the client sent.
    pub(super) fn receive(&mut self, kind: Kind) {
        self.0 = self.0.saturating_add(i32::from(matches!(kind, Kind::Reset | Kind::GoAway | Kind::Other)));
    }

    /// What was sent to the client pays for some.
    pub(super) fn pay(&mut self, sent: Head) {
        let paid = match sent.kind {
            Kind::Data => BARE_FRAMES_PER_DATA + (sent.length / BARE_FRAME_BYTES).cast_signed(),
            Kind::Headers => BARE_FRAMES_PER_HEAD,
            Kind::GoAway | Kind::Other | Kind::Reset | Kind::ShrinkingTable => return,
        };
        self.0 = self.0.saturating_sub(paid).max(-BARE_FRAMES_AHEAD_MAX);
    }

    /// Whether they are more than may be.
    pub(super) const fn is_flood(&self) -> bool {
        self.0 > BARE_FRAMES_MAX
    }
}

/// The last frame to such a client, up to whose newest stream something may have been done (RFC 9113, 6.8).
pub(super) const fn go_away(newest: u32) -> [u8; 17] {
    let [a, b, c, d] = newest.to_be_bytes();
    [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, a, b, c, d, 0, 0, 0, ENHANCE_YOUR_CALM]
}

#[cfg(test)]
mod tests {
    use super::super::frames::Frames;
    use super::*;

    #[test]
    fn what_is_paid_ahead_has_an_end() {
        let mut bare = BareFrames(-BARE_FRAMES_AHEAD_MAX);
        Frames::new().pass(&Head::headers(1, 0), |head| bare.pay(head));
        assert_eq!(bare.0, -BARE_FRAMES_AHEAD_MAX);
    }
}
