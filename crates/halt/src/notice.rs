//! One change, as nodes tell each other: sealed with a key of the cluster.
//!
//! ```text
//!   cs1k.<base64url of the JSON>.<base64url of HMAC-SHA256 over "countersign/1 halt notice" 00 JSON>
//! ```
//!
//! What carries it does not matter and need not be trusted: a notice that is lost costs time (the lease bounds it), one that comes
//! twice or late changes nothing (the join), and one that nobody of the cluster made is refused (the MAC).

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::action::Action;
use crate::error::HaltError;
use crate::halt::{Halt, HaltId};
use crate::limits::RECORD_BYTES_MAX;
use crate::wire;

/// The prefix of a sealed notice.
pub const NOTICE_PREFIX: &str = "cs1k.";
const LABEL: &[u8] = b"countersign/1 halt notice\0";

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Halts were made weaker, or ended.
    Lower {
        /// Which.
        halts: Vec<HaltId>,
        /// What is left.
        to: Option<Action>,
    },
    /// A halt was raised.
    Raise(Halt),
}

/// One change with the epoch it was committed under; 0 when it is not committed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltRecord {
    /// The epoch.
    pub epoch: u64,
    /// The change.
    pub change: Change,
}

impl HaltRecord {
    /// The record as JSON: a line of the log of halts.
    #[must_use]
    pub fn to_json(&self) -> String {
        wire::record_to_json(self)
    }

    /// Reads [`Self::to_json`].
    ///
    /// # Errors
    /// [`HaltError`].
    pub fn from_json(text: &str) -> Result<Self, HaltError> {
        wire::record_from_json(text)
    }
}

/// The key that the nodes of a cluster share.
pub struct NoticeKey(hmac::Key);

impl NoticeKey {
    /// From 32 secret bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Seals a record.
    #[must_use]
    pub fn seal(&self, record: &HaltRecord) -> String {
        let json = record.to_json();
        let mac = hmac::sign(&self.0, &[LABEL, json.as_bytes()].concat());
        format!("{NOTICE_PREFIX}{}.{}", URL_SAFE_NO_PAD.encode(&json), URL_SAFE_NO_PAD.encode(mac))
    }

    /// Opens a notice.
    ///
    /// # Errors
    /// [`HaltError::Mac`] when no node of this cluster made it, [`HaltError::Malformed`] when it is no notice.
    pub fn open(&self, notice: &str) -> Result<HaltRecord, HaltError> {
        if notice.len() > 2 * RECORD_BYTES_MAX {
            return Err(HaltError::Malformed);
        }
        let (json, mac) = notice.strip_prefix(NOTICE_PREFIX).and_then(|rest| rest.split_once('.')).ok_or(HaltError::Malformed)?;
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| HaltError::Malformed);
        let (json, mac) = (decoded(json)?, decoded(mac)?);
        hmac::verify(&self.0, &[LABEL, &json].concat(), &mac).map_err(|_| HaltError::Mac)?;
        HaltRecord::from_json(std::str::from_utf8(&json).map_err(|_| HaltError::Malformed)?)
    }
}

impl fmt::Debug for NoticeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoticeKey")
    }
}
