//! Who is let in first when everybody comes at once: whoever has a session already.
//!
//! ```text
//!   resume ─▶ [ r r r r r ]──────────────┐
//!                                        ├─▶ one at a time; of every nine that wait on both sides, eight are resumes
//!   hello  ─▶ [ h h h ] full: `busy` ────┘
//! ```
//!
//! After a node failed, thousands come back in a second. Judging a resume costs two hundred times less than judging a hello, and
//! behind a resume there are live orders that somebody wants to watch; so resumes go first, hellos are shed, and a few hellos pass
//! all the same so that no flood of resumes locks everybody else out.

use std::collections::VecDeque;

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrant {
    /// For a new session.
    Hello,
    /// For a session that is there already.
    Resume,
}

/// Resumes let in for each hello, while both wait.
const RESUMES_PER_HELLO: u32 = 8;

/// Two queues with one door.
#[derive(Debug)]
pub struct Admission<T> {
    hellos: VecDeque<T>,
    resumes: VecDeque<T>,
    hellos_max: usize,
    /// Resumes let in since the last hello.
    in_a_row: u32,
}

impl<T> Admission<T> {
    /// With room for so many hellos.
    #[must_use]
    pub const fn new(hellos_max: usize) -> Self {
        Self { hellos: VecDeque::new(), resumes: VecDeque::new(), hellos_max, in_a_row: 0 }
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    /// Gives back a hello when there is no room: shed it. The places of resumes are bounded by the sessions there are.
    pub fn enter(&mut self, who: Entrant, waiting: T) -> Result<(), T> {
        // HS-92
        match who {
            Entrant::Hello if self.hellos.len() >= self.hellos_max => return Err(waiting),
            Entrant::Hello => self.hellos.push_back(waiting),
            Entrant::Resume => self.resumes.push_back(waiting),
        }
        Ok(())
    }

    /// Whose turn it is.
    pub fn call(&mut self) -> Option<T> {
        // HS-92
        let hello_is_due = self.in_a_row >= RESUMES_PER_HELLO && !self.hellos.is_empty();
        if let Some(resume) = self.resumes.pop_front_if(|_| !hello_is_due) {
            self.in_a_row = self.in_a_row.saturating_add(1);
            return Some(resume);
        }
        self.in_a_row = 0;
        self.hellos.pop_front()
    }

    /// How many wait: hellos, resumes.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (self.hellos.len(), self.resumes.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn live_sessions_return_first() {
        // HS-92
        let mut door = Admission::new(10);
        door.enter(Entrant::Hello, "h1").unwrap();
        door.enter(Entrant::Resume, "r1").unwrap();
        door.enter(Entrant::Hello, "h2").unwrap();
        door.enter(Entrant::Resume, "r2").unwrap();
        assert_eq!(std::iter::from_fn(|| door.call()).collect::<Vec<_>>(), ["r1", "r2", "h1", "h2"]);
    }

    #[test]
    fn a_flood_of_resumes_locks_nobody_out() {
        // HS-92
        let mut door = Admission::new(10);
        (0..100).for_each(|_| door.enter(Entrant::Resume, 'r').unwrap());
        (0..3).for_each(|_| door.enter(Entrant::Hello, 'h').unwrap());
        let order: String = std::iter::from_fn(|| door.call()).collect();
        assert_eq!(&order[..28], "rrrrrrrrhrrrrrrrrhrrrrrrrrhr");
        assert_eq!(order.len(), 103);
    }

    #[test]
    fn hellos_are_shed_and_resumes_are_not() {
        // HS-92
        let mut door = Admission::new(2);
        assert_eq!((0..4).map(|n| door.enter(Entrant::Hello, n)).collect::<Vec<_>>(), [Ok(()), Ok(()), Err(2), Err(3)]);
        assert!((0..1_000).all(|n| door.enter(Entrant::Resume, n).is_ok()));
        assert_eq!(door.waiting(), (2, 1_000));
    }
}
