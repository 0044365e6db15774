//! The errors in the document.

use std::collections::BTreeMap;

use rowhouse_api::ErrorCode;
use serde_json::{Map, Value, json};

use super::member;
use crate::Model;

/// The responses of an operation that can end with errors of these reasons, one a status, with an example of each.
pub(super) fn responses(model: &Model, reasons: &[&str]) -> Vec<(String, Value)> {
    let mut statuses = BTreeMap::<u16, Vec<&ErrorCode>>::new();
    for code in reasons.iter().filter_map(|reason| model.codes.iter().find(|code| code.reason == *reason)) {
        let same = statuses.entry(code.http).or_default();
        if !same.contains(&code) {
            same.push(code);
        }
    }
    statuses.into_iter().map(|(status, codes)| (status.to_string(), response(status, &codes))).collect()
}

fn response(status: u16, codes: &[&ErrorCode]) -> Value {
    let example = |code: &&ErrorCode| {
        let name = code.code();
        let reference = json!({ "$ref": format!("#/components/examples/{name}") });
        (name, reference)
    };
    let titles: Vec<_> = codes.iter().map(|code| format!("`{}`: {}", code.code(), code.title)).collect();
    let mut response = json!({
        "description": titles.join("; "),
        "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "examples": codes.iter().map(example).collect::<Map<_, _>>(),
        } },
    });
    let missing_permission = codes.iter().any(|code| code.reason == "PERMISSION_DENIED");
    let header = match status {
        401 => Some(("WWW-Authenticate", "WWW-Authenticate")),
        403 if missing_permission => Some(("WWW-Authenticate", "InsufficientScope")),
        415 => Some(("Accept", "Accept")),
        429 | 503 => Some(("Retry-After", "Retry-After")),
        _ => None,
    };
    if let Some((name, component)) = header {
        let reference = json!({ "$ref": format!("#/components/headers/{component}") });
        member(&mut response, &["headers"]).insert(name.to_owned(), reference);
    }
    response
}

/// Puts the responses of the errors in place of `x-errors`, in each operation that is described by hand.
pub(super) fn expand(model: &Model, document: &mut Value) {
    for path in member(document, &["paths"]).values_mut() {
        for operation in path.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let Some(Value::Array(reasons)) = member(operation, &[]).remove("x-errors") else { continue };
            let reasons: Vec<_> = reasons.iter().filter_map(Value::as_str).collect();
            member(operation, &["responses"]).extend(responses(model, &reasons));
        }
    }
}

/// Adds an example of each code that has none.
pub(super) fn add_examples(model: &Model, examples: &mut Map<String, Value>) {
    for code in &model.codes {
        examples.entry(code.code()).or_insert_with(|| {
            json!({ "summary": code.title, "value": {
                "type": format!("urn:rowhouse:problem:{}", code.code()),
                "title": code.title,
                "status": code.http,
                "detail": "What is wrong with this request, and what to change.",
                "code": code.code(),
            } })
        });
    }
}

/// Lists all codes in the schema of a problem.
pub(super) fn add_codes(model: &Model, document: &mut Value) {
    let codes: Vec<_> = model.codes.iter().map(ErrorCode::code).collect();
    member(document, &["components", "schemas", "Problem", "properties", "code"])
        .insert("enum".to_owned(), json!(codes));
}
