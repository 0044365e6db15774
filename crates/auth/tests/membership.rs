//! Making members.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::auth::v1::Role;
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::{SigningKey, TokenIssuer, issuer};
use support::{PASSWORD, Service, membership_request, refused};
use tokio::task::JoinSet;

const SET_UP_AGAIN: &str = "UPDATE tenancy.tenants SET status = 'provisioning'";
const MEMBERSHIPS: &str = "SELECT count(*) FROM auth.memberships";
const IDENTITIES: &str = "SELECT count(*) FROM auth.identities";

#[tokio::test(flavor = "multi_thread")]
async fn only_the_onboarding_service_may() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, "ada@example.com").await;
    let person = service.access_token("ada@example.com", None).await;
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

/// Whatever becomes of the password: who repeats an onboarding is told what the first call was told.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_like_the_first_call() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let first = service.sign_up(acme, "ada@example.com", Some(PASSWORD), None).await.unwrap();
    for password in [Some("another horse"), None] {
        let again = service.sign_up(acme, "ada@example.com", password, None).await.unwrap();
        assert_eq!(again, first);
    }
    service.running.login("ada@example.com", PASSWORD, None).await.unwrap();

    let globex = service.tenant("globex").await;
    let invited = service.sign_up(globex, "ada@example.com", Some("another horse"), None).await.unwrap();
    for password in [Some("yet another horse"), None] {
        let again = service.sign_up(globex, "ada@example.com", password, None).await.unwrap();
        assert_eq!(again, invited);
    }
    assert_eq!(service.subjects_to("ada@example.com").await.len(), 2, "one letter for each tenant");
    // Who has the password after all joins by it.
    let joined = service.sign_up(globex, "ada@example.com", Some(PASSWORD), None).await.unwrap();
    assert_eq!(joined.user.unwrap().id, first.user.unwrap().id);
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("2".into(), "1".into()));
    let added = "SELECT count(*) FROM auth.audit_log WHERE action = 'member.add'";
    assert_eq!(service.value(added).await, "2");
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
        ("ada@example.com", "password1", Role::Admin, vec!["password"]),
        ("ada@example.com", "ada@example.com", Role::Admin, vec!["password"]),
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

/// An onboarding's key never expires, and neither do its address and password.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_removed_does_not_come_back_by_a_repeat() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, "ada@example.com").await;
    service.sql("DELETE FROM auth.memberships").await;
    for password in [PASSWORD, "wrong horse battery"] {
        let token = service.keys.onboarding.service_token(issuer::AUTH, acme.as_uuid()).unwrap();
        let request = membership_request(acme, &token, "ada@example.com", password, Role::Owner);
        let repeated = service.running.client().create_membership(request).await;
        assert_eq!(refused(repeated), Code::PermissionDenied, "{password}");
    }
    let left = "SELECT (SELECT count(*) FROM auth.memberships) + (SELECT count(*) FROM auth.invitations)";
    assert_eq!(service.value(left).await, "0");
    service.running.stop().await;
}

/// More at once than the pool has connections, for one new address in as many tenants.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_becomes_one_identity_however_many_ask_at_once() {
    let service = Service::start().await;
    let mut calls = JoinSet::new();
    for number in 0..16 {
        let tenant = service.tenant(&format!("tenant-{number}")).await;
        service.sql(SET_UP_AGAIN).await;
        // Whoever is first decides about the password.
        let password = if number % 2 == 0 { "even password" } else { "odd password" };
        let token = service.keys.onboarding.service_token(issuer::AUTH, tenant.as_uuid()).unwrap();
        let request = membership_request(tenant, &token, "ada@example.com", password, Role::Admin);
        let mut client = service.running.client();
        calls.spawn(async move { (password, client.create_membership(request).await) });
    }
    let mut answers = Vec::new();
    for (password, answer) in calls.join_all().await {
        answers.push((password, answer.unwrap().into_inner().user.unwrap().id));
    }
    let id = service.value("SELECT id FROM auth.identities").await;
    let (members, invited): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| *answer == id);
    assert_eq!((members.len(), invited.len()), (8, 8));
    let winner = members[0].0;
    assert!(members.iter().all(|(password, _)| *password == winner), "{members:?}");
    assert!(invited.iter().all(|(password, _)| *password != winner), "{invited:?}");
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("8".into(), "1".into()));
    assert_eq!(service.value("SELECT count(*) FROM auth.invitations").await, "8");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_membership_asked_for_at_once_is_one() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.sql(SET_UP_AGAIN).await;
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
