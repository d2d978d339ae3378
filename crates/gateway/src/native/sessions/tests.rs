#![allow(clippy::unwrap_used)]
use super::*;

fn session(first: u8) -> Arc<OpenSession> {
    Arc::new(OpenSession::example(first))
}

#[test]
fn sessions_are_listed_and_killed_once() {
    let sessions = Sessions::default();
    for first in [9, 3, 200] {
        sessions.enter(session(first), "{}".to_owned()).unwrap();
    }
    let shown = |first| SessionId::from_bytes([first; 16]).to_string();
    assert_eq!(sessions.list(2).into_iter().map(|each| each.sid).collect::<Vec<_>>(), [shown(200), shown(9)]);
    assert_eq!(sessions.count_of(&CredentialId::parse("credential").unwrap()), 3);
    let sid = SessionId::from_bytes([9; 16]);
    assert!(sessions.kill(sid, KilledBy::Revocation) && !sessions.kill(sid, KilledBy::Operator), "a session ends once");
    assert!(!sessions.kill(SessionId::from_bytes([1; 16]), KilledBy::Operator));
    let killed: Vec<_> = sessions.open().iter().filter_map(|session| session.killed_by()).collect();
    assert_eq!(killed, [KilledBy::Revocation], "who was first");
    sessions.leave(sid, "killed", false);
    assert_eq!(sessions.len(), 2);
}

#[test]
fn a_session_that_cannot_be_recorded_does_not_begin() {
    let (sender, mut receiver) = mpsc::channel(1);
    let sessions = Sessions::default();
    sessions.set_recorder(sender);
    sessions.enter(session(1), "{}".to_owned()).unwrap();
    assert_eq!(sessions.enter(session(2), "{}".to_owned()).unwrap_err().reject, Reject::StoreUnavailable);
    assert_eq!(sessions.len(), 1);
    assert!(matches!(receiver.try_recv(), Ok(SessionNotice::Opened(record)) if record.ch == "ch"));
}
