//! Watches the one thread that writes: a disk that hangs answers nothing, not even with an error.
//!
//! ```text
//!   writer    errands: even ── goes to the disk ──▶ odd ── is back ──▶ even
//!   watch     the same odd number for AUDIT_STALL_MAX ──▶ stalled;  any other ──▶ not
//! ```
//!
//! It measures time by how often it slept, so that neither a clock nor its steps are in it; a machine that stood still as a whole
//! finds the writer where it was, and waits anew.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::Thread;

use super::WriterState;
use crate::limits;

/// Whether the disk of the audit log takes writes.
#[derive(Clone, Debug)]
pub struct AuditHealth(Arc<WriterState>);

impl AuditHealth {
    pub(super) fn of(state: &Arc<WriterState>) -> Self {
        Self(Arc::clone(state))
    }

    /// As [`AuditLog::is_available`](super::AuditLog::is_available).
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.0.is_well()
    }
}

impl WriterState {
    pub(super) fn is_well(&self) -> bool {
        !self.failed.load(Ordering::Acquire) && !self.stalled.load(Ordering::Acquire)
    }

    /// Goes to the disk and comes back, watched.
    pub(super) fn on_disk<T>(&self, errand: impl FnOnce() -> T) -> T {
        self.errands.fetch_add(1, Ordering::AcqRel);
        let done = errand();
        self.errands.fetch_add(1, Ordering::AcqRel);
        done
    }
}

/// What the watch knows between two looks.
#[derive(Default)]
struct Watch {
    errand: u64,
    looks: u32,
}

impl Watch {
    /// Looks; whether the writer is stalled.
    const fn look(&mut self, errand: u64) -> bool {
        if errand != self.errand || errand.is_multiple_of(2) {
            (self.errand, self.looks) = (errand, 0);
            return false;
        }
        self.looks = self.looks.saturating_add(1);
        self.looks >= limits::AUDIT_STALL_LOOKS
    }
}

/// Starts the watch; it ends with the log.
pub(super) fn start(state: &Arc<WriterState>) -> io::Result<Thread> {
    let state = Arc::clone(state);
    let watch = move || {
        let mut watch = Watch::default();
        while !state.closing.load(Ordering::Acquire) {
            std::thread::park_timeout(limits::AUDIT_WATCH_INTERVAL);
            state.stalled.store(watch.look(state.errands.load(Ordering::Acquire)), Ordering::Release);
        }
    };
    std::thread::Builder::new().name("audit-watch".to_owned()).spawn(watch).map(|handle| handle.thread().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_errand_that_takes_too_long_is_a_stall() {
        let mut watch = Watch::default();
        assert!((0..100).all(|_| !watch.look(0)), "idle");
        assert!((0..200).all(|number| !watch.look(2 * number + 1)), "busy, and each time with something else");
        let before = (0..limits::AUDIT_STALL_LOOKS).filter(|_| watch.look(1_001)).count();
        assert_eq!((before, watch.look(1_001)), (0, true), "not before its time");
        assert!(!watch.look(1_002) && !watch.look(1_003), "it came back");
    }
}
