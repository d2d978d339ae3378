//! Tokens moved, forged, replayed, confused.

use super::*;
use crate::identity::Occasion;

const TICKER: &str = "/native/v1/ticker";

async fn shown(stage: &Stage, connection: &Rc<Connection>, headers: &[(&str, String)]) -> Told {
    send(stage, connection, request("GET", TICKER, headers, String::new())).await
}

#[tokio::test]
async fn a_stolen_token_is_worth_nothing_without_its_key() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let token = tokens(&stage, &connection, "md:read", 1).await.text("access_token");
        let dpop = |text: &str| format!("DPoP {text}");
        let good = proof(1, "GET", TICKER, Some(&token));
        assert!(shown(&stage, &connection, &[("authorization", dpop(&token)), ("dpop", good.clone())]).await.was_forwarded());
        let replayed = shown(&stage, &connection, &[("authorization", dpop(&token)), ("dpop", good)]).await;
        assert_eq!(replayed.code(), (400, "replay.detected"), "a proof is used once");
        for (name, headers) in [
            ("no proof", vec![("authorization", dpop(&token))]),
            ("as a bearer token", vec![("authorization", format!("Bearer {token}"))]),
            (
                "as a bearer token with its proof",
                vec![("authorization", format!("Bearer {token}")), ("dpop", proof(1, "GET", TICKER, Some(&token)))],
            ),
            ("another key", vec![("authorization", dpop(&token)), ("dpop", proof(9, "GET", TICKER, Some(&token)))]),
            ("a proof for another token", vec![("authorization", dpop(&token)), ("dpop", proof(1, "GET", TICKER, Some("x")))]),
            ("a proof without a token", vec![("authorization", dpop(&token)), ("dpop", proof(1, "GET", TICKER, None))]),
            ("a proof for another method", vec![("authorization", dpop(&token)), ("dpop", proof(1, "POST", TICKER, Some(&token)))]),
            ("a proof for another path", vec![("authorization", dpop(&token)), ("dpop", proof(1, "GET", "/native/v1/book", Some(&token)))]),
        ] {
            let told = shown(&stage, &connection, &headers).await;
            assert_eq!(told.status, 401, "{name}: {}", told.body);
            assert_eq!(told.headers["www-authenticate"], bearer::CHALLENGE, "{name}");
        }
        let two = [
            ("authorization", dpop(&token)),
            ("dpop", proof(1, "GET", TICKER, Some(&token))),
            ("dpop", proof(1, "GET", TICKER, Some(&token))),
        ];
        assert_eq!(shown(&stage, &connection, &two).await.status, 400, "two proofs");
        let twice = [("authorization", dpop(&token)), ("authorization", dpop(&token))];
        assert_eq!(shown(&stage, &connection, &twice).await.status, 400, "two tokens");
    })
    .await;
}

#[tokio::test]
async fn a_token_of_one_connection_or_certificate_does_not_move() {
    on_stage(|stage| async move {
        let home = connection_with(&stage, EXPORTER, Some(7));
        let text = assertion(OWNER);
        let told = post(&stage, &home, "/token", &[("grant_type", JWT_BEARER), ("assertion", &text), ("bind", "channel")], None).await;
        assert_eq!(told.text("token_type"), "Bearer");
        let bound = told.text("access_token");
        let bearer = |text: &str| [("authorization", format!("Bearer {text}"))];
        assert!(shown(&stage, &home, &bearer(&bound)).await.was_forwarded());
        for (name, elsewhere) in [
            ("another connection", connection_with(&stage, [9; 32], Some(7))),
            ("another certificate", connection_with(&stage, EXPORTER, Some(8))),
            ("no certificate", connection_with(&stage, EXPORTER, None)),
        ] {
            assert_eq!(shown(&stage, &elsewhere, &bearer(&bound)).await.status, 401, "{name}");
        }
        let text = assertion(OWNER);
        let told = post(&stage, &home, "/token", &[("grant_type", JWT_BEARER), ("assertion", &text)], None).await;
        let by_certificate = told.text("access_token");
        assert_eq!(claims_of(&by_certificate)["cnf"], json!({ "x5t#S256": Thumbprint::new([7; 32]).to_string() }));
        assert!(shown(&stage, &connection_with(&stage, [9; 32], Some(7)), &bearer(&by_certificate)).await.was_forwarded());
        assert_eq!(shown(&stage, &connection_with(&stage, [9; 32], Some(8)), &bearer(&by_certificate)).await.status, 401);
    })
    .await;
}

