//! What becomes of the orders of a session whose node is lost: said when it opens, carried out by whoever has it next.
//!
//! ```text
//!   session opens, cancels when it is lost ─▶ will, beside its journals ─▶ it ends in order: forgotten
//!   node lost ─▶ lease over ─▶ the client logs on at another node ──▶ carried out, then the client is let in
//!                        └───▶ nobody comes: another node looks ────▶ journals claimed, carried out, given back
//! ```
//!
//! Why not by a connection and identity apart: orders that the lost node had sent may still be on their way in that session
//! ([`cancelling`](super::bridge)). So whoever carries it out owns the session, logs on under its name, and asks there.
//!
//! A venue that does not answer is asked again, later and later: the will stays until it was carried out, or the venue refused for good. So
//! does that of a session which ended here and could not cancel.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use countersign_core::{AccountId, ApiKeyId, CredentialId, Freshness, Purpose, Refusal, Reject, Scopes, SessionId, Timestamp, inherit};
use countersign_fix::{CompId, SessionName, Version};
use countersign_handshake::encoding;
use countersign_session::{CancelScope, OrderClass};
use countersign_store::BridgeJournals;
use serde_json::{Value, json};

use super::bridge::{Orders, Question};
use super::logon::LoggedOn;
use super::open::Holder;
use super::profile::Profile;
use super::sessions::UpstreamName;
use crate::authenticate::{Login, SessionRef};
use crate::cancelled::{Cancelled, Executed, ask_until_answered};
use crate::config::Settings;
use crate::connection::{Connection, ConnectionFacts};
use crate::worker::Worker;

/// A will, as it is written.
#[derive(Clone, Debug)]
pub(super) struct Will {
    scope: CancelScope,
    pub(super) account: AccountId,
    pub(super) client: SessionName,
    /// The upstream by its name: nodes may number theirs differently.
    upstream: (String, SessionName),
    appl_ver_id: Option<String>,
    purpose: Purpose,
    key_id: ApiKeyId,
    credential: CredentialId,
    verified: Timestamp,
    sid: SessionId,
    /// Contract hash and scopes of a native session.
    native: Option<([u8; 32], Scopes)>,
    remote: SocketAddr,
    since: Timestamp,
}

impl Will {
    /// That of a session, as its last Logon has it.
    fn of(settings: &Settings, scope: CancelScope, session: &Facts<'_>) -> Self {
        let identity = &session.login.identity;
        Self {
            scope,
            account: identity.account().clone(),
            client: session.client.clone(),
            upstream: (settings.upstreams[session.upstream.upstream].name.clone(), session.upstream.name.clone()),
            appl_ver_id: session.profile.appl_ver_id.map(str::to_owned),
            purpose: identity.purpose(),
            key_id: identity.key_id().clone(),
            credential: identity.credential().id.clone(),
            verified: identity.verified_at(),
            sid: session.holder.sid,
            native: session.login.session.as_ref().map(|session| (session.ch, session.granted.clone())),
            remote: session.holder.remote,
            since: session.holder.since,
        }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let name = |name: &SessionName| json!([name.version.begin_string(), name.comp_id.as_str(), name.peer.as_str()]);
        let native = self.native.as_ref().map(|(ch, scopes)| json!([encoding::encode(ch), scopes.to_string()]));
        json!({
            "cancel": self.scope.name(),
            "account": self.account.as_str(),
            "client": name(&self.client),
            "at": self.upstream.0,
            "as": name(&self.upstream.1),
            "appl": self.appl_ver_id,
            "purpose": self.purpose.name(),
            "key": self.key_id.as_str(),
            "cred": self.credential.as_str(),
            "verified": self.verified.as_micros(),
            "sid": self.sid.to_string(),
            "native": native,
            "remote": self.remote.to_string(),
            "since": self.since.as_micros(),
        })
        .to_string()
        .into_bytes()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let will: Value = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| will[name].as_str();
        let time = |name: &str| will[name].as_u64().map(Timestamp::from_micros);
        let name = |name: &str| {
            let part = |place: usize| will[name][place].as_str().map(str::as_bytes);
            let comp_id = |place| CompId::parse(part(place)?).ok();
            Some(SessionName { version: Version::of(part(0)?)?, comp_id: comp_id(1)?, peer: comp_id(2)? })
        };
        let native = &will["native"];
        let native = if native.is_null() {
            None
        } else {
            Some((encoding::decode_array(native[0].as_str()?)?, Scopes::parse(native[1].as_str()?).ok()?))
        };
        Some(Self {
            scope: CancelScope::parse(text("cancel")?)?,
            account: AccountId::parse(text("account")?).ok()?,
            client: name("client")?,
            upstream: (text("at")?.to_owned(), name("as")?),
            appl_ver_id: text("appl").map(str::to_owned),
            purpose: Purpose::parse(text("purpose")?)?,
            key_id: ApiKeyId::parse(text("key")?).ok()?,
            credential: CredentialId::parse(text("cred")?).ok()?,
            verified: time("verified")?,
            sid: SessionId::parse(text("sid")?)?,
            native,
            remote: text("remote")?.parse().ok()?,
            since: time("since")?,
        })
    }

