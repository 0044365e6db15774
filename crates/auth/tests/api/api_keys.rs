//! API keys, and the access tokens that they are exchanged for.

use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{CreateApiKeyRequest, Role};
use uuid::Uuid;

use crate::support::Service;
use crate::team::{Caller, exchange, logged, member};

async fn owner(service: &Service) -> Caller<'_> {
    let acme = service.tenant("acme").await;
    member(service, acme, "ada@example.com", Role::Owner).await
}

fn in_seconds(seconds: u64) -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp { seconds: (now + seconds).cast_signed(), nanos: 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_exchanged_for_tokens() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let made =
        ada.make_key(" nightly export ", &["orders:read", "members:read", "orders:read"]).await.unwrap();
    let (key, secret) = (made.api_key.unwrap(), made.client_secret);
    assert_eq!(
        (key.name.as_str(), key.scopes.as_slice()),
        ("nightly export", &["orders:read", "members:read"].map(String::from)[..])
    );
    assert!(secret.starts_with("rowhouse_ak_") && secret.ends_with(key.hint.strip_prefix('…').unwrap()));
    assert_eq!((key.expires_at, key.last_used_at), (None, None));
    assert_eq!(ada.keys(0, "").await.unwrap().0, [key.clone()]);

    let issued = exchange(&service.running, &key.id, &secret, "").await.unwrap();
    assert_eq!((issued.token_type.as_str(), issued.expires_in), ("Bearer", 600));
    assert_eq!(issued.scope, "orders:read members:read");
    let program = Caller::program(&service.running, ada.tenant, issued.access_token);
    assert_eq!(program.members(0, "").await.unwrap().0.len(), 1);
    assert_eq!(program.role().await.unwrap_err().code, Code::PERMISSION_DENIED, "it is nobody");

    let first = ada.keys(0, "").await.unwrap().0[0].last_used_at;
    assert!(first.is_some());
    exchange(&service.running, &key.id, &secret, "").await.unwrap();
    assert_eq!(ada.keys(0, "").await.unwrap().0[0].last_used_at, first, "exact to the minute");
    service.sql("UPDATE auth.api_keys SET last_used_at = now() - interval '2 minutes'").await;
    exchange(&service.running, &key.id, &secret, "").await.unwrap();
    assert!(ada.keys(0, "").await.unwrap().0[0].last_used_at.unwrap().seconds >= first.unwrap().seconds);

    let rows = service.value("SELECT string_agg(k::text, ' ') FROM auth.api_keys k").await;
    assert!(!rows.contains(&secret[16..]), "{rows}");
    assert_eq!(logged(&service, "api_key.create", "name").await, "success nightly export");
    let exchanged = "success orders:read members:read";
    assert_eq!(logged(&service, "api_key.exchange", "scopes").await, [exchanged; 3].join(","));
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_the_scopes_that_were_asked_for() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let made = ada.make_key("export", &["orders:read", "members:read"]).await.unwrap();
    let (id, secret) = (made.api_key.unwrap().id, made.client_secret);
    let narrow = exchange(&service.running, &id, &secret, "orders:read").await.unwrap();
    assert_eq!(narrow.scope, "orders:read");
    let program = Caller::program(&service.running, ada.tenant, narrow.access_token);
    assert_eq!(program.members(0, "").await.unwrap_err().code, Code::PERMISSION_DENIED);
    for scope in ["orders:write", "orders:read orders:write", "everything"] {
        let refused = exchange(&service.running, &id, &secret, scope).await.unwrap_err();
        assert_eq!(refused.code, error_code::INVALID_SCOPE, "{scope}");
    }
    let denied = logged(&service, "api_key.exchange", "reason").await;
    assert_eq!(denied, "success -,denied scope,denied scope,denied scope");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_is_worth_nothing_at_once() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let made = ada.make_key("export", &["members:read"]).await.unwrap();
    let (id, secret) = (made.api_key.unwrap().id, made.client_secret);
    let issued = exchange(&service.running, &id, &secret, "").await.unwrap();
    let program = Caller::program(&service.running, ada.tenant, issued.access_token);
    program.members(0, "").await.unwrap();

    ada.delete_key(&id).await.unwrap();
    assert_eq!(program.members(0, "").await.unwrap_err().code, Code::TOKEN_REVOKED);
    let refused = exchange(&service.running, &id, &secret, "").await.unwrap_err();
    assert_eq!(refused.code, error_code::INVALID_CLIENT);
    assert_eq!(ada.delete_key(&id).await.unwrap_err().code, error_code::API_KEY_NOT_FOUND);
    assert_eq!(ada.keys(0, "").await.unwrap().0, []);
    assert_eq!(logged(&service, "api_key.delete", "name").await, "success export");
    assert_eq!(logged(&service, "api_key.exchange", "reason").await, "success -,failure deleted_or_expired");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_gets_the_same_answer() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let one = ada.make_key("one", &["members:read"]).await.unwrap();
    let other = ada.make_key("other", &["members:read"]).await.unwrap().api_key.unwrap().id;
    let (id, secret) = (one.api_key.unwrap().id, one.client_secret);
    let mut forged = secret.clone().into_bytes();
    forged[60] = if forged[60] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let nobodys = Uuid::now_v7().to_string();
    // A stranger leaves no entry in a tenant's log.
    let mut answers = Vec::new();
    for (client_id, secret) in [
        (&*id, ""),
        (&*id, "rowhouse_ak_"),
        (&*id, &*forged),
        (&*id, &*ada.refresh_token),
        (&*nobodys, "x"),
        ("", ""),
    ] {
        let refused = exchange(&service.running, client_id, secret, "members:read").await.unwrap_err();
        answers.push((refused.code, refused.detail));
    }
    assert_eq!(logged(&service, "api_key.exchange", "reason").await, "");
    for client_id in [&*other, &*nobodys, "x", ""] {
        let refused = exchange(&service.running, client_id, &secret, "no:scope").await.unwrap_err();
        answers.push((refused.code, refused.detail));
    }
    assert_eq!(
        logged(&service, "api_key.exchange", "reason").await,
        ["failure other_client_id"; 4].join(",")
    );
    service.sql("UPDATE auth.api_keys SET expires_at = now()").await;
    let expired = exchange(&service.running, &id, &secret, "no:scope").await.unwrap_err();
    answers.push((expired.code, expired.detail));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, error_code::INVALID_CLIENT);

    service.sql("UPDATE auth.api_keys SET expires_at = NULL").await;
    service.sql("UPDATE tenancy.tenants SET status = 'suspended'").await;
    let suspended = exchange(&service.running, &id, &secret, "").await.unwrap_err();
    assert_eq!(suspended.code, Code::TENANT_SUSPENDED);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_when_it_was_to_end() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let name = "short".to_owned();
    let request = CreateApiKeyRequest {
        name,
        scopes: vec!["members:read".into()],
        expires_at: Some(in_seconds(120)),
        idempotency_key: None,
    };
    let made = ada.make_key_with(request.clone()).await.unwrap();
    let key = made.api_key.unwrap();
    assert_eq!(key.expires_at, request.expires_at);
    let issued = exchange(&service.running, &key.id, &made.client_secret, "").await.unwrap();
    assert!((1..=120).contains(&issued.expires_in), "{}: no longer than the key", issued.expires_in);
    service.sql("UPDATE auth.api_keys SET expires_at = now()").await;
    let expired = exchange(&service.running, &key.id, &made.client_secret, "").await.unwrap_err();
    assert_eq!(expired.code, error_code::INVALID_CLIENT);
    assert_eq!(ada.keys(0, "").await.unwrap().0.len(), 1, "its administrators see why it is refused");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_names_scopes_and_expiry_times_are_refused() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let past = Some(Timestamp { seconds: 0, nanos: 0 });
    let request =
        CreateApiKeyRequest { name: " ".into(), scopes: Vec::new(), expires_at: past, idempotency_key: None };
    let refused = ada.make_key_with(request).await.unwrap_err();
    let fields: Vec<_> = refused.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!((refused.code, fields), (Code::INVALID_ARGUMENT, vec!["name", "scopes", "expires_at"]));
    for name in ["\u{200b}\u{200b}", "\u{2800}", "Acme\u{202e}gnp.exe", "\u{2066}Acme", "a\u{e000}"] {
        let refused = ada.make_key(name, &["orders:read"]).await.unwrap_err();
        assert_eq!(refused.violations[0].field, "name", "{name:?}");
    }
    for scope in ["orders:*", "", "orders:read orders:write"] {
        let refused = ada.make_key("key", &["orders:read", scope]).await.unwrap_err();
        assert_eq!(refused.violations[0].field, "scopes", "{scope}");
    }
    assert_eq!(ada.keys(0, "").await.unwrap().0, []);
    service.running.stop().await;
}

