//! Whom a halt covers, as a list of questions to venues.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::{AccountId, CancelPermit, Credential, Purpose, Refusal, Reject, SessionId, authorize_mass_cancel};
use countersign_halt::HaltScope;

use super::follow::is_of_here;
use crate::fix::open::OpenFix;
use crate::native::cancel_question::OPERATION;
use crate::native::sessions::{CarriageKind, OpenSession};
use crate::shared::Shared;

/// One question.
pub(in crate::halts) struct Target {
    pub(in crate::halts) whom: Whom,
    /// Of this instrument only.
    pub(super) instrument: Option<Box<str>>,
}

/// Whose orders.
pub(in crate::halts) enum Whom {
    /// All of an account.
    Account(Result<CancelPermit, Refusal>),
    /// Of an open FIX session, asked in it.
    Fix(Arc<OpenFix>),
    /// Of an open native session.
    Native { permit: Result<CancelPermit, Refusal>, sid: SessionId, ch: [u8; 32] },
}

impl Target {
    /// The name for operators.
    pub(super) fn name(&self) -> String {
        match &self.whom {
            Whom::Account(Ok(permit)) => format!("account {}", permit.account()),
            Whom::Account(Err(_)) => "account ?".to_owned(),
            Whom::Fix(session) => format!("FIX session {}", session.holder().sid),
            Whom::Native { sid, .. } => format!("session {sid}"),
        }
    }
}

impl Target {
    /// The native session, if it is one.
    pub(super) const fn sid(&self) -> Option<SessionId> {
        match &self.whom {
            Whom::Native { sid, .. } => Some(*sid),
            Whom::Account(_) | Whom::Fix(_) => None,
        }
    }
}

/// All questions of a halt: for the sessions of this node, and for accounts where that is wanted.
pub(in crate::halts) fn of(shared: &Shared, scope: &HaltScope, with_accounts: bool) -> Vec<Target> {
    let instrument = match scope {
        HaltScope::Instrument(name) => Some(name.clone()),
        HaltScope::Account(_)
        | HaltScope::Dialect(_)
        | HaltScope::Key(_)
        | HaltScope::Node(_)
        | HaltScope::Session(_)
        | HaltScope::Venue => None,
    };
    let accounts = if with_accounts { accounts(shared, scope) } else { Vec::new() };
    let whom = accounts.into_iter().chain(native_sessions(shared, scope)).chain(fix_sessions(shared, scope));
    whom.map(|whom| Target { whom, instrument: instrument.clone() }).collect()
}

/// How many native and FIX sessions of this node a halt covers: whom a `disconnect` cuts, and whose orders are refused.
pub(in crate::halts) fn sessions(shared: &Shared, scope: &HaltScope) -> usize {
    let covers = |session: &OpenSession| match scope {
        HaltScope::Account(account) => session.account == *account,
        HaltScope::Dialect(purpose) => *purpose == Purpose::Native,
        HaltScope::Key(key) => session.key_id == *key,
        HaltScope::Node(_) => is_of_here(shared, scope),
        HaltScope::Session(sid) => session.sid == *sid,
        HaltScope::Instrument(_) | HaltScope::Venue => true,
    };
    // A native session over FIX is its FIX session, too.
    let native = shared.sessions.open().iter().filter(|session| session.carriage != CarriageKind::Fix && covers(session)).count();
    native + fix_sessions(shared, scope).len()
}

/// One key for each account that is covered and may trade.
fn accounts(shared: &Shared, scope: &HaltScope) -> Vec<Whom> {
    let covers = |credential: &Credential| match scope {
        HaltScope::Account(account) => credential.account == *account,
        HaltScope::Dialect(purpose) => credential.purpose == *purpose,
        HaltScope::Instrument(_) | HaltScope::Node(_) | HaltScope::Venue => true,
        // Of these only what they do in sessions can be told from the rest of their account.
        HaltScope::Key(_) | HaltScope::Session(_) => false,
    };
    let table = shared.credentials.load();
    let mut found: BTreeMap<AccountId, CancelPermit> = BTreeMap::new();
    for credential in table.iter().filter(|credential| covers(credential)) {
        if found.contains_key(&credential.account) {
            continue;
        }
        match permit(shared, credential) {
            Ok(permit) => drop(found.insert(credential.account.clone(), permit)),
            // Another key of the account may.
            Err(refusal) if refusal.reject == Reject::ScopeMissing => {}
            // Nobody can be asked for.
            Err(refusal) => return vec![Whom::Account(Err(refusal))],
        }
    }
    found.into_values().map(|permit| Whom::Account(Ok(permit))).collect()
}

fn permit(shared: &Shared, credential: &Arc<Credential>) -> Result<CancelPermit, Refusal> {
    let routes = shared.routes.load();
    let unknown = || Refusal::operator(Reject::RouteUnknown, "no route leads to a venue that can be asked to cancel");
    authorize_mass_cancel(credential, &routes.find_native_op(OPERATION).ok_or_else(unknown)?.requirement)
}

fn native_sessions(shared: &Shared, scope: &HaltScope) -> Vec<Whom> {
    let open = shared.sessions.open();
    open.iter().filter(|session| covers(scope, session)).map(|session| native(shared, session)).collect()
}

/// The question for a session that came here while a halt was in force, if the halt covers it.
pub(super) fn of_arrived(shared: &Shared, scope: &HaltScope, session: &OpenSession) -> Option<Target> {
    covers(scope, session).then(|| Target { whom: native(shared, session), instrument: None })
}

fn covers(scope: &HaltScope, session: &OpenSession) -> bool {
    let named = match scope {
        HaltScope::Key(key) => session.key_id == *key,
        HaltScope::Session(sid) => session.sid == *sid,
        // Their orders are their accounts'.
        HaltScope::Account(_) | HaltScope::Dialect(_) | HaltScope::Instrument(_) | HaltScope::Node(_) | HaltScope::Venue => false,
    };
    // The orders of a session over FIX are known by its FIX session.
    named && session.carriage != CarriageKind::Fix
}

fn native(shared: &Shared, session: &OpenSession) -> Whom {
    let table = shared.credentials.load();
    let gone = || Refusal::operator(Reject::UnknownKey, "the key of the session is not there any more");
    let permit = table.find(Purpose::Native, &session.key_id).ok_or_else(gone).and_then(|entry| permit(shared, &entry.credential));
    let ch = countersign_handshake::encoding::decode_array(&session.ch());
    match ch {
        Some(ch) => Whom::Native { permit, sid: session.sid, ch },
        None => Whom::Account(Err(Refusal::operator(Reject::Internal, "a session without a contract hash"))),
    }
}

fn fix_sessions(shared: &Shared, scope: &HaltScope) -> Vec<Whom> {
    let covers = |session: &OpenFix| {
        let holder = session.holder();
        match scope {
            HaltScope::Account(account) => holder.account == *account,
            HaltScope::Dialect(purpose) => holder.purpose == *purpose,
            HaltScope::Instrument(_) | HaltScope::Venue => true,
            HaltScope::Node(_) => is_of_here(shared, scope),
            HaltScope::Key(key) => holder.key_id == *key,
            HaltScope::Session(sid) => holder.sid == *sid,
        }
    };
    shared.fix_sessions.all().into_iter().filter(|session| covers(session)).map(Whom::Fix).collect()
}
