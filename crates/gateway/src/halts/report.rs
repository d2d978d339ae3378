//! The wire form for operators.

use std::collections::BTreeSet;

use countersign_halt::{Action, Entry};
use serde::{Deserialize, Serialize};

/// `POST /v1/halts`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaltRequest {
    /// Whom: `venue`, `account:NAME`, …
    pub scope: String,
    /// How: `cancel-only`, `deny-new`, `freeze`, `disconnect`.
    pub action: String,
    /// Why, as a code.
    pub reason: String,
    /// Why, in words for operators.
    #[serde(default)]
    pub text: String,
    /// When somebody must look again, Unix milliseconds.
    #[serde(default)]
    pub review_by_ms: Option<u64>,
    /// Whether venues are asked to cancel the resting orders of whoever it covers.
    #[serde(default)]
    pub cancel: bool,
}

/// What became of a halt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaltReport {
    /// Its name.
    pub id: String,
    /// The epoch it is committed under; `None` when the store could not be written: it is in force all the same, and the node goes
    /// on trying.
    pub epoch: Option<u64>,
    /// Microseconds from the request until every new request on this node met it.
    pub enforced_us: u64,
    /// Microseconds until it was on the disk.
    pub committed_us: Option<u64>,
    /// Microseconds until no request of before it was under way at this node any more; `None` when some still are.
    pub barrier_us: Option<u64>,
    /// Microseconds until that was so at every node, or its lease over; `None` when it is not, and when the halt is not committed: the
    /// other nodes need not know of it then.
    #[serde(default)]
    pub confirmed_us: Option<u64>,
    /// The nodes that share the halts, this one first.
    #[serde(default)]
    pub nodes: Vec<NodeLine>,
    /// Whether a halt that is as strong was in force already; then it is that one.
    pub was_in_force: bool,
    /// That one as it is: its reason, words and review hold, and not those that were asked for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<HaltLine>,
    /// That nobody has the name that was given, in words. The halt holds all the same, for whoever comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nobody: Option<String>,
}

impl HaltReport {
    /// Of a halt of which nothing else is known yet.
    pub(crate) fn of(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }
}

/// One process of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLine {
    /// Its name; `?` stands for nodes that nobody can name yet, because the database has forgotten who there is.
    pub node: String,
    /// `acked`: it is past what is asked about; `lapsed`: it was silent until its lease was over, and passes no orders; `waiting`: neither.
    pub state: String,
}

/// One halt in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaltLine {
    /// Its name.
    pub id: String,
    /// Whom.
    pub scope: String,
    /// How strong it is now.
    pub action: String,
    /// How strong it began.
    pub raised_as: String,
    /// Why.
    pub reason: String,
    /// In words.
    pub text: String,
    /// Who.
    pub by: String,
    /// Since when, Unix milliseconds.
    pub at_ms: u64,
    /// When somebody must look again, Unix milliseconds.
    pub review_by_ms: Option<u64>,
    /// The epoch it was committed under; 0 when it is not yet.
    pub epoch: u64,
    /// What became of the resting orders, where it was to cancel them, at all nodes. The latest of them are remembered; the audit log has all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelLine>,
}

/// What became of resting orders, at all nodes together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelLine {
    /// Whether every node is through with it: all questions are answered or given up.
    pub done: bool,
    /// Accounts and sessions that venues are asked for.
    pub asked: u64,
    /// Those of them for which a venue has confirmed.
    pub confirmed: u64,
    /// Orders that venues say they cancelled.
    pub orders: u64,
    /// How many could not be confirmed: orders may rest there.
    pub unconfirmed: u64,
    /// The first of those, with the reason.
    pub faults: Vec<CancelFault>,
    /// Nodes that still wait for requests of before the halt: nobody is asked there yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
    /// Nodes where such requests were still under way when venues were asked: what they place may rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<String>,
    /// Nodes that have not said anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<String>,
    /// Nodes whose answer cannot be read here: it is of a newer program, or damaged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// The database lost it in a failover, and the process where it was said is gone: nobody tells it again, and what is counted here is
    /// the last that was known. Whoever wants orders cancelled says it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// Why the other nodes are not told yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
    /// Why it is not known what the other nodes say now: the database does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// How far a node is with a halt that cancels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelStage {
    /// Venues are asked.
    Asking,
    /// All questions are answered or given up.
    Done,
    /// Requests of before the halt are under way.
    #[default]
    Waiting,
}

/// What one process of a node says of a halt that cancels. Nodes tell it each other by the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelPart {
    /// How far it is.
    pub stage: CancelStage,
    /// As [`CancelLine::late`].
    pub late: bool,
    /// As [`CancelLine::asked`].
    pub asked: u64,
    /// As [`CancelLine::confirmed`].
    pub confirmed: u64,
    /// As [`CancelLine::orders`].
    pub orders: u64,
    /// As [`CancelLine::unconfirmed`].
    pub unconfirmed: u64,
    /// As [`CancelLine::faults`].
    pub faults: Vec<CancelFault>,
    /// Who has to answer, as far as this process knows.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub expects: BTreeSet<String>,
    /// Sessions for which a venue has confirmed, the first of them: whoever goes on with one does not ask again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sessions: BTreeSet<String>,
    /// As [`CancelLine::unreadable`]: of what is read here, and never told.
    #[serde(skip)]
    pub unreadable: bool,
}

