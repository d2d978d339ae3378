//! Requests under way, counted so that "nothing of before the halt is on its way any more" can be said and be true.
//!
//! ```text
//!   worker                                     publisher
//!     g = generation                             view = new halts
//!     oldest = min(oldest, g)                    generation += 1
//!     ─── fence ───                              ─── fence ───
//!     read the view, decide                      read oldest of every lane; wait until all ≥ the new generation
//!     … generation still g? send …
//!     oldest = the next one's
//! ```
//!
//! Of two fences one is first: either the publisher sees the worker's mark and waits for it, or the worker reads the new view. A
//! request that reads the old view and is sent is therefore always marked while the barrier looks; once the barrier is confirmed,
//! no request that was admitted before the halt can still reach the venue.
//!
//! A lane belongs to one thread and is written by it alone; while requests are under way only their count is stored.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Nothing is under way.
const NOTHING: u64 = u64::MAX;

/// Counts the changes of what holds. It has nothing to do with the epoch of the store: it is this process's own.
#[derive(Debug, Default)]
pub struct Generation(AtomicU64);

impl Generation {
    /// The generation now.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Begins another one; call it after the new view is in place. Returns it.
    pub fn advance(&self) -> u64 {
        let new = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        fence(Ordering::SeqCst);
        new
    }

    /// Marks a request as under way and returns its generation. Read the view only after this.
    #[must_use]
    pub fn enter(&self, hand: &LaneHand) -> u64 {
        let generation = self.now();
        hand.add(generation);
        fence(Ordering::SeqCst);
        generation
    }
}

/// What the publisher sees of one worker.
#[derive(Debug)]
pub struct Lane {
    oldest: AtomicU64,
    /// How many, for whoever looks; the barrier does not go by it.
    count: AtomicU64,
}

impl Lane {
    /// Whether nothing of before this generation is under way.
    #[must_use]
    pub fn is_past(&self, generation: u64) -> bool {
        self.oldest.load(Ordering::SeqCst) >= generation
    }

    /// How many requests are under way.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// The worker's end of its lane.
#[derive(Debug)]
pub struct LaneHand {
    lane: Arc<Lane>,
    /// Generations with their counts, oldest first: nearly always one.
    under_way: RefCell<Vec<(u64, u32)>>,
}

impl Default for LaneHand {
    fn default() -> Self {
        Self { lane: Arc::new(Lane { oldest: AtomicU64::new(NOTHING), count: AtomicU64::new(0) }), under_way: RefCell::default() }
    }
}

impl LaneHand {
    /// The publisher's end.
    #[must_use]
    pub fn lane(&self) -> Arc<Lane> {
        Arc::clone(&self.lane)
    }

    /// How many requests are under way.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.lane.count()
    }

    fn add(&self, generation: u64) {
        // One thread writes it.
        self.lane.count.store(self.lane.count() + 1, Ordering::Relaxed);
        let mut under_way = self.under_way.borrow_mut();
        match under_way.iter_mut().find(|(known, _)| *known == generation) {
            Some((_, count)) => *count += 1,
            None => {
                under_way.push((generation, 1));
                under_way.sort_unstable();
                self.publish(&under_way);
            }
        }
    }

    /// The request is sent or refused.
    pub fn leave(&self, generation: u64) {
        let mut under_way = self.under_way.borrow_mut();
        let Some(place) = under_way.iter().position(|(known, _)| *known == generation) else { return };
        self.lane.count.store(self.lane.count().saturating_sub(1), Ordering::Relaxed);
        under_way[place].1 -= 1;
        if under_way[place].1 == 0 {
            under_way.remove(place);
            self.publish(&under_way);
        }
    }

    fn publish(&self, under_way: &[(u64, u32)]) {
        let oldest = under_way.first().map_or(NOTHING, |(generation, _)| *generation);
        // Release: what the request did happened before its mark went.
        self.lane.oldest.store(oldest, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn a_lane_is_past_a_generation_when_the_last_of_before_has_left() {
        let (generation, hand) = (Generation::default(), LaneHand::default());
        let first = generation.enter(&hand);
        let second = generation.enter(&hand);
        let new = generation.advance();
        let third = generation.enter(&hand);
        assert_eq!((first, second, third, hand.count()), (0, 0, new, 3));
        assert!(!hand.lane().is_past(new));
        hand.leave(first);
        assert!(!hand.lane().is_past(new), "one of before is still under way");
        hand.leave(second);
        assert!(hand.lane().is_past(new), "what began after the change does not hold the barrier up");
        hand.leave(third);
        assert!(hand.lane().is_past(u64::MAX - 1));
    }

    /// The claim of the module head, with real threads: a stop flag stands for the view, a counter for the venue.
    #[test]
    fn nothing_admitted_before_is_sent_after_the_barrier() {
        const ROUNDS: usize = 2_000;
        for _ in 0..ROUNDS {
            let (generation, stopped, confirmed, late) =
                (Generation::default(), AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
            let (sender, receiver) = std::sync::mpsc::channel();
            std::thread::scope(|scope| {
                let (generation, stopped, confirmed, late) = (&generation, &stopped, &confirmed, &late);
                scope.spawn(move || {
                    let hand = LaneHand::default();
                    let _ = sender.send(hand.lane());
                    loop {
                        let mark = generation.enter(&hand);
                        let stop = stopped.load(Ordering::Relaxed);
                        if !stop && confirmed.load(Ordering::SeqCst) {
                            late.store(true, Ordering::SeqCst);
                        }
                        hand.leave(mark);
                        if stop {
                            return;
                        }
                    }
                });
                let lane = receiver.recv().expect("the worker sends its lane first");
                stopped.store(true, Ordering::Relaxed);
                let new = generation.advance();
                while !lane.is_past(new) {
                    std::thread::yield_now();
                }
                confirmed.store(true, Ordering::SeqCst);
            });
            assert!(!late.load(Ordering::SeqCst), "a request read the old view after the barrier was confirmed");
        }
    }
}
