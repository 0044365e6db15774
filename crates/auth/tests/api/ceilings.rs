//! Limits on the number of objects, with concurrent calls.

use std::thread::available_parallelism;
use std::time::Duration;

use rowhouse_chassis::error::{Code, Fault, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::{
    AcceptInvitationRequest, CreateApiKeyRequest, CreateInvitationRequest, LoginRequest, Role,
};
use rowhouse_tenancy::TenantId;
use rowhouse_testkit::mail::emails_to;
use tokio::task::JoinSet;
use tonic::Status;

use crate::support::{PASSWORD, Service};
use crate::team::{accept, login, member, token_to};

/// Makes a call that hashes, and repeats it if a machine with a single core has no place for it: of one person's
/// calls, one runs on each core and two wait.
async fn with_a_place<T, F: Future<Output = Result<T, Status>>>(call: impl Fn() -> F) -> Result<T, Status> {
    let single = available_parallelism().is_ok_and(|cores| cores.get() == 1);
    loop {
        match call().await {
            Err(status) if single && fault(&status, ERROR_CODES).code == Code::RESOURCE_EXHAUSTED => {}
            answer => break answer,
        }
    }
}

/// Returns how many of the calls succeeded. The others must be refused by the limit.
fn allowed<T>(answers: Vec<Result<T, Status>>, limit: &str, maximum: i64) -> usize {
    let (allowed, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    for status in refused.into_iter().filter_map(Result::err) {
        names(&fault(&status, ERROR_CODES), limit, maximum);
    }
    allowed.len()
}

fn names(fault: &Fault, limit: &str, maximum: i64) {
    assert_eq!(fault.code, Code::LIMIT_EXCEEDED, "{fault:?}");
    assert_eq!(fault.metadata["limit"], limit);
    assert_eq!(fault.metadata["maximum"], maximum.to_string());
    assert!(fault.detail.contains(limit) && fault.retry_after.is_none(), "{fault:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn api_keys() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let gus = member(&service, globex, "gus@example.com", Role::Owner).await;
    service
        .sql(&format!(
            "INSERT INTO auth.api_keys (tenant_id, id, name, hint, digest, scopes, created_by, expires_at)
             SELECT '{acme}', gen_random_uuid(), 'key ' || n, '…', sha256(n::text::bytea), '{{orders:read}}', '{acme}', now()
             FROM generate_series(1, 97) n"
        ))
        .await;
    let mut calls = JoinSet::new();
    for number in 0..8 {
        let (mut client, name) = (service.running.api_keys(), format!("one of many {number}"));
        let scopes = vec!["orders:read".to_owned()];
        let request =
            ada.request(CreateApiKeyRequest { name, scopes, expires_at: None, idempotency_key: None });
        calls.spawn(async move { client.create_api_key(request).await });
    }
    assert_eq!(allowed(calls.join_all().await, "api_keys", 100), 3);
    assert_eq!(service.value("SELECT count(*) FROM auth.api_keys").await, "100");
    gus.make_key("another tenant's", &["orders:read"]).await.unwrap();
    let (keys, _) = ada.keys(1, "").await.unwrap();
    ada.delete_key(&keys[0].id).await.unwrap();
    ada.make_key("in its place", &["orders:read"]).await.unwrap();
    names(&ada.make_key("one more", &["orders:read"]).await.unwrap_err(), "api_keys", 100);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_invitations() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    service
        .sql(&format!(
            "INSERT INTO auth.invitations (tenant_id, id, email, role, token_digest, expires_at)
             SELECT '{acme}', gen_random_uuid(), 'guest' || n || '@example.com', 'viewer', sha256(n::text::bytea),
                 now() + CASE WHEN n <= 5 THEN interval '-1 s' ELSE interval '1 h' END
             FROM generate_series(1, 203) n"
        ))
        .await;
    let mut calls = JoinSet::new();
    for number in 0..5 {
        let (mut client, email) = (service.running.invitations(), format!("new{number}@example.com"));
        let request =
            ada.request(CreateInvitationRequest { email, role: Role::Viewer.into(), idempotency_key: None });
        calls.spawn(async move { client.create_invitation(request).await });
    }
    assert_eq!(
        allowed(calls.join_all().await, "pending_invitations", 200),
        2,
        "those that expired do not count"
    );
    ada.invite("guest6@example.com", Role::Member).await.unwrap();
    names(&ada.invite("x@example.com", Role::Viewer).await.unwrap_err(), "pending_invitations", 200);
    let (invitations, _) = ada.invitations(1, "").await.unwrap();
    ada.take_back(&invitations[0].id).await.unwrap();
    ada.invite("x@example.com", Role::Viewer).await.unwrap();
    service.running.stop().await;
}

/// Adds people as members of a tenant.
async fn crowd(service: &Service, tenant: TenantId, count: usize) {
    service
        .sql(&format!(
            "INSERT INTO auth.identities (id, email)
             SELECT gen_random_uuid(), 'crowd' || n || '@example.com' FROM generate_series(1, {count}) n;
             INSERT INTO auth.memberships (tenant_id, id, user_id, role)
             SELECT '{tenant}', gen_random_uuid(), i.id, 'viewer' FROM auth.identities i WHERE i.email LIKE 'crowd%'"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    crowd(&service, acme, 9_997).await;
    let mut links = Vec::new();
    for number in 0..4 {
        let email = format!("new{number}@example.com");
        ada.invite(&email, Role::Viewer).await.unwrap();
        service.mail_to(&email, "Invitation").await;
        links.push(token_to(&service, &email).await);
    }
    let mut calls = JoinSet::new();
    for token in links.clone() {
        let mut client = service.running.invitations();
        let password = Some(PASSWORD.to_owned());
        let request = AcceptInvitationRequest { token, password, access_token: None };
        calls.spawn(async move { client.accept_invitation(request).await });
    }
    assert_eq!(allowed(calls.join_all().await, "members", 10_000), 2);
    assert_eq!(service.value("SELECT count(*) FROM auth.memberships").await, "10000");
    // The invitation stays valid.
    let of_one = format!(
        "SELECT m.id FROM auth.memberships m JOIN auth.identities i ON i.id = m.user_id
         WHERE m.tenant_id = '{acme}' AND i.email = 'crowd1@example.com'"
    );
    ada.remove(&service.value(&of_one).await).await.unwrap();
    let mut joined = 0;
    for link in links {
        joined += usize::from(accept(&service.running, &link, Some(PASSWORD), None).await.is_ok());
    }
    assert_eq!(joined, 1);
    service.running.stop().await;
}

/// Waits for the token of a new email.
async fn next_link(service: &Service, address: &str, seen: &mut Vec<String>) -> String {
    let arrived = async {
        loop {
            let tokens = emails_to(&service.mail(), address).into_iter().map(|message| message.token);
            if let Some(new) = tokens.into_iter().find(|token| !seen.contains(token)) {
                break new;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let new = tokio::time::timeout(Duration::from_secs(20), arrived).await.unwrap();
    seen.push(new.clone());
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_of_a_person() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let bob = member(&service, acme, "bob@example.com", Role::Owner).await;
    service
        .sql(
            "INSERT INTO tenancy.tenants (id, slug, name, status)
             SELECT gen_random_uuid(), 'tenant-' || n, 'Tenant', 'active' FROM generate_series(1, 97) n;
             INSERT INTO auth.memberships (tenant_id, id, user_id, role)
             SELECT t.id, gen_random_uuid(), i.id, 'viewer' FROM tenancy.tenants t, auth.identities i
             WHERE t.slug LIKE 'tenant-%' AND i.email = 'bob@example.com'",
        )
        .await;
    let mut calls = JoinSet::new();
    let mut links = vec![token_to(&service, "bob@example.com").await];
    for number in 0..4 {
        let tenant = service.tenant(&format!("inviting-{number}")).await;
        let email = format!("owner{number}@example.com");
        member(&service, tenant, &email, Role::Owner)
            .await
            .invite("bob@example.com", Role::Viewer)
            .await
            .unwrap();
        let token = next_link(&service, "bob@example.com", &mut links).await;
        let (client, password) = (service.running.invitations(), Some(PASSWORD.to_owned()));
        let request = AcceptInvitationRequest { token, password, access_token: None };
        calls.spawn(async move {
            let call = || {
                let (mut client, request) = (client.clone(), request.clone());
                async move { client.accept_invitation(request).await }
            };
            with_a_place(call).await
        });
    }
    assert_eq!(allowed(calls.join_all().await, "tenants_of_person", 100), 2);
    // Nor can he found one.
    let another = service.tenant("another").await;
    for (password, token) in [(Some(PASSWORD), None), (None, Some(&*bob.token))] {
        let refused = service.sign_up(another, "bob@example.com", password, token).await.unwrap_err();
        names(&fault(&refused, ERROR_CODES), "tenants_of_person", 100);
    }
    // Somebody who does not prove that the address is theirs learns nothing.
    service.sign_up(another, "bob@example.com", Some("wrong horse"), None).await.unwrap();
    service.running.stop().await;
}

/// A login is not refused: the least recently used session ends.
#[tokio::test(flavor = "multi_thread")]
async fn sessions() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let first = member(&service, acme, "ada@example.com", Role::Owner).await;
    let there = member(&service, globex, "ada@example.com", Role::Owner).await;
    service
        .sql(&format!(
            "INSERT INTO auth.sessions (tenant_id, id, user_id, token_digest, last_used_at, idle_expires_at, expires_at, user_agent)
             SELECT '{acme}', gen_random_uuid(), i.id, sha256(n::text::bytea), now() - n * interval '1 min',
                 now() + interval '1 day', now() + interval '1 day', n::text
             FROM generate_series(1, 48) n, auth.identities i WHERE i.email = 'ada@example.com'"
        ))
        .await;
    let live = format!("SELECT count(*) FROM auth.sessions WHERE tenant_id = '{acme}' AND ended_at IS NULL");
    assert_eq!(service.value(&live).await, "49");
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let client = service.running.client();
        let (email, password) = ("ada@example.com".to_owned(), PASSWORD.to_owned());
        let request = LoginRequest { email, password, tenant: Some(acme.to_string()), device_token: None };
        calls.spawn(async move {
            let call = || {
                let (mut client, request) = (client.clone(), request.clone());
                async move { client.login(request).await }
            };
            with_a_place(call).await.unwrap();
        });
    }
    calls.join_all().await;
    assert_eq!(service.value(&live).await, "50");
    let ended = "SELECT string_agg(user_agent || ' ' || end_reason, ',' ORDER BY last_used_at DESC)
                 FROM auth.sessions WHERE ended_at IS NOT NULL";
    assert_eq!(service.value(ended).await, "46 too_many,47 too_many,48 too_many");
    first.role().await.unwrap();
    there.role().await.unwrap();
    service.sql("UPDATE auth.sessions SET last_used_at = now() - interval '2 hours'").await;
    login(&service, acme, "ada@example.com").await.role().await.unwrap();
    assert_eq!(service.value(&live).await, "50");
    service.running.stop().await;
}
