//! Changing a password, and setting a new one by an emailed link.

use rowhouse_testkit::TestSystem;
use serde_json::json;

use crate::api::Api;

const NEW: &str = "staple the correct horse";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_session() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let phone = api.login(&acme.admin_email, &acme.password, &acme.slug).await;
    let change = |current: &str, new: &str| {
        ada.post("/v1/auth/password/change", &json!({ "current": current, "new": new }))
    };

    change("wrong password", NEW).refused(401, "invalid_credentials").await;
    for (new, what) in [("short", "too short"), (&*"x".repeat(129), "too long"), ("password123", "common")] {
        let refused = change(&acme.password, new).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), ["new"], "{what}");
    }
    change(&acme.password, NEW).expect(204).await;

    for old in [acme.token.as_str(), phone.text("access_token")] {
        api.with_token(old).get("/v1/me").refused(401, "token_revoked").await;
    }
    let refresh = json!({ "refresh_token": phone.text("refresh_token") });
    api.post("/v1/auth/refresh", &refresh).refused(401, "refresh_token_invalid").await;
    let old = json!({ "email": acme.admin_email, "password": acme.password });
    api.post("/v1/auth/login", &old).refused(401, "invalid_credentials").await;
    let login = api.login(&acme.admin_email, NEW, &acme.slug).await;
    api.with_token(login.text("access_token")).get("/v1/me").expect(200).await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_reveal_who_has_an_identity() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    for email in [acme.admin_email.as_str(), "nobody@acme.example"] {
        let answer = api.post("/v1/auth/password/forgot", &json!({ "email": email })).expect(202).await;
        assert_eq!(answer.text, "{}");
    }
    for email in ["", "ada", "ada@acme.example\0"] {
        let refused = api.post("/v1/auth/password/forgot", &json!({ "email": email }));
        assert_eq!(refused.refused(400, "invalid_argument").await.fields(), ["email"]);
    }
    // The request changes nothing.
    api.login(&acme.admin_email, &acme.password, &acme.slug).await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_were_not_mailed_are_not_valid() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    for token in ["x", "rowhouse_inv_AAAA", &"a".repeat(100_000)] {
        let reset = json!({ "token": token, "password": NEW });
        api.post("/v1/auth/password/reset", &reset).refused(400, "one_time_token_invalid").await;
        api.post("/v1/auth/email/verify", &json!({ "token": token }))
            .refused(400, "one_time_token_invalid")
            .await;
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_sets_a_new_password() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    api.post("/v1/auth/password/forgot", &json!({ "email": acme.admin_email })).expect(202).await;
    let message = system.mail_to(&acme.admin_email, "Set a new password").await;
    let reset = |password: &str| json!({ "token": message.token, "password": password });

    // An unacceptable password does not require another email.
    let refused =
        api.post("/v1/auth/password/reset", &reset("password123")).refused(400, "invalid_argument").await;
    assert_eq!(refused.fields(), ["password"]);
    api.with_token(acme.token.as_str()).get("/v1/me").expect(200).await;
    api.post("/v1/auth/password/reset", &reset(NEW)).expect(204).await;
    api.with_token(acme.token.as_str()).get("/v1/me").refused(401, "token_revoked").await;
    let old = json!({ "email": acme.admin_email, "password": acme.password });
    api.post("/v1/auth/login", &old).refused(401, "invalid_credentials").await;
    api.login(&acme.admin_email, NEW, &acme.slug).await;
    api.post("/v1/auth/password/reset", &reset(NEW)).refused(400, "one_time_token_invalid").await;
    assert_eq!(system.mail_to(&acme.admin_email, "Your password was changed").await.token, "");
    system.shutdown().await;
}