/// A connection may outlive the certificate that it was opened with.
#[tokio::test]
async fn a_certificate_that_expired_holds_nothing() {
    on_stage(|stage| async move {
        let home = connection_with(&stage, EXPORTER, Some(7));
        let later = connection_until(&stage, EXPORTER, Some(7), clock::wall().as_secs() - 1);
        let (text, scope) = (assertion(OWNER), "md:read offline_access");
        let told = post(&stage, &home, "/token", &[("grant_type", JWT_BEARER), ("assertion", &text), ("scope", scope)], None).await;
        let (access, refresh) = (told.text("access_token"), told.text("refresh_token"));
        let bearer = [("authorization", format!("Bearer {access}"))];
        assert!(shown(&stage, &home, &bearer).await.was_forwarded());
        assert_eq!(shown(&stage, &later, &bearer).await.status, 401);
        let told = post(&stage, &later, "/token", &[("grant_type", "refresh_token"), ("refresh_token", &refresh)], None).await;
        assert_eq!((told.status, told.text("error").as_str()), (400, "invalid_grant"));
        let text = assertion(OWNER);
        let told = post(&stage, &later, "/token", &[("grant_type", JWT_BEARER), ("assertion", &text)], None).await;
        assert_eq!((told.status, told.text("error").as_str()), (400, "invalid_dpop_proof"), "nothing to bind a token to");
    })
    .await;
}

#[tokio::test]
async fn other_tokens_of_ours_are_no_access_tokens() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let shared = &stage.worker.shared;
        let told = tokens(&stage, &connection, "md:read", 1).await;
        let claims: countersign_oauth::AccessClaims = serde_json::from_value(claims_of(&told.text("access_token"))).unwrap();
        let table = shared.credentials.load();
        let key_id = countersign_core::ApiKeyId::parse(native_key().kid().as_str()).unwrap();
        let credential = std::sync::Arc::clone(&table.find(countersign_core::Purpose::Native, &key_id).unwrap().credential);
        let native = shared.identity.mint_access_token(
            &credential.account,
            &key_id,
            SessionId::from_bytes([1; 16]),
            "t1",
            &credential.scopes,
            clock::wall(),
            Duration::from_secs(60),
        );
        let subject = crate::identity::Subject {
            account: &credential.account,
            key_id: &key_id,
            scopes: &credential.scopes,
            purpose: credential.purpose,
        };
        let for_upstream = shared
            .identity
            .mint(subject, None, Occasion { audience: "venue", fence: shared.halts.fence(), now: clock::wall() })
            .value
            .to_str()
            .unwrap()
            .to_owned();
        let sign = |claims: &countersign_oauth::AccessClaims| shared.identity.sign_access_token(claims);
        let changed = |change: &dyn Fn(&mut countersign_oauth::AccessClaims)| {
            let mut other = claims.clone();
            change(&mut other);
            sign(&other)
        };
        let now = clock::wall().as_secs();
        for (name, token) in [
            ("a native session's token", native),
            ("an identity assertion for an upstream", for_upstream),
            ("another audience", changed(&|claims| claims.aud = "https://venue".to_owned())),
            ("another issuer", changed(&|claims| claims.iss = "https://127.0.0.1:8443".to_owned())),
            ("expired", changed(&|claims| (claims.iat, claims.exp) = (now - 400, now - 100))),
            ("of the future", changed(&|claims| (claims.iat, claims.exp) = (now + 100, now + 200))),
            ("a life that is too long", changed(&|claims| claims.exp = claims.iat + 301)),
            ("bound to nothing", changed(&|claims| claims.cnf = countersign_oauth::Confirmation::default())),
            ("another record of the key", changed(&|claims| claims.cred = "other".to_owned())),
            ("another purpose of the key", changed(&|claims| claims.method = "binance".to_owned())),
            ("an unknown key", changed(&|claims| claims.client_id = "nobody".to_owned())),
        ] {
            assert_eq!(call(&stage, &connection, "GET", TICKER, &token, 1).await.status, 401, "{name}");
        }
        assert!(call(&stage, &connection, "GET", TICKER, &sign(&claims), 1).await.was_forwarded(), "unchanged it is good");
    })
    .await;
}

