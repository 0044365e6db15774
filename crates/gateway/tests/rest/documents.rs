//! The documents about the API.

use reqwest::Method;
use serde_json::{Value, json};

use crate::alone::Alone;

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_complete() {
    let gateway = Alone::start().await;
    let document = &gateway.api.document;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(document["components"]["securitySchemes"]["basic"]["scheme"], "basic");
    let mut ids = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            for field in ["operationId", "summary", "tags", "responses"] {
                assert!(!operation[field].is_null(), "{what} has no {field}");
            }
            ids.push(operation["operationId"].as_str().unwrap());
            let headers: Vec<_> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|parameter| match parameter["$ref"].as_str() {
                    Some(reference) => document.pointer(&reference[1..]).unwrap(),
                    None => parameter,
                })
                .filter(|parameter| parameter["in"] == "header")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let security = &operation["security"];
            assert_eq!(security, &expected_security(path), "{what}");
            let bearer = security.to_string().contains("bearer");
            assert_eq!(headers.contains(&"x-tenant-id"), bearer, "{what}");
            // The build refuses a POST that neither has a key nor a reason for having none.
            let creates = CREATING.contains(&path.as_str()) && method == "post";
            assert!(headers.contains(&"Idempotency-Key") || !creates, "{what}");
            assert!(!headers.contains(&"Idempotency-Key") || method == "post", "{what}");
            assert!(headers.contains(&"If-Match") || what != "patch /v1/orders/{id}", "{what}");
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                assert!(response["description"].is_string(), "{what} {status}");
                let problem = response.pointer("/content/application~1problem+json/schema/$ref");
                let of_oauth = path == "/v1/auth/token" && ["400", "401"].contains(&status.as_str());
                assert_eq!(problem.is_some(), status.as_str() >= "400" && !of_oauth, "{what} {status}");
            }
            let has = |statuses: &[&str]| statuses.iter().all(|status| responses.contains_key(*status));
            assert_eq!(has(&["413", "415"]), operation["requestBody"].is_object(), "{what}");
            assert_eq!(has(&["400"]), path.starts_with("/v1/") || path.ends_with("-server"), "{what}");
            assert!(!bearer || has(&["401", "403"]), "{what}");
            assert_eq!(
                has(&["429", "500", "504"]),
                path.starts_with("/v1/") || path.ends_with("/jwks.json"),
                "{what}"
            );
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an operationId is used twice");
    each_reference(document, &mut |reference| {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    });
    gateway.stopped().await;
}

/// The addresses that create something.
const CREATING: [&str; 8] = [
    "/v1/tenants",
    "/v1/orders",
    "/v1/invitations",
    "/v1/api-keys",
    "/v1/exports",
    "/v1/webhook-endpoints",
    "/v1/webhook-endpoints/{id}/rotate-secret",
    "/v1/webhook-endpoints/{id}/test",
];

/// Returns the expected security of an address.
fn expected_security(path: &str) -> Value {
    match path {
        "/v1/tenants" | "/v1/invitations/accept" => json!([{}, { "bearer": [] }]),
        "/v1/auth/token" => json!([{}, { "basic": [] }]),
        "/v1/auth/login"
        | "/v1/auth/mfa"
        | "/v1/auth/refresh"
        | "/v1/auth/switch"
        | "/v1/auth/logout"
        | "/v1/auth/password/forgot"
        | "/v1/auth/password/reset"
        | "/v1/auth/email/verify"
        | "/v1/auth/email/resend" => json!([]),
        path if path.starts_with("/v1/") => json!([{ "bearer": [] }]),
        _ => json!([]),
    }
}

fn each_reference(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(reference) if name == "$ref" => visit(reference),
                    value => each_reference(value, visit),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| each_reference(value, visit)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_there() {
    let gateway = Alone::start().await;
    for (path, item) in gateway.api.document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{id}", "x").replace("{file}", "index.html");
            let answer = gateway.api.request(method, path).send().await;
            assert!(
                !["not_found", "method_not_allowed"]
                    .contains(&answer.body["code"].as_str().unwrap_or_default())
            );
        }
    }
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_loads_nothing_from_elsewhere() {
    let gateway = Alone::start().await;
    let api = &gateway.api;
    let moved = api.get("/docs").expect(308).await;
    assert_eq!(moved.header("location"), "/docs/");
    let page = api.get("/docs/").expect(200).await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    let linked: Vec<_> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| page.text.split(attribute).skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(linked.len() >= 4, "{linked:?}");
    let mut initializer = None;
    for file in linked {
        assert!(!file.starts_with("//") && !file.contains(':'), "{file}");
        let path = format!("/docs/{}", file.trim_start_matches("./"));
        let loaded = api.get(path.as_str()).expect(200).await;
        assert!(!loaded.text.is_empty(), "{path}");
        if path.ends_with("initializer.js") {
            initializer = Some(loaded.text);
        }
    }
    let initializer = initializer.expect("the page starts Swagger UI");
    assert!(initializer.contains("/openapi.json") && !initializer.contains("://"), "{initializer}");
    api.get("/docs/none.js").refused(404, "not_found").await;
    gateway.stopped().await;
}
