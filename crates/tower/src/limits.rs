//! Every bound of this crate, with its reason.

/// Longest body that is read for a signature unless the builder says otherwise: it waits in memory for the verdict, and the longest
/// signed order list of a venue is below 4 KiB. Verification reads 1 MiB at most.
pub const BODY_BYTES_MAX: usize = 64 * 1_024;

/// Most rules: all dialects together have about 700. Each request looks at all of them.
pub(crate) const RULES_MAX: usize = 2_048;
