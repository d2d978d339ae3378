//! What waits to be written to one WebSocket connection.
//!
//! | kind | when the reader is slow |
//! |---|---|
//! | own: replies and account events | never dropped; past the limit the connection closes |
//! | state: tickers, tops, candles | the newest of each topic replaces the older |
//! | flow: trades, book differences | the oldest is dropped |

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::hub::Topic;
use crate::limits::{MARKET_QUEUE_MAX, OWN_QUEUE_MAX};

#[derive(Default)]
struct Waiting {
    own: VecDeque<Bytes>,
    state: BTreeMap<Topic, Bytes>,
    flow: VecDeque<Bytes>,
    flow_lost: u64,
    overflowed: bool,
}

/// The bounded queue of one connection.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
    overflow: Notify,
}

impl Outbox {
    /// Queues a reply or an event of the connection's own account.
    pub(crate) fn push_own(&self, message: Bytes) {
        let mut waiting = self.waiting.lock();
        if waiting.own.len() >= OWN_QUEUE_MAX {
            waiting.overflowed = true;
            self.overflow.notify_one();
        } else {
            waiting.own.push_back(message);
        }
        self.changed.notify_one();
    }

    /// Queues market data of which only the newest matters.
    pub(crate) fn push_state(&self, topic: Topic, message: Bytes) {
        self.waiting.lock().state.insert(topic, message);
        self.changed.notify_one();
    }

    /// Queues market data of which each message matters, as far as there is room.
    pub(crate) fn push_flow(&self, message: Bytes) {
        let mut waiting = self.waiting.lock();
        if waiting.flow.len() >= MARKET_QUEUE_MAX {
            waiting.flow.pop_front();
            waiting.flow_lost += 1;
        }
        waiting.flow.push_back(message);
        drop(waiting);
        self.changed.notify_one();
    }

    /// How many messages of [`Self::push_flow`] were dropped so far. Who tells differences that
    /// bear no sequence numbers must start anew when this has risen.
    pub(crate) fn flow_lost(&self) -> u64 {
        self.waiting.lock().flow_lost
    }

    /// Waits for messages and takes all of them; `None` when own ones had to be lost, and
    /// the connection must be closed.
    pub(crate) async fn take(&self) -> Option<Vec<Bytes>> {
        loop {
            let changed = self.changed.notified();
            {
                let mut waiting = self.waiting.lock();
                if waiting.overflowed {
                    return None;
                }
                let mut batch: Vec<Bytes> = waiting.own.drain(..).collect();
                batch.extend(std::mem::take(&mut waiting.state).into_values());
                batch.extend(waiting.flow.drain(..));
                if !batch.is_empty() {
                    return Some(batch);
                }
            }
            changed.await;
        }
    }

    /// Waits until an own message did not fit.
    pub(crate) async fn overflowed(&self) {
        self.overflow.notified().await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::exchange::instrument::MarketIndex;
    use crate::hub::Feed;

    const TICKER: Topic = Topic { market: MarketIndex(0), feed: Feed::Ticker };

    #[tokio::test]
    async fn keeps_only_the_newest_of_a_topic() {
        let outbox = Outbox::default();
        outbox.push_state(TICKER, Bytes::from_static(b"old"));
        outbox.push_state(TICKER, Bytes::from_static(b"new"));
        assert_eq!(outbox.take().await.unwrap(), ["new"]);
    }

    #[tokio::test]
    async fn drops_the_oldest_flow_but_never_an_own_event() {
        let outbox = Outbox::default();
        for number in 0..=MARKET_QUEUE_MAX {
            outbox.push_flow(Bytes::from(number.to_string()));
        }
        outbox.push_own(Bytes::from_static(b"own"));
        let batch = outbox.take().await.unwrap();
        assert_eq!((batch.len(), &batch[0][..], &batch[1][..]), (MARKET_QUEUE_MAX + 1, &b"own"[..], &b"1"[..]));
    }

    #[tokio::test]
    async fn a_lost_own_event_closes_the_connection() {
        let outbox = Outbox::default();
        for _ in 0..=OWN_QUEUE_MAX {
            outbox.push_own(Bytes::from_static(b"own"));
        }
        outbox.overflowed().await;
        assert!(outbox.take().await.is_none());
    }
}
