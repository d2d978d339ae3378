//! The recorder of sessions: what waits is written in one statement.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{SessionId, Timestamp};
use countersign_store::{SessionRecord, StoreError};
use tokio::sync::mpsc;

use super::SessionNotice;
use crate::native::limits::NOTICES_WAITING_MAX;
use crate::shared::Shared;

/// Keeps the records of sessions in the store, for as long as it is polled. One task of the node runs it.
pub async fn keep_records(shared: Arc<Shared>) {
    let (sender, mut notices) = mpsc::channel(NOTICES_WAITING_MAX);
    shared.sessions.set_recorder(sender);
    let mut batch = Vec::new();
    // What waits is written at once: one statement each cannot keep up when thousands connect.
    while notices.recv_many(&mut batch, NOTICES_WAITING_MAX).await > 0 {
        let Notices { opened, ended } = Notices::gather(batch.drain(..));
        if !opened.is_empty() && shared.store.record_sessions(&opened).await.is_err() {
            // One of them may be what is wrong; the others are kept.
            for session in &opened {
                tell_unkept(shared.store.record_session(session).await);
            }
        }
        if !ended.is_empty() {
            tell_unkept(shared.store.end_sessions(&ended).await.map(drop));
        }
        tokio::time::sleep(GATHER_FOR).await;
    }
}

/// How long notices gather: as long as audit records do. Below it a rush of logins would be written in many small transactions,
/// each of which costs more than the records in it.
const GATHER_FOR: Duration = Duration::from_millis(50);

/// Its beginning and its end are in the audit log all the same.
fn tell_unkept(kept: Result<(), StoreError>) {
    if let Err(error) = kept {
        tracing::error!(%error, "the record of a session could not be kept");
    }
}

/// Notices of one batch.
#[derive(Default)]
struct Notices {
    /// Sessions to record, some of them ended already.
    opened: Vec<SessionRecord>,
    /// Ends of sessions recorded before.
    ended: Vec<(SessionId, Timestamp, &'static str)>,
}

impl Notices {
    /// A session that began and ended in one batch is one record.
    fn gather(notices: impl Iterator<Item = SessionNotice>) -> Self {
        let mut gathered = Self::default();
        let mut places: HashMap<SessionId, usize> = HashMap::new();
        for notice in notices {
            match notice {
                SessionNotice::Ended { sid, at, reason } => match places.get(&sid) {
                    Some(place) => {
                        let session = &mut gathered.opened[*place];
                        session.ended.get_or_insert(at);
                        session.end_reason.get_or_insert_with(|| reason.to_owned());
                    }
                    None => gathered.ended.push((sid, at, reason)),
                },
                SessionNotice::Opened(record) => {
                    places.insert(record.sid, gathered.opened.len());
                    gathered.opened.push(*record);
                }
            }
        }
        gathered
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use countersign_core::{AccountId, CredentialId};

    fn opened(first: u8) -> SessionNotice {
        SessionNotice::Opened(Box::new(SessionRecord {
            sid: SessionId::from_bytes([first; 16]),
            account: AccountId::parse("desk").unwrap(),
            credential: CredentialId::parse("credential").unwrap(),
            ch: "ch".to_owned(),
            contract: "{}".to_owned(),
            remote: None,
            created: Timestamp::from_secs(1),
            ended: None,
            end_reason: None,
            shown: None,
        }))
    }

    fn ended(first: u8, at: u64) -> SessionNotice {
        SessionNotice::Ended { sid: SessionId::from_bytes([first; 16]), at: Timestamp::from_secs(at), reason: "done" }
    }

    #[test]
    fn a_short_session_is_one_record_and_an_older_one_only_ends() {
        let Notices { opened, ended } = Notices::gather([opened(1), ended(9, 2), opened(2), ended(1, 3), ended(1, 4)].into_iter());
        let ends: Vec<_> = opened.iter().map(|session| (session.ended, session.end_reason.as_deref())).collect();
        assert_eq!(ends, [(Some(Timestamp::from_secs(3)), Some("done")), (None, None)], "the first end counts");
        assert_eq!(ended, [(SessionId::from_bytes([9; 16]), Timestamp::from_secs(2), "done")]);
    }
}
