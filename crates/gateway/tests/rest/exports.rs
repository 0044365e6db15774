//! Files with all of a tenant's orders.

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};

use crate::api::Api;
use crate::people::join;
use crate::waiting::until;

const NOBODY: &str = "01990a5d-ac96-774b-bcce-b302099a8058";

fn order(customer: &str) -> Value {
    json!({
        "customer": customer, "currency": "EUR",
        "lines": [{ "sku": "chair", "quantity": 2, "unit_price_minor": 4950 }, { "sku": "desk", "quantity": 1, "unit_price_minor": 100 }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_written_and_downloaded() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(&acme.token);
    let mut placed = Vec::new();
    for customer in ["Alice", "=HYPERLINK(\"x\")", "Bob, \"the builder\"\u{2028}"] {
        placed.push(api.post("/v1/orders", &order(customer)).expect(201).await.body);
    }

    let made = api.post("/v1/exports", &json!({ "resource": "orders", "format": "jsonl" })).expect(202).await;
    let path = made.header("location").to_owned();
    assert_eq!(path, format!("/v1/exports/{}", made.text("id")));
    let done = until(&api, &path, "status", "succeeded").await;
    assert_eq!(done.body["progress"], json!({ "done": 3, "total": 3 }));
    assert_eq!((&done.body["order_status"], &done.body["failure"]), (&Value::Null, &Value::Null));
    assert!(done.text("expires_at") > done.text("finished_at"));
    let job = api.get(format!("/v1/jobs/{}", done.text("job_id"))).expect(200).await;
    assert_eq!((job.text("kind"), job.text("status")), ("export.write", "succeeded"));

    let file = api.get(done.text("download_url")).expect(200).await;
    assert_eq!(file.header("content-type"), "application/jsonl");
    let name = format!("attachment; filename=\"orders-{}.jsonl\"", done.text("id"));
    assert_eq!(file.header("content-disposition"), name);
    assert_eq!(file.header("content-length"), done.body["size_bytes"].to_string());
    let lines: Vec<Value> = file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, placed, "each line is the order as it is shown");

    let csv = json!({ "resource": "orders", "format": "csv", "order_status": "placed" });
    let made = api.post("/v1/exports", &csv).expect(202).await;
    let done = until(&api, made.header("location"), "status", "succeeded").await;
    let file = api.get(done.text("download_url")).expect(200).await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.text.lines().count(), 1 + 6, "{}", file.text);
    assert!(file.text.contains("'=HYPERLINK"), "{}", file.text);
    let none = json!({ "resource": "orders", "format": "csv", "order_status": "paid" });
    let made = api.post("/v1/exports", &none).expect(202).await;
    let done = until(&api, made.header("location"), "status", "succeeded").await;
    assert_eq!(done.body["progress"], json!({ "done": 0, "total": 0 }));
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_does_not_get_it() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (ada, stranger) = (api.with_token(&acme.token), api.with_token(&globex.token));
    ada.post("/v1/orders", &order("Alice")).expect(201).await;
    let made = ada.post("/v1/exports", &json!({ "resource": "orders", "format": "csv" })).expect(202).await;
    let path = made.header("location").to_owned();
    until(&ada, &path, "status", "succeeded").await;
    for path in [path.clone(), format!("{path}/file")] {
        let foreign = stranger.get(&path).refused(404, "export_not_found").await;
        let unknown =
            stranger.get(path.replace(made.text("id"), NOBODY)).refused(404, "export_not_found").await;
        assert_eq!(foreign.body, unknown.body);
        api.get(&path).refused(401, "token_missing").await;
        stranger.get(&path).header("x-tenant-id", &acme.id).refused(403, "tenant_mismatch").await;
    }
    let viewer = join(&system, &ada, &acme, "vic@acme.example", "viewer").await;
    let viewer = api.with_token(viewer.text("access_token"));
    let body = json!({ "resource": "orders", "format": "csv" });
    viewer.post("/v1/exports", &body).refused(403, "permission_denied").await;
    viewer.get(format!("{path}/file")).refused(403, "permission_denied").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_file_before_its_time() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(&acme.token);
    api.post("/v1/orders", &order("Alice")).expect(201).await;
    // Nothing is written while the table is locked.
    let mut admin = system.database().admin().await;
    admin.batch_execute("BEGIN; LOCK TABLE orders.export_chunks IN SHARE MODE").await.unwrap();
    let made = api.post("/v1/exports", &json!({ "resource": "orders", "format": "csv" })).expect(202).await;
    let path = made.header("location");
    assert_eq!(made.body["download_url"], Value::Null);
    api.get(format!("{path}/file")).refused(409, "export_not_ready").await;

    // If the export has begun, the cancellation waits for its transaction, which waits for the table until its `lock_timeout` is over.
    // That of the cancellation may be over first, so it is repeated. The table stays locked until the export has ended: released any
    // sooner, the export could be complete before the cancellation is committed.
    let job = format!("/v1/jobs/{}", made.text("job_id"));
    let begun = Instant::now();
    let cancelled = loop {
        let answer = api.request(Method::POST, format!("{job}/cancel")).send().await;
        if answer.status == 200 {
            break answer;
        }
        assert_eq!((answer.status, answer.text("code")), (503, "unavailable"), "{}", answer.text);
        assert!(begun.elapsed() < Duration::from_secs(120), "{}", answer.text);
    };
    assert_eq!(cancelled.body["cancel_requested"], true);
    until(&api, path, "status", "cancelled").await;
    until(&api, &job, "status", "cancelled").await;
    api.request(Method::POST, format!("{job}/cancel")).expect(200).await;
    api.get(format!("{path}/file")).refused(409, "export_not_ready").await;
    admin.batch_execute("ROLLBACK").await.unwrap();
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_values_are_named() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(acme.token);
    for (body, field) in [
        (json!({ "resource": "customers", "format": "csv" }), "resource"),
        (json!({ "resource": "orders", "format": "xlsx" }), "format"),
        (json!({ "resource": "orders", "format": "csv", "order_status": "open" }), "order_status"),
        (json!({ "resource": "orders" }), "format"),
        (json!({ "resource": "orders", "format": "csv", "columns": [] }), "columns"),
    ] {
        let refused = api.post("/v1/exports", &body).expect(400).await;
        assert_eq!(refused.fields(), [field], "{}", refused.text);
    }
    system.shutdown().await;
}
