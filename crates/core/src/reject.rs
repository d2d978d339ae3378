//! The one list of refusals.
//!
//! A [`Reject`] is the precise reason: what the operator sees in the audit log and on the metric. Its [`AlertCode`] is what the
//! client may know. Before proof of possession every reason that depends on the credential has the same code, `auth.failed`;
//! after it the answer is exact. A dialect turns the same `Reject` into its venue's own number and body, so that unmodified
//! clients raise the exception they know.
//!
//! Infrastructure failure ([`Blame::Infrastructure`]) is never reported as a bad key: its codes are `internal` and `busy`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Whose move it is after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// The credential did not check out.
    Credential,
    /// Ours: a store, a lease, an upstream. Fails closed.
    Infrastructure,
    /// Too much or too late: the same request may be right another time.
    Limit,
    /// The message itself is wrong; sending it again will not help.
    Message,
    /// Known, but not allowed.
    Permission,
}

/// How loud the log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Somebody should look at it now.
    Error,
    /// Ordinary traffic.
    Info,
    /// Worth a look in the morning.
    Warn,
}

macro_rules! alert_codes {
    ($( $variant:ident = $number:literal $text:literal fatal:$fatal:literal $doc:literal; )*) => {
        /// The stable code a client sees (specification, "Errors"). The number is its twin where a text does not fit (FIX).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AlertCode { $( #[doc = $doc] $variant, )* }

        impl AlertCode {
            /// All codes, in the order of the specification.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $( Self::$variant => $text, )* } }

            /// The numeric twin.
            #[must_use]
            pub const fn number(self) -> u16 { match self { $( Self::$variant => $number, )* } }

            /// Whether a native connection ends with it.
            #[must_use]
            pub const fn is_fatal(self) -> bool { match self { $( Self::$variant => $fatal, )* } }

            /// What the client should make of it: constant text per code.
            #[must_use]
            pub const fn text(self) -> &'static str { match self { $( Self::$variant => $doc, )* } }
        }
    };
}

alert_codes! {
    ProtoVersion = 101 "proto.version" fatal:true "No common protocol version; do not retry lower than configured.";
    ProtoMalformed = 102 "proto.malformed" fatal:true "The message breaks the grammar.";
    ProtoSize = 103 "proto.size" fatal:true "The message is larger than allowed.";
    ProtoOrder = 104 "proto.order" fatal:true "The message is not expected in this state.";
    BindRequired = 105 "bind.required" fatal:true "The channel binding mode is weaker than this host requires.";
    NonceStale = 106 "nonce.stale" fatal:false "The nonce is unknown, spent or expired; use the new one, once.";
    AuthFailed = 201 "auth.failed" fatal:true "Authentication failed.";
    AuthLocked = 202 "auth.locked" fatal:true "The proof is valid but the key is locked; ask the operator.";
    AuthRequired = 203 "auth.required" fatal:false "This request needs authentication.";
    TimeStale = 204 "time.stale" fatal:false "The signed time is outside the receive window.";
    TimeAhead = 205 "time.ahead" fatal:false "The signed time is ahead of the server's clock.";
    ReplayDetected = 206 "replay.detected" fatal:false "This signed request was already used.";
    NeedUnmet = 301 "need.unmet" fatal:true "The proof is valid, but a required parameter cannot be granted.";
    ScopeDenied = 302 "scope.denied" fatal:false "The request is outside the granted scopes.";
    RouteUnknown = 303 "route.unknown" fatal:false "There is no such endpoint.";
    SeqConflict = 401 "seq.conflict" fatal:true "The sequence number was used with another body.";
    SeqRange = 402 "seq.range" fatal:false "The sequence number is out of range.";
    SessionUnknown = 403 "session.unknown" fatal:true "No such session.";
    SessionExpired = 404 "session.expired" fatal:true "The session is over.";
    SessionTakenOver = 405 "session.taken_over" fatal:true "A newer connection took the session over.";
    SessionReuse = 406 "session.reuse" fatal:true "A spent resumption ticket was used; the session is revoked.";
    Unsupported = 407 "unsupported" fatal:false "Not offered by this gateway.";
    AuthzBodyMissing = 408 "authz.body_missing" fatal:false "The proxy in front did not pass on the body that the signature covers.";
    RateLimited = 501 "rate.limited" fatal:false "Too many requests; wait as told.";
    HaltActive = 502 "halt.active" fatal:false "Trading is halted for this scope.";
    Busy = 503 "busy" fatal:true "The gateway is shedding load; wait as told.";
    Drain = 504 "drain" fatal:false "This node is leaving; connect again.";
    UpstreamUnavailable = 505 "upstream.unavailable" fatal:false "The venue behind the gateway did not answer.";
    Internal = 599 "internal" fatal:true "The gateway failed and refuses to guess; back off.";
}

