//! Counts of the parts and the closing line.

use std::fmt;
use std::ops::AddAssign;

/// How many tests of a part passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    /// A gate that held.
    pub(crate) const HELD: Self = Self { passed: 1, failed: 0, skipped: 0 };
    /// A part that could not run or did not hold.
    pub(crate) const BROKEN: Self = Self { passed: 0, failed: 1, skipped: 0 };

    /// Whether a run that ended like this is a success: something passed and nothing failed.
    pub(crate) const fn is_success(self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// Corrects what a runner counted by how it ended and by whether it ran at all: a runner that failed without naming a test
    /// (it did not compile, it crashed) and a runner that found no test are failures, never a pass.
    #[must_use]
    pub(crate) const fn judged(mut self, success: bool) -> Self {
        if self.failed == 0 && (!success || self.passed == 0) {
            self.failed = 1;
        }
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(out, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_run_is_no_success() {
        assert!(!Tally::default().is_success());
        assert_eq!(Tally::default().judged(true), Tally::BROKEN);
    }

    #[test]
    fn a_runner_that_failed_without_naming_a_test_counts_as_one_failure() {
        let tally = Tally { passed: 12, failed: 0, skipped: 0 }.judged(false);
        assert_eq!(tally, Tally { passed: 12, failed: 1, skipped: 0 });
        assert!(!tally.is_success());
    }

    #[test]
    fn a_named_failure_is_counted_once() {
        assert_eq!(Tally { passed: 1, failed: 2, skipped: 0 }.judged(false).failed, 2);
    }

    #[test]
    fn the_closing_line_has_its_fixed_form() {
        assert_eq!(Tally { passed: 3, failed: 0, skipped: 0 }.to_string(), "3 passed, 0 failed");
        assert_eq!(Tally { passed: 3, failed: 1, skipped: 2 }.to_string(), "3 passed, 1 failed, 2 skipped");
    }
}
