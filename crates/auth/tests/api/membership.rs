//! Creating members.

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::Role;
use rowhouse_proto::auth::v1::{DeleteMembershipRequest, SendWelcomeRequest};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_tokens::{SigningKey, TokenIssuer, issuer};
use tokio::task::JoinSet;
use tonic::Request;

use crate::support::{NewMember, PASSWORD, Service, make_member, prepare, prove, refused};

const SET_UP_AGAIN: &str = "UPDATE tenancy.tenants SET status = 'provisioning'";
const MEMBERSHIPS: &str = "SELECT count(*) FROM auth.memberships";
const IDENTITIES: &str = "SELECT count(*) FROM auth.identities";

fn owner<'a>(email: &'a str, password: &'a str) -> NewMember<'a> {
    NewMember { email, password: Some(password), access_token: None, role: Role::Owner }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_onboarding_service_may() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, "ada@example.com").await;
    let person = service.access_token("ada@example.com", None).await;
    let for_orders = service.keys.onboarding.service_token("rowhouse-orders", acme.as_uuid()).unwrap();
    let for_people = service.keys.onboarding.service_token("rowhouse", acme.as_uuid()).unwrap();
    // A service whose key is trusted for its own name, but which may not call this method.
    let orders = TokenIssuer::new("rowhouse-orders", SigningKey::generate().unwrap());
    service.keys.publish("rowhouse-orders", &orders);
    let of_orders = orders.service_token(issuer::AUTH, acme.as_uuid()).unwrap();
    // An unpublished key under a trusted name.
    let stranger = TokenIssuer::new(issuer::ONBOARDING, SigningKey::generate().unwrap());
    let of_stranger = stranger.service_token(issuer::AUTH, acme.as_uuid()).unwrap();

    for (token, expected) in [
        (&person, Code::PERMISSION_DENIED),
        (&for_orders, Code::TOKEN_INVALID),
        (&for_people, Code::TOKEN_INVALID),
        (&of_orders, Code::TOKEN_INVALID),
        (&of_stranger, Code::TOKEN_INVALID),
    ] {
        let made = make_member(service.running.client(), acme, token, owner("eve@example.com", PASSWORD));
        assert_eq!(refused(made.await), expected);
        let proved = prove(service.running.client(), acme, token, "eve@example.com", Vec::new());
        assert_eq!(refused(proved.await), expected);
        let email = "ada@example.com".to_owned();
        let mut request = Request::new(DeleteMembershipRequest { email: email.clone() });
        carry_token(request.metadata_mut(), acme, token);
        assert_eq!(refused(service.running.client().delete_membership(request).await), expected);
        let mut request = Request::new(SendWelcomeRequest { email });
        carry_token(request.metadata_mut(), acme, token);
        assert_eq!(refused(service.running.client().send_welcome(request).await), expected);
    }
    // The token gives access to its own tenant only.
    let for_acme = service.keys.onboarding.service_token(issuer::AUTH, acme.as_uuid()).unwrap();
    let made = make_member(service.running.client(), globex, &for_acme, owner("eve@example.com", PASSWORD));
    assert_eq!(refused(made.await), Code::TENANT_MISMATCH);
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

/// A repeated onboarding gets the first answer, whatever happens to the password.
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
    service.mail_to("ada@example.com", "Invitation to").await;
    assert_eq!(service.subjects_to("ada@example.com").await.len(), 2, "one email for each tenant");
    // Somebody with the password joins by it.
    let joined = service.sign_up(globex, "ada@example.com", Some(PASSWORD), None).await.unwrap();
    assert_eq!(joined.user.unwrap().id, first.user.unwrap().id);
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("2".into(), "1".into()));
    let added = "SELECT count(*) FROM auth.audit_log WHERE action = 'member.add'";
    assert_eq!(service.value(added).await, "2");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_memberships_and_unknown_tenants_are_refused() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    for (email, password, role, fields) in [
        ("", "", Role::Unspecified, vec!["email", "password", "role"]),
        ("ada", PASSWORD, Role::Admin, vec!["email"]),
        ("ada@example.com", &"x".repeat(129), Role::Admin, vec!["password"]),
        ("ada@example.com", "password1", Role::Admin, vec!["password"]),
        ("ada@example.com", "ada@example.com", Role::Admin, vec!["password"]),
        ("ada@example.com", PASSWORD, Role::Unspecified, vec!["role"]),
    ] {
        let answer =
            fault(&service.create_membership(acme, email, password, role).await.unwrap_err(), ERROR_CODES);
        assert_eq!(answer.code, Code::INVALID_ARGUMENT);
        let named: Vec<_> = answer.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(named, fields);
    }
    let nowhere =
        service.create_membership(TenantId::generate(), "ada@example.com", PASSWORD, Role::Admin).await;
    assert_eq!(refused(nowhere), Code::TENANT_UNKNOWN);
    assert_eq!(service.value(IDENTITIES).await, "0");
    service.running.stop().await;
}

/// An onboarding's key never expires, and neither do its address and password.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_does_not_bring_a_removed_member_back() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, "ada@example.com").await;
    service.sql("DELETE FROM auth.memberships").await;
    for password in [PASSWORD, "wrong horse battery"] {
        let token = service.keys.onboarding.service_token(issuer::AUTH, acme.as_uuid()).unwrap();
        let repeated =
            make_member(service.running.client(), acme, &token, owner("ada@example.com", password)).await;
        assert_eq!(refused(repeated), Code::PERMISSION_DENIED, "{password}");
    }
    let left = "SELECT (SELECT count(*) FROM auth.memberships) + (SELECT count(*) FROM auth.invitations)";
    assert_eq!(service.value(left).await, "0");
    service.running.stop().await;
}

