//! What only a server can do wrong: be another's, be damaged, be a standby, be gone.

use countersign_core::Reject;
use countersign_store::{CommonIdentity, Notice, Notices, SealingKey, Store, StoreError};

use super::postgres_server::PostgresServer;
use super::support::{Place, change, desk, native};

fn sealing() -> SealingKey {
    SealingKey::from_bytes(&[1; 32])
}

async fn refused(server: &PostgresServer, name: &str) -> StoreError {
    let error = Store::connect(&server.address(name), "a", sealing()).await.unwrap_err();
    assert!(!error.to_string().contains('\n') && error.to_string().contains(name), "{error}");
    error
}

#[tokio::test]
async fn a_database_that_is_not_ours_or_not_whole_is_left_alone() {
    let server = PostgresServer::start();
    server.database("foreign").await;
    server.edit("foreign", "CREATE TABLE recipes (name text)".to_owned()).await.unwrap();
    assert!(matches!(refused(&server, "foreign").await, StoreError::ForeignDatabase { .. }));
    let tables = "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public') = 1; END $$";
    server.edit("foreign", tables.to_owned()).await.unwrap();

    let address = server.database("ours").await;
    Store::connect(&address, "a", sealing()).await.unwrap().close().await;
    let other = Store::connect(&address, "a", SealingKey::from_bytes(&[2; 32])).await.unwrap_err();
    assert!(matches!(other, StoreError::SealingKeyMismatch { .. }), "{other}");
    for (damage, repair, words) in [
        (
            "ALTER TABLE key_changes DISABLE TRIGGER key_changes_kept",
            "ALTER TABLE key_changes ENABLE TRIGGER key_changes_kept",
            "key_changes_kept",
        ),
        ("ALTER TABLE halts RENAME TO gone", "ALTER TABLE gone RENAME TO halts", "halts is missing"),
    ] {
        server.edit("ours", damage.to_owned()).await.unwrap();
        let error = refused(&server, "ours").await;
        assert!(matches!(error, StoreError::Corrupt { .. }) && error.to_string().contains(words), "{error}");
        server.edit("ours", repair.to_owned()).await.unwrap();
        Store::connect(&address, "a", sealing()).await.unwrap();
    }
    server.edit("ours", "UPDATE countersign_schema SET version = 99".to_owned()).await.unwrap();
    assert!(matches!(refused(&server, "ours").await, StoreError::NewerSchema { found: 99, .. }));
    server.edit("ours", "UPDATE countersign_schema SET version = 1, application = 7".to_owned()).await.unwrap();
    assert!(matches!(refused(&server, "ours").await, StoreError::ForeignDatabase { .. }));
}

