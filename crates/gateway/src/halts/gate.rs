//! The path of a request through the halts.
//!
//! While nothing is halted a read costs one load, a request that writes two loads and the mark of its lane. Who is halted is
//! looked up only while something is.
//!
//! # Security
//! Order of the parts matters and is that of `countersign_halt::lane`: mark, then read what holds; and once more before sending.
//! A [`Cleared`] keeps its mark until [`Cleared::sent`] or its end, so a barrier that is confirmed means what it says.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use countersign_core::{Detail, Monotonic, Permit, Purpose, Refusal, Reject, Risk, SessionId, VerifiedIdentity};
use countersign_dialects::risk::{self, Carriage, SignedText};
use countersign_halt::{Generation, HaltView, Hit, Lane, LaneHand, Subject, Unknown};
use parking_lot::Mutex;

use crate::authenticate::{Login, check_required};
use crate::clock;
use crate::connection::Connection;
use crate::routes::{Family, Route, RouteTarget};
use crate::worker::Worker;

/// Something holds: writes are looked at.
const LOOKS: u8 = 1;
/// Something cuts: reads are looked at, too.
const CUTS: u8 = 2;

/// What holds on this node.
#[derive(Debug, Default)]
pub struct Holding {
    /// The halts in force.
    pub view: HaltView,
    /// The rehearsal in force: counted, not enforced.
    pub shadow: HaltView,
    /// Why the halts are not to be relied on.
    pub unknown: Option<Unknown>,
    /// The epoch that these halts are of.
    pub epoch: u64,
}

impl Holding {
    fn flags(&self) -> u8 {
        let looks = !self.view.is_empty() || !self.shadow.is_empty() || self.unknown.is_some();
        (if looks { LOOKS } else { 0 }) | (if self.view.cuts_somebody() { CUTS } else { 0 })
    }
}

/// What every request asks.
#[derive(Debug)]
pub struct HaltGate {
    flags: AtomicU8,
    generation: Generation,
    holding: ArcSwap<Holding>,
    /// Until when orders pass on what was last read, in microseconds of the monotonic clock.
    lease_until: AtomicU64,
    /// Which lease that is, and the epoch of what holds: what a request that passes is let through by.
    lease_number: AtomicU64,
    epoch: AtomicU64,
    lanes: Mutex<Vec<Arc<Lane>>>,
    rehearsed: AtomicU64,
}

impl Default for HaltGate {
    /// Knows nothing, so nothing new passes.
    fn default() -> Self {
        let holding = Holding { unknown: Some(Unknown::NeverRead), ..Holding::default() };
        Self {
            flags: AtomicU8::new(holding.flags()),
            generation: Generation::default(),
            holding: ArcSwap::from_pointee(holding),
            lease_until: AtomicU64::new(0),
            lease_number: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            lanes: Mutex::default(),
            rehearsed: AtomicU64::new(0),
        }
    }
}

/// What is asked about a permitted request.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Its route.
    pub route: &'a Route,
    /// Who, if somebody logged in.
    pub identity: Option<&'a VerifiedIdentity>,
    /// On which native session.
    pub session: Option<SessionId>,
    /// Its signed bytes, where there are such.
    pub signed: Option<SignedText<'a>>,
}

impl<'a> Asked<'a> {
    /// A request of a login.
    #[must_use]
    pub fn of(route: &'a Route, login: Option<&'a Login>, signed: Option<SignedText<'a>>) -> Self {
        let session = login.and_then(|login| login.session.as_ref()).map(|session| session.sid);
        Self { route, identity: login.map(|login| &login.identity), session, signed }
    }

    fn purpose(&self) -> Option<Purpose> {
        purpose_of(self.identity, self.route.family)
    }
}

fn purpose_of(identity: Option<&VerifiedIdentity>, family: Family) -> Option<Purpose> {
    identity.map(VerifiedIdentity::purpose).or(match family {
        Family::Any => None,
        Family::Of(purpose) => Some(purpose),
    })
}

/// Permission to forward that no halt takes away, with the mark of its request. Only [`HaltGate::clear`] makes it.
#[derive(Debug)]
#[must_use]
pub struct Cleared {
    permit: Permit,
    risk: Risk,
    purpose: Option<Purpose>,
    session: Option<SessionId>,
    instrument: Option<Box<str>>,
    mark: Mark,
}

/// The mark of a request in its worker's lane, until it is sent or refused.
#[derive(Debug)]
struct Mark {
    lane: Option<Rc<LaneHand>>,
    generation: Cell<u64>,
    left: Cell<bool>,
    /// It was stopped when it was asked for last: whoever waits for better asks what holds, though nothing changed.
    stopped: Cell<bool>,
}

