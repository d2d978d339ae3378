//! What is promised of revocation, refresh and refusals, also where requests cross each other.

use countersign_core::CredentialId;

use super::super::client::Asker;
use super::super::grant;
use super::*;

const TICKER: &str = "/native/v1/ticker";
const OTHERS: &str = "https://settlement.example";

async fn exchanged(stage: &Stage, connection: &Rc<Connection>, subject: &str, dpop: u8) -> Told {
    let pairs = [("grant_type", TOKEN_EXCHANGE), ("subject_token", subject), ("subject_token_type", ACCESS_TOKEN_TYPE)];
    post(stage, connection, "/token", &pairs, Some(dpop)).await
}

async fn revoke(stage: &Stage, target: RevocationTarget) {
    let shared = &stage.worker.shared;
    shared.oauth.revoke(&shared.store, target, &Change::new(clock::wall(), "operator test")).await.unwrap();
}

fn name_of(token: &str) -> RevocationTarget {
    RevocationTarget::parse(&format!("jti:{}", claims_of(token)["jti"].as_str().unwrap())).unwrap()
}

fn all_of_key() -> RevocationTarget {
    RevocationTarget::Credential(CredentialId::parse("native").unwrap())
}

#[tokio::test]
async fn what_is_exchanged_for_a_token_ends_with_it_over_any_number_of_steps() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let mut chain = vec![tokens(&stage, &connection, "md:read", 1).await.text("access_token")];
        for _ in 0..3 {
            let next = exchanged(&stage, &connection, chain.last().unwrap(), 1).await.text("access_token");
            chain.push(next);
        }
        let stands = async |token: &str| call(&stage, &connection, "GET", TICKER, token, 1).await.status != 401;
        revoke(&stage, name_of(&chain[2])).await;
        let mut standing = Vec::new();
        for token in &chain {
            standing.push(stands(token).await);
        }
        assert_eq!(standing, [true, true, false, false]);
        let child = exchanged(&stage, &connection, &chain[1], 1).await.text("access_token");
        assert!(stands(&child).await, "of one that stands");
        revoke(&stage, name_of(&chain[0])).await;
        assert!(!stands(&chain[1]).await && !stands(&child).await);
        assert_eq!(exchanged(&stage, &connection, &child, 1).await.error(), (400, "invalid_grant"));
    })
    .await;
}

#[tokio::test]
async fn a_chain_of_exchanges_has_an_end() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let mut token = tokens(&stage, &connection, "md:read", 1).await.text("access_token");
        for _ in 0..countersign_oauth::limits::EXCHANGES_MAX {
            token = exchanged(&stage, &connection, &token, 1).await.text("access_token");
        }
        assert!(call(&stage, &connection, "GET", TICKER, &token, 1).await.was_forwarded());
        assert_eq!(exchanged(&stage, &connection, &token, 1).await.error(), (400, "invalid_grant"));
    })
    .await;
}

/// The answer to a token request during which all tokens of its key are revoked: after it was looked at first, before it is answered.
async fn crossed(stage: &Stage, connection: &Rc<Connection>, pairs: &[(&str, &str)]) -> Result<Value, (u16, String)> {
    let headers = [("content-type", FORM_TYPE.to_owned()), ("dpop", proof(1, "POST", "/token", None))];
    let (parts, ()) = request("POST", "/token", &headers, String::new()).map(drop).into_parts();
    let (host, body) = (HeaderValue::from_static(HOST), form(pairs));
    let (form, view) = (Form::read(body.as_bytes()).unwrap(), view(&parts, &host, body.as_bytes()));
    let asker = Asker {
        worker: &stage.worker,
        connection,
        view: &view,
        form: &form,
        authority: HOST,
        issuer: ISSUER.to_owned(),
        correlation: CorrelationId::from_bytes([2; 16]),
        epoch: stage.worker.shared.oauth.epoch(),
    };
    revoke(stage, all_of_key()).await;
    let answered = grant::token(&asker, &mut Subject::none()).await;
    answered.map(|answer| serde_json::from_str(&answer.body).unwrap()).map_err(|told| (told.status(), told.body()))
}

#[tokio::test]
async fn a_token_that_crosses_the_revocation_of_its_key_does_not_survive_it() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let text = assertion(OWNER);
        let pairs = [("grant_type", JWT_BEARER), ("assertion", text.as_str()), ("scope", "md:read")];
        let given = crossed(&stage, &connection, &pairs).await.unwrap();
        let token = given["access_token"].as_str().unwrap();
        assert_eq!(call(&stage, &connection, "GET", TICKER, token, 1).await.status, 401);
        let text = assertion(OWNER);
        let pairs = [("grant_type", JWT_BEARER), ("assertion", text.as_str()), ("scope", "md:read offline_access")];
        let refused = crossed(&stage, &connection, &pairs).await.unwrap_err();
        assert!(refused.0 == 400 && refused.1.contains("invalid_grant"), "{refused:?}");
        assert!(stage.worker.shared.store.families(None, 9).await.unwrap().is_empty(), "no family survives, either");
    })
    .await;
}

