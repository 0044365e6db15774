//! The OpenAPI document in the repository is the one that is served, so that a change of the API is seen in a
//! review.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use serde_json::Value;

const REGENERATE: &str = "UPDATE_GENERATED=1 cargo test -p rowhouse-gateway --test openapi";

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let generated = serde_json::to_value(rowhouse_gateway::openapi_document()).unwrap();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&path, format!("{generated:#}\n")).unwrap();
    }
    let committed = fs::read(&path).unwrap_or_default();
    let committed: Value = serde_json::from_slice(&committed).unwrap_or_default();
    assert!(committed == generated, "{} is out of date: run `{REGENERATE}`", path.display());
}

/// What answers 201 or 202 and needs no key: another secret replaces the first, a mailed link is sent once more and limited, and a
/// delivery is there already.
const WITHOUT_KEY: [&str; 4] = [
    "/v1/auth/email/resend",
    "/v1/auth/password/forgot",
    "/v1/mfa/totp",
    "/v1/webhook-deliveries/{id}/redeliver",
];

#[test]
fn whatever_creates_something_takes_an_idempotency_key() {
    let document = serde_json::to_value(rowhouse_gateway::openapi_document()).unwrap();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let post = &item["post"];
        if ["201", "202"].iter().all(|status| post["responses"].get(status).is_none()) {
            continue;
        }
        let named = |parameter: &Value| parameter["name"] == "Idempotency-Key";
        let takes_key = post["parameters"].as_array().is_some_and(|all| all.iter().any(named));
        assert_eq!(takes_key, !WITHOUT_KEY.contains(&path.as_str()), "{path}");
        tried += usize::from(takes_key);
    }
    assert!(tried >= 6, "{tried}");
}
