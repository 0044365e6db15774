//! Inviting people.

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{CreateInvitationRequest, Role};
use rowhouse_testkit::Email;
use rowhouse_testkit::mail::emails_to;
use tokio::task::JoinSet;
use tonic::Response;
use uuid::Uuid;

use crate::support::{PASSWORD, Service};
use crate::team::{Caller, accept, member, token_to};

const BOB: &str = "bob@example.com";
const INVITATIONS: &str = "SELECT count(*) FROM auth.invitations";

async fn owner(service: &Service) -> Caller<'_> {
    let acme = service.tenant("acme").await;
    member(service, acme, "ada@example.com", Role::Owner).await
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_are_limited_to_ones_own_role() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let admin = member(&service, ada.tenant, "admin@example.com", Role::Admin).await;
    assert_eq!(admin.invite(BOB, Role::Owner).await.unwrap_err().code, Code::PERMISSION_DENIED);
    let owners = ada.invite(BOB, Role::Owner).await.unwrap();
    // Nor by deleting the owner's invitation.
    assert_eq!(admin.invite(BOB, Role::Viewer).await.unwrap_err().code, Code::PERMISSION_DENIED);
    assert_eq!(admin.take_back(&owners.id).await.unwrap_err().code, Code::PERMISSION_DENIED);
    let token = token_to(&service, BOB).await;
    let accepted = accept(&service.running, &token, Some(PASSWORD), None).await.unwrap();
    assert_eq!(accepted.role(), Role::Owner);

    let refused = admin.invite(BOB, Role::Viewer).await.unwrap_err();
    assert_eq!(refused.code, error_code::ALREADY_MEMBER);
    for (email, role, field) in
        [("bob", Role::Viewer, "email"), ("eve@example.com", Role::Unspecified, "role")]
    {
        let refused = admin.invite(email, role).await.unwrap_err();
        assert_eq!((refused.code, refused.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, field));
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inviting_again_replaces_role_and_link() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let first = ada.invite(BOB, Role::Admin).await.unwrap();
    let old = token_to(&service, BOB).await;
    service.sql("UPDATE auth.invitations SET expires_at = now() + interval '1 minute'").await;
    let second = ada.invite(BOB, Role::Viewer).await.unwrap();
    assert_eq!((second.id.as_str(), second.role()), (first.id.as_str(), Role::Viewer));
    assert!(second.expires_at.unwrap().seconds >= first.expires_at.unwrap().seconds);
    let new = token_to(&service, BOB).await;
    assert_ne!(old, new);

    let refused = accept(&service.running, &old, Some(PASSWORD), None).await.unwrap_err();
    assert_eq!(refused.code, error_code::ONE_TIME_TOKEN_INVALID);
    let accepted = accept(&service.running, &new, Some(PASSWORD), None).await.unwrap();
    assert_eq!(accepted.role(), Role::Viewer);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_invitations_at_once_one_link_is_good() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let mut calls = JoinSet::new();
    for _ in 0..12 {
        let request = ada.request(CreateInvitationRequest {
            email: BOB.to_owned(),
            role: Role::Viewer.into(),
            idempotency_key: None,
        });
        let mut client = service.running.invitations();
        calls.spawn(async move { client.create_invitation(request).await.map(Response::into_inner) });
    }
    let (made, refused): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    // One address gets five emails in a row.
    assert_eq!((made.len(), refused.len()), (5, 7));
    for refusal in refused.into_iter().map(|answer| fault(&answer.unwrap_err(), ERROR_CODES)) {
        assert!(refusal.code == Code::TOO_MANY_ATTEMPTS && refusal.retry_after.is_some(), "{refusal:?}");
    }
    let ids: Vec<_> = made.into_iter().map(|answer| answer.unwrap().invitation.unwrap().id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    service.until_sent().await;
    let messages = emails_to(&service.mail(), BOB);
    assert_eq!(messages.len(), 5);
    let mut good = 0;
    for message in messages {
        if accept(&service.running, &message.token, Some(PASSWORD), None).await.is_ok() {
            good += 1;
        }
    }
    assert_eq!(good, 1);
    service.running.stop().await;
}

/// Nothing that the inviter sees depends on whether the address has an identity.
#[tokio::test(flavor = "multi_thread")]
async fn the_inviter_learns_nothing() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let globex = service.tenant("globex").await;
    service.create_membership(globex, BOB, PASSWORD, Role::Owner).await.unwrap();
    let known = ada.invite(BOB, Role::Viewer).await.unwrap();
    let unknown = ada.invite("new@example.com", Role::Viewer).await.unwrap();
    assert_eq!((known.role, known.invited_by), (unknown.role, unknown.invited_by));
    let (of_known, of_unknown) =
        (service.mail_to(BOB, "Invitation").await, service.mail_to("new@example.com", "Invitation").await);
    let words = |message: &Email| message.body.replace(&message.token, "");
    assert_eq!(words(&of_known), words(&of_unknown));
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_invitation_is_not_there() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let globex = service.tenant("globex").await;
    let eve = member(&service, globex, "eve@example.com", Role::Owner).await;
    let foreign = eve.invite(BOB, Role::Viewer).await.unwrap().id;
    assert_eq!(ada.invitations(0, "").await.unwrap().0, []);
    for id in [Uuid::now_v7().to_string(), "x".to_owned()] {
        let unknown = ada.take_back(&id).await.unwrap_err();
        let answer = ada.take_back(&foreign).await.unwrap_err();
        assert_eq!((answer.code, &answer.detail), (unknown.code, &unknown.detail));
        assert_eq!(answer.code, error_code::INVITATION_NOT_FOUND);
    }
    // Both tenants may invite the same address.
    ada.invite(BOB, Role::Viewer).await.unwrap();
    assert_eq!(service.value(INVITATIONS).await, "2");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_are_listed_newest_first() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let mut expected: Vec<String> = (0..5).map(|number| format!("guest{number}@example.com")).collect();
    for email in &expected {
        ada.invite(email, Role::Viewer).await.unwrap();
    }
    // The invitation that is sent again is the newest.
    ada.invite(&expected[0], Role::Viewer).await.unwrap();
    expected.rotate_left(1);
    expected.reverse();
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let (page, next) = ada.invitations(2, &page_token).await.unwrap();
        seen.extend(page.into_iter().map(|invitation| invitation.email));
        if next.is_empty() {
            break;
        }
        page_token = next;
    }
    assert_eq!(seen, expected);
    service.running.stop().await;
}
