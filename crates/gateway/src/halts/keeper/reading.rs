//! Reading the store: what renews the lease, and tells the others how far this node is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_core::Monotonic;
use countersign_halt::limits::LEASE_RENEW;
use countersign_halt::{HaltSet, Posture, RollRow, Standing, Unknown};
use countersign_store::{HaltNodes, StoreError};

use super::HaltKeeper;
use crate::clock;

/// How often a node looks whether it is past what it enforces, to tell the others.
const REPORT_LOOK: Duration = Duration::from_millis(2);

/// How often it reads how far the others are while they are not past what it is past: `halt status` tells it at any node.
const ROLL_LOOK: Duration = Duration::from_millis(20);

/// How long a node that ends waits for the database to take its row away: the others wait for its lease else, which is no longer.
const LEAVE_MAX: Duration = countersign_halt::limits::LEASE_LIFE;

/// What was read.
struct Read {
    asked: Monotonic,
    state: HaltSet,
    /// Whether all halts are in it; else they are those that are known.
    is_whole: bool,
    /// Whether the list of nodes was without this one.
    has_joined: bool,
}

impl HaltKeeper {
    /// Reads the store, publishes what changed, and commits what only this node knows.
    pub async fn read(&self) {
        self.renew().await;
        self.commit_pending().await;
    }

    /// Reads the store and publishes what changed. Called four times per lease, and waits for nothing but its answer: what is to be written
    /// may have to wait for somebody who stands still.
    pub(in crate::halts) async fn renew(&self) {
        self.read_in_turn().await;
        self.note_reviews();
        if self.has_uncommitted() {
            self.uncommitted.notify_one();
        }
    }

    /// Commits what only this node knows, as soon as there is something.
    pub(in crate::halts) async fn commit_when_needed(&self) {
        self.uncommitted.notified().await;
        self.commit_pending().await;
    }

    async fn read_in_turn(&self) {
        // One at a time: of two, the one that finds nothing new would renew the lease before the other has published what is.
        let _turn = self.reading.lock().await;
        let read = self.read_state().await;
        self.reads.store(matches!(read, Ok(Some(_))), Ordering::Relaxed);
        match read {
            Ok(Some(Read { asked, state, is_whole, has_joined })) => {
                let (changed, lease, number) = {
                    let mut node = self.node.lock();
                    let before = node.set().clone();
                    node.handle_state(asked, &state, is_whole);
                    if node.set().epoch() < before.epoch() {
                        // The store lost changes, and gives their numbers out again.
                        self.progress.lock().forget();
                    }
                    (has_joined || *node.set() != before, node.lease().until(), node.lease().number())
                };
                // Published before the lease is renewed: who stood still for longer than its lease passes nothing by what held before.
                self.refresh(changed);
                if let Some(until) = lease {
                    self.gate.set_lease(until, number);
                }
            }
            Ok(None) => {
                tracing::error!("the database forgets this node as soon as it is written there; without that no new order passes");
                self.refresh(false);
            }
            Err(error) => {
                tracing::error!(%error, "the halts cannot be read; without them no new order passes when the lease is over");
                self.refresh(false);
            }
        }
    }

    /// The state. None where this node was twice not found among the others.
    async fn read_state(&self) -> Result<Option<Read>, StoreError> {
        let mut has_joined = false;
        for _ in 0..2 {
            let asked = clock::mono();
            let known = {
                let mut node = self.node.lock();
                node.note_asked(asked);
                // A database that was put back gives out numbers a second time: then a number says nothing of what is behind it.
                // So does a standby that was promoted behind its primary: its list of nodes is empty, or it has not what a notice told of.
                let trusts = !has_joined
                    && !matches!(node.posture(asked), Posture::Unknown(Unknown::EpochMissing | Unknown::NeverRead | Unknown::StoreBehind));
                trusts.then(|| node.set().epoch())
            };
            let own = self.row();
            let read = self.store.report(known, &own).await?;
            self.beat.store(read.beat, Ordering::Relaxed);
            match read.nodes {
                HaltNodes::Alone => {}
                HaltNodes::Joined => {
                    // Others may have counted without us, so what was read before they could see us is no lease.
                    self.roll.lock().handle_joined(clock::mono());
                    self.progress.lock().forget();
                    has_joined = true;
                    continue;
                }
                HaltNodes::With(others) => self.roll.lock().handle_rows(asked, clock::mono(), others),
            }
            *self.reported.lock() = own.standing;
            let is_whole = known != Some(read.state.epoch());
            return Ok(Some(Read { asked, state: read.state, is_whole, has_joined }));
        }
        Ok(None)
    }