impl Mark {
    fn leave(&self) {
        if let Some(lane) = self.lane.as_ref().filter(|_| !self.left.replace(true)) {
            lane.leave(self.generation.get());
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Deref for Cleared {
    type Target = Permit;
    fn deref(&self) -> &Permit {
        &self.permit
    }
}

impl Cleared {
    /// The request is with the operating system: it does not hold a barrier up any more.
    pub fn sent(&self) {
        self.mark.leave();
    }

    /// What it can do to a position.
    #[must_use]
    pub const fn risk(&self) -> Risk {
        self.risk
    }

    fn subject(&self) -> Subject<'_> {
        let identity = self.permit.identity();
        Subject {
            purpose: self.purpose,
            account: identity.map(VerifiedIdentity::account),
            key: identity.map(VerifiedIdentity::key_id),
            session: self.session,
            instrument: self.instrument.as_deref(),
        }
    }
}

impl HaltGate {
    /// Lets a permitted request go on, or says which halt stops it. Nothing is forwarded and nothing is answered without this, so the
    /// certificate that a listener asks of everybody is looked for here once more: no door can forget it.
    ///
    /// # Errors
    /// [`Reject::CertificateUnacceptable`]; [`Reject::Halted`]; [`Reject::HaltUnknown`] when the node does not know its halts.
    pub fn clear(&self, worker: &Worker, connection: &Connection, permit: Permit, asked: Asked<'_>) -> Result<Cleared, Refusal> {
        check_required(worker, connection)?;
        self.clear_of_the_gone(worker, permit, asked)
    }

    /// As [`Self::clear`], for what is said in the name of a client that is gone, and with it its certificate: its orders are cancelled
    /// just when it is locked out.
    ///
    /// # Errors
    /// [`Reject::Halted`], [`Reject::HaltUnknown`].
    pub(crate) fn clear_of_the_gone(&self, worker: &Worker, permit: Permit, asked: Asked<'_>) -> Result<Cleared, Refusal> {
        let risk = asked.route.risk;
        let lane = risk.writes().then(|| Rc::clone(&worker.lane));
        let generation = lane.as_deref().map_or(0, |lane| self.generation.enter(lane));
        let mark = Mark { lane, generation: Cell::new(generation), left: Cell::new(false), stopped: Cell::new(false) };
        let mut cleared = Cleared { permit, risk, purpose: asked.purpose(), session: asked.session, instrument: None, mark };
        let flags = self.flags.load(Ordering::Acquire);
        if flags & (if risk.writes() { LOOKS } else { CUTS }) != 0 {
            self.look(&mut cleared, &asked)?;
        }
        Ok(cleared)
    }

    /// The slow way, while something holds.
    fn look(&self, cleared: &mut Cleared, asked: &Asked<'_>) -> Result<(), Refusal> {
        let holding = self.holding.load();
        if let Some(signed) = asked.signed {
            // The venue reads a request by its endpoint, whoever sends it.
            if let (true, Family::Of(purpose)) = (asked.route.is_refined, asked.route.family) {
                cleared.risk = risk::refine(purpose, carriage(asked.route), signed);
            }
            if let (true, Some(place)) = (holding.view.has_instruments(), asked.route.instrument) {
                cleared.instrument = risk::instrument(place, signed).map(String::into_boxed_str);
            }
        }
        if holding.shadow.decide(&cleared.subject(), cleared.risk).is_some() {
            self.rehearsed.fetch_add(1, Ordering::Relaxed);
        }
        decide(&holding, cleared)
    }

    /// Whether orders do not pass for want of a lease, whatever holds.
    #[must_use]
    pub fn lease_is_over(&self) -> bool {
        clock::mono().as_micros() >= self.lease_until.load(Ordering::Acquire)
    }

    /// Asks once more, at the last moment before sending.
    ///
    /// # Errors
    /// As [`Self::clear`].
    pub fn confirm(&self, cleared: &Cleared) -> Result<(), Refusal> {
        // Before the generation: what was published is published before its lease begins.
        let lease_until = self.lease_until.load(Ordering::Acquire);
        if let Some(lane) = cleared.mark.lane.as_deref() {
            let old = cleared.mark.generation.get();
            if self.generation.now() != old || cleared.mark.stopped.get() {
                // The new mark first: there is no moment without one.
                cleared.mark.generation.set(self.generation.enter(lane));
                lane.leave(old);
                let decided = decide(&self.holding.load(), cleared);
                cleared.mark.stopped.set(decided.is_err());
                decided?;
            }
            if cleared.risk >= Risk::Reduce && clock::mono().as_micros() >= lease_until {
                return Err(unknown(Unknown::LeaseOver));
            }
        }
        Ok(())
    }

    /// Whether somebody may log in, or stay: asked of logins and of open connections.
    ///
    /// # Errors
    /// [`Reject::Halted`] when a halt cuts them off.
    pub fn admit_presence(&self, identity: Option<&VerifiedIdentity>, family: Family, session: Option<SessionId>) -> Result<(), Refusal> {
        if self.flags.load(Ordering::Acquire) & CUTS == 0 {
            return Ok(());
        }
        match self.holding.load().view.decide(&subject_of(identity, family, session), Risk::Read) {
            Some(hit) => Err(halted(hit)),
            None => Ok(()),
        }
    }

    /// The strongest halt that covers somebody, whatever it stops: what a session is told.
    #[must_use]
    pub fn strongest(&self, identity: &VerifiedIdentity, session: Option<SessionId>) -> Option<Hit> {
        if self.flags.load(Ordering::Acquire) & LOOKS == 0 {
            return None;
        }
        self.holding.load().view.strongest(&subject_of(Some(identity), Family::Any, session))
    }

    /// Puts what holds in place; the generation to wait for.
    pub fn publish(&self, holding: Holding) -> u64 {
        let (flags, epoch) = (holding.flags(), holding.epoch);
        // Between these two a request may look though nothing holds any more, or pass by what holds: its mark is older than the
        // generation that follows, so it is asked again before it is sent, and the barrier waits for it.
        self.holding.store(Arc::new(holding));
        self.flags.store(flags, Ordering::SeqCst);
        let generation = self.generation.advance();
        // Last: whoever reads it and then asks once more meets the halts of it.
        self.epoch.store(epoch, Ordering::Release);
        generation
    }

    /// What holds.
    #[must_use]
    pub fn holding(&self) -> arc_swap::Guard<Arc<Holding>> {
        self.holding.load()
    }

    /// How often what holds changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.now()
    }

    /// Orders pass until then, by the lease of this number.
    pub fn set_lease(&self, until: Monotonic, number: u64) {
        self.lease_number.store(number, Ordering::Release);
        self.lease_until.store(until.as_micros(), Ordering::Release);
    }

    /// Until when orders pass.
    #[cfg(test)]
    pub(super) fn lease_until(&self) -> Monotonic {
        Monotonic::from_micros(self.lease_until.load(Ordering::Acquire))
    }

    /// The number of the lease and the epoch of the halts by which requests pass now.
    #[must_use]
    pub fn ground(&self) -> (u64, u64) {
        (self.lease_number.load(Ordering::Acquire), self.epoch.load(Ordering::Acquire))
    }

    /// Adds the lane of a worker.
    pub fn register(&self, hand: &LaneHand) {
        self.lanes.lock().push(hand.lane());
    }

    /// Whether no request of before this generation is under way.
    #[must_use]
    pub fn is_past(&self, generation: u64) -> bool {
        self.lanes.lock().iter().all(|lane| lane.is_past(generation))
    }

    /// How many requests that write are let in and not sent yet.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.lanes.lock().iter().map(|lane| lane.count()).sum()
    }