/// There are more calls at once than connections in the pool, for one new address in as many tenants.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_becomes_one_identity_however_many_ask_at_once() {
    let service = Service::start().await;
    let mut calls = JoinSet::new();
    for number in 0..16 {
        let tenant = service.tenant(&format!("tenant-{number}")).await;
        service.sql(SET_UP_AGAIN).await;
        // The first call decides about the password.
        let password = if number % 2 == 0 { "even password" } else { "odd password" };
        let token = service.keys.onboarding.service_token(issuer::AUTH, tenant.as_uuid()).unwrap();
        let client = service.running.client();
        // All proofs are made before the first membership.
        let proof =
            prepare(client.clone(), tenant, &token, owner("ada@example.com", password)).await.unwrap();
        calls.spawn(async move { (password, prove(client, tenant, &token, "ada@example.com", proof).await) });
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
        let client = service.running.client();
        calls.spawn(async move {
            make_member(client, acme, &token, owner("ada@example.com", PASSWORD)).await.unwrap().into_inner()
        });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("1".into(), "1".into()));
    service.running.stop().await;
}

/// The proof that the onboarding service stores is useless for anything else.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_good_for_its_tenant_and_address() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.sql(SET_UP_AGAIN).await;
    let client = || service.running.client();
    let (of_acme, of_globex) = (service.service_token(acme), service.service_token(globex));
    let proof = prepare(client(), acme, &of_acme, owner("ada@example.com", PASSWORD)).await.unwrap();
    assert_eq!(service.value(IDENTITIES).await, "0", "nothing is kept before");
    for (tenant, token, email, proof) in [
        (globex, &of_globex, "ada@example.com", proof.clone()),
        (acme, &of_acme, "eve@example.com", proof.clone()),
        (acme, &of_acme, "ada@example.com", proof.iter().rev().copied().collect()),
        (acme, &of_acme, "ada@example.com", Vec::new()),
    ] {
        let answer = fault(&prove(client(), tenant, token, email, proof).await.unwrap_err(), ERROR_CODES);
        assert_eq!(
            (answer.code, answer.violations[0].field.as_str()),
            (Code::INVALID_ARGUMENT, "member_proof")
        );
    }
    for _ in 0..2 {
        prove(client(), acme, &of_acme, "Ada@example.com", proof.clone()).await.unwrap();
    }
    assert_eq!((service.value(MEMBERSHIPS).await, service.value(IDENTITIES).await), ("1".into(), "1".into()));
    service.running.stop().await;
}

/// There is one email, however often it is requested, and not before the tenant is active.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_welcomed_once_and_when_they_can_log_in() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, "ada@example.com").await;
    service.sql(SET_UP_AGAIN).await;
    let welcome = async || {
        let mut request = Request::new(SendWelcomeRequest { email: "ada@example.com".to_owned() });
        carry_token(request.metadata_mut(), acme, &service.service_token(acme));
        service.running.client().send_welcome(request).await.unwrap();
    };
    for _ in 0..3 {
        welcome().await;
    }
    service.until("SELECT max(attempts) >= 2 AND max(status) = 'queued' FROM jobs.jobs", "true").await;
    let subjects = ["Confirm your email address"];
    assert_eq!(service.subjects_to("ada@example.com").await, subjects);
    service.sql("UPDATE tenancy.tenants SET status = 'active'").await;
    let message = service.mail_to("ada@example.com", "Welcome").await;
    assert!(
        message.body.contains("/login?tenant=acme") && message.body.contains("\"acme\""),
        "{}",
        message.body
    );
    service
        .until("SELECT string_agg(kind || ' ' || status, ',') FROM jobs.jobs", "letter.send succeeded")
        .await;
    welcome().await;
    assert_eq!(service.value("SELECT count(*) FROM jobs.jobs").await, "1");
    assert_eq!(service.subjects_to("ada@example.com").await.len(), 2);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_affects_only_tenants_in_set_up() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, "ada@example.com").await;
    service.sign_up(globex, "ada@example.com", Some("wrong horse"), None).await.unwrap();
    let delete = async |tenant, token: &str| {
        let mut request = Request::new(DeleteMembershipRequest { email: "ada@example.com".to_owned() });
        carry_token(request.metadata_mut(), tenant, token);
        service.running.client().delete_membership(request).await.unwrap();
    };
    let left =
        "SELECT (SELECT count(*) FROM auth.memberships) || ' ' || (SELECT count(*) FROM auth.invitations)";
    let (of_acme, of_globex) = (service.service_token(acme), service.service_token(globex));
    delete(acme, &of_acme).await;
    delete(globex, &of_globex).await;
    assert_eq!(service.value(left).await, "1 1", "they are active");
    service.sql(SET_UP_AGAIN).await;
    for _ in 0..2 {
        delete(acme, &of_acme).await;
        delete(globex, &of_globex).await;
        assert_eq!(service.value(left).await, "0 0");
    }
    assert_eq!(service.value(IDENTITIES).await, "1", "the person stays one");
    let logged = "SELECT string_agg(action, ',' ORDER BY action) FROM auth.audit_log
        WHERE action IN ('member.remove', 'invitation.delete')";
    assert_eq!(service.value(logged).await, "invitation.delete,member.remove");
    service.running.stop().await;
}
