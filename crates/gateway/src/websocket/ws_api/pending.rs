//! What was forwarded and is not answered yet, and which links have a user data stream.

use std::collections::VecDeque;
use std::time::Duration;

use countersign_dialects::binance::rate::RateLimitView;
use countersign_dialects::binance::routes::WsMethod;
use tokio::time::Instant;

use crate::websocket::limits::PENDING_MAX;
use crate::websocket::links::LinkId;

/// A message that waits for its reply.
pub(super) struct Pending {
    pub(super) link: LinkId,
    /// The id, as JSON text.
    pub(super) id: Box<str>,
    pub(super) method: &'static WsMethod,
    /// What was used when it was charged.
    pub(super) limits: RateLimitView,
    pub(super) since: Instant,
}

/// All of them, oldest first.
#[derive(Default)]
pub(super) struct Waiting {
    queue: VecDeque<Pending>,
    streams: Vec<LinkId>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= PENDING_MAX
    }

    pub(super) fn push(&mut self, pending: Pending) {
        self.queue.push_back(pending);
    }

    /// The oldest message on this link with this id: clients may use an id again.
    pub(super) fn take(&mut self, link: LinkId, id: &str) -> Option<Pending> {
        let place = self.queue.iter().position(|pending| pending.link == link && *pending.id == *id)?;
        self.queue.remove(place)
    }

    /// Everything that waits for a link that is gone.
    pub(super) fn take_link(&mut self, link: LinkId) -> Vec<Pending> {
        self.streams.retain(|each| *each != link);
        let (lost, kept) = std::mem::take(&mut self.queue).into_iter().partition(|pending| pending.link == link);
        self.queue = kept;
        Vec::from(lost)
    }

    /// Everything that waits too long.
    pub(super) fn take_overdue(&mut self, timeout: Duration) -> Vec<Pending> {
        let overdue = self.queue.iter().take_while(|pending| pending.since.elapsed() >= timeout).count();
        self.queue.drain(..overdue).collect()
    }

    pub(super) fn next_deadline(&self, timeout: Duration) -> Option<Instant> {
        self.queue.front().map(|oldest| oldest.since + timeout)
    }

    /// Whether nothing would be missed if the link went.
    pub(super) fn is_idle(&self, link: LinkId) -> bool {
        !self.has_stream(link) && self.queue.iter().all(|pending| pending.link != link)
    }

    pub(super) fn has_stream(&self, link: LinkId) -> bool {
        self.streams.contains(&link)
    }

    /// The link whose user data stream was subscribed first.
    pub(super) fn stream(&self) -> Option<LinkId> {
        self.streams.first().copied()
    }

    pub(super) fn set_stream(&mut self, link: LinkId, subscribed: bool) {
        self.streams.retain(|each| *each != link);
        if subscribed {
            self.streams.push(link);
        }
    }
}
