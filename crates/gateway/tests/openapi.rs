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
