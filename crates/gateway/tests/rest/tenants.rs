//! A tenant during its set-up, and later.

use std::time::Duration;

use rowhouse_jobs::WorkerArgs;
use rowhouse_testkit::{TestOptions, TestSystem};
use serde_json::{Value, json};

use crate::api::Api;
use crate::people::join;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_itself() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(&acme.token);
    let path = format!("/v1/tenants/{}", acme.id);
    let tenant = ada.get(&path).expect(200).await;
    assert_eq!((tenant.text("slug"), tenant.text("status")), (acme.slug.as_str(), "active"));
    let onboarding = &tenant.body["onboarding"];
    let steps = onboarding["steps"].as_array().unwrap();
    let names: Vec<_> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["tenant", "identity", "membership", "defaults", "welcome"]);
    assert!(steps.iter().all(|step| step["completed_at"].is_string()), "{}", tenant.text);
    assert!(onboarding["finished_at"].is_string() && onboarding["failure"].is_null());

    let viewer = join(&system, &ada, &acme, "vic@acme.example", "viewer").await;
    api.with_token(viewer.text("access_token")).get(&path).expect(200).await;
    let stranger = api.with_token(&globex.token);
    let foreign = stranger.get(&path).refused(404, "tenant_not_found").await;
    let unknown = "/v1/tenants/01990a5d-ac96-774b-bcce-b302099a8058";
    assert_eq!(foreign.body, stranger.get(unknown).refused(404, "tenant_not_found").await.body);
    stranger.get("/v1/tenants/acme").refused(404, "tenant_not_found").await;
    stranger.get(&path).header("x-tenant-id", &acme.id).refused(403, "tenant_mismatch").await;
    api.get(&path).refused(401, "token_missing").await;
    api.with_token("x.y.z").get(&path).refused(401, "token_invalid").await;
    system.shutdown().await;
}

/// No worker runs, so the call returns before the tenant is active.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_being_set_up_is_shown_to_who_set_it_up() {
    let options = TestOptions {
        jobs: WorkerArgs::NONE,
        request_timeout: Duration::from_secs(3),
        ..TestOptions::default()
    };
    let system = TestSystem::start_with(options).await;
    let api = Api::of(system.gateway_url()).await;
    let body = json!({ "name": "Acme", "admin": { "email": "ada@acme.example", "password": "correct horse battery" } });
    let accepted = api.post("/v1/tenants", &body).header("idempotency-key", "1").expect(202).await;
    assert_eq!(accepted.body["tenant"]["status"], "provisioning");
    let viewer = api.with_token(accepted.text("status_token"));
    let tenant = viewer.get(accepted.header("location")).expect(200).await;
    assert_eq!((tenant.text("status"), tenant.text("slug")), ("provisioning", "acme"));
    let steps = tenant.body["onboarding"]["steps"].as_array().unwrap();
    let done: Vec<_> =
        steps.iter().filter(|step| step["completed_at"].is_string()).map(|step| &step["name"]).collect();
    assert_eq!(done, ["tenant"]);
    assert_eq!(tenant.body["onboarding"]["finished_at"], Value::Null);

    // It gives no other access.
    for path in ["/v1/me", "/v1/orders", "/v1/jobs", "/v1/members", "/v1/exports/x", "/v1/webhook-endpoints"]
    {
        viewer.get(path).refused(401, "token_invalid").await;
    }
    viewer.get("/v1/tenants/01990a5d-ac96-774b-bcce-b302099a8058").refused(404, "tenant_not_found").await;
    api.post("/v1/auth/login", &json!({ "email": "ada@acme.example", "password": "correct horse battery" }))
        .refused(401, "invalid_credentials")
        .await;
    let again = api.post("/v1/tenants", &body).header("idempotency-key", "1").expect(202).await;
    assert_eq!(again.body["tenant"]["id"], accepted.body["tenant"]["id"]);
    system.shutdown().await;
}
