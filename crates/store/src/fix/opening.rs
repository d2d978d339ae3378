//! How a session opens where nodes share a database: its lease, then the newer of file and copy, then numbers that nobody used.
//!
//! | the last owner | the file here | what counts | numbers |
//! |---|---|---|---|
//! | was this state folder | its own | the file: it has all that the copy has, and what the copy lacks | go on |
//! | gave it back | older, or none | the copy | go on |
//! | is gone | older, or none | the copy: it has every order | [`limits::FIX_LEFT_OUT`](crate::limits::FIX_LEFT_OUT) are left out on both sides |
//! | was before nodes shared it | any | the file | go on |
//! | was this process, and the database is away | its own | the file, under the same generation ([`super::kept`]) | go on |
//!
//! Numbers that are left out are told to the peer as a gap, which FIX fills when it is asked for it.

use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::bridge::{BridgeJournals, Place};
use super::claims::{Held, Taken};
use super::pair::{Pair, Side, Touch};
use super::records::{FixRecords, Owned};
use super::wills::{Found, Wills};
use super::{JournaledMessageStore, SharedMessageStore, claim, file_stem, is_of_another};
use crate::error::StoreError;
use crate::limits;

/// Why a session does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The session of this name at the upstream is another account's.
    #[error("the session of this SenderCompID at the upstream is another account's")]
    OfAnother,
    /// The database is away, and the session owes something that is settled with it.
    #[error("the database that nodes share does not answer, and {0}")]
    Owing(&'static str),
    /// What is to be done with its orders was sealed under another key: whoever has that does it, and nobody has the session before.
    #[error("what a lost node left to be done with the orders of this session was sealed under another key")]
    Sealed,
    /// Another node serves it.
    #[error("another node serves this session")]
    Served,
    /// A journal, or its copy.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BridgeJournals {
    /// Opens the journals of an account's session and claims its name at the upstream for the account; with their copies where there are
    /// any.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn claim(
        folder: &Path,
        account: &str,
        client: &[&str],
        upstream: &[&str],
        records: Option<&Arc<FixRecords>>,
    ) -> Result<Self, OpenError> {
        let place = Arc::new(Place::new(folder, client, upstream));
        if let Some(records) = records {
            return open_with_copies(place, account, records).await;
        }
        if !is_claimed(&place, account).await? {
            return Err(OpenError::OfAnother);
        }
        let here = Arc::clone(&place);
        let [client, upstream] = blocking(folder, move || here.open()).await?.map(SharedMessageStore::new);
        Ok(Self { client, upstream, place, pair: None, moved: false, found: None, went_on: false })
    }
}

/// The venue knows a session by its CompIDs alone: what it owes to one firm is not for another under the same name.
async fn is_claimed(place: &Arc<Place>, account: &str) -> Result<bool, StoreError> {
    let (here, owner) = (Arc::clone(place), account.to_owned());
    blocking(&place.folder, move || claim(&here.folder, &here.parts(Side::Upstream)[1..], &owner)).await
}

async fn open_with_copies(place: Arc<Place>, account: &str, records: &Arc<FixRecords>) -> Result<BridgeJournals, OpenError> {
    let names = [Side::Client, Side::Upstream].map(|side| file_stem(&place.parts(side).join("\u{1}")));
    // Claimed here before nodes shared it.
    let (here, owner) = (Arc::clone(&place), account.to_owned());
    if blocking(&place.folder, move || is_of_another(&here.folder, &here.parts(Side::Upstream)[1..], &owner)).await? {
        return Err(OpenError::OfAnother);
    }
    match take(records, &names, account).await? {
        Opened::Again(journals) => Ok(*journals),
        Opened::Taken { taken: (held, found), is_void } => {
            let opened = open_taken(place, account, records, names.clone(), (held, found, is_void)).await;
            if is_void && opened.is_err() {
                // It stays so, whoever has it next: here nobody has it any more.
                records.void_later(&Owned { name: &names[0], generation: held[0].generation });
            }
            opened
        }
    }
}