    /// Whether another will of the same session, with these terms, would do the same to the orders that this one is about.
    fn has_terms(&self, scope: CancelScope, login: &Login, profile: &Profile) -> bool {
        let identity = &login.identity;
        self.scope == scope
            && self.purpose == identity.purpose()
            && self.key_id == *identity.key_id()
            && self.credential == identity.credential().id
            && self.appl_ver_id.as_deref() == profile.appl_ver_id
            && self.native.as_ref().map(|(_, scopes)| scopes) == login.session.as_ref().map(|session| &session.granted)
    }

    /// The session at the upstream; none where this node has no upstream of that name.
    pub(super) fn upstream(&self, settings: &Settings) -> Option<UpstreamName> {
        let upstream = settings.upstreams.iter().position(|upstream| upstream.name == self.upstream.0)?;
        Some(UpstreamName { upstream, account: None, name: self.upstream.1.clone() })
    }

    /// Cancels, and puts it on record. The session is this node's, and nobody is logged on under its name.
    pub(super) async fn carry_out(&self, worker: &Rc<Worker>, journals: &BridgeJournals) -> Executed {
        let facts = ConnectionFacts::of_another_node(worker.correlation.next(), self.remote, self.since);
        let connection = Rc::new(Connection::of_facts(facts));
        let login = self.login(worker);
        let orders = self.orders(journals.lost_at());
        let ask = async |orders| match &login {
            Ok(login) => ask_until_answered(|_| self.ask(orders, worker, &connection, login, journals)).await,
            Err(refusal) => Err(refusal.clone()),
        };
        let (mut scope, mut why, mut outcome) = (self.scope, "node lost", ask(orders).await);
        if matches!(orders, Orders::AccountBefore(_)) && outcome.as_ref().is_err_and(|refusal| refusal.reject == Reject::Unsupported) {
            (scope, why) = (CancelScope::Session, "node lost, and the venue does not tell orders of the account by their time");
            outcome = ask(Orders::Session).await;
        }
        let identity = login.as_ref().ok().map(|login| &login.identity);
        let (class, session) = (OrderClass::All, Some(self.sid));
        Cancelled { scope, class, why, outcome: &outcome, identity, session }.record(worker, &connection);
        Executed::of(&outcome)
    }

    /// Other sessions of the account may have placed orders since its node was lost, which nobody agreed to cancel.
    fn orders(&self, lost: Option<Timestamp>) -> Orders<'static> {
        match (self.scope, lost) {
            (CancelScope::Account, Some(lost)) => Orders::AccountBefore(lost),
            (CancelScope::Account, None) => Orders::Account,
            (CancelScope::Nothing | CancelScope::Session, _) => Orders::Session,
        }
    }

    async fn ask(
        &self,
        orders: Orders<'_>,
        worker: &Rc<Worker>,
        connection: &Rc<Connection>,
        login: &Login,
        journals: &BridgeJournals,
    ) -> Result<usize, Refusal> {
        let settings = &worker.shared.settings;
        let here = |what: &str| Refusal::operator(Reject::Internal, format!("this node has no {what} of the lost session"));
        let upstream = self.upstream(settings).ok_or_else(|| here("upstream"))?;
        let SessionName { version, comp_id, .. } = &self.client;
        let profile = Profile::of_another_node(&settings.fix, *version, comp_id.clone(), self.appl_ver_id.as_deref());
        let profile = profile.ok_or_else(|| here("CompID"))?;
        let question = Question { login, upstream: &upstream, profile: &profile, orders };
        question.put(worker, connection, journals).await.map(|answered| answered.orders)
    }

    fn login(&self, worker: &Worker) -> Result<Login, Refusal> {
        let table = worker.shared.credentials.load();
        let entry = table.find(self.purpose, &self.key_id);
        let identity = inherit((self.purpose, &self.credential), entry.map(|entry| &entry.credential), self.verified)?;
        let counters = entry.map(|entry| entry.counters.clone()).unwrap_or_default();
        let session = self.native.clone().map(|(ch, granted)| SessionRef { sid: self.sid, ch, granted });
        Ok(Login { session, ..Login::new(identity, Freshness::Channel, counters) })
    }
}

