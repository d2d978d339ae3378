//! Every bound of this crate, with its reason.

/// Longest time, in microseconds, between the records that no signed head covers yet: ten seconds. A writer signs each second, and again
/// before it writes what would make it longer. A disk may take three seconds for each of two flushes before nothing more is accepted;
/// what was recorded meanwhile is written behind them, and signed a second later. Twice that would give whoever forges more room, and
/// half of it would call a slow disk a forger.
pub const UNSIGNED_MICROS_MAX: u64 = 10_000_000;

/// Longest text of a record that is shown of what a start found wrong: what is written there has half of that.
pub const FOUND_CHARS_MAX: usize = 512;

/// Most records of a log: numbers up to here are exact in every JSON reader. At a million a second it lasts for centuries.
pub const RECORDS_MAX: u64 = 1 << 53;

/// Longest proof: a tree of 2^64 leaves has a path of 64 nodes; a consistency proof has one more.
pub const PROOF_HASHES_MAX: usize = 65;

/// Most faults, and most torn lines, that a report lists: a damaged log of millions of lines is told by its first ones, the rest are counted.
pub const FAULTS_LISTED_MAX: usize = 1_000;

/// Records that are remembered as missing, to tell moved ones from lost ones. What is beyond is told as missing.
pub const MISSING_REMEMBERED_MAX: u64 = 1_000_000;

/// Largest proof file that is read: two records of at most 64 KiB, which JSON may write twice as long, and their paths.
pub const EVIDENCE_BYTES_MAX: usize = 1024 * 1024;
