//! Rate limits.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use rowhouse_chassis::rate_limit::RateLimits;
use rowhouse_testkit::{TestOptions, TestSystem};
use serde_json::json;

use crate::api::{Answer, Api};
use crate::people::{join, path_of};

async fn limited(tenant: &str, user: &str, api_key: &str) -> TestSystem {
    let [tenant, user, api_key] = [tenant, user, api_key].map(|limit| limit.parse().unwrap());
    let rate_limits = RateLimits { tenant, user, api_key };
    TestSystem::start_with(TestOptions { rate_limits, ..TestOptions::default() }).await
}

/// Sends requests, ten at once, and returns the answers. The rest of the burst is admitted, and one more per second;
/// on a busy machine some take too long.
async fn in_a_row(api: &Api, requests: usize, burst: u64) -> Vec<Answer> {
    let began = Instant::now();
    let mut answers = Vec::new();
    while answers.len() < requests {
        answers.extend(join_all((0..10).map(|_| api.get("/v1/orders").send())).await);
    }
    let most = burst + began.elapsed().as_secs() + 1;
    let passed = u64::try_from(answers.iter().filter(|answer| answer.status != 429).count()).unwrap();
    assert!((1..=most).contains(&passed), "{passed} of {requests} passed");
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_sends_too_much_is_told_when_to_go_on_and_no_other_is() {
    let system = limited("1:20", "0", "0").await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (busy, quiet) = (api.with_token(&acme.token), api.with_token(&globex.token));

    let first = busy.get("/v1/me").expect(200).await;
    assert_eq!(first.header("ratelimit-policy"), r#""tenant";q=20;w=20"#);
    assert!(first.header("ratelimit").starts_with(r#""tenant";r="#), "{}", first.header("ratelimit"));

    let answers = in_a_row(&busy, 80, 20).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty());
    for answer in refused {
        assert_eq!(answer.body["code"], "rate_limited", "{}", answer.text);
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("ratelimit-policy"), r#""tenant";q=20;w=20"#);
        assert_eq!(answer.header("ratelimit"), r#""tenant";r=0;t=1"#);
    }
    let other = quiet.get("/v1/orders").expect(200).await;
    assert!(!other.header("ratelimit").contains("r=0;"), "{}", other.header("ratelimit"));

    // A refusal is delayed. A busy machine can only lengthen the delay.
    loop {
        let began = Instant::now();
        if busy.get("/v1/orders").send().await.status == 429 {
            assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
            break;
        }
    }

    // A caller that waits as advised is served.
    tokio::time::sleep(Duration::from_secs(1)).await;
    busy.get("/v1/orders").expect(200).await;
    // Callers without a token have no tenant, and get no such headers.
    let stranger = api.get("/v1/orders").expect(401).await;
    assert!(!stranger.headers.contains_key("ratelimit"), "{:?}", stranger.headers);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_a_limit_of_its_own() {
    let system = limited("100:500", "0", "1:3").await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(&acme.token);
    let body = json!({ "name": "shop", "scopes": ["orders:read"] });
    let key = ada.post("/v1/api-keys", &body).expect(201).await;
    let form = json!({
        "grant_type": "client_credentials",
        "client_id": key.text("client_id"),
        "client_secret": key.text("client_secret"),
    });
    let token = api.request(Method::POST, "/v1/auth/token").json(&form).expect(200).await;
    let shop = api.with_token(token.text("access_token"));

    let answers = in_a_row(&shop, 30, 3).await;
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.body["code"], "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), r#""api-key";q=3;w=3"#);
    let good = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert_eq!(good.header("ratelimit-policy"), r#""tenant";q=500;w=5, "api-key";q=3;w=3"#);
    // The other people of the tenant continue.
    ada.get("/v1/orders").expect(200).await;
    system.shutdown().await;
}

/// The gateway verifies a revoked access token for minutes, which must not use up the tenant's rate.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_was_removed_leaves_the_others_their_share() {
    let system = limited("1:60", "1:20", "0").await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(&acme.token);
    let gus = join(&system, &ada, &acme, "gus@acme.example", "member").await;
    let gus = api.with_token(gus.text("access_token"));
    ada.request(Method::DELETE, &path_of(&ada, "gus@acme.example").await).expect(200).await;

    let answers = in_a_row(&gus, 120, 20).await;
    assert!(answers.iter().any(|answer| answer.body["code"] == "token_revoked"));
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.body["code"], "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), r#""user";q=20;w=20"#);
    assert!(refused.header("ratelimit").starts_with(r#""user";r=0;t="#), "{}", refused.header("ratelimit"));
    for _ in 0..5 {
        let served = ada.get("/v1/orders").expect(200).await;
        assert_eq!(served.header("ratelimit-policy"), r#""tenant";q=60;w=60, "user";q=20;w=20"#);
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_limits_nothing_is_told() {
    let system = limited("0", "0", "0").await;
    let acme = system.onboard("Acme").await;
    let url = format!("{}/v1/orders", system.gateway_url());
    let answer = system.http().get(url).bearer_auth(acme.token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(
        !answer.headers().contains_key("ratelimit") && !answer.headers().contains_key("ratelimit-policy")
    );
    system.shutdown().await;
}
