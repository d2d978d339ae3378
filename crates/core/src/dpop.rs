//! Demonstrating proof of possession (RFC 9449): a small JWT, signed with the key that a token is bound to, for one request.
//!
//! ```text
//!   DPoP: header  { typ: dpop+jwt, alg, jwk }                        the key itself: its thumbprint must be the token's cnf.jkt
//!         claims  { htm, htu, iat, jti, ath, nonce }
//!                    │    │    │    │    │    └ ours, of this minute or the last ── else use_dpop_nonce
//!                    │    │    │    │    └ base64url(SHA-256(token))
//!                    │    │    │    └ once per key
//!                    │    │    └ at most a minute old
//!                    └────┴ method, and scheme, authority and path of this request; the query is not covered
//! ```
//!
//! The nonce keeps proofs from being made in advance (RFC 9449, 8). It is a MAC of the minute, so all nodes with one key give out the same
//! and none is remembered. The same check serves a token endpoint, where there is no token to hash yet.
//!
//! The body is not covered: a proof is for a request to one place, and TLS keeps it whole.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::algorithm::Algorithm;
use crate::confirmation::Thumbprint;
use crate::jwt::{Jwt, JwtError};
use crate::limits::{DPOP_AGE_MAX, DPOP_JTI_BYTES_MAX, DPOP_NONCE_PERIOD, JWT_LEEWAY};
use crate::presented::{Effect, Freshness, SignedBytes};
use crate::public_key::{PublicKey, VerifyingKey};
use crate::purpose::Purpose;
use crate::reject::{Detail, Refusal, Reject};
use crate::replay::{ReplayGuard, ReplayId};
use crate::time::{Now, Timestamp};

/// The name of the header, and of what is wrong in refusals.
const DPOP: &str = "dpop";

/// A proof as it came. Nothing in it is verified.
#[derive(Debug)]
pub struct DpopProof<'m> {
    jwt: Jwt<'m>,
    key: VerifyingKey,
    thumbprint: Thumbprint,
}

/// A proof that was made for a request: which key it shows, and how it is told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DpopShown {
    /// The key that signed it (RFC 7638).
    pub key: Thumbprint,
    /// Names this proof: hash of key and `jti`.
    pub once: [u8; 32],
    /// When it was made.
    pub issued: Timestamp,
}

impl DpopShown {
    /// How long it is good for: it must be remembered for as long.
    #[must_use]
    pub const fn freshness(&self) -> Freshness {
        Freshness::Window { timestamp: self.issued, recv_window: DPOP_AGE_MAX, ahead_max: JWT_LEEWAY }
    }
}

/// What a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct DpopExpectation<'e> {
    /// The method of the request.
    pub method: &'e str,
    /// Its authority (`Host` or `:authority`).
    pub authority: &'e str,
    /// Its path, without the query, as received.
    pub path: &'e str,
    /// The access token that it is shown with; `None` where a token is being asked for.
    pub access_token: Option<&'e str>,
}

fn malformed() -> Refusal {
    Refusal::with(Reject::Malformed, Detail::Parameter(DPOP))
}

impl<'m> DpopProof<'m> {
    /// Reads a proof.
    ///
    /// # Errors
    /// [`Reject::Malformed`] or [`Reject::WrongAlgorithm`]; a private key in it is refused as malformed.
    pub fn read(text: &'m str) -> Result<Self, Refusal> {
        let jwt = Jwt::read(text).map_err(|error| match error {
            JwtError::Algorithm => Refusal::with(Reject::WrongAlgorithm, Detail::Parameter(DPOP)),
            JwtError::Grammar(_) | JwtError::TooLong => malformed(),
        })?;
        let jwk = jwt.header.value("jwk").filter(|jwk| jwk.is_object()).ok_or_else(malformed)?;
        if !jwt.is_of_type("dpop+jwt") || jwt.points_elsewhere() {
            return Err(malformed());
        }
        let wrong_algorithm = || Refusal::with(Reject::WrongAlgorithm, Detail::Parameter(DPOP));
        let algorithm = Some(jwt.signature.form.algorithm()).filter(|algorithm| Purpose::Bearer.accepts(*algorithm));
        let key = PublicKey::parse(jwk.to_string().as_bytes()).map_err(|_| malformed())?;
        let key = key.verifying_key(algorithm.ok_or_else(wrong_algorithm)?).map_err(|_| wrong_algorithm())?;
        let thumbprint = Thumbprint::of_jwk(jwk).ok_or_else(malformed)?;
        Ok(Self { jwt, key, thumbprint })
    }