macro_rules! rejects {
    ($( $variant:ident $label:literal $alert:ident $blame:ident $status:literal $fix:literal $level:ident $doc:literal; )*) => {
        /// The precise reason of a refusal: operator side.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reject { $( #[doc = $doc] $variant, )* }

        impl Reject {
            /// All reasons, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// Name in the audit log and label of the metric.
            #[must_use]
            pub const fn label(self) -> &'static str { match self { $( Self::$variant => $label, )* } }

            /// What the client may know.
            #[must_use]
            pub const fn alert(self) -> AlertCode { match self { $( Self::$variant => AlertCode::$alert, )* } }

            /// Whose move it is.
            #[must_use]
            pub const fn blame(self) -> Blame { match self { $( Self::$variant => Blame::$blame, )* } }

            /// HTTP status of the plain answer; dialects may have their own.
            #[must_use]
            pub const fn http_status(self) -> u16 { match self { $( Self::$variant => $status, )* } }

            /// SessionRejectReason (tag 373) where a FIX session refuses: the same for all that have one code for the client.
            #[must_use]
            pub const fn session_reject_reason(self) -> u16 { match self { $( Self::$variant => $fix, )* } }

            /// How loud the log line is.
            #[must_use]
            pub const fn log_level(self) -> LogLevel { match self { $( Self::$variant => LogLevel::$level, )* } }

            /// What the operator should make of it.
            #[must_use]
            pub const fn doc(self) -> &'static str { match self { $( Self::$variant => $doc, )* } }
        }
    };
}