/// What a will is made of.
pub(super) struct Facts<'s> {
    pub(super) holder: &'s Holder,
    pub(super) login: &'s Login,
    pub(super) client: &'s SessionName,
    pub(super) upstream: &'s UpstreamName,
    pub(super) profile: &'s Profile,
}

/// Says what is to be done with its orders when this node is lost. Orders at the embedded venue are lost with it.
///
/// # Errors
/// The database's.
pub(super) async fn leave(worker: &Worker, scope: CancelScope, facts: &Facts<'_>, journals: &BridgeJournals) -> Result<(), Refusal> {
    if !is_wanted(scope, facts.upstream) {
        if journals.went_on() {
            journals.drop_will().await;
        }
        return Ok(());
    }
    let will = Will::of(&worker.shared.settings, scope, facts).write();
    if journals.is_behind() && Terms::of(scope, facts.login, facts.upstream, facts.profile, journals).await == Terms::Standing {
        journals.leave_will_later(&will).await;
        return Ok(());
    }
    journals.leave_will(&will).await.map_err(|error| Refusal::operator(Reject::StoreUnavailable, error.to_string()))
}

const fn is_wanted(scope: CancelScope, upstream: &UpstreamName) -> bool {
    !matches!(scope, CancelScope::Nothing) && upstream.account.is_none()
}

/// What a Logon agreed on for the loss of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Terms {
    /// Nothing that is to be written.
    Nothing,
    /// The database certainly has a will that says it. Until it can be written anew it covers all orders of the session: no others are
    /// taken without the database.
    Standing,
    /// It is to be written.
    Unwritten,
}

impl Terms {
    async fn of(scope: CancelScope, login: &Login, upstream: &UpstreamName, profile: &Profile, journals: &BridgeJournals) -> Self {
        if !is_wanted(scope, upstream) {
            return Self::Nothing;
        }
        let standing = journals.standing_will().await.and_then(|will| Will::read(&will));
        if standing.is_some_and(|standing| standing.has_terms(scope, login, profile)) { Self::Standing } else { Self::Unwritten }
    }
}

/// Whether a session that ended while the database was away goes on where it was, if that is how it was opened (ADR 0048).
///
/// # Errors
/// The database is needed for what this Logon agreed on, or for numbers that begin anew at the venue.
pub(super) async fn may_go_on(
    resets: bool,
    logged_on: &LoggedOn,
    upstream: &UpstreamName,
    profile: &Profile,
    journals: &BridgeJournals,
) -> Result<(), Refusal> {
    if !journals.went_on() {
        return Ok(());
    }
    let terms = Terms::of(logged_on.policy.scope, &logged_on.login, upstream, profile, journals).await;
    match needs_database(resets, terms) {
        Some(why) => Err(Refusal::operator(Reject::StoreUnavailable, format!("the database that nodes share does not answer, and {why}"))),
        None => Ok(()),
    }
}

/// Why a Logon cannot do without the database, if it cannot.
const fn needs_database(resets: bool, terms: Terms) -> Option<&'static str> {
    match terms {
        _ if resets => Some("the session at the upstream would begin anew"),
        Terms::Unwritten => Some("what this Logon agreed on for the loss of its node cannot be written"),
        Terms::Nothing | Terms::Standing => None,
    }
}

/// Carries out what the last owner of these journals left, if it left anything.
///
/// # Errors
/// The venue does not answer, or the will cannot be read here: its orders may rest, so nobody is let in. The store's.
pub(super) async fn settle(worker: &Rc<Worker>, journals: &mut BridgeJournals) -> Result<(), Refusal> {
    let Some(will) = journals.will().map(Will::read) else { return Ok(()) };
    let unreadable = || Refusal::operator(Reject::StoreUnavailable, "what a lost node left to be done with the orders cannot be read here");
    let executed = will.ok_or_else(unreadable)?.carry_out(worker, journals).await;
    if executed == Executed::NotYet {
        return Err(Refusal::operator(Reject::UpstreamUnavailable, "the orders of this session before it was lost are not cancelled yet"));
    }
    let failed = |error: &dyn std::fmt::Display| Refusal::operator(Reject::StoreUnavailable, error.to_string());
    journals.forget_will().await.map_err(|error| failed(&error))?;
    // The question was put under numbers that these do not know of.
    *journals = journals.reopen().await.map_err(|error| failed(&error))?;
    Ok(())
}

/// How long a node leaves a will alone that it could not carry out: `attempt` counts from 0.
pub(super) fn pause(attempt: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(PAUSE_MAX)
}

/// The first pause: the lease that the attempt took, in which the venue may be back.
const PAUSE_FIRST: Duration = countersign_store::limits::FIX_LEASE;

/// No pause is longer: whoever mends a venue does not wait for us.
const PAUSE_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