impl CancelPart {
    /// One question that came to nothing. The count has all, the list the first `shown`.
    pub(super) fn fail(&mut self, whom: &str, why: String, shown: usize) {
        self.unconfirmed += 1;
        if self.faults.len() < shown {
            self.faults.push(CancelFault { whom: whom.to_owned(), why });
        }
    }
}

/// One question that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelFault {
    /// The account, or the session.
    pub whom: String,
    /// Why.
    pub why: String,
}

impl HaltLine {
    pub(super) fn new(entry: &Entry, level: Action) -> Self {
        let halt = &entry.halt;
        Self {
            id: halt.id.to_string(),
            scope: halt.scope.to_string(),
            action: level.name().to_owned(),
            raised_as: halt.action.name().to_owned(),
            reason: halt.reason.name().to_owned(),
            text: halt.text.to_string(),
            by: halt.by.to_string(),
            at_ms: halt.at.as_millis(),
            review_by_ms: halt.review_by.map(countersign_core::Timestamp::as_millis),
            epoch: entry.raised,
            cancel: None,
        }
    }
}

/// `GET /v1/halts`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaltStatus {
    /// The node that answers.
    pub node: String,
    /// The epoch it knows.
    pub epoch: u64,
    /// Whether it relies on what it knows; else why not.
    pub unknown: Option<String>,
    /// Milliseconds that its lease still holds.
    pub lease_ms: u64,
    /// As of when the database's word is known here, Unix milliseconds: later changes are known only as far as they were heard or made
    /// here. `None` when it was not read since the start, and from a gateway of before.
    #[serde(default)]
    pub read_ms: Option<u64>,
    /// Whether no request of before the latest change is under way, at any node.
    pub confirmed: bool,
    /// The nodes that share the halts, this one first, and whether each is past the latest change.
    #[serde(default)]
    pub nodes: Vec<NodeLine>,
    /// How many operators must sign a lift of the wide scopes, of how many.
    pub quorum: (usize, usize),
    /// Who they are, as `NAME:KEY` of the configuration; `None` from a gateway of before, which does not say.
    #[serde(default)]
    pub operators: Option<Vec<String>>,
    /// How many of the halts somebody was to look at again by now.
    #[serde(default)]
    pub reviews_overdue: usize,
    /// What is in force.
    pub halts: Vec<HaltLine>,
}

impl HaltStatus {
    /// Whether nobody is named who lifts.
    #[must_use]
    pub const fn is_unliftable(&self) -> bool {
        self.quorum.1 == 0
    }
}

/// `POST /v1/lifts`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftRequest {
    /// Names of halts.
    pub halts: Vec<String>,
    /// What is to be left; `None` for nothing.
    #[serde(default)]
    pub to: Option<String>,
    /// Why.
    pub reason: String,
}

/// `POST /v1/lifts/{id}/signatures`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureRequest {
    /// Whose.
    pub operator: String,
    /// Ed25519, base64url.
    pub signature: String,
}

/// A lift as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftReport {
    /// Its name.
    pub id: String,
    /// What is signed, as text.
    pub payload: String,
    /// Words that operators read to each other.
    pub check_words: String,
    /// Who signed.
    pub signed_by: Vec<String>,
    /// How many must.
    pub needed: usize,
    /// Until when, Unix milliseconds.
    pub expires_ms: u64,
    /// The halts it names, as they are now.
    pub halts: Vec<HaltLine>,
    /// Why it cannot be applied as things are.
    pub obstacle: Option<String>,
    /// The epoch it was applied under.
    pub applied: Option<u64>,
}

/// `POST /v1/drills`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillRequest {
    /// Whom it rehearses.
    pub scope: String,
    /// With which action.
    pub action: String,
}

/// What a rehearsal came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillReport {
    /// Its epoch among the rehearsals.
    pub epoch: u64,
    /// As [`HaltReport::enforced_us`].
    pub enforced_us: u64,
    /// As [`HaltReport::committed_us`].
    pub committed_us: u64,
    /// As [`HaltReport::barrier_us`].
    pub barrier_us: Option<u64>,
    /// As [`HaltReport::confirmed_us`], but that a node which says nothing is not given up: it is named.
    #[serde(default)]
    pub confirmed_us: Option<u64>,
    /// Requests that it would have refused, at all nodes.
    pub would_refuse: u64,
    /// The nodes that share the halts, this one first, and what it would have stopped at each.
    #[serde(default)]
    pub nodes: Vec<DrillLine>,
}

/// One process of one node in a rehearsal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillLine {
    /// Its name; `?` as in [`NodeLine::node`].
    pub node: String,
    /// `acked`: it was past the rehearsal; `waiting`: something of before was under way for too long; `silent`: it did not answer.
    pub state: String,
    /// What it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<DrillPart>,
}

/// What a process says of a rehearsal. Nodes tell it each other by the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillPart {
    /// As [`HaltReport::enforced_us`], from when it heard of it.
    pub enforced_us: u64,
    /// As [`HaltReport::barrier_us`], from when it heard of it.
    pub barrier_us: Option<u64>,
    /// Requests that it would have refused.
    pub would_refuse: u64,
    /// Requests that write and were let in, and not sent yet, when it was in force.
    pub under_way: u64,
    /// Native and FIX sessions that it covers.
    pub sessions: u64,
    /// Accounts and sessions that venues would be asked for with `--cancel`; of accounts the node where it was said asks.
    pub cancels: u64,
}