#[tokio::test]
async fn nodes_that_start_at_once_make_one_set_of_tables() {
    let server = PostgresServer::start();
    let address = server.database("fresh").await;
    let node = |name: &'static str| Store::connect(&address, name, sealing());
    let (a, b, c, d) = tokio::join!(node("a"), node("b"), node("c"), node("d"));
    let first = a.unwrap();
    first.create_account(desk(), "", &change()).await.unwrap();
    for other in [b, c, d] {
        assert_eq!(other.unwrap().accounts().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_clients_know_all_nodes_by_is_what_the_first_has() {
    let server = PostgresServer::start();
    let address = server.database("known").await;
    let own = |name: &str| CommonIdentity { authority_spki: format!("ca of {name}"), gateway_root: format!("root of {name}") };
    let (a, b) = tokio::join!(Store::connect(&address, "a", sealing()), Store::connect(&address, "b", sealing()));
    let (a, b) = (a.unwrap(), b.unwrap());
    let (of_a, of_b) = (own("a"), own("b"));
    let (to_a, to_b) = tokio::join!(a.common_identity(&of_a), b.common_identity(&of_b));
    let kept = to_a.unwrap();
    assert!(kept == to_b.unwrap() && (kept == of_a || kept == of_b));
    assert_eq!(a.common_identity(&own("another")).await.unwrap(), kept);
    server.edit("known", "UPDATE meta SET authority_spki = NULL, gateway_root = NULL".to_owned()).await.unwrap();
    assert_eq!(b.common_identity(&own("a later one")).await.unwrap(), own("a later one"), "an operator may begin anew");
}

#[tokio::test]
async fn a_server_that_is_gone_is_no_bad_key_and_is_used_again_when_it_is_back() {
    let mut server = PostgresServer::start();
    let place = Place::on(&server, "steady").await;
    let store = place.store_with_account().await;
    let halts = store.open_halts().await.unwrap();
    store.create_credential(native(1), &change()).await.unwrap();
    halts.state(None).await.unwrap();
    server.stop();
    for _ in 0..2 {
        for error in [
            store.credentials().await.unwrap_err(),
            store.create_credential(native(2), &change()).await.unwrap_err(),
            halts.state(None).await.unwrap_err(),
        ] {
            assert!(error.is_infrastructure(), "{error}");
            assert_eq!(Reject::from(&error), Reject::StoreUnavailable);
        }
    }
    server.start_again();
    assert_eq!(store.credentials().await.unwrap().len(), 1, "without a restart of ours");
    store.create_credential(native(2), &change()).await.unwrap();
    assert_eq!(halts.state(None).await.unwrap().epoch(), 0);
}

#[tokio::test]
async fn a_standby_is_refused() {
    let mut server = PostgresServer::start();
    let address = server.database("follows").await;
    Store::connect(&address, "a", sealing()).await.unwrap().close().await;
    server.stop();
    server.start_as_standby();
    let error = refused(&server, "follows").await;
    assert!(matches!(&error, StoreError::ServerUnfit { why, .. } if why.contains("standby")), "{error}");
    assert!(error.is_infrastructure());
}

#[tokio::test]
async fn commits_wait_for_the_disk_whatever_the_server_is_set_to() {
    let server = PostgresServer::start();
    let place = Place::on(&server, "lazy").await;
    server.edit("lazy", "ALTER DATABASE lazy SET synchronous_commit = off".to_owned()).await.unwrap();
    let store = place.store().await;
    let waits = "CREATE FUNCTION check_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF current_setting('synchronous_commit') <> 'on' THEN RAISE EXCEPTION 'not durable'; END IF; RETURN NEW; END $$; \
                 CREATE TRIGGER durable BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION check_commit()";
    server.edit("lazy", waits.to_owned()).await.unwrap();
    store.create_account(desk(), "", &change()).await.unwrap();
}

#[tokio::test]
async fn who_waits_for_a_lock_too_long_is_told_and_nothing_happened() {
    let server = PostgresServer::start();
    let place = Place::on(&server, "busy").await;
    let store = place.store_with_account().await;
    let mut other = server.raw("busy").await;
    sqlx::raw_sql("BEGIN; SELECT pg_advisory_xact_lock(1131636558, 2)").execute(&mut other).await.unwrap();
    let error = store.create_credential(native(1), &change()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unanswered { .. }), "{error}");
    assert!(store.credentials().await.unwrap().is_empty(), "reading goes on");
    store.open_halts().await.unwrap().state(None).await.unwrap();
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    store.create_credential(native(1), &change()).await.unwrap();
}

async fn hear(notices: &mut Notices, expected: Notice) {
    loop {
        match notices.next().await {
            Ok(heard) if heard == expected => return,
            // It takes as long as it takes until a server that was started again lets somebody in.
            Ok(_) | Err(_) => {}
        }
    }
}

#[tokio::test]
async fn what_one_node_commits_the_others_hear() {
    let mut server = PostgresServer::start();
    let place = Place::on(&server, "heard").await;
    let store = place.store_with_account().await;
    let mut notices = place.node("b").await.notices().unwrap();
    assert_eq!(notices.next().await.unwrap(), Notice::Anything, "whoever begins to listen has heard nothing before");
    store.create_credential(native(1), &change()).await.unwrap();
    hear(&mut notices, Notice::Keys).await;
    let target = countersign_oauth::RevocationTarget::Token([1; 16]);
    store.revoke_tokens(target.clone(), &change()).await.unwrap();
    hear(&mut notices, Notice::Tokens).await;
    server.stop();
    server.start_again();
    hear(&mut notices, Notice::Anything).await;
    store.revoke_tokens(target, &change()).await.unwrap();
    hear(&mut notices, Notice::Tokens).await;
}
