//! The keys are rotated twice while people log in, sign up and list their orders, without a failed request.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use reqwest::{Client, StatusCode};
use rowhouse_keys::{Rotation, RotationProgress};
use rowhouse_testkit::{TestOptions, TestSystem};
use rowhouse_tokens::{Principal, Role, SigningKey, TokenIssuer, issuer};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const PASSWORD: &str = "correct horse battery";
const TOKEN_LIFETIME: Duration = Duration::from_secs(13);
/// The shortest allowed time.
const PUBLISH_FOR: Duration = Duration::from_secs(6);
/// A token's lifetime, the clock skew of five seconds, and the time until a service follows a key.
const RETIRE_AFTER: Duration = Duration::from_secs(20);
/// The time limit of the whole test.
const LIMIT: Duration = Duration::from_secs(90);

/// The state that the tasks share.
struct Load {
    gateway: String,
    stop: AtomicBool,
    /// The ids of the keys that signed an access token.
    kids: Mutex<BTreeSet<String>>,
    requests: AtomicUsize,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    async fn post(&self, http: &Client, path: &str, body: Value, expected: StatusCode) -> Value {
        let answer = http.post(format!("{}{path}", self.gateway)).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, expected, "POST {path}: {text}");
        self.requests.fetch_add(1, Ordering::Relaxed);
        serde_json::from_str(&text).unwrap()
    }

    async fn sign_up(&self, http: &Client, slug: &str) {
        let admin = json!({ "email": format!("admin@{slug}.example"), "password": PASSWORD });
        let body = json!({ "name": slug, "slug": slug, "admin": admin });
        self.post(http, "/v1/tenants", body, StatusCode::CREATED).await;
    }

    async fn log_in(&self, http: &Client, slug: &str) -> String {
        let body = json!({ "email": format!("admin@{slug}.example"), "password": PASSWORD });
        let answer = self.post(http, "/v1/auth/login", body, StatusCode::OK).await;
        let token = answer["access_token"].as_str().unwrap().to_owned();
        self.kids.lock().unwrap().insert(part(&token, 0)["kid"].as_str().unwrap().to_owned());
        token
    }

    async fn list_orders(&self, http: &Client, token: &str) -> StatusCode {
        let answer = http.get(format!("{}/v1/orders", self.gateway)).bearer_auth(token).send().await.unwrap();
        self.requests.fetch_add(1, Ordering::Relaxed);
        answer.status()
    }
}

/// Returns a part of a JWT.
fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&BASE64.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

/// Logs in repeatedly, and uses each token once.
async fn hasty(load: Arc<Load>, slug: String) {
    let http = Client::new();
    while load.goes_on() {
        let token = load.log_in(&http, &slug).await;
        assert_eq!(load.list_orders(&http, &token).await, StatusCode::OK, "with a new token");
    }
}

/// Logs in each second, and uses all tokens in turn, each until it expires.
async fn patient(load: Arc<Load>, slug: String) {
    let http = Client::new();
    let mut tokens: Vec<(Instant, String)> = Vec::new();
    while load.goes_on() {
        if tokens.last().is_none_or(|(since, _)| since.elapsed() > Duration::from_secs(1)) {
            let token = load.log_in(&http, &slug).await;
            let claims = part(&token, 1);
            let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
            assert_eq!(life, TOKEN_LIFETIME.as_secs());
            tokens.push((Instant::now(), token));
        }
        // Each was issued in a second that had begun; the clock skew makes up for it.
        tokens.retain(|(since, _)| since.elapsed() < TOKEN_LIFETIME);
        for (since, token) in &tokens {
            let status = load.list_orders(&http, token).await;
            assert_eq!(status, StatusCode::OK, "with a token of {:?} ago", since.elapsed());
        }
    }
}

/// Onboards one company after another.
async fn founder(load: Arc<Load>, name: &'static str) {
    let http = Client::new();
    for number in 0.. {
        if !load.goes_on() {
            return;
        }
        load.sign_up(&http, &format!("{name}-{number}")).await;
    }
}