rejects! {
    // the message
    Malformed "malformed" ProtoMalformed Message 400 5 Info "The message breaks the grammar of its protocol or dialect.";
    MissingCredentials "missing_credentials" AuthRequired Message 401 1 Info "No key, signature or timestamp where one is needed.";
    MissingParameter "missing_parameter" ProtoMalformed Message 400 1 Info "A parameter that the signature rule needs is missing or empty.";
    TooLarge "too_large" ProtoSize Message 413 5 Info "The message is larger than its named limit.";
    UnexpectedMessage "unexpected_message" ProtoOrder Message 400 11 Info "A message that this state does not expect.";
    VersionUnsupported "version_unsupported" ProtoVersion Message 400 5 Info "No protocol version in common.";
    FramingAmbiguous "framing_ambiguous" ProtoMalformed Message 400 99 Warn "Two readings of one HTTP message are possible: a request-smuggling attempt or a broken client.";
    HostMismatch "host_mismatch" ProtoMalformed Message 421 99 Warn "Host, :authority and target do not name one and the same authority.";
    RouteUnknown "route_unknown" RouteUnknown Message 404 99 Info "No route for this path, method or operation; nothing is forwarded without one.";
    Unsupported "unsupported" Unsupported Message 501 3 Info "A part of the protocol that this version does not offer yet.";
    // the channel
    BindingTooWeak "binding_too_weak" BindRequired Message 400 99 Info "The channel binding mode is below the policy of this host.";
    NonceInvalid "nonce_invalid" NonceStale Message 401 99 Info "The server nonce is unknown, spent, expired or of another connection.";
    // the credential, before proof of possession
    UnknownKey "unknown_key" AuthFailed Credential 401 8 Info "No credential of this name and purpose.";
    BadSignature "bad_signature" AuthFailed Credential 401 8 Info "The signature or MAC does not verify over the bytes received.";
    WrongAlgorithm "wrong_algorithm" AuthFailed Credential 401 8 Info "The message names another algorithm than the registered key has.";
    WrongGateway "wrong_gateway" AuthFailed Credential 401 8 Warn "A proof made for another gateway: a misconfigured client or a relayed proof.";
    CertificateUnacceptable "certificate_unacceptable" AuthFailed Credential 401 8 Info "The client certificate names no credential, or is expired or revoked.";
    WrongPassphrase "wrong_passphrase" AuthFailed Credential 401 8 Info "The signature is valid, but the passphrase sent with it is not the key's.";
    WrongUri "wrong_uri" AuthFailed Credential 401 8 Info "The signed token was made for another method, host or path than that of the request.";
    BadChallenge "bad_challenge" AuthFailed Credential 401 8 Info "The signed challenge is not the one issued on this connection.";
    TokenInvalid "token_invalid" AuthFailed Credential 401 8 Info "The access token is expired, of another connection, or not ours.";
    // the clock
    TimestampStale "stale_timestamp" TimeStale Message 400 10 Info "The signed timestamp is older than the receive window.";
    TimestampAhead "future_timestamp" TimeAhead Message 400 10 Info "The signed timestamp is ahead of our clock by more than allowed.";
    // the credential, after proof of possession
    KeyExpired "key_expired" AuthFailed Credential 401 8 Info "The credential is past its expiry.";
    KeyRevoked "key_revoked" AuthFailed Credential 401 8 Warn "The credential is revoked.";
    KeySuspended "key_suspended" AuthLocked Permission 403 99 Info "The credential is suspended by an operator.";
    AddressNotAllowed "address_not_allowed" AuthFailed Credential 401 8 Warn "A valid proof from an address that is not on the key's allow-list.";
    Replayed "replayed_nonce" ReplayDetected Message 400 99 Warn "A signed request that was already accepted: a retry of the same bytes, or a replay.";
    // known, but not allowed
    NeedUnmet "need_unmet" NeedUnmet Permission 403 99 Info "A required contract parameter cannot be granted to this key.";
    ScopeMissing "scope_missing" ScopeDenied Permission 403 99 Info "The credential or the contract lacks the scope that the route needs.";
    // the session
    SequenceConflict "sequence_conflict" SeqConflict Message 409 5 Warn "The same sequence number with another body.";
    SequenceRange "sequence_range" SeqRange Message 400 5 Info "A sequence number that is neither the next nor a repetition.";
    SessionUnknown "session_unknown" SessionUnknown Credential 401 99 Info "No such session.";
    SessionExpired "session_expired" SessionExpired Limit 401 99 Info "The session reached the end of its life.";
    SessionReuse "session_reuse" SessionReuse Credential 401 99 Error "A resumption ticket was used again after a later one: one of two holders is not the client. The session is revoked.";
    SessionTakenOver "session_taken_over" SessionTakenOver Permission 409 99 Info "A newer connection resumed the session; this one is fenced off.";
    TicketInvalid "ticket_invalid" AuthFailed Credential 401 8 Info "The resumption ticket is not ours, of another listener, or too old.";
    // too much, too late
    RateLimited "rate_limited" RateLimited Limit 429 99 Info "The key's rate limit is used up.";
    ReplayCapacity "replay_capacity" RateLimited Limit 429 99 Warn "The key made more signed requests in one window than the replay guard remembers for one key.";
    ConnectionLimit "connection_limit" Busy Limit 503 99 Warn "Too many connections from this source, or in all.";
    AuthDeadline "auth_deadline" Busy Limit 408 99 Info "The connection did not authenticate in time or within its byte budget.";
    SlowConsumer "slow_consumer" Busy Limit 408 99 Info "The client reads slower than its bounded buffer allows.";
    Busy "busy" Busy Limit 503 99 Warn "Shedding load.";
    Halted "halted" HaltActive Limit 503 99 Info "A halt covers the request; names tell the halt, its action and its reason.";
    // ours
    UpstreamUnavailable "upstream_unavailable" UpstreamUnavailable Infrastructure 502 99 Error "The upstream refused the connection or broke its answer.";
    UpstreamTimeout "upstream_timeout" UpstreamUnavailable Infrastructure 504 99 Error "The upstream did not answer in time.";
    StoreUnavailable "store_unavailable" Internal Infrastructure 503 99 Error "A store could not be read or written; refused, because guessing is worse.";
    AuditUnavailable "audit_unavailable" Internal Infrastructure 503 99 Error "The audit log could not be written; nothing passes that cannot be recorded.";
    AuthzBodyMissing "authz_body_missing" AuthzBodyMissing Infrastructure 501 99 Warn "A proxy asked about a request whose signature covers a body, and did not pass the whole body on.";
    HaltUnknown "halt_unknown" HaltActive Infrastructure 503 99 Error "This node does not know the present halts: its lease ran out or its store was not read yet. Cancels pass.";
    Draining "draining" Drain Infrastructure 503 99 Info "This node is shutting down.";
    Internal "internal" Internal Infrastructure 500 99 Error "A bug of ours: an invariant did not hold.";
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What else is known about a refusal. The variants that carry text hold words of ours or checked names, never client bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing more.
    None,
    /// The highest nonce that the key has used: told only after proof of possession.
    LastNonce(u64),
    /// Names of contract parameters or scopes.
    Names(Vec<String>),
    /// The name of the parameter or header concerned.
    Parameter(&'static str),
    /// Wait at least so long.
    RetryAfter(Duration),
    /// Signed time minus server time, and the window that was applied, in milliseconds.
    Skew {
        /// Signed time minus server time, in milliseconds.
        skew_ms: i64,
        /// The receive window applied, in milliseconds.
        window_ms: u64,
    },
    /// A sentence for the operator, never for the client.
    Operator(Cow<'static, str>),
}

/// A refusal: the reason, and what else is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The precise reason.
    pub reject: Reject,
    /// What else is known.
    pub detail: Detail,
}

impl Refusal {
    /// A refusal with a detail.
    #[must_use]
    pub const fn with(reject: Reject, detail: Detail) -> Self {
        Self { reject, detail }
    }

    /// A refusal with a sentence for the operator.
    #[must_use]
    pub fn operator(reject: Reject, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { reject, detail: Detail::Operator(sentence.into()) }
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self { reject, detail: Detail::None }
    }
}

impl fmt::Display for Refusal {
    /// The operator's line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reject)?;
        match &self.detail {
            Detail::None => Ok(()),
            Detail::LastNonce(last) => write!(f, ": the last nonce was {last}"),
            Detail::Names(names) => write!(f, ": {}", OneLine(&names.join(", "))),
            Detail::Parameter(name) => write!(f, ": {name}"),
            Detail::RetryAfter(wait) => write!(f, ": retry after {} ms", wait.as_millis()),
            Detail::Skew { skew_ms, window_ms } => write!(f, ": skew {skew_ms} ms, window {window_ms} ms"),
            Detail::Operator(sentence) => write!(f, ": {}", OneLine(sentence)),
        }
    }
}

