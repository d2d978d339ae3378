#![allow(clippy::unwrap_used)]
use countersign_core::{Binding, CertificateClaim, Credential, Verifier, verify_certificate};
use countersign_fix::LogonDialect;

use super::*;
use crate::fix::FixVenue;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn name(comp_id: &str) -> SessionName {
    let parse = |text: &str| CompId::parse(text.as_bytes()).unwrap();
    SessionName { version: Version::Fix44, comp_id: parse(comp_id), peer: parse("FIRM") }
}

fn will(native: Option<([u8; 32], Scopes)>) -> Will {
    Will {
        scope: CancelScope::Session,
        account: AccountId::parse("desk").unwrap(),
        client: name("DERIBITSERVER"),
        upstream: ("venue".to_owned(), name("GATE")),
        appl_ver_id: None,
        purpose: Purpose::Deribit,
        key_id: ApiKeyId::parse("key-1").unwrap(),
        credential: CredentialId::parse("cred-1").unwrap(),
        verified: Timestamp::from_secs(7),
        sid: SessionId::from_bytes([3; 16]),
        native,
        remote: "[::1]:4711".parse().unwrap(),
        since: Timestamp::from_secs(6),
    }
}

#[test]
fn a_will_is_read_as_it_was_written() {
    for native in [None, Some(([9; 32], Scopes::parse("order:read order:write").unwrap()))] {
        let written = will(native);
        let read = Will::read(&written.write()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{written:?}"));
    }
    let mut damaged = will(None).write();
    damaged.truncate(40);
    assert!(Will::read(&damaged).is_none() && Will::read(b"{}").is_none());
}

#[test]
fn pauses_grow_to_their_bound() {
    let pauses: Vec<u64> = [0, 1, 2, 3, 4, 5, 31, 32, u32::MAX].map(|attempt| pause(attempt).as_secs()).to_vec();
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60, 60, 60]);
}

/// A login by the key of [`will`].
fn login() -> Login {
    let credential = Credential {
        scopes: Scopes::parse("order:read order:write").unwrap(),
        min_bind: Binding::Sep,
        ..Credential::new(
            CredentialId::parse("cred-1").unwrap(),
            AccountId::parse("desk").unwrap(),
            Purpose::ClientCertificate,
            ApiKeyId::parse("key-1").unwrap(),
            Verifier::Certificate,
        )
    };
    let claim = CertificateClaim { key_id: credential.key_id.clone() };
    let identity = verify_certificate(&claim, Some(&std::sync::Arc::new(credential)), None, NOW).unwrap();
    Login::new(identity, Freshness::Channel, std::sync::Arc::default())
}

#[test]
fn another_will_does_the_same_where_its_terms_are_the_same() {
    let profile = |appl_ver_id| {
        let venue = FixVenue::Dialect(LogonDialect::Deribit);
        Profile { venue, version: Version::Fixt11, comp_id: CompId::parse(b"DERIBITSERVER").unwrap(), appl_ver_id }
    };
    let standing = |change: fn(&mut Will)| {
        let mut standing = Will { purpose: Purpose::ClientCertificate, appl_ver_id: Some("9".to_owned()), ..will(None) };
        change(&mut standing);
        standing
    };
    let same = |standing: &Will, scope| standing.has_terms(scope, &login(), &profile(Some("9")));
    assert!(same(&standing(|_| ()), CancelScope::Session));
    assert!(same(
        &standing(|will| (will.remote, will.since) = ("[::1]:1".parse().unwrap(), Timestamp::from_secs(1))),
        CancelScope::Session
    ));
    assert!(!same(&standing(|_| ()), CancelScope::Account));
    assert!(!standing(|_| ()).has_terms(CancelScope::Session, &login(), &profile(Some("8"))));
    let others: [fn(&mut Will); 4] = [
        |will| will.purpose = Purpose::Deribit,
        |will| will.key_id = ApiKeyId::parse("key-2").unwrap(),
        |will| will.credential = CredentialId::parse("cred-2").unwrap(),
        |will| will.native = Some(([9; 32], Scopes::parse("order:read").unwrap())),
    ];
    for (number, change) in others.into_iter().enumerate() {
        assert!(!same(&standing(change), CancelScope::Session), "{number}");
    }
    // What a native session may do counts, and its contract does not.
    let granted = Scopes::parse("order:read").unwrap();
    let native = Login { session: Some(SessionRef { sid: SessionId::from_bytes([4; 16]), ch: [8; 32], granted }), ..login() };
    let has = |standing: Will| standing.has_terms(CancelScope::Session, &native, &profile(Some("9")));
    assert!(has(standing(|will| will.native = Some(([9; 32], Scopes::parse("order:read").unwrap())))));
    assert!(!has(standing(|will| will.native = Some(([9; 32], Scopes::parse("order:read order:write").unwrap())))));
    assert!(!has(standing(|_| ())));
}

#[test]
fn a_session_goes_on_without_the_database_where_nothing_has_to_be_written() {
    for terms in [Terms::Nothing, Terms::Standing] {
        assert_eq!(needs_database(false, terms), None, "{terms:?}");
    }
    assert!(needs_database(false, Terms::Unwritten).is_some());
    for terms in [Terms::Nothing, Terms::Standing, Terms::Unwritten] {
        assert!(needs_database(true, terms).is_some_and(|why| why.contains("begin anew")), "{terms:?}");
    }
}

#[test]
fn orders_of_the_account_are_those_of_the_moment_of_the_loss() {
    let of = |scope, lost| Will { scope, ..will(None) }.orders(lost);
    let moment = Timestamp::from_secs(9);
    assert_eq!(of(CancelScope::Account, Some(moment)), Orders::AccountBefore(moment));
    assert_eq!(of(CancelScope::Account, None), Orders::Account);
    assert_eq!(of(CancelScope::Session, Some(moment)), Orders::Session);
}