#[tokio::test]
async fn an_exchange_that_crosses_the_revocation_of_its_key_does_not_survive_it() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let subject = tokens(&stage, &connection, "md:read", 1).await.text("access_token");
        let pairs = [("grant_type", TOKEN_EXCHANGE), ("subject_token", subject.as_str()), ("subject_token_type", ACCESS_TOKEN_TYPE)];
        assert!(crossed(&stage, &connection, &pairs).await.is_err(), "the subject was revoked");
        let subject = tokens(&stage, &connection, "md:read", 1).await.text("access_token");
        let child = exchanged(&stage, &connection, &subject, 1).await.text("access_token");
        assert_eq!(claims_of(&child)["epoch"], claims_of(&subject)["epoch"]);
        revoke(&stage, all_of_key()).await;
        assert_eq!(call(&stage, &connection, "GET", TICKER, &child, 1).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_narrows_and_does_nothing_else() {
    on_stage_with(
        |settings| settings.tokens.audiences = vec![OTHERS.to_owned()],
        |stage| async move {
            let connection = connection_with(&stage, EXPORTER, None);
            let first = tokens(&stage, &connection, "md:read offline_access", 1).await.text("refresh_token");
            let refresh = async |connection: &Rc<Connection>, token: &str, more: (&str, &str)| {
                post(&stage, connection, "/token", &[("grant_type", "refresh_token"), ("refresh_token", token), more], Some(1)).await
            };
            for name in ["audience", "resource"] {
                assert_eq!(refresh(&connection, &first, (name, OTHERS)).await.error(), (400, "invalid_target"), "{name}");
            }
            let told = refresh(&connection, &first, ("audience", ISSUER)).await;
            assert_eq!((told.status, claims_of(&told.text("access_token"))["aud"].as_str()), (200, Some(ISSUER)), "its own");
            let told = refresh(&connection, &told.text("refresh_token"), ("bind", "channel")).await;
            let token = told.text("access_token");
            assert!(claims_of(&token)["cnf"]["tls-exp"].is_string() && claims_of(&token)["cnf"]["jkt"].is_string());
            assert!(call(&stage, &connection, "GET", TICKER, &token, 1).await.was_forwarded());
            let elsewhere = connection_with(&stage, [7; 32], None);
            assert_eq!(call(&stage, &elsewhere, "GET", TICKER, &token, 1).await.status, 401, "worth something on its connection only");
            let current = told.text("refresh_token");
            let wide = [("grant_type", "refresh_token"), ("refresh_token", &*current), ("bind", "channel"), ("scope", "funds:withdraw")];
            let wide = post(&stage, &elsewhere, "/token", &wide, Some(1));
            assert_eq!(wide.await.error(), (400, "invalid_scope"), "a family never gains what it had not");
            assert_eq!(refresh(&elsewhere, &current, ("scope", "md:read")).await.status, 200, "the family is not bound");
        },
    )
    .await;
}

#[tokio::test]
async fn an_assertion_is_not_spent_by_a_request_whose_proof_is_refused() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let beside = countersign_oauth::assertion::ASSERTION_TYPE;
        let sent = async |pairs: &[(&str, &str)], dpop: String| {
            let headers = [("content-type", FORM_TYPE.to_owned()), ("dpop", dpop)];
            send(&stage, &connection, request("POST", "/token", &headers, form(pairs))).await
        };
        let family = tokens(&stage, &connection, "md:read offline_access", 1).await.text("refresh_token");
        let subject = tokens(&stage, &connection, "md:read", 1).await.text("access_token");
        for grant in [
            vec![("grant_type", JWT_BEARER), ("assertion", "ASSERTION")],
            vec![("grant_type", "client_credentials"), ("client_assertion", "ASSERTION"), ("client_assertion_type", beside)],
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", &family),
                ("client_assertion", "ASSERTION"),
                ("client_assertion_type", beside),
            ],
            vec![
                ("grant_type", TOKEN_EXCHANGE),
                ("subject_token", &subject),
                ("subject_token_type", ACCESS_TOKEN_TYPE),
                ("client_assertion", "ASSERTION"),
                ("client_assertion_type", beside),
            ],
        ] {
            let text = assertion(OWNER);
            let pairs: Vec<_> = grant.iter().map(|(name, value)| (*name, if *value == "ASSERTION" { &*text } else { value })).collect();
            assert_eq!(sent(&pairs, proof(1, "POST", "/elsewhere", None)).await.error(), (400, "invalid_dpop_proof"), "{grant:?}");
            let told = sent(&pairs, proof(1, "POST", "/token", None)).await;
            assert_eq!(told.status, 200, "{grant:?}: {}", told.body);
        }
        let text = assertion(OWNER);
        let pairs = [("grant_type", JWT_BEARER), ("assertion", text.as_str())];
        assert_eq!(post(&stage, &connection, "/token", &pairs, None).await.error(), (400, "invalid_dpop_proof"));
        assert_eq!(post(&stage, &connection, "/token", &pairs, Some(1)).await.status, 200, "nor by one without");
    })
    .await;
}

#[tokio::test]
async fn a_packed_form_is_not_read() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        for coding in ["gzip", "br", "identity", "x"] {
            let text = assertion(OWNER);
            let body = form(&[("grant_type", JWT_BEARER), ("assertion", &text)]);
            let headers = [
                ("content-type", FORM_TYPE.to_owned()),
                ("content-encoding", coding.to_owned()),
                ("dpop", proof(1, "POST", "/token", None)),
            ];
            let told = send(&stage, &connection, request("POST", "/token", &headers, body)).await;
            assert_eq!(told.error(), (400, "invalid_request"), "{coding}");
        }
    })
    .await;
}
