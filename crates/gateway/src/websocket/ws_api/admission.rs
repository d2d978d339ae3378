//! From a frame to a permit, and out on the link of its key.

use std::sync::Arc;

use countersign_core::verify::check_window;
use countersign_core::{ApiKeyId, Freshness, Purpose, Refusal, Reject, Timestamp, VerifiedIdentity, authorize, permit_public};
use countersign_dialects::answer::Charged;
use countersign_dialects::binance::listen_key::{Action, ListenKey};
use countersign_dialects::binance::rate::RateLimitView;
use countersign_dialects::binance::routes::{WsHandling, WsMethod};
use countersign_dialects::binance::ws_api::{Frame, Step, freshness};
use countersign_dialects::risk::SignedText;
use countersign_dialects::weight::Found;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_websockets::Message;

use super::Open;
use super::pending::Pending;
use crate::audit::{self, Subject};
use crate::authenticate::{Login, check_required, required_end, verify_presented};
use crate::clock;
use crate::exchange::{Admitted, charge, charge_source};
use crate::halts::{Asked, Cleared};
use crate::listen_keys;
use crate::routes::{Route, RouteTarget};
use crate::websocket::farewell::Farewell;
use crate::websocket::links::LinkId;

/// Where the WebSocket API of USD-M futures is: only there is a listen key asked for. At spot the venue switched them off.
const FUTURES: &str = "/ws-fapi/v1";
/// What asking for a listen key weighs, as at the venue.
const LISTEN_KEY_WEIGHT: u32 = 5;

/// Who a message is from.
pub(super) enum Who {
    Key(Box<Login>),
    Nobody,
}

/// What a link is for. The scopes are part of it: the upstream was told them when the link was opened.
#[derive(Debug)]
pub(super) enum LinkKey {
    Key(VerifiedIdentity),
    Public,
}

impl PartialEq for LinkKey {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Key(one), Self::Key(two)) => one.credential().id == two.credential().id && one.scopes() == two.scopes(),
            (Self::Public, Self::Public) => true,
            (Self::Key(_), Self::Public) | (Self::Public, Self::Key(_)) => false,
        }
    }
}

