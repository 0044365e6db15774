//! A read-only server.

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::{Tenant, TestSystem};
use serde_json::{Value, json};

use crate::api::{Answer, Api};

/// The time limit, which an idle machine needs a second or two of.
const SOON: Duration = Duration::from_secs(15);

fn order() -> Value {
    json!({ "customer": "Alice", "currency": "EUR", "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }] })
}

/// Repeats a request until the answer has the status, and returns the answers before it.
async fn until(status: u16, ask: impl AsyncFn() -> Answer) -> Vec<Answer> {
    let (began, mut others) = (Instant::now(), Vec::new());
    loop {
        let answer = ask().await;
        if answer.status == status {
            return others;
        }
        assert!(began.elapsed() < SOON, "{}", answer.text);
        others.push(answer);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn assert_unavailable(answer: &Answer) {
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("unavailable")), "{}", answer.text);
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
}

/// A provider with a nearly full disk does it in this way: for new sessions, and it ends the old ones.
#[tokio::test(flavor = "multi_thread")]
async fn writes_get_retry_after_and_reads_are_answered() {
    let system = TestSystem::start().await;
    let Tenant { token, .. } = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(token);
    api.post("/v1/orders", &order()).expect(201).await;

    let mut admin = system.database().admin().await;
    let switch = |how: &str| {
        format!(
            "DO $$ BEGIN
                 EXECUTE pg_catalog.format('ALTER DATABASE %I {how}', pg_catalog.current_database());
             END $$"
        )
    };
    let end = "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = pg_catalog.current_database() AND a.usename LIKE 'rowhouse%'";
    admin.batch_execute(&switch("SET default_transaction_read_only = on")).await.unwrap();
    admin.batch_execute(end).await.unwrap();

    for answer in until(200, async || api.get("/v1/orders").send().await).await {
        assert_unavailable(&answer);
    }
    for _ in 0..5 {
        assert_unavailable(&api.post("/v1/orders", &order()).send().await);
        for answer in until(200, async || api.get("/v1/orders").send().await).await {
            assert_unavailable(&answer);
        }
    }

    admin.batch_execute(&switch("RESET default_transaction_read_only")).await.unwrap();
    for answer in until(201, async || api.post("/v1/orders", &order()).send().await).await {
        assert_unavailable(&answer);
    }
    let listed = api.get("/v1/orders").expect(200).await;
    assert_eq!(
        listed.body["orders"].as_array().unwrap().len(),
        2,
        "none of the refused is there: {}",
        listed.text
    );
    system.shutdown().await;
}
