//! The decision about one request: rule, proof, permit, rate. No sockets, no runtime, no clock of its own.

use std::net::IpAddr;
use std::sync::Arc;

use countersign_core::{
    Access, ApiKeyId, MemoryNonceGuard, MemoryReplayGuard, NonceGuard, Now, Presented, Purpose, Refusal, Reject, ReplayGuard,
    VerifiedIdentity, VerifyContext, authorize_needing, permit_public, verify,
};
use countersign_dialects::answer::{Charged, Counter, UnknownKeyAnswer};
use countersign_dialects::{
    Answer, AnswerContext, Dialect, Header, Headers as _, HttpAnswer, RequestView, Security, body_form, head_fields, method_override,
    order_count,
};
use http::header::HOST;
use http::request::Parts;

use crate::clock::{Clock, SystemClock};
use crate::credentials::{Credentials, Registered};
use crate::limits::BODY_BYTES_MAX;
use crate::rules::{Rule, Rules};
use crate::verified::{ClientAddress, Verified};

/// Decides who may do what, as clients of one exchange log in. Cheap to clone.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

/// What a gate is made of.
struct Inner {
    dialect: &'static dyn Dialect,
    rules: Rules,
    credentials: Arc<dyn Credentials>,
    clock: Arc<dyn Clock>,
    replay: Arc<dyn ReplayGuard>,
    nonces: Arc<dyn NonceGuard>,
    authorities: Vec<String>,
    unknown_key: UnknownKeyAnswer,
    body_bytes_max: usize,
}

/// A refusal with its answer in the venue's words.
#[derive(Clone, Debug)]
pub struct Refused {
    /// For the operator's log.
    pub refusal: Refusal,
    /// For the client.
    pub answer: HttpAnswer,
}

/// What came of a request that passes.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) verified: Verified,
    /// Headers for the answer: what the key has used, as the venue tells it.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// Makes a [`Gate`].
#[must_use]
pub struct GateBuilder(Inner);

impl Gate {
    /// A gate for the clients of one exchange, with the system's clock and guards in memory.
    ///
    /// # Security
    /// Guards in memory forget at a restart and know nothing of other processes: a signed order could be accepted once by each. With
    /// more than one process, or where that matters at a restart, bring your own ([`GateBuilder::replay`], [`GateBuilder::nonces`]).
    pub fn builder(dialect: &'static dyn Dialect, rules: Rules, credentials: Arc<dyn Credentials>) -> GateBuilder {
        GateBuilder(Inner {
            dialect,
            rules,
            credentials,
            clock: Arc::new(SystemClock),
            replay: Arc::new(MemoryReplayGuard::default()),
            nonces: Arc::new(MemoryNonceGuard::default()),
            authorities: Vec::new(),
            unknown_key: UnknownKeyAnswer::default(),
            body_bytes_max: BODY_BYTES_MAX,
        })
    }

    /// The rule of a request.
    pub(crate) fn rule(&self, head: &Parts) -> Result<&Rule, Refusal> {
        let rule = self.0.rules.find(head.method.as_str(), head.uri.path().as_bytes());
        rule.ok_or_else(|| Reject::RouteUnknown.into())
    }

    pub(crate) fn body_bytes_max(&self) -> usize {
        self.0.body_bytes_max
    }

    /// Judges a request with its whole body: what the layer does, for those who have no tower.
    ///
    /// # Errors
    /// [`Refused`], with the answer to send.
    pub fn judge(&self, head: &Parts, body: &[u8]) -> Result<Verified, Box<Refused>> {
        let judged = self.rule(head).map_err(|refusal| self.refused(refusal, None)).and_then(|rule| self.judge_by(rule, head, body));
        judged.map(|passed| passed.verified)
    }

    /// Judges a request by its rule.
    pub(crate) fn judge_by(&self, rule: &Rule, head: &Parts, body: &[u8]) -> Result<Passed, Box<Refused>> {
        let now = self.0.clock.now();
        let mut words = AnswerContext { unknown_key: self.0.unknown_key, now: now.wall, ..AnswerContext::default() };
        let outcome = self.passes(rule, head, body, now, &mut words);
        outcome.map_err(|refusal| self.refused(refusal, Some(words)))
    }

    fn passes(&self, rule: &Rule, head: &Parts, body: &[u8], now: Now, words: &mut AnswerContext) -> Result<Passed, Refusal> {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let view = |host| RequestView { method: head.method.as_str(), target: target.as_bytes(), headers: &head.headers, body, host };
        method_override::check_headers(&head.headers)?;
        method_override::check(&view(None))?;
        head_fields::check(&head.headers)?;
        if rule.requirement().access == Access::Public {
            return Ok(Passed { verified: Verified::new(permit_public(rule.requirement())?), headers: Vec::new() });
        }
        let ClientAddress(address) = head
            .extensions
            .get()
            .copied()
            .ok_or_else(|| Refusal::operator(Reject::Internal, "the request has no ClientAddress: allow-lists cannot be checked"))?;
        let host = self.host(head)?;
        let request = view(host.as_deref());
        words.echo = self.0.dialect.echo(&request);
        let (identity, registered) = self.authenticate(&request, address, now)?;
        let permit = authorize_needing(&identity, None, rule.requirement(), self.0.dialect.scope(&request)?)?;
        body_form::check(self.0.dialect.purpose(), &request)?;
        let orders = order_count::of_request(self.0.dialect.purpose(), &request, rule.route().orders);
        let weight = rule.route().weight_of(request.query());
        let charged = charge(&registered, (weight, orders), now, words)?;
        let headers = self.0.dialect.rate_headers(&charged, words).into_iter().map(|(name, value)| (name, value.into_owned()));
        Ok(Passed { verified: Verified::new(permit), headers: headers.collect() })
    }

