//! One rule, many venues: `timestamp || METHOD || path?query || body`, a MAC over it in base64, a passphrase beside it.
//!
//! | | OKX | Coinbase Exchange | KuCoin |
//! |---|---|---|---|
//! | headers | `OK-ACCESS-*` | `CB-ACCESS-*` | `KC-API-*` |
//! | timestamp | ISO-8601, ms | seconds, decimals allowed | ms |
//! | window | 30 s | 30 s | 5 s |
//! | query | as sent | as sent | before percent-encoding; an empty one not at all |
//! | passphrase | as it is | as it is | its MAC (versions 2, 3), as it is (version 1) |
//! | secret | text | base64 | text |
//!
//! The signed text has no separators. It can be cut in one way only: the timestamp has digits (or a fixed form), the method has
//! letters, the path begins with a slash, a body with a bracket that no query has. What could be cut otherwise is no proof of
//! anything, whatever its MAC: `DELETE /orders/abc` must not pass for `DELETE /orders` with the body `/abc`.

use std::time::Duration;

use countersign_core::{Algorithm, Freshness, Once, Presented, PresentedPassphrase, Purpose, Refusal, Secret, SignedBytes, Timestamp};

use crate::dialect::{Header, Headers, RequestView};
use crate::effect;
use crate::fields::{base64, base64_mac, header, key_id, malformed, optional_header, percent_decoded};
use crate::routes::RestRoute;

/// What is a venue's own about the rule.
pub(crate) struct Family {
    pub(crate) purpose: Purpose,
    pub(crate) key: &'static str,
    pub(crate) sign: &'static str,
    pub(crate) timestamp: &'static str,
    pub(crate) passphrase: &'static str,
    /// The header that says in which form the passphrase is.
    pub(crate) version: Option<&'static str>,
    pub(crate) read_time: fn(&str, &'static str) -> Result<Timestamp, Refusal>,
    pub(crate) window: Duration,
    /// Whether the query is signed as it was before it was percent-encoded.
    pub(crate) decodes_query: bool,
    pub(crate) routes: &'static [RestRoute],
}

impl Family {
    /// The headers that every venue of the family reads.
    pub(crate) const fn headers(&self) -> [&'static str; 4] {
        [self.key, self.sign, self.timestamp, self.passphrase]
    }

    /// Whether a request names a key of this venue.
    pub(crate) fn recognizes(&self, headers: &dyn Headers) -> bool {
        headers.find(self.key) != Header::Absent
    }

    /// Finds the proof of a request.
    pub(crate) fn present<'m>(&self, request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
        let headers = request.headers;
        let key = header(headers, self.key)?;
        let signature = header(headers, self.sign)?;
        let timestamp = header(headers, self.timestamp)?;
        let passphrase = header(headers, self.passphrase)?;
        if request.method.is_empty() || !request.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(malformed("method"));
        }
        let mut signed = SignedBytes::new();
        signed.push(timestamp.as_bytes().to_vec());
        signed.push(request.method.as_bytes());
        let plain = self.push_target(request, &mut signed) && starts_like_json(request.body);
        signed.push(request.body);
        Ok(Presented {
            purpose: self.purpose,
            key_id: key_id(key, self.key)?,
            signature: base64_mac(Algorithm::HmacSha256, signature).only_if(plain),
            signed,
            passphrase: Some(self.read_passphrase(headers, passphrase)?),
            freshness: self.fresh((self.read_time)(timestamp, self.timestamp)?),
            once: Once::SignedBytes,
            effect: effect::of_request(self.purpose, self.routes, request.method, request.path()),
        })
    }

    /// Adds path and query; says whether they can be told from what follows.
    fn push_target<'m>(&self, request: &RequestView<'m>, signed: &mut SignedBytes<'m>) -> bool {
        if self.decodes_query && request.query().is_empty() {
            // The venue's own SDK for Node puts a question mark behind every path, and signs none.
            signed.push(request.path());
            !request.path().contains(&b'{')
        } else if self.decodes_query && request.query().contains(&b'%') {
            let decoded = percent_decoded(request.query());
            let plain = decoded.as_ref().is_some_and(|query| !query.contains(&b'{'));
            signed.push(request.path());
            signed.push(&b"?"[..]);
            signed.push(decoded.unwrap_or_default());
            plain
        } else {
            signed.push(request.target);
            !request.target.contains(&b'{')
        }
    }

    fn read_passphrase(&self, headers: &dyn Headers, text: &str) -> Result<PresentedPassphrase, Refusal> {
        let Some(version) = self.version else { return Ok(clear(text)) };
        match optional_header(headers, version)? {
            None | Some("1") => Ok(clear(text)),
            Some("2" | "3") => Ok(PresentedPassphrase::Mac(base64(text))),
            Some(_) => Err(malformed(version)),
        }
    }

    /// The window of a timestamp, the same to both sides.
    pub(crate) const fn fresh(&self, timestamp: Timestamp) -> Freshness {
        Freshness::Window { timestamp, recv_window: self.window, ahead_max: self.window }
    }
}

/// Whether a body is none, or begins as no target does.
fn starts_like_json(body: &[u8]) -> bool {
    matches!(body.first(), None | Some(b'{' | b'['))
}

/// A passphrase as it is.
pub(crate) fn clear(text: &str) -> PresentedPassphrase {
    PresentedPassphrase::Clear(Secret::new(text.as_bytes().to_vec()))
}
