//! What is given for what.

use super::*;

const ORDERS: &str = "/native/v1/orders";

#[tokio::test]
async fn an_assertion_gives_a_bound_token_that_logs_in() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let told = tokens(&stage, &connection, "order:read md:read", 1).await;
        assert_eq!((told.status, told.text("token_type").as_str()), (200, "DPoP"));
        assert_eq!(told.headers["cache-control"], "no-store");
        assert_eq!((told.body["expires_in"].as_u64(), told.text("scope").as_str()), (Some(300), "md:read order:read"));
        assert!(told.body.get("refresh_token").is_none(), "it was not asked for");
        let token = told.text("access_token");
        let claims = claims_of(&token);
        assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(ISSUER), Some(ISSUER)));
        assert_eq!((claims["sub"].as_str(), claims["client_id"].as_str()), (Some("desk"), Some(native_key().kid().as_str())));
        assert_eq!(claims["cnf"], json!({ "jkt": jkt(1).to_string() }));
        assert!(call(&stage, &stage.connection(), "GET", ORDERS, &token, 1).await.was_forwarded(), "on another connection, too");
        assert_eq!(call(&stage, &connection, "POST", ORDERS, &token, 1).await.code(), (403, "scope.denied"));
        assert_eq!(stage.audited("scope_missing")["session"], claims["sid"], "the record names the session of the token");
    })
    .await;
}

#[tokio::test]
async fn client_credentials_take_an_assertion_or_a_login() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let text = assertion(OWNER);
        let by_assertion = [
            ("grant_type", "client_credentials"),
            ("client_assertion", &text),
            ("client_assertion_type", countersign_oauth::assertion::ASSERTION_TYPE),
        ];
        let told = post(&stage, &connection, "/token", &by_assertion, Some(1)).await;
        assert_eq!((told.status, told.text("scope").as_str()), (200, "account:read md:read order:read order:write"));
        let again = post(&stage, &connection, "/token", &by_assertion, Some(1)).await;
        assert_eq!(again.error(), (401, "invalid_client"), "an assertion is used once");
        assert!(again.headers.contains_key("www-authenticate"));
        let nobody = post(&stage, &connection, "/token", &[("grant_type", "client_credentials")], Some(1)).await;
        assert_eq!(nobody.error(), (401, "invalid_client"));
    })
    .await;
}

#[tokio::test]
async fn a_request_signed_as_at_a_venue_is_a_login_here_as_well() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let body = signed_by_trader(&[("grant_type", "client_credentials")]);
        let headers =
            |proof: String| [("content-type", FORM_TYPE.to_owned()), ("x-mbx-apikey", crate::testing::TRADER.to_owned()), ("dpop", proof)];
        let told = send(&stage, &connection, request("POST", "/token", &headers(proof(1, "POST", "/token", None)), body.clone())).await;
        assert_eq!((told.status, claims_of(&told.text("access_token"))["method"].as_str()), (200, Some("binance")));
        let again = send(&stage, &connection, request("POST", "/token", &headers(proof(1, "POST", "/token", None)), body)).await;
        assert_eq!(again.error(), (401, "invalid_client"), "the same signed request is a replay");
        let token = told.text("access_token");
        let elsewhere = call(&stage, &connection, "GET", ORDERS, &token, 1).await;
        assert_eq!(elsewhere.code(), (403, "scope.denied"), "a key serves one purpose, and so do its tokens");
        assert!(call(&stage, &connection, "GET", "/api/v3/openOrders", &token, 1).await.was_forwarded());
    })
    .await;
}

