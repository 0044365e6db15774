//! Calls that are repeated with an `idempotency_key`.

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::{CreateApiKeyRequest, CreateInvitationRequest, Role};
use tokio::task::JoinSet;

use crate::support::Service;
use crate::team::{exchange, logged, member};

fn key(name: &str, idempotency_key: &str) -> CreateApiKeyRequest {
    CreateApiKeyRequest {
        name: name.to_owned(),
        scopes: vec!["members:read".to_owned()],
        expires_at: None,
        idempotency_key: Some(idempotency_key.to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_is_the_same_key_with_the_same_secret() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let bob = member(&service, acme, "bob@example.com", Role::Admin).await;
    let eve = member(&service, globex, "eve@example.com", Role::Owner).await;

    let first = ada.make_key_with(key("sync", "1")).await.unwrap();
    let again = ada.make_key_with(key("sync", "1")).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(ada.keys(0, "").await.unwrap().0.len(), 1);
    assert_eq!(logged(&service, "api_key.create", "name").await, "success sync");
    exchange(&service.running, &first.api_key.unwrap().id, &again.client_secret, "").await.unwrap();

    let other = ada.make_key_with(key("another", "1")).await.unwrap_err();
    assert_eq!(other.code, Code::IDEMPOTENCY_KEY_REUSED);
    // Nobody gets another caller's secret.
    for caller in [&bob, &eve] {
        let theirs = caller.make_key_with(key("sync", "1")).await.unwrap();
        assert_ne!(theirs.client_secret, again.client_secret);
    }
    for wrong in ["", "a b", "ä", &"k".repeat(256)] {
        let refused = ada.make_key_with(key("sync", wrong)).await.unwrap_err();
        assert_eq!(refused.violations[0].field, "idempotency_key", "{wrong:?}");
    }
    let rows = service
        .value("SELECT string_agg(encode(response, 'escape') || id, ' ') FROM auth.idempotency_keys")
        .await;
    assert!(!rows.contains("rowhouse_ak") && !rows.contains("sync"), "{rows}");

    // Somebody who may not create keys any more does not get the answer again.
    let id = ada.id_of("bob@example.com").await;
    ada.set_role(&id, Role::Member).await.unwrap();
    let tokens = crate::team::refresh(&service.running, &bob.refresh_token).await.unwrap();
    let bob = crate::team::Caller { token: tokens.access_token, ..bob };
    assert_eq!(bob.make_key_with(key("sync", "1")).await.unwrap_err().code, Code::PERMISSION_DENIED);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_make_one() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let mut calls = JoinSet::new();
    for _ in 0..12 {
        let mut client = service.running.api_keys();
        let request = ada.request(key("sync", "at-once"));
        calls.spawn(async move { client.create_api_key(request).await.map(tonic::Response::into_inner) });
    }
    let answers: Vec<_> = calls.join_all().await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(service.value("SELECT count(*) FROM auth.api_keys").await, "1");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_invitation_sends_one_message() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let invite = async |role: Role| {
        let (email, key) = ("bob@example.com".to_owned(), Some("1".to_owned()));
        let request = CreateInvitationRequest { email, role: role.into(), idempotency_key: key };
        let answer = service.running.invitations().create_invitation(ada.request(request)).await;
        answer.map(tonic::Response::into_inner).map_err(|status| fault(&status, ERROR_CODES).code)
    };
    let first = invite(Role::Viewer).await.unwrap();
    assert_eq!(invite(Role::Viewer).await.unwrap(), first);
    assert_eq!(invite(Role::Member).await.unwrap_err(), Code::IDEMPOTENCY_KEY_REUSED);
    assert_eq!(logged(&service, "invitation.create", "role").await, "success viewer");
    service.mail_to("bob@example.com", "").await;
    assert_eq!(service.subjects_to("bob@example.com").await.len(), 1);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_removed_after_a_day() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    ada.make_key_with(key("old", "1")).await.unwrap();
    service.sql("UPDATE auth.idempotency_keys SET created_at = now() - interval '25 hours'").await;
    ada.make_key_with(key("new", "2")).await.unwrap();
    let purged = "(SELECT auth.purge_answers('00000000-0000-0000-0000-000000000000', 50, 1000)) IS NULL";
    assert_eq!(service.value(purged).await, "true", "there are no more");
    assert_eq!(service.value("SELECT count(*) FROM auth.idempotency_keys").await, "1");
    assert_eq!(ada.make_key_with(key("new", "2")).await.unwrap().api_key.unwrap().name, "new");
    ada.make_key_with(key("old", "1")).await.unwrap();
    assert_eq!(ada.keys(0, "").await.unwrap().0.len(), 3);
    service.running.stop().await;
}
