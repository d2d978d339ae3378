//! Refresh, its second use, introspection, revocation.

use countersign_halt::Action;

use super::*;
use crate::halts::tests::{halt, lift};

const TICKER: &str = "/native/v1/ticker";

async fn refresh(stage: &Stage, connection: &Rc<Connection>, token: &str, dpop: u8) -> Told {
    post(stage, connection, "/token", &[("grant_type", "refresh_token"), ("refresh_token", token)], Some(dpop)).await
}

/// Asks one of the endpoints about a token, as its owner.
async fn about(stage: &Stage, connection: &Rc<Connection>, path: &str, token: &str) -> Told {
    let text = assertion(OWNER);
    let pairs = [("token", token), ("client_assertion", &text), ("client_assertion_type", countersign_oauth::assertion::ASSERTION_TYPE)];
    post(stage, connection, path, &pairs, None).await
}

#[tokio::test]
async fn a_refresh_token_is_replaced_and_a_lost_answer_is_given_again() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let first = tokens(&stage, &connection, "md:read offline_access", 1).await;
        assert_eq!(first.text("scope"), "md:read offline_access");
        let old = first.text("refresh_token");
        let second = refresh(&stage, &connection, &old, 1).await;
        assert_eq!((second.status, second.text("token_type").as_str()), (200, "DPoP"));
        let current = second.text("refresh_token");
        assert_ne!(current, old);
        let sid = |told: &Told| claims_of(&told.text("access_token"))["sid"].clone();
        assert_eq!(sid(&first), sid(&second), "one session");
        let repeated = refresh(&stage, &stage.connection(), &old, 1).await;
        assert_eq!((repeated.status, repeated.text("refresh_token")), (200, current.clone()), "the same successor");
        let third = refresh(&stage, &connection, &current, 1).await;
        assert_eq!(third.status, 200);
        assert!(call(&stage, &connection, "GET", TICKER, &third.text("access_token"), 1).await.was_forwarded());
    })
    .await;
}

#[tokio::test]
async fn a_second_use_ends_the_family_with_all_its_tokens() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let first = tokens(&stage, &connection, "md:read offline_access", 1).await;
        let old = first.text("refresh_token");
        let second = refresh(&stage, &connection, &old, 1).await;
        let third = refresh(&stage, &connection, &second.text("refresh_token"), 1).await;
        assert_eq!(refresh(&stage, &connection, &old, 1).await.error(), (400, "invalid_grant"));
        assert_eq!(refresh(&stage, &connection, &third.text("refresh_token"), 1).await.error(), (400, "invalid_grant"), "the rightful one");
        for told in [&first, &second, &third] {
            assert_eq!(call(&stage, &connection, "GET", TICKER, &told.text("access_token"), 1).await.status, 401);
        }
        let audit = &stage.worker.shared.audit;
        audit.flush().unwrap();
        let entries = countersign_store::AuditLog::tail(audit.folder(), 50, &countersign_store::AuditFilter::default()).unwrap();
        assert_eq!(entries.iter().filter(|entry| entry.text("event") == Some("token_reuse")).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_thief_without_the_key_ends_nothing() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let first = tokens(&stage, &connection, "md:read offline_access", 1).await;
        let second = refresh(&stage, &connection, &first.text("refresh_token"), 1).await;
        let third = refresh(&stage, &connection, &second.text("refresh_token"), 1).await;
        for stolen in [&first, &second, &third] {
            let thief = refresh(&stage, &connection, &stolen.text("refresh_token"), 9).await;
            assert_eq!(thief.error(), (400, "invalid_grant"));
        }
        assert_eq!(refresh(&stage, &connection, &third.text("refresh_token"), 1).await.status, 200, "its owner goes on");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_ends_takes_its_tokens_along() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let told = tokens(&stage, &connection, "md:read order:read offline_access", 1).await;
        let token = told.text("access_token");
        stage.change_credentials(|credential| credential.scopes = countersign_core::Scopes::parse("md:read").unwrap());
        assert!(call(&stage, &connection, "GET", TICKER, &token, 1).await.was_forwarded());
        assert_eq!(call(&stage, &connection, "GET", "/native/v1/orders", &token, 1).await.code(), (403, "scope.denied"));
        assert_eq!(refresh(&stage, &connection, &told.text("refresh_token"), 1).await.text("scope"), "md:read offline_access");
        stage.change_credentials(|credential| credential.state = CredentialState::Revoked);
        assert_eq!(call(&stage, &connection, "GET", TICKER, &token, 1).await.status, 401);
        assert_eq!(refresh(&stage, &connection, &told.text("refresh_token"), 1).await.error(), (400, "invalid_grant"));
    })
    .await;
}