/// A text in which others may have had a word, a venue's reason or a name that a client made up: it stays on its line of the log.
struct OneLine<'t>(&'t str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(char::is_control) {
            let plain = piece.trim_end_matches(char::is_control);
            write!(f, "{plain}{}", piece[plain.len()..].escape_default())?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_refusal_is_one_line() {
        let forged = Refusal::operator(Reject::Busy, "no\r\n2026-01-01 INFO halted\u{1b}[31m\u{85}, grüße\n");
        assert_eq!(forged.to_string(), "busy: no\\r\\n2026-01-01 INFO halted\\u{1b}[31m\\u{85}, grüße\\n");
        let named = Refusal::with(Reject::NeedUnmet, Detail::Names(vec!["a\nb".into()]));
        assert_eq!(named.to_string(), "need_unmet: a\\nb");
    }

    #[test]
    fn codes_labels_and_numbers_are_unique() {
        let labels: BTreeSet<_> = Reject::ALL.iter().map(|reject| reject.label()).collect();
        assert_eq!(labels.len(), Reject::ALL.len());
        let texts: BTreeSet<_> = AlertCode::ALL.iter().map(|code| code.as_str()).collect();
        let numbers: BTreeSet<_> = AlertCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(texts.len(), AlertCode::ALL.len());
        assert_eq!(numbers.len(), AlertCode::ALL.len());
    }

    #[test]
    fn reasons_that_depend_on_the_credential_look_alike() {
        let alike: Vec<_> = Reject::ALL.iter().filter(|reject| reject.alert() == AlertCode::AuthFailed).collect();
        for named in [Reject::UnknownKey, Reject::BadSignature, Reject::WrongAlgorithm, Reject::TokenInvalid, Reject::TicketInvalid] {
            assert!(alike.contains(&&named), "{named}");
        }
        for reject in alike {
            assert_eq!(reject.blame(), Blame::Credential, "{reject}");
            assert_eq!(reject.http_status(), 401, "{reject}");
            assert_eq!(reject.session_reject_reason(), 8, "{reject}: who sees another number learns more than from the code");
        }
    }

    #[test]
    fn infrastructure_failure_is_never_called_a_bad_key() {
        for reject in Reject::ALL.iter().filter(|reject| reject.blame() == Blame::Infrastructure) {
            assert_ne!(reject.alert(), AlertCode::AuthFailed, "{reject}");
            assert!(reject.http_status() >= 500, "{reject}");
        }
    }
}