/// Opens a session that is this node's now. `is_void`: what its last owner left is about nothing.
async fn open_taken(
    place: Arc<Place>,
    account: &str,
    records: &Arc<FixRecords>,
    names: [String; 2],
    (held, found, is_void): ([Held; 2], Option<Found>, bool),
) -> Result<BridgeJournals, OpenError> {
    // Behind the database's word: whoever is turned away there must not have the name here.
    if !is_claimed(&place, account).await? {
        return Err(OpenError::OfAnother);
    }
    let mut is_lost = false;
    for (side, held, name) in [(Side::Client, held[0], &names[0]), (Side::Upstream, held[1], &names[1])] {
        let here = Arc::clone(&place);
        let generation = blocking(&place.folder, move || JournaledMessageStore::last_generation(&here.folder, &here.parts(side))).await?;
        // Its own owner's file has what nobody else knows of.
        is_lost |= held.before > 0 && !held.given_back && generation != Some(held.before);
        if held.reach.ends > 0 && generation.is_none_or(|generation| generation == 0 || generation < held.written) {
            let bytes = records.load(name, held.reach).await?;
            let here = Arc::clone(&place);
            blocking(&place.folder, move || JournaledMessageStore::install(&here.folder, &here.parts(side), &bytes)).await?;
        }
    }
    let here = Arc::clone(&place);
    let stores = blocking(&place.folder, move || begin(&here, held, is_lost)).await?;
    let pair = Arc::new(Pair::new(
        Arc::clone(records),
        names.clone(),
        held,
        stores.clone(),
        Wills::found(found.as_ref().map(|found| Arc::clone(&found.will))),
    ));
    if held[0].before > 0 && !held[0].settled {
        pair.doubt(held[0].before);
    }
    pair.catch_up().await?;
    if *pair.touch().borrow() != Touch::InTouch {
        return Err(StoreError::Unanswered { path: place.folder.clone() }.into());
    }
    records.enter(&pair);
    let [client, upstream] = stores;
    let moved = held.iter().any(|held| held.moved && held.before > 0);
    let mut journals = BridgeJournals { client, upstream, place, pair: Some(pair), moved, found, went_on: false };
    if is_void {
        journals.forget_will().await.map_err(|_| StoreError::Unanswered { path: journals.place.folder.clone() })?;
    }
    Ok(journals)
}

/// How a session opens.
enum Opened {
    /// Where it ended, while the database is away.
    Again(Box<BridgeJournals>),
    /// Under a generation of its own. `is_void`: what its last owner left was of a session that ended in order, here, a moment ago.
    Taken { taken: Taken, is_void: bool },
}

/// Takes a session, or goes on with one that was kept ([`super::kept`]).
async fn take(records: &FixRecords, names: &[String; 2], account: &str) -> Result<Opened, OpenError> {
    // Whoever is at its files, and gives it back, is done before anybody else opens them.
    let kept = records.kept.begin_in_turn(names).await?;
    let in_order = records.kept.in_order(&names[0]);
    let taken = match &kept {
        Some(kept) if kept.has(names) && records.is_away() => Err(records.silent().into()),
        Some(kept) => {
            // Also where nobody waits for the answer any more.
            let before = kept.may_be_taken();
            let taken = records.take([&names[0], &names[1]], account).await;
            if !matches!(taken, Ok(_) | Err(OpenError::Owing(_))) {
                kept.was_not_taken(before);
            }
            taken
        }
        None => records.take([&names[0], &names[1]], account).await,
    };
    match (taken, kept) {
        (Ok(taken), _) => {
            let before = taken.0[0].before;
            records.kept.forget(&names[0]);
            Ok(Opened::Taken { taken, is_void: in_order == Some(before) || records.is_void(&names[0], before) })
        }
        (Err(OpenError::Store(_)), Some(kept)) if kept.has(names) => Ok(Opened::Again(Box::new(kept.go_on().await?))),
        (Err(error), _) => Err(error),
    }
}

pub(super) fn begin(place: &Place, held: [Held; 2], is_lost: bool) -> Result<[SharedMessageStore; 2], StoreError> {
    let mut stores = place.open()?;
    for (store, held) in stores.iter_mut().zip(held) {
        store.begin_generation(held.generation)?;
        if is_lost {
            store.leave_out(limits::FIX_LEFT_OUT)?;
        }
    }
    Ok(stores.map(SharedMessageStore::new))
}

pub(super) async fn blocking<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.map_err(|error| StoreError::io("open", folder, std::io::Error::other(error.to_string())))?
}
