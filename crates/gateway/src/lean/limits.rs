//! Bounds of the short way, with reasons.

/// Bytes of one buffer: one TLS record, and more than any signed request or small answer has. What does not fit goes the long way
/// (requests) or through the buffer in several pieces (answers).
pub(crate) const BUFFER_BYTES: usize = 16 * 1024;

/// Buffers that a worker keeps when nobody uses them: two for each of 64 requests under way, 2 MiB.
pub(crate) const BUFFERS_KEPT_MAX: usize = 128;

/// The part of the drain deadline that a quiet connection gets for one more request, where a successor serves the same port: the rest is for
/// answers that take their time.
pub(crate) const LAST_CALL_SHARE: u32 = 2;

/// Longest name of a request field: the longest that is in use has 35 bytes. Longer ones go the long way.
pub(crate) const FIELD_NAME_BYTES_MAX: usize = 64;

/// Longest head of an upstream's answer, as on the long way.
pub(crate) const ANSWER_HEAD_BYTES_MAX: usize = 64 * 1024;

/// Most header fields in it, as in the HTTP library.
pub(crate) const ANSWER_FIELDS_MAX: usize = 100;

/// Heads with a status of 1xx before the real one: nobody has a use for more.
pub(crate) const INTERIM_ANSWERS_MAX: usize = 8;

/// Bytes of the size line and trailers of one chunked answer that are skipped in all, beyond its data: as many as a head may have.
pub(crate) const CHUNK_OVERHEAD_LINE_MAX: usize = 16 * 1024;
