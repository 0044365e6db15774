//! The permissions of roles, and how roles are changed and revoked.

use rowhouse_testkit::TestSystem;
use serde_json::json;

use crate::api::Api;
use crate::people::{PASSWORD, join, path_of};

const GRACE: &str = "grace@acme.example";

#[tokio::test(flavor = "multi_thread")]
async fn each_role_has_its_permissions() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let owner = path_of(&ada, &acme.admin_email).await;
    let owner_id = ada.get("/v1/me").expect(200).await.body["user"]["id"].as_str().unwrap().to_owned();
    let order = json!({ "customer": "Alice", "currency": "EUR", "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 1 }] });
    for (role, orders, members) in [("viewer", false, false), ("member", true, false), ("admin", true, true)]
    {
        let login = join(&system, &ada, &acme, &format!("{role}@acme.example"), role).await;
        let person = api.with_token(login.text("access_token"));
        let guest = json!({ "email": format!("guest-of-{role}@acme.example"), "role": "viewer" });
        let key = json!({ "name": role, "scopes": ["orders:read"] });
        for (request, allowed) in [
            (person.get("/v1/orders"), true),
            (person.post("/v1/orders", &order), orders),
            (person.get("/v1/members"), true),
            (person.post("/v1/invitations", &guest), members),
            (person.get("/v1/api-keys"), members),
            (person.post("/v1/api-keys", &key), members),
            (person.get("/v1/audit-log"), members),
            (person.get("/v1/sessions"), true),
            (person.get(format!("/v1/sessions?user_id={owner_id}")), members),
            // Nobody may change a role above their own.
            (person.patch(owner.as_str(), &json!({ "role": "viewer" })), false),
            (person.delete(owner.as_str()), false),
            (person.post("/v1/invitations", &json!({ "email": "x@acme.example", "role": "owner" })), false),
        ] {
            let answer = request.send().await;
            if allowed {
                assert!(answer.status < 300, "{role}: {}", answer.text);
            } else {
                assert_eq!(
                    (answer.status, &answer.body["code"]),
                    (403, &json!("permission_denied")),
                    "{role}"
                );
            }
        }
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_changed_at_once() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let login = join(&system, &ada, &acme, GRACE, "member").await;
    let grace = api.with_token(login.text("access_token"));
    let path = path_of(&ada, GRACE).await;
    let changed = ada.patch(path.as_str(), &json!({ "role": "owner" })).expect(200).await;
    assert_eq!((changed.text("email"), changed.text("role")), (GRACE, "owner"));

    // The token with the old role is refused; the session continues with the new one.
    grace.get("/v1/me").refused(401, "token_revoked").await;
    let refresh = json!({ "refresh_token": login.text("refresh_token") });
    let refreshed = api.post("/v1/auth/refresh", &refresh).expect(200).await;
    let grace = api.with_token(refreshed.text("access_token"));
    assert_eq!(grace.get("/v1/me").expect(200).await.body["role"], "owner");

    // There are two owners now: the first one may leave, and the second one is then the last.
    let own = path_of(&ada, &acme.admin_email).await;
    grace.patch(own.as_str(), &json!({ "role": "admin" })).expect(200).await;
    grace.patch(path.as_str(), &json!({ "role": "admin" })).refused(409, "last_owner").await;
    let entries = grace.get("/v1/audit-log?action=member.update").expect(200).await;
    let details: Vec<_> =
        entries.body["entries"].as_array().unwrap().iter().map(|one| &one["details"]).collect();
    assert_eq!((&details[0]["from"], &details[0]["to"]), (&json!("owner"), &json!("admin")));
    assert_eq!((&details[1]["from"], &details[1]["to"]), (&json!("member"), &json!("owner")));
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_loses_access_at_once() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let login = join(&system, &ada, &acme, GRACE, "member").await;
    let grace = api.with_token(login.text("access_token"));
    grace.get("/v1/orders").expect(200).await;
    let path = path_of(&ada, GRACE).await;
    let gone = ada.delete(path.as_str()).expect(200).await;
    assert_eq!(gone.body["kept"], json!(["exports", "webhook_endpoints"]));
    grace.get("/v1/orders").refused(401, "token_revoked").await;
    let refresh = json!({ "refresh_token": login.text("refresh_token") });
    api.post("/v1/auth/refresh", &refresh).refused(401, "refresh_token_invalid").await;
    let again = json!({ "email": GRACE, "password": PASSWORD, "tenant": acme.slug });
    api.post("/v1/auth/login", &again).refused(403, "permission_denied").await;
    ada.delete(path.as_str()).refused(404, "member_not_found").await;

    // Everybody may leave.
    let login = join(&system, &ada, &acme, "linus@acme.example", "viewer").await;
    let linus = api.with_token(login.text("access_token"));
    linus.delete(path_of(&linus, "linus@acme.example").await).expect(200).await;
    linus.get("/v1/me").refused(401, "token_revoked").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_ends_a_members_session() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let login = join(&system, &ada, &acme, GRACE, "member").await;
    let grace = api.with_token(login.text("access_token"));
    let me = grace.get("/v1/me").expect(200).await;
    let user = me.body["user"]["id"].as_str().unwrap();

    let listed = ada.get(format!("/v1/sessions?user_id={user}")).expect(200).await;
    let session = &listed.body["sessions"][0];
    assert_eq!((&session["user_id"], &session["current"]), (&json!(user), &json!(false)));
    let own = ada.get("/v1/sessions").expect(200).await;
    // A member may not end another member's session.
    let path = |session: &serde_json::Value| format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    grace.delete(path(&own.body["sessions"][0])).refused(404, "session_not_found").await;
    ada.delete(path(session)).expect(204).await;
    grace.get("/v1/me").refused(401, "token_revoked").await;
    ada.get("/v1/me").expect(200).await;
    system.shutdown().await;
}

/// A person's keys and invitations, after their role is lowered and after their removal.
#[tokio::test(flavor = "multi_thread")]
async fn keys_and_invitations_follow_their_creators_rights() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let login = join(&system, &ada, &acme, GRACE, "admin").await;
    let grace = api.with_token(login.text("access_token"));
    let key = json!({ "name": "sync", "scopes": ["orders:read", "webhooks:manage"] });
    let key = grace.post("/v1/api-keys", &key).expect(201).await;
    let invitation = json!({ "email": "eve@acme.example", "role": "viewer" });
    let invitation = grace.post("/v1/invitations", &invitation).expect(201).await;
    let endpoint = json!({ "url": "https://example.com/hook", "events": ["*"] });
    grace.post("/v1/webhook-endpoints", &endpoint).expect(201).await;
    let exchange = async || {
        let (id, secret) = (key.text("client_id"), key.text("client_secret"));
        let body = json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": secret });
        api.post("/v1/auth/token", &body).send().await
    };
    let program = api.with_token(exchange().await.text("access_token"));
    program.get("/v1/webhook-endpoints").expect(200).await;

    let path = path_of(&ada, GRACE).await;
    let member = ada.patch(path.as_str(), &json!({ "role": "member" })).expect(200).await;
    assert_eq!((&member.body["role"], &member.body["email"]), (&json!("member"), &json!(GRACE)));
    let (id, scopes) = (key.text("client_id"), json!(["orders:read", "webhooks:manage"]));
    let reduced = json!({ "id": id, "name": "sync", "scopes": ["orders:read"], "previous_scopes": scopes });
    let ended = json!({ "id": invitation.body["id"], "email": "eve@acme.example", "role": "viewer" });
    let kept = json!(["exports", "webhook_endpoints"]);
    let revocations = json!({
        "revoked_api_keys": [],
        "reduced_api_keys": [reduced],
        "revoked_invitations": [ended],
        "kept": kept,
    });
    assert_eq!(member.body["revocations"], revocations);
    program.get("/v1/webhook-endpoints").refused(401, "token_revoked").await;
    let program = api.with_token(exchange().await.text("access_token"));
    program.get("/v1/orders").expect(200).await;
    let refused = program.get("/v1/webhook-endpoints").refused(403, "permission_denied").await;
    assert_eq!(
        refused.header("www-authenticate"),
        "Bearer realm=\"rowhouse\", error=\"insufficient_scope\", scope=\"webhooks:manage\""
    );
    // Another service refuses it at the same moment as auth.
    let gone = ada.delete(path.as_str()).expect(200).await;
    assert_eq!(gone.body["revoked_api_keys"], json!([{ "id": id, "name": "sync" }]));
    program.get("/v1/orders").refused(401, "token_revoked").await;
    let refused = exchange().await;
    assert_eq!((refused.status, &refused.body["error"]), (400, &json!("invalid_client")));
    let endpoints = ada.get("/v1/webhook-endpoints").expect(200).await;
    assert_eq!(endpoints.body["webhook_endpoints"].as_array().unwrap().len(), 1, "the tenant's");
    let keys = ada.get("/v1/api-keys").expect(200).await;
    assert_eq!(keys.body["api_keys"][0]["revoke_reason"], "member_removed");
    system.shutdown().await;
}