/// Sends tokens of an unpublished key, so that the gateway reads the trusted keys as often as it can.
async fn stranger(load: Arc<Load>, token: String) {
    let http = Client::new();
    while load.goes_on() {
        assert_eq!(load.list_orders(&http, &token).await, StatusCode::UNAUTHORIZED);
    }
}

/// Returns a token that an issuer with this key would sign with these claims.
fn forged(key: SigningKey, claims: &Value) -> String {
    let id = |name: &str| claims[name].as_str().unwrap().parse().unwrap();
    let owner = Principal::User { id: id("sub"), role: Role::Owner };
    let issuer = TokenIssuer::new(claims["iss"].as_str().unwrap(), key);
    issuer.access_token(&owner, id("tenant_id"), id("sid"), Duration::from_mins(5)).unwrap().token
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_loses_no_request() {
    let system =
        TestSystem::start_with(TestOptions { token_lifetime: TOKEN_LIFETIME, ..TestOptions::default() })
            .await;
    let load = Arc::new(Load {
        gateway: system.gateway_url().to_owned(),
        stop: AtomicBool::new(false),
        kids: Mutex::default(),
        requests: AtomicUsize::new(0),
    });
    let first = system.keys().signing_keys(issuer::AUTH).join("current.pem");
    let first = SigningKey::from_pem(&fs::read_to_string(first).unwrap()).unwrap();
    let first_kid = first.kid().to_owned();
    assert_eq!(published(&system).await, [first_kid.clone()]);

    let http = Client::new();
    for person in ["ada", "grace", "edsger", "barbara"] {
        load.sign_up(&http, person).await;
    }
    let claims = part(&load.log_in(&http, "ada").await, 1);
    let stolen = forged(first, &claims);
    let made_up = forged(SigningKey::generate().unwrap(), &claims);
    assert_eq!(load.list_orders(&http, &stolen).await, StatusCode::OK, "who has the key can sign");

    let mut tasks = JoinSet::new();
    for person in ["ada", "grace"] {
        tasks.spawn(hasty(Arc::clone(&load), person.to_owned()));
    }
    for person in ["edsger", "barbara"] {
        tasks.spawn(patient(Arc::clone(&load), person.to_owned()));
    }
    tasks.spawn(founder(Arc::clone(&load), "acme"));
    tasks.spawn(stranger(Arc::clone(&load), made_up));

    let rotation =
        Rotation { issuer: None, publish_for: PUBLISH_FOR, retire_after: RETIRE_AFTER, step: None };
    let mut signing = Vec::new();
    let drill = async {
        for _ in 0..2 {
            let report = |progress| {
                if let RotationProgress::Signs { issuer: issuer::AUTH, kid, .. } = progress {
                    signing.push(kid);
                }
            };
            system.keys().rotate(&rotation, report).await.unwrap();
            let signs = signing.last().unwrap();
            while !load.kids.lock().unwrap().contains(signs) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        // The first key is not trusted any more, and its tokens would be refused.
        while load.list_orders(&http, &stolen).await != StatusCode::UNAUTHORIZED {}
        let forgotten = load.requests.load(Ordering::Relaxed);
        while load.requests.load(Ordering::Relaxed) < forgotten + 500 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        ended = tasks.join_next() => panic!("a request was lost: {ended:?}"),
        done = tokio::time::timeout(LIMIT, drill) => done.unwrap(),
    }
    assert!(load.requests.load(Ordering::Relaxed) > 100);
    load.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }

    let [second, third] = &signing[..] else { panic!("{signing:?}") };
    assert_eq!(published(&system).await, [third.clone(), second.clone()], "the first key is gone");
    let signed = load.kids.lock().unwrap().clone();
    assert_eq!(signed, BTreeSet::from([first_kid, second.clone(), third.clone()]));

    drop(http);
    system.shutdown().await;
}

async fn published(system: &TestSystem) -> Vec<String> {
    let url = format!("{}/.well-known/jwks.json", system.gateway_url());
    let set: Value = system.http().get(url).send().await.unwrap().json().await.unwrap();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}