    /// How many requests a rehearsal would have refused, since the start.
    #[must_use]
    pub fn rehearsed(&self) -> u64 {
        self.rehearsed.load(Ordering::Relaxed)
    }
}

fn carriage(route: &Route) -> Carriage {
    match &route.target {
        RouteTarget::Http { .. } => Carriage::Http,
        RouteTarget::DialectMessage(..) | RouteTarget::FixMessage(_) | RouteTarget::NativeOp(_) | RouteTarget::WsMethod(_) => {
            Carriage::Message
        }
    }
}

fn subject_of(identity: Option<&VerifiedIdentity>, family: Family, session: Option<SessionId>) -> Subject<'_> {
    Subject {
        purpose: purpose_of(identity, family),
        account: identity.map(VerifiedIdentity::account),
        key: identity.map(VerifiedIdentity::key_id),
        session,
        instrument: None,
    }
}

fn decide(holding: &Holding, cleared: &Cleared) -> Result<(), Refusal> {
    if let Some(hit) = holding.view.decide(&cleared.subject(), cleared.risk) {
        return Err(halted(hit));
    }
    match holding.unknown {
        Some(why) if cleared.risk >= Risk::Reduce => Err(unknown(why)),
        Some(_) | None => Ok(()),
    }
}

/// What the client may know: which halt, how strong, why. The operator's words stay with operators.
fn halted(hit: Hit) -> Refusal {
    let names = vec![hit.id.to_string(), hit.action.name().to_owned(), hit.reason.name().to_owned()];
    Refusal::with(Reject::Halted, Detail::Names(names))
}

fn unknown(why: Unknown) -> Refusal {
    Refusal::operator(Reject::HaltUnknown, why.name())
}
