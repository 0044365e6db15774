//! Sessions: where people are logged in, refreshing, and ending.

use rowhouse_testkit::{Tenant, TestSystem};
use serde_json::{Value, json};

use crate::api::{Answer, Api};

const NOBODY: &str = "01990a5d-ac96-774b-bcce-b302099a8058";

/// Logs in from an address with a program.
async fn login_from(api: &Api, tenant: &Tenant, address: &str, program: &str) -> Answer {
    let body = json!({ "email": tenant.admin_email, "password": tenant.password, "tenant": tenant.slug });
    let login = api.post("/v1/auth/login", &body);
    login.header("x-forwarded-for", address).header("user-agent", program).expect(200).await
}

async fn listed(api: &Api) -> Vec<Value> {
    api.get("/v1/sessions").expect(200).await.body["sessions"].as_array().unwrap().clone()
}

async fn is_revoked(api: &Api) {
    let refused = api.get("/v1/me").refused(401, "token_revoked").await;
    assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"rowhouse\", error=\"invalid_token\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_their_sessions() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let phone = login_from(&api, &acme, "203.0.113.9", "phone/1").await;
    let laptop = login_from(&api, &acme, "6.6.6.6, 2001:db8::1", "laptop/2").await;
    let laptop = api.with_token(laptop.text("access_token"));

    let sessions = listed(&laptop).await;
    assert_eq!(sessions.len(), 3, "the onboarding's login, and these: {sessions:?}");
    let seen: Vec<_> = sessions
        .iter()
        .map(|one| (&one["user_agent"], &one["ip_address"], &one["current"]))
        .take(2)
        .collect();
    assert_eq!(seen[0], (&json!("laptop/2"), &json!("2001:db8::1"), &json!(true)));
    assert_eq!(seen[1], (&json!("phone/1"), &json!("203.0.113.9"), &json!(false)));
    let me = laptop.get("/v1/me").expect(200).await;
    assert!(sessions.iter().all(|one| one["user_id"] == me.body["user"]["id"]));
    let phone = api.with_token(phone.text("access_token"));
    assert_eq!(listed(&phone).await[1]["current"], true);
    // A request without a `user-agent` does not show the gateway's own.
    let unknown = json!({ "email": globex.admin_email, "password": globex.password, "tenant": globex.slug });
    let unknown = api.post("/v1/auth/login", &unknown).expect(200).await;
    let unknown = api.with_token(unknown.text("access_token"));
    assert_eq!(listed(&unknown).await[0]["user_agent"], Value::Null);
    let log = unknown.get("/v1/audit-log").expect(200).await;
    assert!(!log.body.to_string().contains("tonic"), "{}", log.body);

    let mut paged = Vec::new();
    let mut token = String::new();
    loop {
        let page = laptop.get(format!("/v1/sessions?page_size=1&page_token={token}")).expect(200).await;
        paged.extend(page.body["sessions"].as_array().unwrap().iter().map(|one| one["id"].clone()));
        token = page.text("next_page_token").to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, sessions.iter().map(|one| one["id"].clone()).collect::<Vec<_>>());

    // Naming one's own id is allowed. An unknown id has no sessions.
    let own = me.body["user"]["id"].as_str().unwrap();
    let named = laptop.get(format!("/v1/sessions?user_id={own}")).expect(200).await;
    assert_eq!(named.body["sessions"].as_array().unwrap().len(), 3);
    let stranger = api.with_token(globex.token);
    let foreign = stranger.get(format!("/v1/sessions?user_id={own}")).send().await;
    let unknown = stranger.get(format!("/v1/sessions?user_id={NOBODY}")).send().await;
    assert_eq!((foreign.status, &foreign.body), (unknown.status, &unknown.body));
    assert!(!foreign.text.contains("laptop/2"));
    for (query, field) in
        [("user_id=", "user_id"), ("user_id=ada", "user_id"), ("page_token=x", "page_token")]
    {
        let refused = laptop.get(format!("/v1/sessions?{query}")).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), [field]);
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_ended_at_once() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let phone = login_from(&api, &acme, "203.0.113.9", "phone/1").await;
    let ada = api.with_token(acme.token.as_str());
    let id = listed(&ada).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/sessions/{id}");

    let stranger = api.with_token(globex.token);
    let foreign = stranger.delete(path.as_str()).refused(404, "session_not_found").await;
    let unknown = stranger.delete(format!("/v1/sessions/{NOBODY}")).refused(404, "session_not_found").await;
    assert_eq!(foreign.body, unknown.body);

    let phone_api = api.with_token(phone.text("access_token"));
    phone_api.get("/v1/orders").expect(200).await;
    ada.delete(path.as_str()).expect(204).await;
    is_revoked(&phone_api).await;
    phone_api.get("/v1/orders").refused(401, "token_revoked").await;
    let refresh = json!({ "refresh_token": phone.text("refresh_token") });
    api.post("/v1/auth/refresh", &refresh).refused(401, "refresh_token_invalid").await;
    ada.delete(path.as_str()).refused(404, "session_not_found").await;
    assert_eq!(listed(&ada).await.len(), 1);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_other_sessions_are_ended_at_once() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let phone = login_from(&api, &acme, "203.0.113.9", "phone/1").await;
    let phone = api.with_token(phone.text("access_token"));
    let ada = api.with_token(acme.token.as_str());
    let ended = ada.delete("/v1/sessions").expect(200).await;
    assert_eq!(ended.body, json!({ "ended": 1 }));
    is_revoked(&phone).await;
    assert_eq!(listed(&ada).await.len(), 1);
    ada.delete("/v1/sessions?user_id=x").refused(400, "invalid_argument").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_once() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let refresh = |token: &str| {
        let (api, body) = (api.clone(), json!({ "refresh_token": token }));
        async move { api.post("/v1/auth/refresh", &body).send().await }
    };
    let login = api.login(&acme.admin_email, &acme.password, &acme.slug).await;
    let first = login.text("refresh_token").to_owned();

    // A repeat, as after a lost answer, gets the same successor.
    let second = refresh(&first).await;
    assert_eq!(
        (second.status, refresh(&first).await.text("refresh_token")),
        (200, second.text("refresh_token"))
    );
    let third = refresh(second.text("refresh_token")).await;
    assert_eq!((third.status, &third.body["token_type"]), (200, &json!("Bearer")));
    let going_on = api.with_token(third.text("access_token"));
    going_on.get("/v1/me").expect(200).await;

    // The first token is reused later: the whole session ends.
    let reused = refresh(&first).await;
    assert_eq!((reused.status, &reused.body["code"]), (401, &json!("refresh_token_invalid")));
    assert_eq!(reused.header("www-authenticate"), "Bearer realm=\"rowhouse\"");
    is_revoked(&going_on).await;
    assert_eq!(refresh(third.text("refresh_token")).await.status, 401);
    for made_up in ["", "x", "rowhouse_rt_AAAA", acme.token.as_str()] {
        assert_eq!(refresh(made_up).await.body["code"], "refresh_token_invalid", "{made_up}");
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_says_nothing() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let login = api.login(&acme.admin_email, &acme.password, &acme.slug).await;
    let session = api.with_token(login.text("access_token"));
    session.get("/v1/me").expect(200).await;
    for token in [login.text("refresh_token"), login.text("refresh_token"), "x"] {
        let answer = api.post("/v1/auth/logout", &json!({ "refresh_token": token })).expect(204).await;
        assert_eq!(answer.text, "");
    }
    is_revoked(&session).await;
    let refresh = json!({ "refresh_token": login.text("refresh_token") });
    api.post("/v1/auth/refresh", &refresh).refused(401, "refresh_token_invalid").await;
    api.with_token(acme.token).get("/v1/me").expect(200).await;
    system.shutdown().await;
}
