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

/// A definition in proto without a comment, and a part that is written by hand, could leave one out.
#[test]
fn every_schema_member_parameter_and_header_has_a_description() {
    let document: Value = serde_json::from_str(rowhouse_gateway::OPENAPI_DOCUMENT).unwrap();
    let mut without = Vec::new();
    let mut left: Vec<(String, &Value)> = vec![(String::new(), &document)];
    while let Some((path, value)) = left.pop() {
        for group in ["schemas", "properties", "parameters", "headers"] {
            let members: Vec<&Value> = match value.get(group) {
                Some(Value::Object(members)) => members.values().collect(),
                Some(Value::Array(items)) => items.iter().collect(),
                _ => Vec::new(),
            };
            // A reference leads to something that has one.
            let described =
                |member: &Value| ["description", "$ref"].iter().any(|key| member.get(key).is_some());
            without.extend(
                members
                    .into_iter()
                    .filter(|member| !described(member))
                    .map(|member| format!("{path}/{group}: {member}")),
            );
        }
        match value {
            Value::Object(members) => {
                left.extend(members.iter().map(|(name, member)| (format!("{path}/{name}"), member)));
            }
            Value::Array(items) => left.extend(items.iter().map(|item| (path.clone(), item))),
            _ => {}
        }
    }
    assert!(without.is_empty(), "{without:#?}");
}

/// The limit on an address is one of the gateway, not of an operation.
#[test]
fn every_operation_of_the_api_declares_that_an_address_can_be_too_long() {
    let document: Value = serde_json::from_str(rowhouse_gateway::OPENAPI_DOCUMENT).unwrap();
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/v1/"));
    let mut operations = 0;
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let Some(answers) = operation.get("responses") else { continue };
            assert!(answers.get("414").is_some(), "{method} {path}");
            operations += 1;
        }
    }
    assert!(operations > 40, "{operations}");
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
