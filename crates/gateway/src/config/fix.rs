//! `[fix]`: FIX sessions on the public port.

use std::time::Duration;

use countersign_fix::session::{AdminFields, ResendPolicy, ResetPolicy, Routing};
use countersign_fix::{CompId, LogonDialect};

use super::raw::Origin;
use super::reader::Reader;
use crate::fix::FixVenue;

/// FIX sessions.
#[derive(Clone, Debug)]
pub struct FixSettings {
    /// Whether FIX is spoken.
    pub enabled: bool,
    /// Our CompIDs, by the venue whose Logon comes to them.
    comp_ids: Vec<(FixVenue, Vec<String>)>,
    /// Shortest HeartBtInt.
    pub heartbeat_min: Duration,
    /// Longest HeartBtInt.
    pub heartbeat_max: Duration,
    /// When a client may reset sequence numbers.
    pub reset: ResetPolicy,
    /// What is sent again to a client that missed it.
    pub resend: ResendPolicy,
    /// Whether clients may name third parties.
    pub routing: Routing,
    /// Whether session messages may have fields that the standard does not give them.
    pub admin_fields: AdminFields,
    /// Our CompIDs at which anybody gets public market data.
    pub public_market_data: Vec<String>,
}

impl FixSettings {
    /// The venue whose rules a Logon for this CompID is under.
    #[must_use]
    pub fn venue_of(&self, comp_id: &str) -> Option<FixVenue> {
        self.comp_ids.iter().find(|(_, names)| names.iter().any(|name| name == comp_id)).map(|(venue, _)| *venue)
    }
}

/// SenderCompID of ours at an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixSender {
    /// `account:client`.
    AccountAndClient,
    /// The client's.
    Client,
}

/// A CompID.
pub(super) fn comp_id(text: &str) -> Result<String, String> {
    CompId::parse(text.as_bytes()).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Key, meaning and default of a venue's CompIDs.
const fn key(venue: FixVenue) -> (&'static str, &'static str, &'static [&'static str]) {
    match venue {
        FixVenue::Dialect(LogonDialect::Binance) => {
            ("binance", "TargetCompIDs of Logons signed as at Binance (Ed25519 over the header).", &["SPOT"])
        }
        FixVenue::Dialect(LogonDialect::CoinbaseExchange) => {
            ("coinbase_exchange", "TargetCompIDs of Logons signed as at Coinbase Exchange.", &["Coinbase"])
        }
        FixVenue::Dialect(LogonDialect::Deribit) => ("deribit", "TargetCompIDs of Logons signed as at Deribit.", &["DERIBITSERVER"]),
        FixVenue::Dialect(LogonDialect::Kraken) => ("kraken", "TargetCompIDs of Logons signed as at Kraken.", &["KRAKEN-TRD", "KRAKEN-MD"]),
        FixVenue::Native => (
            "native",
            "TargetCompIDs of Logons with a native token in RawData, or with the certificate of their connection.",
            &["COUNTERSIGN"],
        ),
    }
}

/// Reads the section.
pub(super) fn read(mut keys: Reader<'_>) -> FixSettings {
    let enabled =
        keys.boolean("enabled", "Whether FIX 4.2, 4.4 and FIXT 1.1 are spoken on the public port; told by the first bytes.", true);
    let comp_ids = comp_ids(&mut keys);
    let (heartbeat_min, heartbeat_max) = heartbeats(&mut keys);
    let reset = keys.choice(
        "reset",
        "When ResetSeqNumFlag is granted to clients: on a connection's Logon, also within a session, or never.",
        &[("at-logon", ResetPolicy::AtLogon), ("within", ResetPolicy::AtLogonAndWithin), ("never", ResetPolicy::Never)],
    );
    let resend = keys.choice(
        "resend",
        "What a client gets for messages that it missed: the messages, or a gap fill.",
        &[("messages", ResendPolicy::Resend), ("gap-fill", ResendPolicy::GapFill)],
    );
    let routing = keys.choice(
        "routing",
        "Whether clients may name third parties (OnBehalfOfCompID, DeliverToCompID): then the venue decides whom they may speak for.",
        &[("refuse", Routing::Refuse), ("allow", Routing::Allow)],
    );
    let admin_fields = keys.choice(
        "admin_fields",
        "Whether session messages other than Logon may have fields that the standard does not give them, as clients of venues send them.",
        &[("lenient", AdminFields::Lenient), ("strict", AdminFields::Strict)],
    );
    let public_market_data = public_market_data(&mut keys, &comp_ids);
    FixSettings { enabled, comp_ids, heartbeat_min, heartbeat_max, reset, resend, routing, admin_fields, public_market_data }
}

/// Our CompIDs, each of one venue.
fn comp_ids(keys: &mut Reader<'_>) -> Vec<(FixVenue, Vec<String>)> {
    let mut comp_ids: Vec<(FixVenue, Vec<String>)> = Vec::new();
    for venue in FixVenue::ALL {
        let (name, about, default) = key(venue);
        let written = keys.origin_of(name).unwrap_or(Origin::Default);
        let names = keys.list_or(name, about, &default.join(", "), comp_id);
        let names = names.unwrap_or_else(|| default.iter().map(|name| (*name).to_owned()).collect());
        let taken = names.iter().find(|name| comp_ids.iter().any(|(_, others)| others.contains(name)));
        if let Some(taken) = taken {
            keys.report().problem(&written, &format!("fix.{name}"), format!("\"{taken}\" is the CompID of another venue's Logons"));
        }
        comp_ids.push((venue, names));
    }
    comp_ids
}

/// The shortest and the longest HeartBtInt.
fn heartbeats(keys: &mut Reader<'_>) -> (Duration, Duration) {
    let seconds = Duration::from_secs;
    let written = keys.origin_of("heartbeat_min").or_else(|| keys.origin_of("heartbeat_max")).unwrap_or(Origin::Default);
    let min = keys.duration("heartbeat_min", "Shortest HeartBtInt accepted, in whole seconds.", seconds(1), seconds(1)..=seconds(60));
    let max = keys.duration(
        "heartbeat_max",
        "Longest HeartBtInt accepted: a dead peer is found after 2.4 times this.",
        seconds(120),
        seconds(1)..=seconds(600),
    );
    if min > max {
        keys.report().problem(&written, "fix.heartbeat_min", "is longer than fix.heartbeat_max: no Logon could be accepted");
    }
    (min, max)
}

/// CompIDs at which nobody has to say who they are; only Kraken's Logons may be without.
fn public_market_data(keys: &mut Reader<'_>, comp_ids: &[(FixVenue, Vec<String>)]) -> Vec<String> {
    let names = keys.list_or(
        "public_market_data",
        "TargetCompIDs of Kraken's Logons that are let in without credentials, for market data alone. Whoever is meant by it must be \
         anybody: the venue then sees sessions PUBLIC-n without an identity.",
        "none",
        comp_id,
    );
    let names = names.unwrap_or_default();
    let of_kraken = |name: &String| {
        let kraken = FixVenue::Dialect(LogonDialect::Kraken);
        comp_ids.iter().any(|(venue, names)| *venue == kraken && names.contains(name))
    };
    if let Some(name) = names.iter().find(|name| !of_kraken(name)) {
        let written = keys.origin_of("public_market_data").unwrap_or(Origin::Default);
        keys.report().problem(
            &written,
            "fix.public_market_data",
            format!("\"{name}\" is not in fix.kraken: no other venue has such Logons"),
        );
    }
    names
}
