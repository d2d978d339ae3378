//! Every bound of this crate, with its reason.

/// Largest certificate or key file read. A chain of four large certificates is below 64 KiB; a trust bundle of a public
/// root programme is about 250 KiB.
pub const PEM_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Largest revocation list file read: about 400,000 revoked certificates.
pub const REVOCATION_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Certificates in a chain, leaf included. A private CA has one or two levels; webpki itself gives up at six
/// intermediates, 100 signatures and 200,000 path-building steps.
pub const CHAIN_CERTIFICATES_MAX: usize = 4;

/// Bytes of a client's chain (DER). The chain is stored in every resumption ticket that the client gets, so it is kept
/// far below the 64 KiB that rustls accepts; three ML-DSA-65 certificates fit.
pub const CLIENT_CHAIN_BYTES_MAX: usize = 16 * 1024;

/// Names in a subjectAltName extension; public CAs stop at 100.
pub const SUBJECT_ALT_NAMES_MAX: usize = 128;

/// Trust anchors in one bundle; public root programmes have about 150.
pub const TRUST_ANCHORS_MAX: usize = 256;

/// Revocation lists per listener: one per CA of the bundle is the usual case.
pub const REVOCATION_LISTS_MAX: usize = 256;

/// Certificates per listener: the resolver looks through them one by one.
pub const LISTENER_CERTIFICATES_MAX: usize = 32;

/// Length of a listener's name, which is part of every ticket's binding and of log lines.
pub const LISTENER_NAME_BYTES_MAX: usize = 64;

/// Lengths of RSA keys of clients: those that webpki verifies signatures of.
pub const RSA_CLIENT_KEY_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Length of one ALPN protocol name (RFC 7301 section 3.1: one length byte).
pub const ALPN_NAME_BYTES_MAX: usize = 255;

/// Session state put into a ticket: the client chain and some 200 bytes. A larger state gets no ticket.
pub const TICKET_STATE_BYTES_MAX: usize = CLIENT_CHAIN_BYTES_MAX + 2 * 1024;

/// A ticket key is used for this long, then replaced. One hour bounds what a stolen key opens.
pub const TICKET_ROTATION_SECONDS: u64 = 60 * 60;

/// Ticket keys that still open tickets after they were replaced.
pub const TICKET_KEYS_PREVIOUS: usize = 2;

/// No ticket key opens or makes tickets beyond this age, also when nobody rotates. RFC 8446 section 4.6.1 allows
/// seven days; a trading day needs less.
pub const TICKET_KEY_LIFE_SECONDS: u64 = 12 * 60 * 60;

/// Lifetime told to clients: for this long the key is certainly kept by a ring that is rotated in time.
pub const TICKET_LIFETIME_SECONDS: u64 = TICKET_ROTATION_SECONDS * TICKET_KEYS_PREVIOUS as u64;

/// How far in the future an imported ticket key may have been made: the clock difference inside a cluster.
pub const TICKET_KEY_SKEW_SECONDS: u64 = 5 * 60;

/// New certificates start this long ago, so that clients with a slow clock accept them.
pub const CERTIFICATE_BACKDATE_SECONDS: u64 = 5 * 60;

/// Life of the private CA: ten years. It is exchanged by adding the next one to the trust bundles first.
pub const AUTHORITY_LIFE_SECONDS: u64 = 3650 * DAY_SECONDS;

/// Life of a certificate issued by the private CA: below the 90 days that strict TLS scanners accept.
pub const LEAF_LIFE_SECONDS: u64 = 80 * DAY_SECONDS;

/// Life of a revocation list: it is issued anew on every start and every revocation, so this is only the bound for a
/// copy that nobody refreshes. Expired lists are not believed: every client certificate is then refused.
pub const REVOCATION_LIST_LIFE_SECONDS: u64 = 7 * DAY_SECONDS;

/// Sessions that a client remembers for resumption, over all servers.
pub const CLIENT_SESSIONS_MAX: usize = 256;

/// Seconds of a day.
pub const DAY_SECONDS: u64 = 24 * 60 * 60;
