//! From a frame to a permit, and out on the link of its identity.

use std::rc::Rc;
use std::sync::Arc;

use countersign_core::rate::KeyCounters;
use countersign_core::verify::check_window;
use countersign_core::{KeyRate, Permit, Presented, Refusal, Reject, Timestamp, Token, VerifiedIdentity, authorize, permit_public};
use countersign_dialects::order_count;
use countersign_dialects::risk::SignedText;
use countersign_dialects::socket::{CancelOnDisconnect, Forward};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::Message;

use super::Open;
use crate::audit::{self, Subject};
use crate::authenticate::{Login, check_required, required_end, verify_presented, verify_shown};
use crate::clock;
use crate::connection::Connection;
use crate::control::set_cancel_on_disconnect;
use crate::exchange::{Admitted, charge, charge_source};
use crate::halts::{Asked, Cleared};
use crate::routes::Route;
use crate::websocket::farewell::Farewell;
use crate::websocket::limits::LINKS_MAX;
use crate::websocket::links::LinkId;
use crate::worker::Worker;

/// What a link is for. The scopes are part of it: the upstream was told them when the link was opened.
#[derive(Debug)]
pub(super) enum LinkKey {
    Key(VerifiedIdentity),
    Public,
}

impl LinkKey {
    pub(super) const fn identity(&self) -> Option<&VerifiedIdentity> {
        match self {
            Self::Key(identity) => Some(identity),
            Self::Public => None,
        }
    }
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

/// Looks up and verifies a signed frame.
pub(super) fn verify(worker: &Rc<Worker>, connection: &Connection, presented: &Presented<'_>) -> Result<Login, Refusal> {
    verify_presented(worker, connection, presented)
}

/// As [`verify`], where a proof may have another reading. Two readings of one key cost the same whether anybody has it or not.
pub(super) fn verify_either(
    worker: &Rc<Worker>,
    connection: &Connection,
    presented: &Presented<'_>,
    otherwise: Option<Presented<'_>>,
) -> Result<Login, Refusal> {
    let known = || worker.shared.credentials.load().find(presented.purpose, &presented.key_id).is_some();
    match otherwise {
        Some(otherwise) if otherwise.key_id == presented.key_id => {
            verify(worker, connection, presented).or_else(|refusal| verify(worker, connection, &otherwise).map_err(|_| refusal))
        }
        Some(otherwise) if !known() => verify(worker, connection, &otherwise),
        Some(_) | None => verify(worker, connection, presented),
    }
}

/// Looks up and verifies a token of ours.
pub(super) fn verify_token(worker: &Rc<Worker>, connection: &Connection, token: &Token) -> Result<Login, Refusal> {
    verify_shown(worker, connection, token)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Open<'_, S> {
    /// Remembers who proved themselves, and puts the login on record.
    pub(super) fn note_login(&mut self, verified: Result<Login, Refusal>) -> Result<VerifiedIdentity, Refusal> {
        let login = verified?;
        self.connection.note_authenticated(login.identity.account());
        self.client.set_message_bytes_max(self.worker.shared.settings.limits.websocket_message_bytes_max);
        let identity = login.identity.clone();
        let known = self.logins.iter_mut().find(|known| known.identity.credential().id == identity.credential().id);
        match known {
            Some(known) => *known = login,
            None => {
                let permit = authorize(&identity, login.granted(), &self.route.requirement)?;
                let permit = self.worker.shared.halts.gate().clear(
                    self.worker,
                    self.connection,
                    permit,
                    Asked::of(&self.route, Some(&login), None),
                )?;
                let admitted = Admitted { permit, login: Some(login), usage: countersign_dialects::answer::Charged::default() };
                audit::accepted(self.worker, self.connection, &Subject::message(Some(&self.route)), &admitted, self.correlation)?;
                if self.logins.len() == LINKS_MAX {
                    self.logins.remove(0);
                }
                self.logins.extend(admitted.login);
            }
        }
        Ok(identity)
    }

    /// Ends the connection when a halt cuts off somebody who logged in on it, or everybody.
    fn recheck_halts(&self) -> Result<(), Farewell> {
        let gate = self.worker.shared.halts.gate();
        let nobody = gate.admit_presence(None, self.route.family, None);
        let cut = nobody.and_then(|()| {
            let identities = self.logins.iter().map(|login| &login.identity).chain(self.machine.identity());
            identities.into_iter().try_for_each(|identity| gate.admit_presence(Some(identity), self.route.family, None))
        });
        cut.map_err(|refusal| {
            self.note_refused(&refusal, None);
            Farewell::HALTED
        })
    }

    /// Ends the connection when somebody who logged in on it may no longer be used.
    pub(super) fn recheck(&mut self) -> Result<(), Farewell> {
        self.recheck_halts()?;
        let table = self.worker.shared.credentials.load();
        let fallen = |identity: &VerifiedIdentity| {
            let entry = table.find(identity.purpose(), identity.key_id());
            identity.recheck(entry.map(|entry| &entry.credential), Some(self.connection.remote.ip()), clock::wall()).err()
        };
        let refusal = check_required(self.worker, self.connection)
            .err()
            .or_else(|| self.machine.identity().and_then(fallen))
            .or_else(|| self.links.iter().find_map(|(_, key)| key.identity().and_then(fallen)));
        match refusal {
            Some(refusal) => {
                self.note_refused(&refusal, None);
                Err(Farewell::REVOKED)
            }
            None => Ok(()),
        }
    }

    /// When that is to be asked again, though nothing changes and the client says nothing: it may be listening only.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        let table = self.worker.shared.credentials.load();
        let of_links = self.links.iter().filter_map(|(_, key)| key.identity());
        let of_keys = self.machine.identity().into_iter().chain(of_links).filter_map(|identity| table.end_of(identity));
        required_end(self.worker, self.connection).into_iter().chain(of_keys).min()
    }

