//! Members, and the rules about roles.

use rowhouse_testkit::TestSystem;
use serde_json::json;

use crate::api::Api;

const NOBODY: &str = "01990a5d-ac96-774b-bcce-b302099a8058";

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_its_owner() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token);
    let list = ada.get("/v1/members?page_size=5").expect(200).await;
    let me = ada.get("/v1/me").expect(200).await;
    let members = list.body["members"].as_array().unwrap();
    assert_eq!((members.len(), list.text("next_page_token")), (1, ""));
    assert_eq!(
        (&members[0]["user_id"], &members[0]["email"]),
        (&me.body["user"]["id"], &json!(acme.admin_email))
    );
    assert_eq!(members[0]["role"], "owner");
    let foreign = api.with_token(globex.token).get("/v1/members").expect(200).await;
    assert_eq!(foreign.body["members"][0]["email"], globex.admin_email);
    assert_eq!(
        ada.get("/v1/members?page_token=x").refused(400, "invalid_argument").await.fields(),
        ["page_token"]
    );
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_one() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let ada = Api::of(system.gateway_url()).await.with_token(acme.token);
    let list = ada.get("/v1/members").expect(200).await;
    let path = format!("/v1/members/{}", list.body["members"][0]["id"].as_str().unwrap());
    for role in ["admin", "member", "viewer"] {
        ada.patch(path.as_str(), &json!({ "role": role })).refused(409, "last_owner").await;
    }
    ada.delete(path.as_str()).refused(409, "last_owner").await;
    let same = ada.patch(path.as_str(), &json!({ "role": "owner" })).expect(200).await;
    assert_eq!(same.body, list.body["members"][0]);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_member_is_nobody() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (ada, stranger) = (api.with_token(acme.token), api.with_token(globex.token));
    let list = ada.get("/v1/members").expect(200).await;
    let member = list.body["members"][0]["id"].as_str().unwrap();
    let role = json!({ "role": "viewer" });
    let change = async |id: &str| {
        let patched =
            stranger.patch(format!("/v1/members/{id}"), &role).refused(404, "member_not_found").await;
        let deleted = stranger.delete(format!("/v1/members/{id}")).refused(404, "member_not_found").await;
        (patched.text, deleted.text)
    };
    assert_eq!(change(member).await, change(NOBODY).await);
    assert_eq!(ada.get("/v1/members").expect(200).await.body, list.body);

    for body in [
        json!({ "role": "root" }),
        json!({ "role": null }),
        json!({}),
        json!({ "role": "admin", "email": "x" }),
    ] {
        ada.patch(format!("/v1/members/{member}"), &body).refused(400, "invalid_argument").await;
    }
    for id in ["x", "%00", "' OR 1=1 --"] {
        let answer = ada.patch(format!("/v1/members/{id}"), &role).send().await;
        assert!([400, 404].contains(&answer.status), "{id}: {}", answer.text);
    }
    system.shutdown().await;
}
