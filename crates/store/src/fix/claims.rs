//! Who has a session: both of its journals are taken at once, and given back at once.
//!
//! ```text
//!   take       generation + 1, lease      not while another node renews its lease, nor where its will cannot be read
//!   give back  no lease, any node may     with its will, where that is still to be carried out
//! ```
//!
//! A lease is by the server's clock and only says when others may try; what keeps two nodes apart is the generation. A server that was
//! away leaves the sessions for one lease to those who had them.
//!
//! # What arrives late
//! A statement that nobody waits for any more may still be on its way, and be carried out behind a later renewal. So what ends a generation,
//! or changes its will, is a transaction whose COMMIT is sent when the server has told that it has the rows: nothing else gets at them
//! before it is over, one way or the other, and a renewal that is answered after that says what came of it. What is only on its way then
//! has nobody who commits it.
//!
//! The last sign of life of whoever had a session with a will stays beside the will until that is carried out, however often that is tried:
//! it says which orders of its account the will is about.

use tokio::time::{Instant, sleep, timeout};

use super::copied::Reach;
use super::opening::OpenError;
use super::records::{FixRecords, Owned, micros, names};
use super::wills::Found;
use crate::db::{Db, Row, Value};
use crate::error::StoreError;
use crate::limits;

const NEW: &str = "INSERT INTO fix_journals (name, account) VALUES ($1, $3), ($2, $3) ON CONFLICT (name) DO NOTHING";

const LOOK: &str = "SELECT name, account, generation, written, series, ends, node, leased, will, lost, \
     countersign_micros(clock_timestamp()) AS now, countersign_micros(pg_postmaster_start_time()) AS started FROM fix_journals WHERE name IN ($1, $2) ORDER BY name FOR UPDATE";

const TAKE: &str = "UPDATE fix_journals SET generation = generation + 1, node = $3, leased = countersign_micros(clock_timestamp()) + $4, \
     lost = CASE WHEN name = $1 THEN $5::bigint END WHERE name IN ($1, $2)";

const GIVE_BACK: &str = "UPDATE fix_journals SET leased = $2, will = NULL, lost = NULL FROM json_array_elements($1::json) AS one \
     WHERE name = one ->> 0 AND generation = (one ->> 1)::bigint";

const GIVE_BACK_WITH_WILL: &str = "UPDATE fix_journals SET leased = $2, \
     lost = CASE WHEN will IS NOT NULL THEN coalesce(lost, countersign_micros(clock_timestamp()) - $3) END \
     FROM json_array_elements($1::json) AS one WHERE name = one ->> 0 AND generation = (one ->> 1)::bigint";

/// The lease of journals that were given back while it is doubtful what their client was told ([`super::trust`]).
const GIVEN_BACK_IN_DOUBT: i64 = 1;

/// A journal that was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Ours.
    pub(super) generation: u64,
    /// The last one before.
    pub(super) before: u64,
    /// The one that wrote last.
    pub(super) written: u64,
    /// How far the copy is.
    pub(super) reach: Reach,
    /// It was given back, so that its copy is whole.
    pub(super) given_back: bool,
    /// Nothing that its client was told is doubtful.
    pub(super) settled: bool,
    /// Another node had it.
    pub(super) moved: bool,
}

/// Why a session whose COMMIT was not answered does not open.
const PERHAPS_TAKEN: &str = "it did not say whether this session is taken";

/// Both journals of a session, and the will that its last owner left.
pub(super) type Taken = ([Held; 2], Option<Found>);

enum Tried {
    Taken(Taken),
    OfAnother,
    /// The will was sealed under another key. Nothing was taken.
    Sealed,
    Served {
        until: i64,
    },
}

impl FixRecords {
    /// Takes both journals of a session for an account. A session that another node has is waited for as long as that node does not say
    /// that it is there.
    pub(super) async fn take(&self, names: [&str; 2], account: &str) -> Result<Taken, OpenError> {
        let deadline = Instant::now() + limits::FIX_TAKE_MAX;
        let (mut seen, mut renewals) = (i64::MAX, 0);
        loop {
            let until = match self.try_take(names, account).await? {
                Tried::Taken(taken) => return Ok(taken),
                Tried::OfAnother => return Err(OpenError::OfAnother),
                Tried::Sealed => return Err(OpenError::Sealed),
                Tried::Served { until } => until,
            };
            renewals += u32::from(until > seen);
            seen = until;
            if renewals >= limits::FIX_RENEWALS_SEEN || Instant::now() >= deadline {
                return Err(OpenError::Served);
            }
            sleep(limits::FIX_LOOK).await;
        }
    }

