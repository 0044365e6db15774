//! Making members.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::auth::v1::Role;
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::{SigningKey, TokenIssuer, issuer};
use support::{PASSWORD, Service, membership_request, refused};
use tokio::task::JoinSet;

const MEMBERSHIPS: &str = "SELECT count(*) FROM auth.memberships";
const IDENTITIES: &str = "SELECT count(*) FROM auth.identities";

#[tokio::test(flavor = "multi_thread")]
async fn only_the_onboarding_service_may() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, "ada@example.com").await;
    let person = service.running.login("ada@example.com", PASSWORD, None).await.unwrap().access_token;
    let for_orders = service.keys.onboarding.service_token("rowhouse-orders", acme.as_uuid()).unwrap();
    let for_people = service.keys.onboarding.service_token("rowhouse", acme.as_uuid()).unwrap();
    // A service whose key is trusted for its own name, but which has no business here.
    let orders = TokenIssuer::new("rowhouse-orders", SigningKey::generate().unwrap());
    service.keys.publish("rowhouse-orders", &orders);
    let of_orders = orders.service_token(issuer::AUTH, acme.as_uuid()).unwrap();
    // A key that nobody published, under a name that is trusted.
    let stranger = TokenIssuer::new(issuer::ONBOARDING, SigningKey::generate().unwrap());
    let of_stranger = stranger.service_token(issuer::AUTH, acme.as_uuid()).unwrap();

    for (token, expected) in [
        (&person, Code::PermissionDenied),
        (&for_orders, Code::TokenInvalid),
        (&for_people, Code::TokenInvalid),
        (&of_orders, Code::TokenInvalid),
        (&of_stranger, Code::TokenInvalid),
    ] {
        let request = membership_request(acme, token, "eve@example.com", PASSWORD, Role::Owner);
        assert_eq!(refused(service.running.client().create_membership(request).await), expected);
    }
    // The token's tenant is the only one it opens.
    let for_acme = service.keys.onboarding.service_token(issuer::AUTH, acme.as_uuid()).unwrap();
    let request = membership_request(globex, &for_acme, "eve@example.com", PASSWORD, Role::Owner);
    assert_eq!(refused(service.running.client().create_membership(request).await), Code::TenantMismatch);
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("1".into(), "1".into()));
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_has_no_further_effect() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let first = service.create_membership(acme, "ada@example.com", PASSWORD, Role::Member).await.unwrap();
    assert_eq!(
        (first.user.as_ref().unwrap().email.as_str(), first.role()),
        ("ada@example.com", Role::Member)
    );
    for role in [Role::Member, Role::Owner] {
        let again = service.create_membership(acme, "Ada@example.com", PASSWORD, role).await.unwrap();
        assert_eq!(again, first);
    }
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("1".into(), "1".into()));
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_joins_another_tenant_only_by_its_password() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, "ada@example.com").await;
    let hash = service.value("SELECT password_hash FROM auth.identities").await;

    let wrong = service.create_membership(globex, "ada@example.com", "wrong horse", Role::Admin).await;
    assert_eq!(refused(wrong), Code::InvalidCredentials);
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("1".into(), "1".into()));

    service.member(globex, "ada@example.com").await;
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("2".into(), "1".into()));
    assert_eq!(service.value("SELECT password_hash FROM auth.identities").await, hash);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    for (email, password, role, fields) in [
        ("", "", Role::Unspecified, vec!["email", "password", "role"]),
        ("ada", PASSWORD, Role::Admin, vec!["email"]),
        ("ada@example.com", &"x".repeat(72), Role::Admin, vec!["password"]),
        ("ada@example.com", PASSWORD, Role::Unspecified, vec!["role"]),
    ] {
        let answer = fault(&service.create_membership(acme, email, password, role).await.unwrap_err());
        assert_eq!(answer.code, Code::InvalidArgument);
        let named: Vec<_> = answer.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(named, fields);
    }
    let nowhere =
        service.create_membership(TenantId::generate(), "ada@example.com", PASSWORD, Role::Admin).await;
    assert_eq!(refused(nowhere), Code::TenantUnknown);
    assert_eq!(service.value(IDENTITIES).await, "0");
    service.running.stop().await;
}

/// More at once than the pool has connections, for one new address in as many tenants.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_becomes_one_identity_however_many_ask_at_once() {
    let service = Service::start().await;
    let mut calls = JoinSet::new();
    for number in 0..16 {
        let tenant = service.tenant(&format!("tenant-{number}")).await;
        // Whoever is first decides about the password.
        let password = if number % 2 == 0 { "even password" } else { "odd password" };
        let token = service.keys.onboarding.service_token(issuer::AUTH, tenant.as_uuid()).unwrap();
        let request = membership_request(tenant, &token, "ada@example.com", password, Role::Admin);
        let mut client = service.running.client();
        calls.spawn(async move { (password, client.create_membership(request).await) });
    }
    let (mut members, mut refusals) = (Vec::new(), Vec::new());
    for (password, answer) in calls.join_all().await {
        match answer {
            Ok(answer) => members.push((password, answer.into_inner().user.unwrap().id)),
            Err(status) => refusals.push((password, fault(&status).code)),
        }
    }
    let (winner, id) = members[0].clone();
    assert_eq!((members.len(), refusals.len()), (8, 8));
    assert!(members.iter().all(|member| *member == (winner, id.clone())), "{members:?}");
    assert!(refusals.iter().all(|(loser, code)| *loser != winner && *code == Code::InvalidCredentials));
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("8".into(), "1".into()));
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_membership_asked_for_at_once_is_one() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let token = service.keys.onboarding.service_token(issuer::AUTH, acme.as_uuid()).unwrap();
        let request = membership_request(acme, &token, "ada@example.com", PASSWORD, Role::Admin);
        let mut client = service.running.client();
        calls.spawn(async move { client.create_membership(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("1".into(), "1".into()));
    service.running.stop().await;
}