    /// Verifies that the proof was made for this request, with the key it names, and just now. Whoever calls this sees to it that it is
    /// used once.
    ///
    /// # Errors
    /// [`Reject::BadSignature`], [`Reject::WrongUri`] (method, place or token), [`Reject::TimestampStale`], [`Reject::TimestampAhead`],
    /// [`Reject::Malformed`].
    ///
    /// # Security
    /// It proves nothing but possession of the key in it: it means something only where a token is bound to that key.
    pub fn show(&self, expected: &DpopExpectation<'_>, now: Timestamp) -> Result<DpopShown, Refusal> {
        let signature = self.jwt.signature.bytes.as_deref().unwrap_or_default();
        if !self.key.verify(self.jwt.signed.as_bytes(), signature) {
            return Err(Refusal::with(Reject::BadSignature, Detail::Parameter(DPOP)));
        }
        self.check_place(expected)?;
        let issued = self.check_age(now)?;
        let id = self.jwt.claims.text("jti").filter(|id| !id.is_empty() && id.len() <= DPOP_JTI_BYTES_MAX).ok_or_else(malformed)?;
        let named = [&b"countersign dpop v1\0"[..], self.thumbprint.as_bytes(), id.as_bytes()].concat();
        Ok(DpopShown { key: self.thumbprint, once: *Thumbprint::of(&named).as_bytes(), issued })
    }

    /// As [`Self::show`], and that it has a nonce of ours and comes for the first time, for a request of this effect; returns the
    /// thumbprint of the key.
    ///
    /// # Errors
    /// As there, and [`Reject::NonceInvalid`] (no nonce of ours: give the current one), [`Reject::Replayed`], or as the replay guard.
    ///
    /// # Security
    /// Anybody can make a proof with a key of their own. Call it only for a caller whose token or client authentication holds already and
    /// names this key, or the replay guard fills with proofs of strangers; [`Self::thumbprint`] can be compared before.
    pub fn verify(
        &self,
        expected: &DpopExpectation<'_>,
        nonces: &DpopNonces,
        replay: &dyn ReplayGuard,
        effect: Effect,
        now: Now,
    ) -> Result<Thumbprint, Refusal> {
        let shown = self.show(expected, now.wall)?;
        self.check_nonce(nonces, now.wall)?;
        let id = ReplayId::of_owner(&format!("dpop:{}", self.thumbprint), &SignedBytes::from_piece(&shown.once[..]));
        replay.check_and_insert(id, effect.once(), shown.issued, now.mono)?;
        Ok(shown.key)
    }

    /// Whether the proof has a nonce of ours that is not too old (RFC 9449, 8).
    ///
    /// # Errors
    /// [`Reject::NonceInvalid`]: give the current one.
    pub fn check_nonce(&self, nonces: &DpopNonces, now: Timestamp) -> Result<(), Refusal> {
        let nonce = self.jwt.claims.text("nonce");
        let ours = nonce.is_some_and(|nonce| nonces.accept(nonce, now));
        if ours { Ok(()) } else { Err(Refusal::with(Reject::NonceInvalid, Detail::Parameter(DPOP))) }
    }

