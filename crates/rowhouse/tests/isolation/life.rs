//! All actions of a tenant's people and programs.

use reqwest::{Method, StatusCode};
use rowhouse_testkit::{Tenant, TestSystem};
use serde_json::{Value, json};

use crate::background::Things;
use crate::caller::{Caller, id, succeed};
use crate::identity;

const PASSWORD: &str = "staple the correct horse";

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

pub(crate) async fn live(system: &TestSystem, caller: &Caller<'_>) {
    let things = Things::of(caller).await;
    orders(caller).await;
    background(caller, &things).await;
    identity::things(caller).await;
    people(system, caller).await;
    programs(caller).await;
    assert_eq!(caller.get("/v1/me").await["tenant"]["id"], caller.tenant.id.as_str());
    caller.get("/v1/audit-log?page_size=100").await;
    caller.get("/v1/audit-log?action=invitation.accept").await;
}

/// Places an order once, with repeats, and changes it.
async fn orders(caller: &Caller<'_>) {
    let lines = json!([{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }]);
    let body = json!({ "customer": "Bob", "currency": "EUR", "lines": lines });
    // Every tenant uses the same key.
    let place = async || {
        let request = caller.stranger(Method::POST, "/v1/orders").bearer_auth(&caller.tenant.token);
        succeed(request.header("idempotency-key", "1").json(&body)).await
    };
    let placed = place().await;
    assert_eq!(place().await, placed);
    let path = format!("/v1/orders/{}", id(&placed));
    let paid = caller.patch(&path, &json!({ "status": "paid", "priority": "high" })).await;
    assert_eq!(caller.get(&path).await, paid);
    let listed = caller.get("/v1/orders?status=paid").await;
    assert_eq!(listed["orders"], json!([paid]));
}

async fn background(caller: &Caller<'_>, things: &Things) {
    caller.get(&format!("/v1/tenants/{}", things.tenant)).await;
    let file = caller.call(Method::GET, &format!("/v1/exports/{}/file", things.export), None).await;
    assert_eq!(file.0, StatusCode::OK, "{}", file.1);
    caller.get("/v1/jobs").await;
    let cancel = caller.call(Method::POST, &format!("/v1/jobs/{}/cancel", things.job), None).await;
    assert_eq!(cancel.0, StatusCode::CONFLICT, "{}", cancel.1);
    let endpoint = format!("/v1/webhook-endpoints/{}", things.endpoint);
    caller.patch(&endpoint, &json!({ "events": ["order.created"] })).await;
    let redeliver = format!("/v1/webhook-deliveries/{}/redeliver", things.delivery);
    caller.post(&redeliver, &json!(null)).await;
}

/// A person joins, returns, gets a lower role, and is removed.
async fn people(system: &TestSystem, caller: &Caller<'_>) {
    let email = format!("carol@{}.example", caller.tenant.slug);
    let invite = async |email: &str| {
        caller.post("/v1/invitations", &json!({ "email": email, "role": "member" })).await
    };
    invite(&email).await;
    let message = system.mail_to(&email, "Invitation to").await;
    let accept = json!({ "token": message.token, "password": PASSWORD });
    succeed(caller.stranger(Method::POST, "/v1/invitations/accept").json(&accept)).await;
    // Another person takes the first one's place. Each has an address of its own, since emails to one address are
    // limited.
    let bob = format!("bob-{}@example.com", uuid::Uuid::now_v7());
    invite(&bob).await;
    let again = invite(&bob).await;
    caller.delete(&format!("/v1/invitations/{}", id(&again))).await;

    let login = json!({ "email": email, "password": PASSWORD });
    let first = succeed(caller.stranger(Method::POST, "/v1/auth/login").json(&login)).await;
    let refresh = json!({ "refresh_token": text(&first, "refresh_token") });
    let second = succeed(caller.stranger(Method::POST, "/v1/auth/refresh").json(&refresh)).await;
    let carol = Tenant { token: text(&second, "access_token").to_owned(), ..caller.tenant.clone() };
    let carol = Caller::of(system, &carol);
    let user = id(&carol.get("/v1/me").await["user"]);
    let members = caller.get("/v1/members?page_size=100").await;
    let member = members["members"].as_array().unwrap().iter().find(|member| member["user_id"] == user);
    let member = format!("/v1/members/{}", id(member.unwrap()));
    caller.patch(&member, &json!({ "role": "viewer" })).await;
    let (refused, text) = carol.call(Method::GET, "/v1/me", None).await;
    assert_eq!(refused, StatusCode::UNAUTHORIZED, "{text}");

    let login = succeed(caller.stranger(Method::POST, "/v1/auth/login").json(&login)).await;
    let sessions = caller.get(&format!("/v1/sessions?user_id={user}")).await;
    let sessions = sessions["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    caller.delete(&format!("/v1/sessions/{}", id(&sessions[0]))).await;
    caller.delete(&member).await;
    let refresh = json!({ "refresh_token": login["refresh_token"] });
    let refused = caller.stranger(Method::POST, "/v1/auth/refresh").json(&refresh).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

async fn programs(caller: &Caller<'_>) {
    let body = json!({ "name": "sync", "scopes": ["orders:read"] });
    // Every tenant uses the same key.
    let make = async || {
        let request = caller.stranger(Method::POST, "/v1/api-keys").bearer_auth(&caller.tenant.token);
        succeed(request.header("idempotency-key", "1").json(&body)).await
    };
    let key = make().await;
    assert_eq!(make().await, key);
    let exchange = caller
        .stranger(Method::POST, "/v1/auth/token")
        .basic_auth(text(&key, "client_id"), Some(text(&key, "client_secret")))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let token = succeed(exchange).await;
    let list = caller.stranger(Method::GET, "/v1/orders").bearer_auth(text(&token, "access_token"));
    succeed(list).await;
    caller.delete(&format!("/v1/api-keys/{}", id(&key))).await;
}