    /// Forwards a frame, or says why not.
    pub(super) async fn forward(&mut self, forward: Forward, message: Option<&Message>) -> Result<(), Refusal> {
        let Forward { message: kind, identity, freshness, text, .. } = forward;
        let outgoing = match (text, message) {
            (Some(text), _) => Message::text(text),
            (None, Some(message)) => message.clone(),
            (None, None) => return Err(Refusal::operator(Reject::Internal, "nothing to forward")),
        };
        let routes = self.worker.shared.routes.load_full();
        let dialect = self.route.family.dialect().ok_or(Reject::Internal)?;
        let route = routes.find_dialect_message(dialect.purpose(), kind).ok_or(Reject::RouteUnknown)?;
        let signed = SignedText { query: b"", body: outgoing.as_text().unwrap_or_default().as_bytes() };
        // What is said for a client that is gone is ours: none of its limits keeps its orders from being cancelled.
        let charged = (!self.is_gone).then(|| order_count::of_message(dialect.purpose(), kind, signed.body, route.orders));
        let permit = self.admit(route, charged, identity.as_ref(), signed)?;
        let key = identity.map_or(LinkKey::Public, LinkKey::Key);
        let link = self.link(route, key, &permit).await?;
        // The last moment: opening a link takes time, and a signed window is short.
        check_window(freshness, clock::wall())?;
        self.asked = Some(clock::mono());
        self.links.send(self.worker, link, permit, outgoing).await
    }

    /// Keeps what an account wants of its new connections, if it may say so.
    pub(super) async fn keep(&mut self, wanted: &CancelOnDisconnect) -> Result<(), Refusal> {
        let routes = self.worker.shared.routes.load_full();
        let dialect = self.route.family.dialect().ok_or(Reject::Internal)?;
        let route = routes.find_dialect_message(dialect.purpose(), wanted.message).ok_or(Reject::RouteUnknown)?;
        drop(self.admit(route, Some(route.orders), Some(&wanted.identity), SignedText::default())?);
        let account = wanted.identity.account();
        set_cancel_on_disconnect(&self.worker.shared, account, wanted.enabled).await.map_err(|error| {
            tracing::error!(%error, %account, "what an account wants of its connections cannot be kept");
            Refusal::operator(Reject::StoreUnavailable, "what an account wants of its connections cannot be kept")
        })
    }

    /// Permit, charge, record. `orders` are those that are charged; where there are none, nothing is.
    fn admit(
        &mut self,
        route: &Arc<Route>,
        orders: Option<u32>,
        identity: Option<&VerifiedIdentity>,
        signed: SignedText<'_>,
    ) -> Result<Cleared, Refusal> {
        let login =
            identity.and_then(|identity| self.logins.iter().find(|login| login.identity.credential().id == identity.credential().id));
        let permit = match identity {
            Some(identity) => authorize(identity, login.and_then(Login::granted), &route.requirement)?,
            None => permit_public(&route.requirement)?,
        };
        let rate = identity.map_or_else(KeyRate::default, |identity| identity.credential().rate);
        let counters = match identity {
            // Those of the key, whether its login is remembered still or gave way to others.
            Some(identity) => login.map_or_else(|| self.counters_of(identity), |login| Arc::clone(&login.counters)),
            None => Arc::clone(&self.counters),
        };
        let usage = match orders {
            Some(orders) => {
                let usage = charge(&counters, rate, route.weight, orders, &mut self.words)?;
                // Behind a login its connection vouches for it.
                if self.logins.is_empty() {
                    charge_source(self.worker, self.connection, route.weight)?;
                }
                usage
            }
            None => countersign_dialects::answer::Charged::default(),
        };
        let login = identity.map(|identity| Login::new(identity.clone(), countersign_core::Freshness::Channel, counters));
        let (gate, asked) = (self.worker.shared.halts.gate(), Asked::of(route, login.as_ref(), Some(signed)));
        let permit = if self.is_gone {
            gate.clear_of_the_gone(self.worker, permit, asked)?
        } else {
            gate.clear(self.worker, self.connection, permit, asked)?
        };
        let admitted = Admitted { permit, login, usage };
        audit::accepted(self.worker, self.connection, &Subject::message(Some(route)), &admitted, self.correlation)?;
        Ok(admitted.permit)
    }

    fn counters_of(&self, identity: &VerifiedIdentity) -> Arc<KeyCounters> {
        let table = self.worker.shared.credentials.load();
        table.find(identity.purpose(), identity.key_id()).map(|entry| Arc::clone(&entry.counters)).unwrap_or_default()
    }

    async fn link(&mut self, route: &Route, key: LinkKey, permit: &Permit) -> Result<LinkId, Refusal> {
        match self.links.find(&key) {
            Some(link) => Ok(link),
            None => self.links.open(self.worker, self.connection, key, route.upstream, permit, None, &self.head).await,
        }
    }
}