    /// The name of the key in it: not yet shown to be the signer's.
    #[must_use]
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// The algorithm that it claims.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.jwt.signature.form.algorithm()
    }

    fn check_place(&self, expected: &DpopExpectation<'_>) -> Result<(), Refusal> {
        let wrong = |why: &'static str| Refusal::operator(Reject::WrongUri, why);
        let claims = &self.jwt.claims;
        if claims.text("htm") != Some(expected.method) {
            return Err(wrong("the htm of the proof is another method"));
        }
        if !claims.text("htu").is_some_and(|place| is_place(place, expected.authority, expected.path)) {
            return Err(wrong("the htu of the proof is another place"));
        }
        let hash = expected.access_token.map(|token| Thumbprint::of(token.as_bytes()));
        // One that is no string is there, too: it is not looked over where none is expected.
        match (hash, claims.value("ath").map(|named| named.as_str().and_then(Thumbprint::parse))) {
            (None, None) => Ok(()),
            (Some(hash), Some(Some(named))) if hash == named => Ok(()),
            (Some(_), None) => Err(wrong("the proof has no ath")),
            (None | Some(_), Some(_)) => Err(wrong("the ath of the proof is of another token")),
        }
    }

    /// The age of a proof is that of its `iat`. A proof needs no `exp` and no `nbf`; one that has them is good between them only, as any
    /// JWT is (RFC 7519, 4.1.4 and 4.1.5).
    fn check_age(&self, now: Timestamp) -> Result<Timestamp, Refusal> {
        let claims = &self.jwt.claims;
        let issued = claims.time("iat").ok_or_else(malformed)?;
        let own = |name| claims.time_if_any(name).map_err(|_| malformed());
        if own("exp")?.is_some_and(|end| now >= end) {
            return Err(Refusal::operator(Reject::TimestampStale, "the proof says that it expired"));
        }
        if own("nbf")?.is_some_and(|start| start > now.saturating_add(JWT_LEEWAY)) {
            return Err(Refusal::operator(Reject::TimestampAhead, "the proof says that it is not valid yet"));
        }
        let skew = |max: std::time::Duration| Detail::Skew {
            skew_ms: issued.millis_after(now),
            window_ms: u64::try_from(max.as_millis()).unwrap_or(u64::MAX),
        };
        if issued > now.saturating_add(JWT_LEEWAY) {
            return Err(Refusal::with(Reject::TimestampAhead, skew(JWT_LEEWAY)));
        }
        if now.saturating_since(issued) > DPOP_AGE_MAX {
            return Err(Refusal::with(Reject::TimestampStale, skew(DPOP_AGE_MAX)));
        }
        Ok(issued)
    }
}

/// Whether an `htu` is this place. Scheme and host are compared in any case and with the port of HTTPS left out, the path byte by byte;
/// query and fragment are cut off (RFC 9449, 4.3).
fn is_place(place: &str, authority: &str, path: &str) -> bool {
    let place = place.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = place.split_once("://") else { return false };
    let (own_authority, own_path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let without_port = |authority: &str| authority.strip_suffix(":443").unwrap_or(authority).to_ascii_lowercase();
    scheme.eq_ignore_ascii_case("https") && without_port(own_authority) == without_port(authority) && own_path == path
}

/// Gives out and recognizes server nonces, without remembering any.
pub struct DpopNonces(hmac::Key);

/// Bound into every nonce, so that no other MAC under the same key could be taken for one.
const CONTEXT: &[u8] = b"countersign dpop nonce v1";

impl DpopNonces {
    /// With a key of 32 bytes. All nodes that serve the same clients have the same.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The nonce of the time.
    #[must_use]
    pub fn current(&self, now: Timestamp) -> String {
        self.of_period(period(now))
    }

    /// Whether this is the nonce of this period or the one before.
    #[must_use]
    pub fn accept(&self, nonce: &str, now: Timestamp) -> bool {
        let is = |period| subtle::ConstantTimeEq::ct_eq(self.of_period(period).as_bytes(), nonce.as_bytes());
        let current = period(now);
        (is(current) | is(current.wrapping_sub(1))).into()
    }

    fn of_period(&self, period: u64) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(CONTEXT);
        context.update(&period.to_be_bytes());
        URL_SAFE_NO_PAD.encode(&context.sign().as_ref()[..18])
    }
}

fn period(now: Timestamp) -> u64 {
    now.as_secs() / DPOP_NONCE_PERIOD.as_secs()
}

impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopNonces(..)")
    }
}
