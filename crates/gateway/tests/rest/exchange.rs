//! Requests for a program's token that are handled without a call. The services are not running: a forwarded request
//! ends in 503.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::json;

use crate::alone::Alone;
use crate::api::{Api, Request};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const GRANT: &str = "grant_type=client_credentials";

fn ask<'a>(api: &'a Api, content_type: &str, body: &str) -> Request<'a> {
    api.request(Method::POST, "/v1/auth/token").body(content_type, body.to_owned())
}

fn basic(pair: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_an_object_or_basic() {
    let gateway = Alone::start().await;
    let api = &gateway.api;
    let whole = format!("{GRANT}&client_id=id&client_secret=secret&scope=orders%3Aread");
    let object = json!({ "grant_type": "client_credentials", "client_id": "id", "client_secret": "secret" });
    for request in [
        ask(api, FORM, &whole),
        ask(api, &format!("{FORM}; charset=UTF-8"), &whole),
        // Unknown parameters are ignored (RFC 6749 §3.2).
        ask(api, FORM, &format!("{whole}&audience=rowhouse")),
        ask(api, JSON, &object.to_string()),
        ask(api, FORM, GRANT).header("authorization", basic("id:secret")),
        ask(api, FORM, &format!("{GRANT}&client_id=id")).header("authorization", basic("id:secret")),
    ] {
        request.refused(503, "unavailable").await;
    }
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_those_of_rfc_6749() {
    let gateway = Alone::start().await;
    let api = &gateway.api;
    let whole = format!("{GRANT}&client_id=id&client_secret=secret");
    for (request, status, error) in [
        (ask(api, FORM, ""), 400, "invalid_request"),
        (ask(api, FORM, "grant_type="), 400, "invalid_request"),
        (ask(api, FORM, "client_id=id&client_secret=x"), 400, "invalid_request"),
        (ask(api, FORM, &format!("{whole}&client_id=id")), 400, "invalid_request"),
        (ask(api, JSON, "{}"), 400, "invalid_request"),
        (ask(api, JSON, "{"), 400, "invalid_request"),
        (ask(api, FORM, &whole).header("authorization", basic("id:secret")), 400, "invalid_request"),
        (ask(api, FORM, "grant_type=password"), 400, "unsupported_grant_type"),
        (ask(api, FORM, GRANT), 401, "invalid_client"),
        (ask(api, FORM, &format!("{GRANT}&client_id=id")), 401, "invalid_client"),
        (ask(api, FORM, &format!("{GRANT}&client_secret=secret")), 400, "invalid_client"),
        (ask(api, FORM, GRANT).header("authorization", "Basic %"), 401, "invalid_client"),
        (ask(api, FORM, GRANT).header("authorization", "Bearer x"), 401, "invalid_client"),
        (ask(api, FORM, &whole).header("authorization", "Basic %"), 401, "invalid_client"),
        (ask(api, FORM, &whole).header("authorization", "Bearer x"), 401, "invalid_client"),
        (
            api.request(Method::POST, "/v1/auth/token?grant_type=client_credentials")
                .body(FORM, whole.clone()),
            400,
            "invalid_request",
        ),
    ] {
        let refused = request.refused_by_oauth(status, error).await;
        let description = refused.text("error_description");
        assert!(
            description.chars().all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\'),
            "{description}"
        );
        if status == 401 {
            assert_eq!(refused.header("www-authenticate"), "Basic realm=\"rowhouse\"");
        } else {
            assert!(!refused.has("www-authenticate"), "{}", refused.text);
        }
    }
    // Errors that RFC 6749 does not name.
    ask(api, FORM, &"a".repeat(1 << 21)).refused(413, "body_too_large").await;
    let refused = ask(api, "text/plain", &whole).refused(415, "unsupported_media_type").await;
    assert_eq!(refused.header("accept"), format!("{FORM}, {JSON}"));
    // Other addresses have no such members.
    let refused = api.post("/v1/auth/login", &json!({})).refused(400, "invalid_argument").await;
    assert!(refused.body.get("error").is_none());
    gateway.stopped().await;
}
