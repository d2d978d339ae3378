//! The upstream WebSockets behind one client connection: few, opened when first needed, all read at once.

use std::task::{Context, Poll};

use countersign_core::{Permit, Refusal, Reject};
use tokio_websockets::{CloseCode, Message};

use super::connect::{UpstreamHead, UpstreamSocket, connect};
use super::limits::{LINKS_MAX, SILENCE_MAX};
use super::socket::SocketError;
use crate::authenticate::SessionRef;
use crate::connection::Connection;
use crate::halts::Cleared;
use crate::worker::Worker;

/// Names a link for the life of its client connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkId(u32);

struct Link<K> {
    id: LinkId,
    key: K,
    socket: UpstreamSocket,
    /// A write was given up: what follows could not be told from what was lost.
    failed: bool,
}

/// Upstream sockets by what they are for.
pub(crate) struct Links<K> {
    links: Vec<Link<K>>,
    made: u32,
    turn: usize,
}

impl<K: PartialEq> Links<K> {
    /// None open.
    pub(crate) const fn new() -> Self {
        Self { links: Vec::new(), made: 0, turn: 0 }
    }

    /// The link for a key, if it is open.
    pub(crate) fn find(&self, key: &K) -> Option<LinkId> {
        self.links.iter().find(|link| link.key == *key).map(|link| link.id)
    }

    /// What an open link is for.
    pub(crate) fn key(&self, id: LinkId) -> Option<&K> {
        self.links.iter().find(|link| link.id == id).map(|link| &link.key)
    }

    /// Whether no further link can be opened.
    pub(crate) fn is_full(&self) -> bool {
        self.links.len() >= LINKS_MAX
    }

    /// All open links with their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (LinkId, &K)> {
        self.links.iter().map(|link| (link.id, &link.key))
    }

    /// Opens a link under a permit.
    ///
    /// # Errors
    /// As the upstream; [`Reject::Busy`] when there are [`LINKS_MAX`].
    #[expect(clippy::too_many_arguments, reason = "one call per kind of session")]
    pub(crate) async fn open(
        &mut self,
        worker: &Worker,
        connection: &Connection,
        key: K,
        upstream: usize,
        permit: &Permit,
        session: Option<&SessionRef>,
        head: &UpstreamHead,
    ) -> Result<LinkId, Refusal> {
        if self.is_full() {
            return Err(Refusal::operator(Reject::Busy, "more keys on one connection than it may have links to upstreams"));
        }
        let identified = permit.identity().is_some();
        let socket = connect(worker, connection, upstream, permit, session, head).await;
        let socket = socket.map_err(|why| why.into_refusal(identified))?;
        let id = LinkId(self.made);
        self.made = self.made.wrapping_add(1);
        self.links.push(Link { id, key, socket, failed: false });
        Ok(id)
    }

    /// Sends a message that was permitted; the permit is used up.
    ///
    /// # Errors
    /// A halt took it away meanwhile. [`Reject::UpstreamUnavailable`] or [`Reject::UpstreamTimeout`]; the link is of no use then.
    pub(crate) async fn send(&mut self, worker: &Worker, id: LinkId, permit: Cleared, message: Message) -> Result<(), Refusal> {
        let link = self.links.iter_mut().find(|link| link.id == id).ok_or(Reject::UpstreamUnavailable)?;
        worker.shared.halts.gate().confirm(&permit)?;
        worker.shared.metrics.forwarded(permit.route());
        let sent = link.socket.send(message).await;
        // Only now: until here it holds the barrier of a halt up.
        drop(permit);
        sent.map_err(|error| {
            link.failed = true;
            match error {
                SocketError::Slow => Reject::UpstreamTimeout.into(),
                SocketError::Lost | SocketError::Protocol | SocketError::TooLarge => Reject::UpstreamUnavailable.into(),
            }
        })
    }

    /// The next message of any link: text, or the end of the link. Waits for ever while there is none.
    pub(crate) async fn next(&mut self) -> (LinkId, Option<Message>) {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Self::next`], without waiting.
    pub(crate) fn try_next(&mut self) -> Option<(LinkId, Option<Message>)> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match self.poll_next(&mut cx) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(LinkId, Option<Message>)> {
        let count = self.links.len();
        // Each link has its turn to be the first, so that a busy one does not starve the others.
        self.turn = self.turn.wrapping_add(1);
        for step in 0..count {
            let link = &mut self.links[(self.turn.wrapping_add(step)) % count];
            if link.failed {
                return Poll::Ready((link.id, None));
            }
            while let Poll::Ready(next) = link.socket.poll_next(cx) {
                match next {
                    Ok(message) if message.is_text() => return Poll::Ready((link.id, Some(message))),
                    Ok(message) if !message.is_close() => {}
                    Ok(_) | Err(_) => return Poll::Ready((link.id, None)),
                }
            }
        }
        Poll::Pending
    }

    /// Pings every link; those that were silent for too long are named.
    pub(crate) fn keep_alive(&mut self) -> Vec<LinkId> {
        let mut silent = Vec::new();
        for link in &mut self.links {
            let dead = link.socket.silence() >= SILENCE_MAX;
            // Written with the next message or answer, or by the read that follows.
            if dead || link.socket.start_send(Message::ping("")).is_err() {
                silent.push(link.id);
            }
        }
        silent
    }

    /// Ends a link.
    pub(crate) fn remove(&mut self, id: LinkId) {
        if let Some(place) = self.links.iter().position(|link| link.id == id) {
            let link = self.links.swap_remove(place);
            tokio::task::spawn_local(link.socket.close(Some(CloseCode::GOING_AWAY), ""));
        }
    }

    /// Ends all links.
    pub(crate) async fn close(&mut self) {
        let closing = self.links.drain(..).map(|link| link.socket.close(Some(CloseCode::GOING_AWAY), ""));
        futures_util::future::join_all(closing).await;
    }
}