    /// The one authority of the request if it is one of ours; nothing without a list, and dialects that sign it then refuse.
    fn host(&self, head: &Parts) -> Result<Option<String>, Refusal> {
        if self.0.authorities.is_empty() {
            return Ok(None);
        }
        let named = match (head.headers.find(HOST.as_str()), head.uri.authority()) {
            (Header::Once(host), None) => std::str::from_utf8(host).ok(),
            (Header::Absent, Some(authority)) => Some(authority.as_str()),
            (Header::Once(host), Some(authority)) => {
                Some(authority.as_str()).filter(|authority| authority.as_bytes().eq_ignore_ascii_case(host))
            }
            (Header::Absent, None) | (Header::Repeated, _) => None,
        };
        let ours = named.filter(|named| self.0.authorities.iter().any(|ours| ours.eq_ignore_ascii_case(named)));
        ours.map(|host| Some(host.to_owned())).ok_or_else(|| Reject::HostMismatch.into())
    }

    fn authenticate(&self, request: &RequestView<'_>, address: IpAddr, now: Now) -> Result<(VerifiedIdentity, Registered), Refusal> {
        let presented = match self.0.dialect.present(request, Security::Signed) {
            Answer::Presented(presented) => presented,
            Answer::Malformed(refusal) => return Err(refusal),
            Answer::NotMine => return Err(Reject::MissingCredentials.into()),
            Answer::Token { .. } => return Err(Refusal::operator(Reject::TokenInvalid, "this layer gives out no tokens")),
        };
        let found = self.find(presented.purpose, &presented.key_id)?;
        match if found.is_some() { None } else { self.0.dialect.present_otherwise(request) } {
            Some(otherwise) => {
                let found = self.find(otherwise.purpose, &otherwise.key_id)?;
                self.verify(&otherwise, found, address, now)
            }
            None => self.verify(&presented, found, address, now),
        }
    }

    fn find(&self, purpose: Purpose, key_id: &ApiKeyId) -> Result<Option<Registered>, Refusal> {
        self.0.credentials.find(purpose, key_id)
    }

    fn verify(
        &self,
        presented: &Presented<'_>,
        found: Option<Registered>,
        address: IpAddr,
        now: Now,
    ) -> Result<(VerifiedIdentity, Registered), Refusal> {
        let context = VerifyContext { now, remote: Some(address), replay: self.0.replay.as_ref(), nonces: self.0.nonces.as_ref() };
        let identity = verify(presented, found.as_ref().map(|registered| &registered.credential), &context)?;
        let registered = found.ok_or_else(|| Refusal::operator(Reject::Internal, "an identity without a credential"))?;
        Ok((identity, registered))
    }

    /// A refusal with its answer.
    pub(crate) fn refused(&self, refusal: Refusal, words: Option<AnswerContext>) -> Box<Refused> {
        let words = words.unwrap_or_else(|| AnswerContext {
            unknown_key: self.0.unknown_key,
            now: self.0.clock.now().wall,
            ..AnswerContext::default()
        });
        let answer = self.0.dialect.refuse(&refusal, &words);
        Box::new(Refused { refusal, answer })
    }
}

/// Charges the key. As at the gateway: after the proof, so that nobody can use up the limits of another's key.
fn charge(registered: &Registered, (weight, orders): (u32, u32), now: Now, words: &mut AnswerContext) -> Result<Charged, Refusal> {
    let (rate, counters) = (registered.credential.rate, &registered.counters);
    (words.limits, words.counter) = (rate, Counter::Weight);
    let weight = counters.weight.charge(weight, rate.weight_per_minute.get(), now.wall)?;
    if orders == 0 {
        return Ok(Charged { weight: Some(weight), orders: None });
    }
    words.counter = Counter::Orders;
    let orders = counters.orders.charge(orders, rate.orders_per_10s.get(), now.wall)?;
    Ok(Charged { weight: Some(weight), orders: Some(orders) })
}

impl GateBuilder {
    /// Another clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// Another memory of what was accepted once.
    pub fn replay(mut self, replay: Arc<dyn ReplayGuard>) -> Self {
        self.0.replay = replay;
        self
    }

    /// Another memory of increasing nonces.
    pub fn nonces(mut self, nonces: Arc<dyn NonceGuard>) -> Self {
        self.0.nonces = nonces;
        self
    }

    /// The host names (with a port where clients send one) that the service is reached by. Requests for others are refused; without a
    /// list, dialects that sign the host (Coinbase) refuse all requests.
    pub fn authorities(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.authorities = names.into_iter().map(Into::into).collect();
        self
    }

    /// What an unknown key is told.
    ///
    /// # Security
    /// [`UnknownKeyAnswer::AsVenue`] tells anybody which keys exist.
    pub fn unknown_key(mut self, answer: UnknownKeyAnswer) -> Self {
        self.0.unknown_key = answer;
        self
    }

    /// Longest body of a signed request; [`BODY_BYTES_MAX`] unless set.
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.0.body_bytes_max = bytes;
        self
    }

    /// The gate.
    #[must_use]
    pub fn build(self) -> Gate {
        Gate(Arc::new(self.0))
    }
}