#[tokio::test]
async fn a_forged_token_is_refused_whatever_its_header_says() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let token = tokens(&stage, &connection, "md:read", 1).await.text("access_token");
        let claims = claims_of(&token);
        let ring: Value = serde_json::from_str(&stage.worker.shared.identity.jwks()).unwrap();
        let (kid, next) = (ring["keys"][0]["kid"].as_str().unwrap(), ring["keys"][1]["kid"].as_str().unwrap());
        let public = URL_SAFE_NO_PAD.decode(ring["keys"][0]["x"].as_str().unwrap()).unwrap();
        let unsigned =
            |header: Value| format!("{}.{}.", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let by_mac = {
            let text = unsigned(json!({ "typ": "at+jwt", "alg": "HS256", "kid": kid }));
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &public);
            let tag = aws_lc_rs::hmac::sign(&key, text.trim_end_matches('.').as_bytes());
            format!("{text}{}", URL_SAFE_NO_PAD.encode(tag))
        };
        let header = |more: Value| {
            let mut header = json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": kid });
            header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            header
        };
        let (head, signature) = token.rsplit_once('.').unwrap();
        for (name, forged) in [
            ("no algorithm", unsigned(json!({ "typ": "at+jwt", "alg": "none", "kid": kid }))),
            ("a MAC under the public key", by_mac),
            ("another key under our name", jwt(9, &header(json!({})), &claims)),
            ("its own key inside", jwt(9, &header(json!({ "jwk": jwk(9) })), &claims)),
            ("a key elsewhere", jwt(9, &header(json!({ "jku": "http://127.0.0.1:9/jwks" })), &claims)),
            ("a path as the name of a key", jwt(9, &json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "../../dev/null" }), &claims)),
            ("the key that is not in use yet", jwt(9, &json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": next }), &claims)),
            ("a signature of zeros", format!("{head}.{}", URL_SAFE_NO_PAD.encode([0; 64]))),
            ("padding behind the signature", format!("{token}==")),
            ("other claims under the signature", {
                let mut more = claims.clone();
                more["scope"] = "order:write".into();
                format!("{}.{}.{signature}", head.split('.').next().unwrap(), URL_SAFE_NO_PAD.encode(more.to_string()))
            }),
        ] {
            assert_eq!(call(&stage, &connection, "GET", TICKER, &forged, 1).await.status, 401, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_makes_no_other_token_live_longer() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let token = tokens(&stage, &connection, "md:read", 1).await.text("access_token");
        let headers = [
            ("content-type", FORM_TYPE.to_owned()),
            ("authorization", format!("DPoP {token}")),
            ("dpop", proof(1, "POST", "/token", Some(&token))),
        ];
        let body = form(&[("grant_type", "client_credentials"), ("scope", "md:read offline_access")]);
        let told = send(&stage, &connection, request("POST", "/token", &headers, body)).await;
        assert_eq!(told.error(), (400, "unauthorized_client"));
    })
    .await;
}

