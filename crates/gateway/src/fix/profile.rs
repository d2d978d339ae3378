//! Which venue's rules a Logon is under: by the CompID that it is for.

use countersign_core::Purpose;
use countersign_fix::limits::SEQ_NUM_MAX;
use countersign_fix::session::{HeartBtIntRange, Peer};
use countersign_fix::{CompId, LogonDialect, Message, SessionConfig, Version, tag};

use crate::config::FixSettings;
use crate::routes::Family;

/// Whose FIX is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixVenue {
    /// A venue whose Logon carries key and proof.
    Dialect(LogonDialect),
    /// Our own: a native token in RawData, or the certificate of the connection.
    Native,
}

impl FixVenue {
    /// All of them, in the order of the configuration.
    pub const ALL: [Self; 5] = [
        Self::Dialect(LogonDialect::Binance),
        Self::Dialect(LogonDialect::CoinbaseExchange),
        Self::Dialect(LogonDialect::Deribit),
        Self::Dialect(LogonDialect::Kraken),
        Self::Native,
    ];

    /// Whose proof is in the Logon, for operators.
    pub(super) const fn proof(self) -> &'static str {
        match self {
            Self::Dialect(dialect) => dialect.purpose().name(),
            Self::Native => "certificate",
        }
    }

    /// Whether a Logon must have EncryptMethod (98).
    const fn needs_encrypt_method(self) -> bool {
        match self {
            Self::Dialect(dialect) => dialect.needs_encrypt_method(),
            Self::Native => true,
        }
    }

    /// Whose words refusals are in.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Dialect(dialect) => Family::Of(dialect.purpose()),
            Self::Native => Family::Of(Purpose::Native),
        }
    }
}

/// The rules of one session.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) venue: FixVenue,
    pub(super) version: Version,
    pub(super) comp_id: CompId,
    /// DefaultApplVerID that the client asks for; FIXT 1.1 only.
    pub(super) appl_ver_id: Option<&'static str>,
}

/// Application versions of FIXT 1.1 that pass: FIX 5.0 SP2, SP1, 5.0, best first. Messages are passed through by their fields.
const APPL_VER_IDS: [&str; 3] = ["9", "8", "7"];

impl Profile {
    /// The profile of a Logon; none when no session here has its BeginString and TargetCompID.
    pub(super) fn of(settings: &FixSettings, logon: &Message<'_>) -> Option<Self> {
        let version = Version::of(logon.begin_string())?;
        let comp_id = CompId::parse(logon.unique(tag::TARGET_COMP_ID).ok()??).ok()?;
        let venue = settings.venue_of(comp_id.as_str())?;
        let asked = logon.first(tag::DEFAULT_APPL_VER_ID);
        let appl_ver_id = APPL_VER_IDS.into_iter().find(|known| asked == Some(known.as_bytes())).filter(|_| version.has_appl_ver_id());
        Some(Self { venue, version, comp_id, appl_ver_id })
    }

    /// The profile of a session that was open at another node; none when this one has no session for its CompID.
    pub(super) fn of_another_node(settings: &FixSettings, version: Version, comp_id: CompId, appl_ver_id: Option<&str>) -> Option<Self> {
        let venue = settings.venue_of(comp_id.as_str())?;
        let appl_ver_id = APPL_VER_IDS.into_iter().find(|known| appl_ver_id == Some(*known));
        Some(Self { venue, version, comp_id, appl_ver_id })
    }

    /// The rules towards the client.
    pub(super) fn acceptor(&self, settings: &FixSettings) -> SessionConfig {
        let default = SessionConfig::new(self.version, self.comp_id.clone(), Peer::AsPresented);
        let heart_bt_int = HeartBtIntRange { min: settings.heartbeat_min.as_secs(), max: settings.heartbeat_max.as_secs(), zero: false };
        SessionConfig {
            heart_bt_int,
            reset: settings.reset,
            resend: settings.resend,
            routing: settings.routing.clone(),
            admin_fields: settings.admin_fields,
            verification_timeout: super::opening::VERIFICATION_TIMEOUT,
            needs_encrypt_method: self.venue.needs_encrypt_method(),
            appl_ver_ids: APPL_VER_IDS.to_vec(),
            ..default
        }
    }
}

/// Whether a number can be one of a session: what an upstream names in RefSeqNum is looked up.
pub(super) const fn is_seq_num(number: u64) -> bool {
    number > 0 && number <= SEQ_NUM_MAX
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_fix::MessageWriter;

    use super::*;
    use crate::config::{Sources, load};

    fn logon(begin_string: &'static str, target: &[&str]) -> Vec<u8> {
        let mut writer = MessageWriter::new(begin_string, b"A");
        writer.text(tag::SENDER_COMP_ID, "FIRM");
        for name in target {
            writer.text(tag::TARGET_COMP_ID, name);
        }
        writer.finish().unwrap()
    }

    fn venue(begin_string: &'static str, target: &str) -> Option<FixVenue> {
        let settings = load(&Sources::default()).unwrap();
        let bytes = logon(begin_string, &[target]);
        Profile::of(&settings.fix, &Message::parse(&bytes).unwrap()).map(|profile| profile.venue)
    }

    #[test]
    fn the_target_names_the_venue() {
        assert_eq!(venue("FIX.4.4", "SPOT"), Some(FixVenue::Dialect(LogonDialect::Binance)));
        assert_eq!(venue("FIX.4.4", "DERIBITSERVER"), Some(FixVenue::Dialect(LogonDialect::Deribit)));
        assert_eq!(venue("FIX.4.2", "Coinbase"), Some(FixVenue::Dialect(LogonDialect::CoinbaseExchange)));
        assert_eq!(venue("FIX.4.4", "KRAKEN-TRD"), Some(FixVenue::Dialect(LogonDialect::Kraken)));
        assert_eq!(venue("FIXT.1.1", "COUNTERSIGN"), Some(FixVenue::Native));
        assert_eq!(venue("FIX.4.4", "spot"), None, "CompIDs are compared as they are");
        assert_eq!(venue("FIX.4.3", "SPOT"), None, "a version that is not spoken");
    }
}
