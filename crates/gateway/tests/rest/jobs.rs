//! A tenant's background jobs.

use reqwest::Method;
use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};

use crate::api::Api;
use crate::people::join;
use crate::waiting::until;

const NOBODY: &str = "01990a5d-ac96-774b-bcce-b302099a8058";

fn jobs(list: &Value) -> &[Value] {
    list["jobs"].as_array().unwrap()
}

/// A tenant has jobs from the beginning: those of its set-up.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_jobs_are_listed() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (ada, stranger) = (api.with_token(&acme.token), api.with_token(&globex.token));
    let list = ada.get("/v1/jobs?page_size=100").expect(200).await.body;
    let kind =
        |kind: &str| jobs(&list).iter().find(|job| job["kind"] == kind).unwrap_or_else(|| panic!("{list}"));
    let set_up = kind("tenant.set_up");
    assert_eq!((&set_up["queue"], &set_up["status"]), (&json!("onboarding"), &json!("succeeded")));
    assert_eq!((&set_up["due_at"], &set_up["every_seconds"]), (&Value::Null, &Value::Null));
    let purge = jobs(&list).iter().find(|job| job["every_seconds"].is_number()).unwrap();
    assert_eq!((&purge["queue"], &purge["status"]), (&json!("orders"), &json!("queued")));
    let email_job = kind("letter.send");
    assert_eq!(email_job["queue"], "auth");

    let path = format!("/v1/jobs/{}", set_up["id"].as_str().unwrap());
    assert_eq!(&ada.get(&path).expect(200).await.body, set_up);
    let foreign = stranger.get(&path).refused(404, "job_not_found").await;
    let unknown = stranger.get(format!("/v1/jobs/{NOBODY}")).refused(404, "job_not_found").await;
    assert_eq!(foreign.body, unknown.body);
    stranger.request(Method::POST, format!("{path}/cancel")).refused(404, "job_not_found").await;
    ada.request(Method::POST, format!("{path}/cancel")).refused(409, "job_not_cancellable").await;
    let ids = |list: &Value| jobs(list).iter().map(|job| job["id"].clone()).collect::<Vec<_>>();
    let others = stranger.get("/v1/jobs?page_size=100").expect(200).await.body;
    assert!(!jobs(&others).is_empty(), "a tenant's own are listed");
    assert!(ids(&list).iter().all(|id| !ids(&others).contains(id)));

    // The pages contain the same list.
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let page = ada.get(format!("/v1/jobs?page_size=1&page_token={token}")).expect(200).await;
        seen.extend(ids(&page.body));
        token = page.text("next_page_token").to_owned();
        if token.is_empty() {
            break;
        }
        ada.get(format!("/v1/jobs?page_token={token}&status=dead")).refused(400, "invalid_argument").await;
        stranger.get(format!("/v1/jobs?page_token={token}")).expect(200).await;
    }
    assert_eq!(seen, ids(&list));
    let queued = ada.get("/v1/jobs?status=queued").expect(200).await.body;
    assert!(!jobs(&queued).is_empty() && jobs(&queued).iter().all(|job| job["status"] == "queued"));
    let wrong = ada.get("/v1/jobs?status=open").refused(400, "invalid_argument").await;
    assert_eq!(wrong.fields(), ["status"]);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_jobs_does_not_allow_cancelling_them() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(&acme.token);
    let made = ada.post("/v1/exports", &json!({ "resource": "orders", "format": "csv" })).expect(202).await;
    let job = format!("/v1/jobs/{}", made.text("job_id"));
    let viewer = join(&system, &ada, &acme, "vic@acme.example", "viewer").await;
    let viewer = api.with_token(viewer.text("access_token"));
    viewer.get(&job).expect(200).await;
    viewer.request(Method::POST, format!("{job}/cancel")).refused(403, "permission_denied").await;
    until(&ada, &job, "status", "succeeded").await;
    let ended = ada.request(Method::POST, format!("{job}/cancel")).refused(409, "job_not_cancellable").await;
    assert!(ended.text("detail").contains("succeeded"), "{}", ended.text);
    system.shutdown().await;
}