impl LinkKey {
    fn of(who: &Who) -> Self {
        match who {
            Who::Key(login) => Self::Key(login.identity.clone()),
            Who::Nobody => Self::Public,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Open<'_, S> {
    /// Carries out the verification that a step asks for.
    pub(super) fn verify<'f>(&mut self, step: Step<'f>) -> (Step<'f>, Who) {
        let Step::Verify(pending) = step else { return (step, Who::Nobody) };
        let method = pending.method();
        let freshness = pending.freshness();
        let verified = verify_presented(self.worker, self.connection, &pending.presented).and_then(|mut login| {
            login.freshness = freshness;
            if method.handling == WsHandling::Logon {
                // A logon ends here, so all that a forwarded message meets on its way is asked now.
                self.admit_logon(login, method)
            } else {
                Ok(login)
            }
        });
        let now = clock::wall();
        match verified {
            Ok(login) => {
                self.connection.note_authenticated(login.identity.account());
                self.client.set_message_bytes_max(self.worker.shared.settings.limits.websocket_message_bytes_max);
                let identity = login.identity.clone();
                (self.session.conclude(pending, Ok(identity), now), Who::Key(Box::new(login)))
            }
            Err(refusal) => (self.session.conclude(pending, Err(refusal), now), Who::Nobody),
        }
    }

    fn admit_logon(&mut self, login: Login, method: &WsMethod) -> Result<Login, Refusal> {
        let rate = login.identity.credential().rate;
        let usage = charge(&login.counters, rate, method.weight.of(|_| Found::Absent), method.orders, &mut self.words)?;
        let permit = authorize(&login.identity, None, &self.route.requirement)?;
        let permit =
            self.worker.shared.halts.gate().clear(self.worker, self.connection, permit, Asked::of(&self.route, Some(&login), None))?;
        let admitted = Admitted { permit, login: Some(login), usage };
        audit::accepted(self.worker, self.connection, &Subject::message(Some(&self.route)), &admitted, self.correlation)?;
        admitted.login.ok_or_else(|| Reject::Internal.into())
    }

    /// Does what is asked of a listen key. Nobody proved anything, so it is charged to the connection, and to where that is from.
    pub(super) fn listen_key(&mut self, action: Action, key_id: &ApiKeyId) -> Result<Option<ListenKey>, Refusal> {
        if !matches!(&self.route.target, RouteTarget::Http { path, .. } if path.as_str() == FUTURES) {
            return Err(Reject::RouteUnknown.into());
        }
        let (counters, rate) = self.own_limits();
        charge(&counters, rate, LISTEN_KEY_WEIGHT, 0, &mut self.words)?;
        charge_source(self.worker, self.connection, LISTEN_KEY_WEIGHT)?;
        listen_keys::act(self.worker, self.connection, (action, key_id), self.worker.correlation.next())
    }

    /// Whether the connection still has the certificate that is asked of everybody; before every frame, too.
    pub(super) fn recheck_connection(&mut self) -> Result<(), Farewell> {
        check_required(self.worker, self.connection).map_err(|refusal| {
            self.note_refused(&refusal);
            Farewell::REVOKED
        })
    }

    /// Whether the key logged on may still be used; asked before every frame.
    pub(super) fn recheck_session(&self) -> Result<(), Refusal> {
        match self.session.identity() {
            Some(identity) => self.who_in_session(identity).map(drop),
            None => Ok(()),
        }
    }

    /// The key logged on, as it is now.
    pub(super) fn who_in_session(&self, identity: &VerifiedIdentity) -> Result<Who, Refusal> {
        let table = self.worker.shared.credentials.load();
        let entry = table.find(Purpose::Binance, identity.key_id());
        let identity = identity.recheck(entry.map(|entry| &entry.credential), Some(self.connection.remote.ip()), clock::wall())?;
        let counters = entry.map(|entry| Arc::clone(&entry.counters)).unwrap_or_default();
        Ok(Who::Key(Box::new(Login::new(identity, Freshness::Channel, counters))))
    }

    /// Ends links whose key may no longer be used. If one had a user data stream, or its key is gone, the client must notice.
    pub(super) fn recheck_links(&mut self) -> Result<(), Farewell> {
        self.recheck_connection()?;
        let gate = self.worker.shared.halts.gate();
        let cut = |identity: Option<&VerifiedIdentity>| gate.admit_presence(identity, self.route.family, None).is_err();
        let of_link = |key: &LinkKey| match key {
            LinkKey::Key(identity) => cut(Some(identity)),
            LinkKey::Public => false,
        };
        if cut(self.session.identity()) || self.links.iter().any(|(_, key)| of_link(key)) {
            self.note_refused(&Reject::Halted.into());
            return Err(Farewell::HALTED);
        }
        let fallen: Vec<LinkId> = self
            .links
            .iter()
            .filter(|(_, key)| match key {
                LinkKey::Key(identity) => self.who_in_session(identity).is_err(),
                LinkKey::Public => false,
            })
            .map(|(link, _)| link)
            .collect();
        for link in fallen {
            if !self.waiting.is_idle(link) {
                self.note_refused(&Reject::KeyRevoked.into());
                return Err(Farewell::REVOKED);
            }
            self.links.remove(link);
        }
        Ok(())
    }

    /// When that is to be asked again, though nothing changes and the client says nothing: it may be listening only.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        let table = self.worker.shared.credentials.load();
        let of_keys = self.links.iter().filter_map(|(_, key)| match key {
            LinkKey::Key(identity) => table.end_of(identity),
            LinkKey::Public => None,
        });
        required_end(self.worker, self.connection).into_iter().chain(of_keys).min()
    }

    /// Forwards a message under the key logged on; `fresh` where its timestamp must still be in its window.
    pub(super) async fn forward_fresh(
        &mut self,
        frame: &Frame<'_>,
        method: &'static WsMethod,
        who: Who,
        message: &Message,
        fresh: bool,
    ) -> Result<(), (Refusal, Who)> {
        let mut who = who;
        if fresh && let Who::Key(login) = &mut who {
            match freshness(frame) {
                Ok(window) => login.freshness = window,
                Err(fault) => return Err((fault.into(), who)),
            }
        }
        self.forward(frame, method, who, message).await
    }

    /// Forwards a message, or says why not and to whom.
    pub(super) async fn forward(
        &mut self,
        frame: &Frame<'_>,
        method: &'static WsMethod,
        who: Who,
        message: &Message,
    ) -> Result<(), (Refusal, Who)> {
        let routes = self.worker.shared.routes.load_full();
        let route = match self.check_room().and_then(|()| routes.find_ws_method(method.name).ok_or_else(|| Reject::RouteUnknown.into())) {
            Ok(route) => route,
            Err(refusal) => return Err((refusal, who)),
        };
        let key = LinkKey::of(&who);
        let admitted = match self.admit(frame, route, who, message) {
            Ok(admitted) => admitted,
            Err(refused) => return Err(refused),
        };
        let freshness = admitted.login.as_ref().map_or(Freshness::Channel, |login| login.freshness);
        let limits = self.view_of(&admitted);
        let outcome = self.send(route, key, method, admitted.permit, freshness, message).await;
        let who = admitted.login.map_or(Who::Nobody, |login| Who::Key(Box::new(login)));
        match outcome {
            Ok(link) => {
                let id = frame.id.as_json().into();
                self.waiting.push(Pending { link, id, method, limits, since: Instant::now() });
                Ok(())
            }
            Err(refusal) => Err((refusal, who)),
        }
    }