#[tokio::test]
async fn an_assertion_by_another_key_or_for_another_server_is_one_and_the_same_refusal() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let now = clock::wall().as_secs();
        let made = |name: &str, audience: &str, seed: u8| {
            let claims = json!({ "iss": name, "sub": name, "aud": audience, "iat": now, "exp": now + 60, "jti": fresh_name() });
            jwt(seed, &json!({ "alg": "EdDSA" }), &claims)
        };
        let owner = native_key().kid().to_string();
        let mut answers = Vec::new();
        for text in [
            made(&owner, ISSUER, 9),
            made("nobody", ISSUER, 9),
            made(&owner, "https://other/token", OWNER),
            made(crate::testing::TRADER, ISSUER, crate::testing::TRADER.as_bytes()[0]),
            jwt(OWNER, &json!({ "alg": "none" }), &json!({})),
        ] {
            let pairs = [("grant_type", JWT_BEARER), ("assertion", text.as_str())];
            answers.push(post(&stage, &connection, "/token", &pairs, Some(1)).await);
        }
        for told in &answers {
            assert_eq!((told.error(), &told.body), ((400, "invalid_grant"), &answers[0].body));
        }
    })
    .await;
}

#[tokio::test]
async fn a_source_that_guesses_waits() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let mut limited = None;
        for _ in 0..=super::super::rates::REQUESTS_PER_SOURCE_MAX {
            let rates = stage.worker.shared.oauth.rates();
            if let Err(refusal) = rates.charge(connection.remote.ip(), clock::wall()) {
                limited = Some(refusal.reject);
            }
        }
        assert_eq!(limited, Some(Reject::RateLimited));
        let told = post(&stage, &connection, "/token", &[("grant_type", "client_credentials")], None).await;
        // A minute may have ended between the two.
        if told.status == 429 {
            assert_eq!(told.error(), (429, "temporarily_unavailable"));
            assert!(told.headers.contains_key("retry-after"));
        } else {
            assert_eq!(told.error(), (401, "invalid_client"));
        }
    })
    .await;
}

#[tokio::test]
async fn with_nonces_a_proof_that_was_made_in_advance_gets_no_token() {
    on_stage_with(
        |settings| settings.tokens.dpop_nonce = true,
        |stage| async move {
            let connection = stage.connection();
            // An assertion is spent by the request that shows it, so each has its own.
            let asked = |nonce: Option<&str>| {
                let text = assertion(OWNER);
                let pairs = [("grant_type", JWT_BEARER), ("assertion", &*text), ("scope", "md:read")];
                let mut claims =
                    json!({ "htm": "POST", "htu": format!("{ISSUER}/token"), "iat": clock::wall().as_secs(), "jti": fresh_name() });
                if let Some(nonce) = nonce {
                    claims["nonce"] = nonce.into();
                }
                let proof = jwt(1, &json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk(1) }), &claims);
                request("POST", "/token", &[("content-type", FORM_TYPE.to_owned()), ("dpop", proof)], form(&pairs))
            };
            let told = send(&stage, &connection, asked(None)).await;
            assert_eq!(told.error(), (400, "use_dpop_nonce"));
            assert_eq!(send(&stage, &connection, asked(Some("mine"))).await.error(), (400, "use_dpop_nonce"));
            let nonce = told.headers["dpop-nonce"].to_str().unwrap().to_owned();
            let told = send(&stage, &connection, asked(Some(&nonce))).await;
            assert_eq!(told.status, 200, "{}", told.body);
            assert!(told.headers.contains_key("dpop-nonce"), "the next one comes with every answer");
            let token = told.text("access_token");
            assert!(call(&stage, &connection, "GET", TICKER, &token, 1).await.was_forwarded(), "requests need none");
        },
    )
    .await;
}

#[tokio::test]
async fn without_nonces_none_is_given() {
    on_stage(|stage| async move {
        let told = tokens(&stage, &stage.connection(), "md:read", 1).await;
        assert_eq!(told.status, 200);
        assert!(!told.headers.contains_key("dpop-nonce"));
    })
    .await;
}
