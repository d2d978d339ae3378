//! A kept session that somebody is at: its client goes on with it, or it is given back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::state::State;
use super::{Ended, KeptEnd, Ours};
use crate::error::StoreError;
use crate::fix::SharedMessageStore;
use crate::fix::bridge::{BridgeJournals, Place};
use crate::fix::opening::{OpenError, blocking};
use crate::fix::pair::{Pair, Touch};

/// A kept session that somebody is at; when this is dropped, it waits again.
pub(in crate::fix) struct InUse {
    hold: Arc<Hold>,
    pair: Arc<Pair>,
    place: Arc<Place>,
    ended: Ended,
}

/// Nobody else is at the files. Whoever opens them has it, too: that goes on when nobody waits for it any more.
struct Hold(Arc<Pair>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(ended) = self.0.records.kept.done_with(&self.0) {
            self.0.void_will(ended);
        }
    }
}

impl InUse {
    pub(super) fn new(pair: &Arc<Pair>, place: &Arc<Place>, ended: Ended) -> Self {
        Self { hold: Arc::new(Hold(Arc::clone(pair))), pair: Arc::clone(pair), place: Arc::clone(place), ended }
    }

    pub(super) fn is_of(&self, pair: &Arc<Pair>) -> bool {
        Arc::ptr_eq(&self.pair, pair)
    }

    /// Whether the session has these journals: not where its client is behind another upstream by now.
    pub(in crate::fix) fn has(&self, names: &[String; 2]) -> bool {
        self.pair.names == *names
    }

    /// The session is about to be taken under another generation, which may happen without an answer; what was thought before.
    pub(in crate::fix) fn may_be_taken(&self) -> Ours {
        let before = self.pair.records.kept.change(&self.pair, |_| State::InHand(Ours::perhaps()));
        before.map_or_else(Ours::perhaps, State::ours)
    }

    /// It was not taken.
    pub(in crate::fix) fn was_not_taken(&self, before: Ours) {
        self.pair.records.kept.change(&self.pair, |_| State::InHand(before));
    }

    /// Goes on with it, under its generation and behind the database.
    pub(in crate::fix) async fn go_on(self) -> Result<BridgeJournals, OpenError> {
        if matches!(self.ended, Ended::OwingItsWill { .. }) {
            return Err(OpenError::Owing("the orders of this session before it was lost are not cancelled yet"));
        }
        if self.pair.owes() {
            return Err(OpenError::Owing("an order of this session is known here alone"));
        }
        if self.pair.doubtful.load(Ordering::Acquire) != 0 {
            return Err(OpenError::Owing("another node may have answered orders of this session"));
        }
        if self.ours() != Ours::Certainly {
            return Err(OpenError::Owing("this session may have been given back, or taken anew"));
        }
        let Some(stores) = self.stores().await? else {
            self.void();
            return Err(OpenError::Served);
        };
        self.pair.go_on(stores.clone());
        if *self.pair.touch.borrow() == Touch::Elsewhere {
            self.void();
            return Err(OpenError::Served);
        }
        let records = &self.pair.records;
        records.kept.remove(&self.pair);
        records.enter(&self.pair);
        let [client, upstream] = stores;
        let (place, pair) = (Arc::clone(&self.place), Some(Arc::clone(&self.pair)));
        Ok(BridgeJournals { client, upstream, place, pair, moved: false, found: None, went_on: true })
    }

    /// Lets all nodes have it, with its copies whole; whether the database answers. Its lease is renewed until that is said.
    pub(super) async fn give_back(self) -> bool {
        let records = &self.pair.records;
        records.kept.change(&self.pair, State::catching_up);
        match self.stores().await {
            Ok(Some(stores)) => self.pair.replace_stores(stores),
            Ok(None) => return self.void(),
            Err(error) => return self.give_up(&error),
        }
        if let Err(error) = self.pair.catch_up().await {
            return self.give_up(&error);
        }
        let touch = *self.pair.touch.borrow();
        match touch {
            Touch::Behind => {}
            Touch::Elsewhere => return self.void(),
            Touch::InTouch => {
                // A renewal that is on its way is over before: it would lease the session anew.
                records.kept.change(&self.pair, State::taken_in_hand);
                drop(records.renewal.lock().await);
                records.kept.change(&self.pair, |_| State::InHand(Ours::perhaps()));
                // Not by the link of the renewals, which go on.
                if self.pair.say_given_back(self.ended, &records.db).await.is_ok() {
                    return records.kept.remove(&self.pair);
                }
            }
        }
        // The database is away again.
        self.pair.rest();
        false
    }

    fn ours(&self) -> Ours {
        self.pair.records.kept.change(&self.pair, |state| state).map_or_else(Ours::perhaps, State::ours)
    }

    /// The journals as they are on the disk; none where another generation wrote them, and then they are left as they are.
    pub(super) async fn stores(&self) -> Result<Option<[SharedMessageStore; 2]>, StoreError> {
        let (place, generations, hold) = (Arc::clone(&self.place), self.pair.generations, Arc::clone(&self.hold));
        let stores = blocking(&self.place.folder, move || {
            let _hold = hold;
            if place.is_of(generations)? { place.open().map(Some) } else { Ok(None) }
        });
        Ok(stores.await?.map(|stores| stores.map(SharedMessageStore::new)))
    }

    /// Another node has it; the database said so.
    pub(super) fn void(&self) -> bool {
        self.end(KeptEnd::Elsewhere)
    }

    /// Its lease runs out, and the next node leaves numbers out.
    fn give_up(&self, error: &StoreError) -> bool {
        self.pair.void_will(self.ended);
        self.end(KeptEnd::Unreadable(error.to_string()))
    }

    fn end(&self, how: KeptEnd) -> bool {
        let records = &self.pair.records;
        if records.kept.remove(&self.pair) {
            records.kept.ends.lock().push(how);
        }
        true
    }
}
