//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Largest payload of the tokens that clients send (kinds `h r a q o`): a hello with every field is about 1 KiB.
pub const CLIENT_PAYLOAD_BYTES_MAX: usize = 4_096;

/// Largest payload of a delegation, re-grant, halt or lift: two ML-DSA-65 public keys are 5.3 KiB of base64url.
pub const GATEWAY_PAYLOAD_BYTES_MAX: usize = 8_192;

/// Largest payload of a welcome: it carries a whole delegation token, 11.6 KiB when root and gateway key are both ML-DSA-65.
pub const WELCOME_PAYLOAD_BYTES_MAX: usize = 16_384;

/// Longest proof: an ML-DSA-65 signature.
pub const PROOF_BYTES_MAX: usize = 3_309;

/// Longest frame before authentication: the largest hello payload and proof in base64url, and the object around them.
pub const HELLO_FRAME_BYTES_MAX: usize = 10_240;

/// Longest frame a client accepts before the session is open: the largest welcome, and the secrets beside it.
pub const WELCOME_FRAME_BYTES_MAX: usize = 36_864;

/// Bytes of frames that may follow a hello before its welcome: one socket buffer, a few hundred orders.
pub const PIPELINED_BYTES_MAX: usize = 65_536;

/// Depth of a payload: the object itself, `want`, a list in it, and one to spare.
pub const JSON_DEPTH_MAX: usize = 4;

/// Members of one JSON object and elements of one list: no message has more than half of it, and looking for duplicates is
/// quadratic.
pub const JSON_MEMBERS_MAX: usize = 64;

/// Integers are below 2^53, so that every JSON library reads them exactly (RFC 8259, 6).
pub const JSON_INTEGER_END: u64 = 1 << 53;

/// Longest `host`: a DNS name of 253 bytes, a colon and a port.
pub const AUTHORITY_BYTES_MAX: usize = 259;

/// Entries of `vers` and of `algs`: far more than there will be.
pub const OFFERED_MAX: usize = 16;

/// Texts in a wish or a need of a contract parameter.
pub const CHOICES_MAX: usize = 8;

/// Longest name of a contract parameter.
pub const NAME_BYTES_MAX: usize = 32;

/// Time from the accepted connection to its hello: three round trips around the globe, then the place goes to another.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(3);

/// Time from the hello to the decision: the queue for the verification and the store.
pub const DECISION_DEADLINE: Duration = Duration::from_secs(5);

/// Time from the welcome to `ready`, when the hello did not announce pipelined messages.
pub const READY_DEADLINE: Duration = Duration::from_secs(10);

/// Time a client waits for a nonce or a welcome.
pub const WELCOME_DEADLINE: Duration = Duration::from_secs(10);

/// Life of a nonce by the gateway's clock.
pub const NONCE_LIFE: Duration = Duration::from_secs(30);

/// Nonces of one connection that may be answered: the first, the one after a stale one, and some responses of HTTP between.
pub const NONCES_OUTSTANDING_MAX: usize = 4;

/// Life of a nonce key.
pub const NONCE_KEY_LIFE: Duration = Duration::from_secs(3_600);

/// Life of a gateway signing key's delegation, when made by the gateway itself.
pub const DELEGATION_LIFE: Duration = Duration::from_secs(7 * 86_400);

/// How wrong a client's clock may be when it judges the validity of a delegation.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(300);

/// Pins a client may hold, and next pins a gateway may announce.
pub const PINS_MAX: usize = 4;

/// Life of an access token in a `chl` session, in seconds: such a token may have been seen by whoever ends the TLS connection.
pub const CHL_TOKEN_S_MAX: u64 = 60;

/// Longest access token: an ES256 or Ed25519 JWT with every claim and 32 scopes is below it.
pub const ACCESS_TOKEN_BYTES_MAX: usize = 6_144;

/// Longest secrets text (`sec`): the access token, the session secret and their names.
pub const SECRETS_BYTES_MAX: usize = 8_192;

/// Life of a ticket key: after an hour a new one seals. Older ones open until the last session sealed under them is over.
pub const TICKET_KEY_LIFE: Duration = Duration::from_secs(3_600);

/// Ticket keys kept at most: a week of sessions and a little, 32 bytes each.
pub const TICKET_KEYS_MAX: usize = 7 * 24 + 2;

/// Longest ticket: names of 128 bytes, numbers and the session secret, sealed and in base64url.
pub const TICKET_BYTES_MAX: usize = 1_024;

/// Time that a session may wait for its client at most, whatever the host's policy says, in seconds: orders that nobody watches
/// for longer than an hour are not being traded.
pub const RESUME_S_MAX: u64 = 3_600;

/// Messages kept for replay at most, whatever the host's policy says.
pub const KEEP_MSGS_MAX: u64 = 65_536;