    async fn try_take(&self, names: [&str; 2], account: &str) -> Result<Tried, OpenError> {
        let [first, second] = names;
        let mut transaction = self.db.begin_on_rows().await?;
        transaction.run(NEW, &[first.into(), second.into(), account.into()]).await?;
        let rows = transaction.rows(LOOK, &[first.into(), second.into()]).await?;
        let read = self.read_two(&rows, names, account).map_err(|source| StoreError::database(self.db.place(), source))?;
        if !matches!(read, Tried::Taken(_)) {
            transaction.leave().await?;
            return Ok(read);
        }
        let lease = micros(limits::FIX_LEASE);
        let lost = if let Tried::Taken((_, found)) = &read { found.as_ref().map(Found::moment) } else { None };
        transaction.run(TAKE, &[first.into(), second.into(), self.node.as_str().into(), lease.into(), lost.into()]).await?;
        // Up to here nothing has happened; what is not answered from here on may have.
        transaction.commit().await.map_err(|_| OpenError::Owing(PERHAPS_TAKEN))?;
        Ok(read)
    }

    /// In the order of the names, not of the rows.
    fn read_two(&self, rows: &[Row], names: [&str; 2], account: &str) -> Result<Tried, sqlx::Error> {
        let (mut held, mut will, mut is_sealed) = ([None; 2], None, false);
        let lease = micros(limits::FIX_LEASE);
        let mut served = None;
        for row in rows {
            if row.text("account")? != account {
                return Ok(Tried::OfAnother);
            }
            let (leased, now, started) = (row.number("leased")?, row.number("now")?, row.number("started")?);
            let moved = row.text("node")? != self.node;
            let given_back = leased <= GIVEN_BACK_IN_DOUBT;
            if moved && !given_back && now < leased.max(started.saturating_add(lease)) {
                served = served.max(Some(leased));
            }
            let number = |column| Ok::<_, sqlx::Error>(u64::try_from(row.number(column)?).unwrap_or(0));
            let before = number("generation")?;
            let reach = Reach { series: number("series")?, ends: number("ends")? };
            let name = row.text("name")?;
            let place = usize::from(name != names[0]);
            if place == 0 {
                let sealed = row.bytes_or_none("will")?;
                // Who gave it back with its will says when; else the last renewal does.
                let renewed = if given_back { now } else { leased - lease };
                let lost = row.number_or_none("lost")?.unwrap_or(renewed).min(now);
                will = sealed.and_then(|sealed| self.opened(name, sealed)).map(|will| Found::new(will, lost));
                is_sealed = sealed.is_some() && will.is_none();
            }
            held[place] =
                Some(Held { generation: before + 1, before, written: number("written")?, reach, given_back, settled: leased == 0, moved });
        }
        Ok(match (served, held) {
            (Some(until), _) => Tried::Served { until },
            (None, _) if is_sealed => Tried::Sealed,
            (None, [Some(first), Some(second)]) => Tried::Taken(([first, second], will)),
            (None, _) => return Err(sqlx::Error::RowNotFound),
        })
    }

    /// Nobody has the journals any more, and their copies are whole. What the client was told may not be `settled`.
    pub(super) async fn give_back(&self, link: &Db, owned: &[Owned<'_>; 2], settled: bool) -> Result<(), StoreError> {
        let leased = if settled { 0 } else { GIVEN_BACK_IN_DOUBT };
        self.end(link, GIVE_BACK, &[names(owned.iter()).into(), leased.into()]).await
    }

    /// The same, with the will that they have, and which is about what there was when the session ended.
    pub(super) async fn give_back_with_will(&self, link: &Db, owned: &[Owned<'_>; 2], since: Instant) -> Result<(), StoreError> {
        let values = [names(owned.iter()).into(), GIVEN_BACK_IN_DOUBT.into(), micros(since.elapsed()).into()];
        self.end(link, GIVE_BACK_WITH_WILL, &values).await
    }

    async fn end(&self, link: &Db, how: &'static str, values: &[Value]) -> Result<(), StoreError> {
        let mut ended = self.try_end(link, how, values).await;
        for _ in 1..limits::CONFLICT_TRIES {
            if !matches!(ended, Err(StoreError::Locked { .. })) {
                break;
            }
            // The server chose this one to give way; nothing of it was done.
            ended = self.try_end(link, how, values).await;
        }
        ended
    }

    async fn try_end(&self, link: &Db, how: &'static str, values: &[Value]) -> Result<(), StoreError> {
        let give = async {
            let mut transaction = link.begin_on_rows().await?;
            transaction.run(how, values).await?;
            transaction.commit().await
        };
        timeout(limits::FIX_COPY_MAX, give).await.map_err(|_| self.silent())?
    }
}