/// A program cannot create another key or change members.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_by_people() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let scopes = ["api_keys:manage", "members:write", "members:read", "sessions:manage", "audit_log:read"];
    let made = ada.make_key("operations", &scopes).await.unwrap();
    let id = made.api_key.unwrap().id;
    let issued = exchange(&service.running, &id, &made.client_secret, "").await.unwrap();
    let program = Caller::program(&service.running, ada.tenant, issued.access_token);
    let member = program.id_of("ada@example.com").await;
    for refused in [
        program.make_key("another", &["members:read"]).await.map(drop),
        program.delete_key(&id).await,
        program.invite("eve@example.com", Role::Viewer).await.map(drop),
        program.set_role(&member, Role::Viewer).await.map(drop),
        program.remove(&member).await.map(drop),
        program.end_other_sessions().await.map(drop),
        program.sessions("", 0, "").await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code, Code::PERMISSION_DENIED);
    }
    assert_eq!(program.keys(0, "").await.unwrap().0.len(), 1);
    assert!(!program.audit_log("", 0, "").await.unwrap().entries.is_empty());
    assert_eq!(program.invitations(0, "").await.unwrap().0, []);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_key_is_not_there() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let globex = service.tenant("globex").await;
    let eve = member(&service, globex, "eve@example.com", Role::Owner).await;
    let made = eve.make_key("hers", &["members:read"]).await.unwrap();
    let foreign = made.api_key.unwrap().id;
    assert_eq!(ada.keys(0, "").await.unwrap().0, []);
    for id in [Uuid::now_v7().to_string(), "x".to_owned()] {
        let unknown = ada.delete_key(&id).await.unwrap_err();
        let answer = ada.delete_key(&foreign).await.unwrap_err();
        assert_eq!((answer.code, &answer.detail), (unknown.code, &unknown.detail));
        assert_eq!(answer.code, error_code::API_KEY_NOT_FOUND);
    }
    let issued = exchange(&service.running, &foreign, &made.client_secret, "").await.unwrap();
    // Its token is valid for its own tenant only.
    let here = Caller::program(&service.running, ada.tenant, issued.access_token.clone());
    assert_eq!(here.members(0, "").await.unwrap_err().code, Code::TENANT_MISMATCH);
    let there = Caller::program(&service.running, globex, issued.access_token);
    assert_eq!(there.members(0, "").await.unwrap().0[0].email, "eve@example.com");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_newest_first() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    for number in 0..5 {
        ada.make_key(&format!("key {number}"), &["orders:read"]).await.unwrap();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let (page, next) = ada.keys(2, &page_token).await.unwrap();
        seen.extend(page.into_iter().map(|key| key.name));
        if next.is_empty() {
            break;
        }
        page_token = next;
    }
    assert_eq!(seen, ["key 4", "key 3", "key 2", "key 1", "key 0"]);
    service.running.stop().await;
}
