//! Invitations, including the emails.

use rowhouse_testkit::TestSystem;
use serde_json::json;

use crate::api::Api;

const NOBODY: &str = "01990a5d-ac96-774b-bcce-b302099a8058";

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_made_listed_and_taken_back() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (ada, stranger) = (api.with_token(acme.token), api.with_token(globex.token));
    let me = ada.get("/v1/me").expect(200).await;

    let body = json!({ "email": "Grace@Acme.example", "role": "member" });
    let made = ada.post("/v1/invitations", &body).expect(201).await;
    let path = made.path_in("/v1/invitations");
    assert_eq!(path, format!("/v1/invitations/{}", made.text("id")));
    assert_eq!((made.text("email"), made.text("role")), ("grace@acme.example", "member"));
    assert_eq!(made.body["invited_by"], me.body["user"]["id"]);
    assert!(made.text("created_at") < made.text("expires_at"));

    // Another invitation replaces the first one.
    let body = json!({ "email": "grace@acme.example", "role": "viewer" });
    let again = ada.post("/v1/invitations", &body).expect(201).await;
    let second = ada.post("/v1/invitations", &json!({ "email": "linus@acme.example", "role": "admin" }));
    let second = second.expect(201).await;
    let list = ada.get("/v1/invitations").expect(200).await;
    assert_eq!(list.body["invitations"], json!([second.body, again.body]));
    let page = ada.get("/v1/invitations?page_size=1").expect(200).await;
    let next = format!("/v1/invitations?page_size=1&page_token={}", page.text("next_page_token"));
    let rest = ada.get(next).expect(200).await;
    assert_eq!((&rest.body["invitations"], rest.text("next_page_token")), (&json!([again.body]), ""));

    assert_eq!(stranger.get("/v1/invitations").expect(200).await.body["invitations"], json!([]));
    let path = again.path_in("/v1/invitations");
    let path = path.as_str();
    let foreign = stranger.delete(path).refused(404, "invitation_not_found").await;
    let unknown =
        stranger.delete(format!("/v1/invitations/{NOBODY}")).refused(404, "invitation_not_found").await;
    assert_eq!(foreign.body, unknown.body);
    ada.delete(path).expect(204).await;
    ada.delete(path).refused(404, "invitation_not_found").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn some_are_not_invited() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let ada = Api::of(system.gateway_url()).await.with_token(acme.token);
    let own = json!({ "email": acme.admin_email, "role": "member" });
    ada.post("/v1/invitations", &own).refused(409, "already_member").await;
    for email in ["", "grace", "grace@acme.example\0"] {
        let body = json!({ "email": email, "role": "member" });
        let refused = ada.post("/v1/invitations", &body).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), ["email"], "{email}");
    }
    let body = json!({ "email": "grace@acme.example", "role": "root" });
    ada.post("/v1/invitations", &body).refused(400, "invalid_argument").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_mailed_link_is_accepted() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token);
    for token in ["x", "rowhouse_inv_AAAA", &"a".repeat(100_000)] {
        let body = json!({ "token": token, "password": "correct horse battery" });
        api.post("/v1/invitations/accept", &body).refused(400, "one_time_token_invalid").await;
        ada.post("/v1/invitations/accept", &json!({ "token": token }))
            .refused(400, "one_time_token_invalid")
            .await;
    }
    system.shutdown().await;
}
