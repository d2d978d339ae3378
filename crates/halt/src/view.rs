//! The halts in force, arranged for the question "may this pass?".

use std::collections::HashMap;

use countersign_core::{AccountId, ApiKeyId, Purpose, Risk, SessionId};

use crate::action::Action;
use crate::halt::{HaltId, Reason};
use crate::scope::HaltScope;
use crate::set::HaltSet;

/// The halt that stops a request: what its client may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which.
    pub id: HaltId,
    /// How strong it is now.
    pub action: Action,
    /// Why.
    pub reason: Reason,
}

/// The coordinates of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'s> {
    /// Family of the credentials, or of the route where nobody logged in.
    pub purpose: Option<Purpose>,
    /// Whose; `None` when nobody logged in.
    pub account: Option<&'s AccountId>,
    /// By which key.
    pub key: Option<&'s ApiKeyId>,
    /// On which native session.
    pub session: Option<SessionId>,
    /// The instrument, if it can be told from the signed bytes. Ask for it only when [`HaltView::has_instruments`].
    pub instrument: Option<&'s str>,
}

/// Halts in force by scope; the strongest of each.
#[derive(Clone, Debug, Default)]
pub struct HaltView {
    everybody: Option<Hit>,
    dialects: Vec<(Purpose, Hit)>,
    accounts: HashMap<AccountId, Hit>,
    keys: HashMap<ApiKeyId, Hit>,
    /// By clients: a name is that of another firm's key, too, where that is for another venue.
    own_keys: HashMap<AccountId, HashMap<ApiKeyId, Hit>>,
    sessions: HashMap<SessionId, Hit>,
    instruments: HashMap<Box<str>, Hit>,
    any_instrument: Option<Hit>,
}

fn stronger(known: Option<Hit>, hit: Hit) -> Option<Hit> {
    match known {
        Some(known) if known.action >= hit.action => Some(known),
        Some(_) | None => Some(hit),
    }
}

fn put<K: std::hash::Hash + Eq + Clone>(map: &mut HashMap<K, Hit>, key: &K, hit: Hit) {
    if let Some(strongest) = stronger(map.get(key).copied(), hit) {
        map.insert(key.clone(), strongest);
    }
}

impl HaltView {
    /// Arranges what is in force on a node of this name.
    #[must_use]
    pub fn compile(set: &HaltSet, node: &str) -> Self {
        let mut view = Self::default();
        for (entry, action) in set.in_force() {
            let halt = &entry.halt;
            let hit = Hit { id: halt.id, action, reason: halt.reason };
            match &halt.scope {
                HaltScope::Account(account) => put(&mut view.accounts, account, hit),
                HaltScope::Dialect(purpose) => match view.dialects.iter_mut().find(|(known, _)| known == purpose) {
                    Some((_, known)) => *known = stronger(Some(*known), hit).unwrap_or(hit),
                    None => view.dialects.push((*purpose, hit)),
                },
                HaltScope::Instrument(name) => {
                    put(&mut view.instruments, &name.to_ascii_uppercase().into_boxed_str(), hit);
                    view.any_instrument = stronger(view.any_instrument, hit);
                }
                HaltScope::Key(key) => match halt.by.client() {
                    Some(account) => put(view.own_keys.entry(account.clone()).or_default(), key, hit),
                    None => put(&mut view.keys, key, hit),
                },
                HaltScope::Node(name) if **name == *node => view.everybody = stronger(view.everybody, hit),
                HaltScope::Node(_) => {}
                HaltScope::Session(sid) => put(&mut view.sessions, sid, hit),
                HaltScope::Venue => view.everybody = stronger(view.everybody, hit),
            }
        }
        view
    }

    /// Whether nothing is in force here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.everybody.is_none()
            && self.dialects.is_empty()
            && self.accounts.is_empty()
            && self.keys.is_empty()
            && self.own_keys.is_empty()
            && self.sessions.is_empty()
            && self.instruments.is_empty()
    }

    /// Whether the instrument of a request matters.
    #[must_use]
    pub fn has_instruments(&self) -> bool {
        !self.instruments.is_empty()
    }

    /// Whether something in force stops reads: then connections are to be looked at.
    #[must_use]
    pub fn cuts_somebody(&self) -> bool {
        let cuts = |hit: &Hit| hit.action == Action::Disconnect;
        self.everybody.as_ref().is_some_and(cuts)
            || self.dialects.iter().any(|(_, hit)| cuts(hit))
            || self.accounts.values().any(cuts)
            || self.keys.values().any(cuts)
            || self.own_keys.values().flat_map(HashMap::values).any(cuts)
            || self.sessions.values().any(cuts)
    }

    /// The strongest halt that covers a request and stops its risk.
    ///
    /// # Security
    /// A request that writes and whose instrument is not known is stopped by every halt of an instrument: the halt may be for it.
    #[must_use]
    pub fn decide(&self, subject: &Subject<'_>, risk: Risk) -> Option<Hit> {
        let dialect = |purpose: Purpose| self.dialects.iter().find(|(known, _)| *known == purpose).map(|(_, hit)| *hit);
        let instrument = match subject.instrument.filter(|_| self.has_instruments()) {
            // Some venues take a name in any case.
            Some(name) => self.instruments.get(&*name.to_ascii_uppercase()).copied(),
            None => self.any_instrument.filter(|_| risk.writes()),
        };
        [
            self.everybody,
            subject.purpose.and_then(dialect),
            subject.account.and_then(|account| self.accounts.get(account).copied()),
            subject.key.and_then(|key| self.keys.get(key).copied()),
            subject.account.zip(subject.key).and_then(|(account, key)| self.own_keys.get(account)?.get(key).copied()),
            subject.session.and_then(|sid| self.sessions.get(&sid).copied()),
            instrument,
        ]
        .into_iter()
        .flatten()
        .filter(|hit| hit.action.stops(risk))
        .max_by_key(|hit| hit.action)
    }

    /// The halts that cover a client's own key, account or session, or everybody: what a session is told.
    #[must_use]
    pub fn strongest(&self, subject: &Subject<'_>) -> Option<Hit> {
        self.decide(&Subject { instrument: Some(""), ..*subject }, Risk::Increase)
    }
}