/// RFC 7523, 3: an assertion for one endpoint is none for another.
#[tokio::test]
async fn an_assertion_is_for_the_issuer_the_token_endpoint_or_the_endpoint_that_is_asked() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let (name, now) = (native_key().kid().to_string(), clock::wall().as_secs());
        for asked in ["/token", "/introspect", "/revoke"] {
            for audience in ["", "/token", "/introspect", "/revoke", "/", "/native/v1/ticker"] {
                let claims = json!({
                    "iss": name, "sub": name, "aud": format!("{ISSUER}{audience}"), "iat": now, "exp": now + 60, "jti": fresh_name(),
                });
                let text = jwt(OWNER, &json!({ "alg": "EdDSA" }), &claims);
                let kind = countersign_oauth::assertion::ASSERTION_TYPE;
                let proof = [("client_assertion", text.as_str()), ("client_assertion_type", kind)];
                let about = if asked == "/token" { ("grant_type", "client_credentials") } else { ("token", "nonsense") };
                let told = post(&stage, &connection, asked, &[&proof[..], &[about]].concat(), Some(1)).await;
                let good = ["", "/token", asked].contains(&audience);
                assert_eq!(told.status == 401, !good, "{audience} at {asked}: {} {}", told.status, told.body);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn introspection_tells_the_owner_and_nobody_else() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let told = tokens(&stage, &connection, "md:read offline_access", 1).await;
        let (access, refresh_token) = (told.text("access_token"), told.text("refresh_token"));
        let of_access = about(&stage, &connection, "/introspect", &access).await;
        assert_eq!((of_access.status, &of_access.body["active"], of_access.text("scope").as_str()), (200, &json!(true), "md:read"));
        assert_eq!(of_access.body["cnf"]["jkt"], json!(jkt(1).to_string()));
        let of_refresh = about(&stage, &connection, "/introspect", &refresh_token).await;
        assert_eq!((&of_refresh.body["active"], of_refresh.text("token_type").as_str()), (&json!(true), "refresh_token"));
        assert!(!of_refresh.body.to_string().contains(&refresh_token));
        assert_eq!(about(&stage, &connection, "/introspect", "nonsense").await.body, json!({ "active": false }));
        assert_eq!(by_trader(&stage, &connection, "/introspect", &[("token", &access)]).await.body["active"], json!(true), "same account");
        let elsewhere = |scopes: &'static str| {
            stage.change_credentials(move |credential| {
                if credential.purpose != countersign_core::Purpose::Native {
                    credential.account = countersign_core::AccountId::parse("other").unwrap();
                    credential.scopes = countersign_core::Scopes::parse(scopes).unwrap();
                }
            });
        };
        elsewhere("account:read");
        for token in [&access, &refresh_token] {
            let told = by_trader(&stage, &connection, "/introspect", &[("token", token)]).await;
            assert_eq!(told.body, json!({ "active": false }), "another account");
            assert_eq!(by_trader(&stage, &connection, "/revoke", &[("token", token)]).await.error(), (400, "invalid_grant"));
        }
        elsewhere("account:read token:introspect");
        for token in [&access, &refresh_token] {
            let told = by_trader(&stage, &connection, "/introspect", &[("token", token)]).await;
            assert_eq!(told.body["active"], json!(true), "a back end may ask about all");
        }
        assert_eq!(post(&stage, &connection, "/introspect", &[("token", &access)], None).await.error(), (401, "invalid_client"));
        assert_eq!(about(&stage, &connection, "/introspect", "").await.error(), (400, "invalid_request"));
    })
    .await;
}

