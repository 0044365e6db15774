//! The committed OpenAPI document equals the generated one, so that reviews see changes of the API.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use prost_reflect::DescriptorPool;
use rowhouse_api::Access;
use rowhouse_proto::PERMISSIONS;
use serde_json::Value;

const REGENERATE: &str = "UPDATE_GENERATED=1 cargo test -p rowhouse-gateway --test openapi";

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let generated: Value = serde_json::from_str(rowhouse_gateway::OPENAPI_DOCUMENT).unwrap();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&path, format!("{generated:#}\n")).unwrap();
    }
    let committed = fs::read(&path).unwrap_or_default();
    let committed: Value = serde_json::from_slice(&committed).unwrap_or_default();
    assert!(committed == generated, "{} is out of date: run `{REGENERATE}`", path.display());
}

/// A permission that nothing asks for allows nothing.
#[test]
fn every_declared_permission_is_asked_for() {
    let pool = DescriptorPool::decode(rowhouse_proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut asked_for = HashSet::new();
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        if let Access::Permission { name, .. } = Access::of(&method).unwrap() {
            asked_for.insert(name);
        }
    }
    // These depend on the object, and handlers ask for them.
    let by_handlers = ["sessions:manage", "tenant:read"];
    for permission in PERMISSIONS {
        let asked = asked_for.contains(permission.as_str()) || by_handlers.contains(&permission.as_str());
        assert!(asked, "no method asks for {permission}");
    }
}