#[tokio::test]
async fn an_exchange_gives_less_and_to_another_key() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let full = tokens(&stage, &connection, "md:read order:read", 1).await.text("access_token");
        let exchange = |scope: &'static str, extra: Vec<(&'static str, String)>| {
            let mut pairs = vec![
                ("grant_type", TOKEN_EXCHANGE.to_owned()),
                ("subject_token", full.clone()),
                ("subject_token_type", ACCESS_TOKEN_TYPE.to_owned()),
                ("scope", scope.to_owned()),
            ];
            pairs.extend(extra);
            pairs
        };
        let ask = async |pairs: Vec<(&'static str, String)>, dpop: u8| {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            post(&stage, &connection, "/token", &pairs, Some(dpop)).await
        };
        let told = ask(exchange("md:read", vec![("dpop_jkt", jkt(2).to_string())]), 1).await;
        assert_eq!((told.status, told.text("issued_token_type").as_str()), (200, ACCESS_TOKEN_TYPE));
        let narrow = told.text("access_token");
        let (of_full, of_narrow) = (claims_of(&full), claims_of(&narrow));
        assert_eq!((&of_narrow["sid"], &of_narrow["cnf"]["jkt"]), (&of_full["sid"], &json!(jkt(2).to_string())));
        assert!(of_narrow["exp"].as_u64() <= of_full["exp"].as_u64(), "it ends with what it is made from");
        assert!(call(&stage, &connection, "GET", "/native/v1/ticker", &narrow, 2).await.was_forwarded());
        assert_eq!(call(&stage, &connection, "GET", ORDERS, &narrow, 2).await.code(), (403, "scope.denied"));
        assert_eq!(call(&stage, &connection, "GET", "/native/v1/ticker", &narrow, 1).await.status, 401, "the old key is not its key");
        assert_eq!(ask(exchange("order:write", vec![]), 1).await.error(), (400, "invalid_scope"), "never more than the subject");
        assert_eq!(ask(exchange("md:read", vec![]), 3).await.error(), (400, "invalid_grant"), "whoever holds the text only");
        assert_eq!(ask(exchange("md:read", vec![("audience", "https://evil".to_owned())]), 1).await.error(), (400, "invalid_target"));
        let again = [("grant_type", TOKEN_EXCHANGE), ("subject_token", "a.b.c"), ("subject_token_type", ACCESS_TOKEN_TYPE)];
        assert_eq!(post(&stage, &connection, "/token", &again, Some(1)).await.error(), (400, "invalid_grant"));
    })
    .await;
}

#[tokio::test]
async fn the_metadata_describes_what_is_there() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let told = send(&stage, &connection, request("GET", METADATA_PATH, &[], String::new())).await;
        assert_eq!((told.status, told.text("issuer").as_str()), (200, ISSUER));
        for (name, path) in
            [("token_endpoint", TOKEN_PATH), ("introspection_endpoint", INTROSPECT_PATH), ("revocation_endpoint", REVOKE_PATH)]
        {
            let url = told.text(name);
            assert_eq!(url.strip_prefix(ISSUER), Some(path));
            let wrong = send(&stage, &connection, request("GET", path, &[], String::new())).await;
            assert_eq!((wrong.status, wrong.headers["allow"].to_str().unwrap()), (405, "POST"));
        }
        for grant in told.body["grant_types_supported"].as_array().unwrap() {
            let error = post(&stage, &connection, "/token", &[("grant_type", grant.as_str().unwrap())], None).await;
            assert_ne!(error.error().1, "unsupported_grant_type", "{grant} is offered");
        }
    })
    .await;
}

#[tokio::test]
async fn requests_that_break_a_rule_are_told_which_code() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let text = assertion(OWNER);
        let grant = [("grant_type", JWT_BEARER), ("assertion", text.as_str())];
        let with = |name: &'static str, value: &'static str| [&grant[..], &[(name, value)]].concat();
        for (pairs, dpop, error) in [
            (vec![], None, (400, "invalid_request")),
            (vec![("grant_type", "password"), ("username", "a"), ("password", "b")], None, (400, "unsupported_grant_type")),
            (vec![("grant_type", "client_credentials"), ("client_secret", "s")], Some(1), (401, "invalid_client")),
            (with("client_id", "somebody-else"), Some(1), (401, "invalid_client")),
            (vec![("grant_type", "refresh_token"), ("refresh_token", "csr1.AAAA")], Some(1), (400, "invalid_grant")),
        ] {
            let told = post(&stage, &connection, "/token", &pairs, dpop).await;
            assert_eq!(told.error(), error, "{pairs:?}");
            assert_eq!(told.headers["cache-control"], "no-store");
        }
        for scope in ["funds:withdraw", "order:admin"] {
            assert_eq!(tokens(&stage, &connection, scope, 1).await.error(), (400, "invalid_scope"));
        }
        let unbound = assertion(OWNER);
        let unbound = post(&stage, &connection, "/token", &[("grant_type", JWT_BEARER), ("assertion", &unbound)], None).await;
        assert_eq!(unbound.error(), (400, "invalid_dpop_proof"), "no token is bound to nothing");
        for kind in ["application/json", "text/plain", "multipart/form-data"] {
            let told = send(&stage, &connection, request("POST", "/token", &[("content-type", kind.to_owned())], form(&grant))).await;
            assert_eq!(told.error(), (400, "invalid_request"), "{kind}");
        }
        let basic = [("content-type", FORM_TYPE.to_owned()), ("authorization", "Basic YTpi".to_owned())];
        let told = send(&stage, &connection, request("POST", "/token", &basic, form(&[("grant_type", "client_credentials")]))).await;
        assert_eq!(told.error(), (401, "invalid_client"));
    })
    .await;
}