#[tokio::test]
async fn what_is_revoked_is_worth_nothing_at_once() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let (one, other) = (
            tokens(&stage, &connection, "md:read offline_access", 1).await,
            tokens(&stage, &connection, "md:read offline_access", 1).await,
        );
        let before = stage.worker.shared.oauth.epoch();
        assert_eq!(about(&stage, &connection, "/revoke", &one.text("access_token")).await.status, 200);
        assert_eq!(stage.worker.shared.oauth.epoch(), before + 1);
        assert_eq!(call(&stage, &connection, "GET", TICKER, &one.text("access_token"), 1).await.status, 401);
        assert_eq!(about(&stage, &connection, "/introspect", &one.text("access_token")).await.body, json!({ "active": false }));
        let next = refresh(&stage, &connection, &one.text("refresh_token"), 1).await;
        assert!(call(&stage, &connection, "GET", TICKER, &next.text("access_token"), 1).await.was_forwarded(), "its session lives");
        assert_eq!(about(&stage, &connection, "/revoke", &next.text("refresh_token")).await.status, 200);
        assert_eq!(call(&stage, &connection, "GET", TICKER, &next.text("access_token"), 1).await.status, 401, "now it does not");
        assert_eq!(refresh(&stage, &connection, &next.text("refresh_token"), 1).await.error(), (400, "invalid_grant"));
        assert!(call(&stage, &connection, "GET", TICKER, &other.text("access_token"), 1).await.was_forwarded(), "others live");
        for text in ["nonsense", "csr1.AAAA", "a.b.c"] {
            assert_eq!(about(&stage, &connection, "/revoke", text).await.status, 200, "as revoked as it can be");
        }
    })
    .await;
}

#[tokio::test]
async fn all_tokens_of_a_key_end_and_the_next_ones_do_not() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let before = tokens(&stage, &connection, "md:read offline_access", 1).await;
        let shared = &stage.worker.shared;
        let target = RevocationTarget::Credential(countersign_core::CredentialId::parse("native").unwrap());
        shared.oauth.revoke(&shared.store, target, &Change::new(clock::wall(), "operator test")).await.unwrap();
        assert_eq!(call(&stage, &connection, "GET", TICKER, &before.text("access_token"), 1).await.status, 401);
        assert_eq!(refresh(&stage, &connection, &before.text("refresh_token"), 1).await.error(), (400, "invalid_grant"));
        let after = tokens(&stage, &connection, "md:read", 1).await;
        assert!(call(&stage, &connection, "GET", TICKER, &after.text("access_token"), 1).await.was_forwarded(), "in the same second");
    })
    .await;
}

#[tokio::test]
async fn revocations_of_others_arrive_and_without_news_no_token_passes() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let told = tokens(&stage, &connection, "md:read offline_access", 1).await;
        let sid = SessionId::parse(claims_of(&told.text("access_token"))["sid"].as_str().unwrap()).unwrap();
        let shared = &stage.worker.shared;
        let change = Change::new(clock::wall(), "another node");
        shared.store.revoke_tokens(RevocationTarget::Session(sid), &change).await.unwrap();
        assert!(call(&stage, &connection, "GET", TICKER, &told.text("access_token"), 1).await.was_forwarded(), "not heard of yet");
        // One of ours in between, with a later number.
        shared.oauth.revoke(&shared.store, RevocationTarget::Token([7; 16]), &Change::new(clock::wall(), "ours")).await.unwrap();
        sync_revocations(shared).await.unwrap();
        assert_eq!(call(&stage, &connection, "GET", TICKER, &told.text("access_token"), 1).await.status, 401);
        let mark = countersign_oauth::claims::TokenMark {
            jti: [9; 16],
            from: Vec::new(),
            sid: SessionId::from_bytes([9; 16]),
            credential: countersign_core::CredentialId::parse("native").unwrap(),
            epoch: shared.oauth.epoch(),
        };
        let later = clock::mono().saturating_add(REVOCATIONS_STALE_MAX + Duration::from_secs(1));
        assert!(shared.oauth.check(&mark, clock::mono()).is_ok());
        assert_eq!(shared.oauth.check(&mark, later).unwrap_err().reject, Reject::StoreUnavailable, "fails closed, and names no bad key");
    })
    .await;
}