    fn check_room(&self) -> Result<(), Refusal> {
        if self.draining {
            return Err(Reject::Draining.into());
        }
        if self.waiting.is_full() {
            return Err(Refusal::operator(Reject::Busy, "too many messages of one connection wait for an answer"));
        }
        Ok(())
    }

    /// Permit, charge, record.
    fn admit(&mut self, frame: &Frame<'_>, route: &Arc<Route>, who: Who, message: &Message) -> Result<Admitted, (Refusal, Who)> {
        let permit = match &who {
            Who::Key(login) => authorize(&login.identity, None, &route.requirement),
            Who::Nobody => permit_public(&route.requirement),
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(refusal) => return Err((refusal, who)),
        };
        let usage = match self.charge(frame, route, &who) {
            Ok(usage) => usage,
            Err(refusal) => return Err((refusal, who)),
        };
        let login = match who {
            Who::Key(login) => Some(*login),
            Who::Nobody => None,
        };
        let signed = SignedText { query: b"", body: message.as_text().unwrap_or_default().as_bytes() };
        let permit = match self.worker.shared.halts.gate().clear(
            self.worker,
            self.connection,
            permit,
            Asked::of(route, login.as_ref(), Some(signed)),
        ) {
            Ok(permit) => permit,
            Err(refusal) => return Err((refusal, login.map_or(Who::Nobody, |login| Who::Key(Box::new(login))))),
        };
        let admitted = Admitted { permit, login, usage };
        match audit::accepted(self.worker, self.connection, &Subject::message(Some(route)), &admitted, self.correlation) {
            Ok(()) => Ok(admitted),
            Err(refusal) => Err((refusal, admitted.login.map_or(Who::Nobody, |login| Who::Key(Box::new(login))))),
        }
    }

    fn charge(&mut self, frame: &Frame<'_>, route: &Route, who: &Who) -> Result<Charged, Refusal> {
        let (counters, rate) = match who {
            Who::Key(login) => (Arc::clone(&login.counters), login.identity.credential().rate),
            Who::Nobody => self.own_limits(),
        };
        let weight = route.weight_of(|name| Found::in_object(&frame.params, name));
        let usage = charge(&counters, rate, weight, route.orders, &mut self.words)?;
        if let Who::Nobody = who {
            charge_source(self.worker, self.connection, weight)?;
        }
        Ok(usage)
    }

    fn view_of(&self, admitted: &Admitted) -> RateLimitView {
        let limits = admitted.login.as_ref().map_or_else(|| self.own_limits().1, |login| login.identity.credential().rate);
        let used_weight = admitted.usage.weight.map_or(0, |usage| usage.used);
        RateLimitView { limits, used_weight, order_count: admitted.usage.orders.map(|usage| usage.used) }
    }

    async fn send(
        &mut self,
        route: &Route,
        key: LinkKey,
        method: &WsMethod,
        permit: Cleared,
        freshness: Freshness,
        message: &Message,
    ) -> Result<LinkId, Refusal> {
        let link = match self.link_for(&key, method) {
            Some(link) => link,
            None => {
                self.make_room();
                self.links.open(self.worker, self.connection, key, route.upstream, &permit, None, &self.head).await?
            }
        };
        // The last moment: opening a link takes time, and a signed window is short.
        check_window(freshness, clock::wall())?;
        self.links.send(self.worker, link, permit, message.clone()).await?;
        Ok(link)
    }

    /// The open link of a key. What is about subscriptions goes where they are.
    fn link_for(&self, key: &LinkKey, method: &WsMethod) -> Option<LinkId> {
        let about_streams = matches!(method.name, "session.subscriptions" | "userDataStream.unsubscribe");
        let stream = if about_streams { self.waiting.stream() } else { None };
        stream.or_else(|| self.links.find(key))
    }

    /// Ends an idle link when there is no room for another.
    fn make_room(&mut self) {
        if self.links.is_full() {
            let idle = self.links.iter().map(|(link, _)| link).find(|link| self.waiting.is_idle(*link));
            if let Some(link) = idle {
                self.links.remove(link);
            }
        }
    }
}