    /// Waits until the store is to be read: the lease needs it, somebody said that it changed, or the others are to hear how far we are.
    pub(in crate::halts) async fn wait_to_read(&self) {
        loop {
            let standing = self.standing();
            let tells = self.store.is_shared() && self.reads.load(Ordering::Relaxed);
            if tells && standing != *self.reported.lock() {
                return;
            }
            let is_here = standing.past == standing.epoch;
            let (longest, reads) = match (tells, is_here) {
                (true, false) => (REPORT_LOOK, false),
                (true, true) if self.waits_for_others(standing.epoch) => (ROLL_LOOK, true),
                (true | false, _) => (LEASE_RENEW, false),
            };
            let due = self.node.lock().poll_timeout().saturating_since(clock::mono());
            tokio::select! {
                () = tokio::time::sleep(due.clamp(Duration::from_millis(1), longest)) => if reads || due <= longest { return },
                () = self.wake.notified() => return,
            }
        }
    }

    /// Reads again what others may have written, unless it cannot be read: then it is tried as often as the lease needs it.
    pub(super) fn look_again(&self) {
        if self.reads.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// How far this node is.
    pub(super) fn standing(&self) -> Standing {
        self.progress.lock().standing(|generation| self.gate.is_past(generation))
    }

    fn row(&self) -> RollRow {
        RollRow {
            run: self.run.clone(),
            node: self.node.lock().name().into(),
            standing: self.standing(),
            beat: self.beat.load(Ordering::Relaxed),
        }
    }

    /// Takes away what is left of nodes that are gone.
    pub(in crate::halts) async fn forget_nodes(&self) {
        let gone = self.roll.lock().forgotten().cloned();
        if let Some(gone) = gone
            && let Err(error) = self.store.forget(&gone).await
        {
            tracing::debug!(%error, node = %gone.node, "a node that is gone stays in the list");
        }
    }

    /// This node has drained: the others wait for it no more.
    pub(in crate::halts) async fn leave(&self) {
        if !matches!(tokio::time::timeout(LEAVE_MAX, self.store.leave(&self.run)).await, Ok(Ok(()))) {
            tracing::info!("the other nodes wait for the lease of this one, which has ended");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use countersign_halt::limits::LEASE_LIFE;
    use countersign_halt::{Halt, HaltId};

    use super::*;
    use crate::halts::tests::clear;
    use crate::testing::{on_stage, venue_halt};

    /// Looks in a row at which whoever reads was found to hold its node: it stands still.
    const LOOKS: u32 = 200;

    /// Until whoever reads has read all, and is about to publish it.
    async fn until_it_publishes(keeper: &HaltKeeper) {
        let mut looks = 0;
        while looks < LOOKS {
            looks = if keeper.node.try_lock().is_none() { looks + 1 } else { 0 };
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    #[expect(clippy::await_holding_lock, reason = "whoever publishes waits for it, on a thread of its own")]
    async fn a_lease_begins_behind_what_was_read_with_it() {
        on_stage(|stage| async move {
            let shared = Arc::clone(&stage.worker.shared);
            let (keeper, gate) = (&shared.halts, shared.halts.gate());
            gate.set_lease(Monotonic::from_micros(1), 0);
            keeper.store.raise(&venue_halt(9)).await.unwrap();
            let generation = gate.generation();
            // What is published is put together under this lock.
            let held = keeper.shadow.lock();
            let (runtime, reader) = (tokio::runtime::Handle::current(), Arc::clone(&shared));
            let reading = tokio::task::spawn_blocking(move || runtime.block_on(reader.halts.read()));
            until_it_publishes(keeper).await;
            let read = clock::mono();
            assert_eq!(
                (gate.lease_until(), gate.generation()),
                (Monotonic::from_micros(1), generation),
                "no lease before what is new holds"
            );
            drop(held);
            reading.await.unwrap();
            assert!(gate.generation() > generation && gate.lease_until() > read);
            assert!(gate.lease_until() <= read.saturating_add(LEASE_LIFE), "from before the question");
            let refused = clear(&stage, countersign_core::Risk::Increase).err().unwrap();
            assert_eq!(refused.reject.label(), "halted");
        })
        .await;
    }

    /// What is pending is written a second time where the answer of the first was late: by then it was read, and others have halted.
    #[tokio::test]
    async fn a_halt_that_is_written_twice_moves_no_node_past_the_halts_of_others() {
        on_stage(|stage| async move {
            let keeper = &stage.worker.shared.halts;
            let theirs = venue_halt(9);
            let mine = Halt { id: HaltId::from_bytes([8; 6]), ..theirs.clone() };
            let epoch = keeper.store.raise(&mine).await.unwrap();
            keeper.read().await;
            keeper.store.raise(&theirs).await.unwrap();
            let again = keeper.store.raise(&mine).await.unwrap();
            keeper.note_committed(mine, again);
            assert_eq!((again, keeper.status().epoch), (epoch, epoch), "the other is still to be read");
            keeper.read().await;
            assert!(keeper.is_committed(theirs.id) && keeper.status().epoch == epoch + 1);
        })
        .await;
    }
}
