//! Reads the closing lines of the test runners.
//!
//! ```text
//!   nextest   Summary [  1.2s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped
//!   libtest   test result: ok. 7 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.1s
//!   pytest    === 7 passed, 1 failed, 2 skipped, 1 error in 3.4s ===
//!   unittest  Ran 22 tests in 0.6s … OK  |  FAILED (failures=1, errors=2, skipped=3)
//! ```

use crate::report::Tally;

/// The last summary of `cargo nextest`.
pub(crate) fn nextest(text: &str) -> Tally {
    let Some(line) = text.lines().rfind(|line| line.trim_start().starts_with("Summary [")) else { return Tally::default() };
    let counts = line.split_once(" run: ").map_or("", |(_, counts)| counts);
    tally(counts.split(','))
}

/// The sum over all `test result:` lines of libtest.
pub(crate) fn libtest(text: &str) -> Tally {
    let mut sum = Tally::default();
    for line in text.lines().filter_map(|line| line.trim_start().strip_prefix("test result: ")) {
        let counts = line.split_once(". ").map_or("", |(_, counts)| counts);
        sum += tally(counts.split(';').take_while(|part| !part.contains("measured")));
    }
    sum
}

/// The closing line of pytest, with or without the row of `=`.
pub(crate) fn pytest(text: &str) -> Tally {
    let closing = |line: &&str| line.contains(" in ") && (line.contains(" passed") || line.contains(" failed") || line.contains(" error"));
    let Some(line) = text.lines().rfind(closing) else { return Tally::default() };
    let counts = line.trim_matches(['=', ' ']);
    let counts = counts.rsplit_once(" in ").map_or(counts, |(counts, _)| counts);
    tally(counts.split(','))
}

/// The two closing lines of Python's unittest.
pub(crate) fn unittest(text: &str) -> Tally {
    let ran = text.lines().rev().find_map(|line| line.strip_prefix("Ran ")).and_then(|rest| rest.split(' ').next());
    let Some(ran) = ran.and_then(|number| number.parse::<u64>().ok()) else { return Tally::default() };
    let closing = text.lines().rfind(|line| line.starts_with("OK") || line.starts_with("FAILED")).unwrap_or_default();
    let count = |name: &str| {
        let after = closing.split_once(&format!("{name}=")).map_or("", |(_, after)| after);
        after.split([',', ')']).next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default()
    };
    let (failed, skipped) = (count("failures") + count("errors"), count("skipped"));
    Tally { passed: ran.saturating_sub(failed + skipped), failed, skipped }
}

/// Adds up `<number> <word>` parts.
fn tally<'t>(parts: impl Iterator<Item = &'t str>) -> Tally {
    let mut sum = Tally::default();
    for part in parts {
        let mut words = part.split_whitespace();
        let Some(Ok(number)) = words.next().map(str::parse::<u64>) else { continue };
        match words.next().unwrap_or_default() {
            "passed" | "xpassed" => sum.passed += number,
            "failed" | "error" | "errors" | "timed" | "exec" => sum.failed += number,
            "ignored" | "skipped" | "xfailed" => sum.skipped += number,
            _ => {}
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_counts_time_outs_as_failures() {
        let text = "     Summary [   1.201s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped\n        FAIL x";
        assert_eq!(nextest(text), Tally { passed: 7, failed: 2, skipped: 2 });
        assert_eq!(nextest("     Summary [   0.005s] 3 tests run: 3 passed, 0 skipped"), Tally { passed: 3, failed: 0, skipped: 0 });
        assert_eq!(nextest("error: could not compile"), Tally::default());
    }

    #[test]
    fn libtest_results_add_up_over_binaries() {
        let text = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(libtest(text), Tally { passed: 6, failed: 2, skipped: 1 });
    }

    #[test]
    fn pytest_counts_errors_as_failures() {
        let text = "FAILED x\n======= 2 failed, 41 passed, 1 skipped, 3 warnings, 1 error in 93.10s (0:01:33) =======";
        assert_eq!(pytest(text), Tally { passed: 41, failed: 3, skipped: 1 });
        assert_eq!(pytest("1 passed in 0.01s"), Tally { passed: 1, failed: 0, skipped: 0 });
        assert_eq!(pytest("no tests ran in 0.01s"), Tally::default());
    }

    #[test]
    fn unittest_gives_a_sum_and_what_did_not_pass() {
        assert_eq!(unittest("Ran 22 tests in 0.619s\n\nOK\n"), Tally { passed: 22, failed: 0, skipped: 0 });
        assert_eq!(unittest("Ran 9 tests in 1s\n\nFAILED (failures=1, errors=2, skipped=3)"), Tally { passed: 3, failed: 3, skipped: 3 });
        assert_eq!(unittest("Traceback"), Tally::default());
    }
}
