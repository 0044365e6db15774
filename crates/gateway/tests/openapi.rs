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

/// Every POST without a key, and why a caller that lost the answer does not need one.
const WITHOUT_KEY: [(&str, &str); 17] = [
    ("/v1/auth/email/resend", "a repeat mails the link once more, and that is limited"),
    ("/v1/auth/email/verify", "the link is used up, and a repeat is refused and changes nothing"),
    (
        "/v1/auth/login",
        "a repeat begins another session; the lost one can be ended and expires, and there is a most of them",
    ),
    ("/v1/auth/logout", "what has ended stays ended"),
    ("/v1/auth/mfa", "the code is used up: a repeat is refused, and the next code logs in"),
    (
        "/v1/auth/password/change",
        "a repeat is refused, since the password is the new one, with which one can log in",
    ),
    ("/v1/auth/password/forgot", "a repeat mails another link, and that is limited"),
    ("/v1/auth/password/reset", "the link is used up: a repeat is refused, and the new password logs in"),
    ("/v1/auth/refresh", "a refresh token is good once; whoever has lost the next one logs in again"),
    ("/v1/auth/switch", "a repeat begins another session, as a login does"),
    ("/v1/auth/token", "a repeat gets another access token, which nothing is written for"),
    ("/v1/invitations/accept", "the link is used up: a repeat is refused, and the person is a member"),
    (
        "/v1/invitations/{id}/resend",
        "a repeat mails a new link in place of the last one, and that is limited",
    ),
    ("/v1/jobs/{id}/cancel", "what was canceled stays canceled"),
    ("/v1/mfa/totp", "another secret replaces the one that is not confirmed yet"),
    (
        "/v1/mfa/totp/confirm",
        "a repeat is refused, and the recovery codes are lost; the factor works, so it can be removed by a code, and set up again with \
         new ones",
    ),
    (
        "/v1/webhook-deliveries/{id}/redeliver",
        "the delivery is there already, and a receiver knows it by its id",
    ),
];

#[test]
fn every_post_takes_an_idempotency_key_or_has_a_reason_not_to() {
    let document: Value = serde_json::from_str(rowhouse_gateway::OPENAPI_DOCUMENT).unwrap();
    let (mut with_key, mut without_key) = (0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        let post = &item["post"];
        if post.is_null() {
            continue;
        }
        let named = |parameter: &Value| parameter["$ref"] == "#/components/parameters/Idempotency-Key";
        let takes_key = post["parameters"].as_array().is_some_and(|all| all.iter().any(named));
        let reason = WITHOUT_KEY.iter().find(|(without, _)| without == path);
        assert_eq!(takes_key, reason.is_none(), "{path}");
        (with_key, without_key) =
            (with_key + usize::from(takes_key), without_key + usize::from(reason.is_some()));
    }
    assert!(with_key >= 8, "{with_key}");
    assert_eq!(without_key, WITHOUT_KEY.len(), "a path in the list is no POST any more");
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
