//! One application message: operation, permit, charge, record, upstream.

use std::sync::Arc;

use bytes::Bytes;
use countersign_core::rate::KeyCounters;
use countersign_core::{Access, Detail, Purpose, Refusal, Reject, Scope, Timestamp, authorize};
use countersign_dialects::answer::Charged;
use countersign_dialects::risk::SignedText;
use serde_json::value::RawValue;
use tokio_websockets::Message;

use super::Session;
use super::ending::Ending;
use crate::audit::{self, Subject};
use crate::authenticate::{check_required, required_end};
use crate::clock;
use crate::exchange::{self, Admitted};
use crate::halts::own::{self, HALT_OP, Wish};
use crate::halts::{Asked, Cleared};
use crate::native::carriage::Carriage;
use crate::native::message::Request;
use crate::routes::{Family, Route};

impl<C: Carriage + 'static> Session<C> {
    /// Forwards a message, or refuses it and goes on.
    pub(super) async fn on_message(&mut self, s: u64, body: &RawValue, frame: &Bytes) -> Result<(), Ending> {
        self.check_standing()?;
        let request = match Request::read(body) {
            Ok(request) => request,
            Err(refusal) => return self.refuse(&refusal, Some(s), None).await,
        };
        if request.op == HALT_OP {
            return self.halt_own(s, body, request.id()).await;
        }
        if let Err(refusal) = self.mirror_before(&request.op)? {
            return self.refuse(&refusal, Some(s), request.id()).await;
        }
        let outcome = match self.admit(&request, body) {
            Ok((route, permit)) => {
                let text = Message::text(frame.slice_ref(body.get().as_bytes()));
                self.forward(&route, permit, text).await
            }
            Err(refusal) => Err(refusal),
        };
        match outcome {
            Ok(()) => {
                self.streams.note(&request.op, body);
                self.unanswered = self.unanswered.saturating_add(u32::from(request.id().is_some()));
                Ok(())
            }
            Err(refusal) => self.refuse(&refusal, Some(s), request.id()).await,
        }
    }

    /// The client stops what is its own. Answered by us, like a reply of the venue.
    async fn halt_own(&mut self, s: u64, body: &RawValue, id: Option<&str>) -> Result<(), Ending> {
        let outcome = async {
            let login = self.login.as_ref().ok_or(Reject::Internal)?;
            let trades = Scope::parse(Scope::ORDER_WRITE).is_ok_and(|scope| self.contract.scopes.contains(&scope));
            if !trades {
                return Err(Refusal::with(Reject::ScopeMissing, Detail::Names(vec![Scope::ORDER_WRITE.to_owned()])));
            }
            let sid = login.session.as_ref().map(|session| session.sid);
            own::halt(&self.worker.shared.halts, Wish::read(body.get().as_bytes())?, &login.identity, sid).await
        }
        .await;
        match outcome {
            Ok(report) => {
                let re = id.map_or(serde_json::Value::Null, |id| serde_json::from_str(id).unwrap_or_default());
                let reply = serde_json::json!({ "re": re, "ok": true, "result": own::told(&report) }).to_string();
                let frame = self.machine.send(&reply, clock::now());
                self.mirror()?;
                Ok(self.line.feed(frame).await?)
            }
            Err(refusal) => self.refuse(&refusal, Some(s), id).await,
        }
    }

    /// Tells the client of the halt that covers it, when that changed; ends a session that a halt cuts off. Whoever is away is told when
    /// it is back.
    pub(super) async fn check_halts(&mut self) -> Result<(), Ending> {
        let Some(login) = &self.login else { return Ok(()) };
        let gate = self.worker.shared.halts.gate();
        let sid = login.session.as_ref().map(|session| session.sid);
        gate.admit_presence(Some(&login.identity), Family::NATIVE, sid).map_err(Ending::Fatal)?;
        if self.line.is_away() {
            return Ok(());
        }
        // HS-99
        let strongest = gate.strongest(&login.identity, sid);
        if strongest == self.told_halt {
            return Ok(());
        }
        let frame = match strongest {
            Some(hit) => countersign_session::frame::halt(&hit.id.to_string(), hit.action.name(), hit.reason.name()),
            None => countersign_session::frame::lift(),
        };
        self.told_halt = strongest;
        self.machine.note_sent(clock::now());
        self.line.feed(frame).await?;
        self.transmit().await
    }

    /// Whether the key may still be used. Costs one pointer comparison while credentials do not change.
    pub(super) fn check_standing(&mut self) -> Result<(), Ending> {
        // Who is away has no connection, and shows a certificate when it is back.
        if !self.line.is_away() {
            check_required(&self.worker, &self.connection).map_err(Ending::Fatal)?;
        }
        let current = self.worker.shared.credentials.load();
        let Some(login) = &mut self.login else { return Ok(()) };
        let is_over = login.identity.credential().not_after.is_some_and(|end| end <= clock::wall());
        if Arc::ptr_eq(&current, &self.checked) && !is_over {
            return Ok(());
        }
        let record = current.find(Purpose::Native, login.identity.key_id()).map(|entry| &entry.credential);
        login.identity = login.identity.recheck(record, Some(self.connection.remote.ip()), clock::wall()).map_err(Ending::Fatal)?;
        self.checked = Arc::clone(&current);
        Ok(())
    }

    /// When that is to be asked again, though nothing changes and the client says nothing.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        let of_certificate = if self.line.is_away() { None } else { required_end(&self.worker, &self.connection) };
        let of_key = self.login.as_ref().and_then(|login| login.identity.credential().not_after);
        of_certificate.into_iter().chain(of_key).min()
    }

    fn admit(&mut self, request: &Request<'_>, body: &RawValue) -> Result<(Arc<Route>, Cleared), Refusal> {
        let routes = self.worker.shared.routes.load();
        let route = Arc::clone(routes.find_native_op(&request.op).ok_or(Reject::RouteUnknown)?);
        let login = self.login.take().ok_or(Reject::Internal)?;
        let permit = authorize(&login.identity, Some(&self.contract.scopes), &route.requirement);
        let permit = permit.and_then(|permit| self.charge(&login.counters, &route).map(|usage| (permit, usage)));
        let signed = SignedText { query: b"", body: body.get().as_bytes() };
        let gate = self.worker.shared.halts.gate();
        let permit = permit.and_then(|(permit, usage)| {
            gate.clear(&self.worker, &self.connection, permit, Asked::of(&route, Some(&login), Some(signed))).map(|permit| (permit, usage))
        });
        let (permit, usage) = match permit {
            Ok(permitted) => permitted,
            Err(refusal) => {
                self.login = Some(login);
                return Err(refusal);
            }
        };
        let admitted = Admitted { permit, login: Some(login), usage };
        let recorded = self.record(&route, &admitted);
        self.login = admitted.login;
        recorded.map(|()| (route, admitted.permit))
    }

    /// Counters are the key's, limits the contract's.
    fn charge(&self, counters: &KeyCounters, route: &Route) -> Result<Charged, Refusal> {
        let mut words = exchange::words(&self.worker, Family::NATIVE);
        exchange::charge(counters, self.rate, route.weight, route.orders, &mut words)
    }

    fn record(&self, route: &Arc<Route>, admitted: &Admitted) -> Result<(), Refusal> {
        if only_reads(route) {
            self.worker.shared.metrics.accepted(Some(route.index));
            return Ok(());
        }
        audit::accepted(&self.worker, &self.connection, &Subject::message(Some(route)), admitted, self.worker.correlation.next())
    }

    pub(super) async fn forward(&mut self, route: &Route, permit: Cleared, text: Message) -> Result<(), Refusal> {
        let link = match self.links.find(&route.upstream) {
            Some(link) => link,
            None => {
                let session = self.login.as_ref().and_then(|login| login.session.as_ref());
                let (worker, connection) = (&self.worker, &self.connection);
                self.links.open(worker, connection, route.upstream, route.upstream, &permit, session, &self.head).await?
            }
        };
        self.links.send(&self.worker, link, permit, text).await
    }
}

/// Whether an operation changes nothing, as its scope says.
fn only_reads(route: &Route) -> bool {
    match &route.requirement.access {
        Access::Public => true,
        Access::Scoped(scope) => scope.as_str().ends_with(":read"),
    }
}