#[tokio::test]
async fn tokens_outlive_one_change_of_the_signing_key_which_was_published_before() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let identity = &stage.worker.shared.identity;
        let kid_of = |token: &str| -> String {
            let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
            serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
        };
        let published = || send(&stage, &connection, request("GET", crate::exchange::JWKS_PATH, &[], String::new()));
        let before = published().await.body.to_string();
        let old = tokens(&stage, &connection, "md:read", 1).await.text("access_token");
        identity.rotate().unwrap();
        let new = tokens(&stage, &connection, "md:read", 1).await.text("access_token");
        assert_ne!(kid_of(&old), kid_of(&new));
        assert!(before.contains(&kid_of(&new)), "published before its use");
        assert!(published().await.body.to_string().contains(&kid_of(&old)), "published after it");
        for token in [&old, &new] {
            assert!(call(&stage, &connection, "GET", TICKER, token, 1).await.was_forwarded());
        }
        identity.rotate().unwrap();
        assert_eq!(call(&stage, &connection, "GET", TICKER, &old, 1).await.status, 401);
        assert!(call(&stage, &connection, "GET", TICKER, &new, 1).await.was_forwarded());
    })
    .await;
}

#[tokio::test]
async fn a_key_that_asks_too_often_waits_and_is_not_called_a_bad_client() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        stage.change_credentials(|credential| credential.rate.weight_per_minute = std::num::NonZeroU32::new(30).unwrap());
        let mut told = Vec::new();
        // Five within two minutes: at least one minute sees two of them, and has room for one.
        for _ in 0..5 {
            told.push(tokens(&stage, &connection, "md:read", 1).await);
        }
        let limited = told.iter().find(|told| told.status == 429).unwrap();
        assert_eq!(limited.error(), (429, "temporarily_unavailable"));
        assert!(limited.headers.contains_key("retry-after"));
    })
    .await;
}

/// A token is good at services beside the gateway, which know nothing of halts.
#[tokio::test]
async fn whoever_is_cut_off_gets_no_token_and_has_no_active_one() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let first = tokens(&stage, &connection, "md:read offline_access", 1).await;
        let (access, family) = (first.text("access_token"), first.text("refresh_token"));
        let report = halt(&stage, "account:desk", Action::Disconnect).await;
        let refused = (503, "temporarily_unavailable");
        let (one, other) = (assertion(OWNER), assertion(OWNER));
        let kind = countersign_oauth::assertion::ASSERTION_TYPE;
        let credentials = [("grant_type", "client_credentials"), ("client_assertion", &*one), ("client_assertion_type", kind)];
        assert_eq!(post(&stage, &connection, "/token", &credentials, Some(1)).await.error(), refused);
        let bearer = [("grant_type", JWT_BEARER), ("assertion", &*other)];
        assert_eq!(post(&stage, &connection, "/token", &bearer, Some(1)).await.error(), refused);
        let exchanged = [("grant_type", TOKEN_EXCHANGE), ("subject_token", access.as_str()), ("subject_token_type", ACCESS_TOKEN_TYPE)];
        assert_eq!(post(&stage, &connection, "/token", &exchanged, Some(1)).await.error(), refused);
        assert_eq!(refresh(&stage, &connection, &family, 1).await.error(), refused);
        for token in [&access, &family] {
            assert_eq!(about(&stage, &connection, "/introspect", token).await.body, json!({ "active": false }));
        }
        lift(&stage, &report.id, None, &["alice", "bob"]).await.unwrap();
        for token in [&access, &family] {
            assert_eq!(about(&stage, &connection, "/introspect", token).await.body["active"], true);
        }
        let again = refresh(&stage, &connection, &family, 1).await;
        assert_eq!(again.status, 200, "nothing was spent");
        halt(&stage, "account:other", Action::Disconnect).await;
        assert_eq!(refresh(&stage, &connection, &again.text("refresh_token"), 1).await.status, 200, "a halt of others");
    })
    .await;
}
