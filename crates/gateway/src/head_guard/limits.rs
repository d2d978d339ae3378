//! Bounds of the HTTP/1.1 reader, with reasons.

/// Longest request head unless configured otherwise, in bytes: a signed request with a 3 KB ML-DSA hello in a header is 8 KB; browsers stop at 16.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Most header fields in one head: clients of exchanges send below 30.
pub const HEADER_FIELDS_MAX: usize = 96;

/// Longest method name: `PROPPATCH` has nine letters, ours are shorter.
pub const METHOD_BYTES_MAX: usize = 16;

/// Digits of a Content-Length: ten gigabytes are more than any body limit, and the number cannot overflow.
pub const CONTENT_LENGTH_DIGITS_MAX: usize = 10;

/// Hexadecimal digits of one chunk size: 256 MiB is more than any body limit.
pub const CHUNK_SIZE_DIGITS_MAX: u8 = 7;
