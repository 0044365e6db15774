//! Creating something while the permission for it is revoked.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::{CreateApiKeyRequest, CreateInvitationRequest, IssueTokenRequest, Role};
use tokio::task::JoinSet;

use crate::leavers::{BOB, DISABLE};
use crate::support::Service;
use crate::team::{Caller, member};

/// Concurrent calls leave nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_created_while_its_creator_is_removed_or_disabled() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    for (round, disabled) in [(0, false), (1, true), (2, false), (3, true)] {
        let bob = member(&service, acme, BOB, Role::Admin).await;
        let id = ada.id_of(BOB).await;
        let mut calls = JoinSet::new();
        for number in 0..12 {
            let (mut keys, mut invitations) = (service.running.api_keys(), service.running.invitations());
            let name = format!("key {round} {number}");
            let key = CreateApiKeyRequest {
                name,
                scopes: vec!["members:read".to_owned()],
                expires_at: None,
                idempotency_key: None,
            };
            let email = format!("carol{round}.{number}@example.com");
            let invitation =
                CreateInvitationRequest { email, role: Role::Viewer.into(), idempotency_key: None };
            let (key, invitation) = (bob.request(key), bob.request(invitation));
            calls.spawn(async move { keys.create_api_key(key).await.is_ok() });
            calls.spawn(async move { invitations.create_invitation(invitation).await.is_ok() });
        }
        assert!(calls.join_next().await.is_some());
        if disabled {
            service.sql(DISABLE).await;
        } else {
            ada.remove(&id).await.unwrap();
        }
        calls.join_all().await;
        let live = "SELECT count(*) FROM auth.api_keys WHERE revoked_at IS NULL";
        assert_eq!(service.value(live).await, "0", "round {round}");
        assert_eq!(service.value("SELECT count(*) FROM auth.invitations").await, "0", "round {round}");
        service.sql("UPDATE auth.identities SET disabled_at = NULL").await;
        if disabled {
            ada.remove(&id).await.unwrap();
        }
    }
    service.running.stop().await;
}

/// An access token that is being issued concurrently has the key's new scopes, or is refused.
#[tokio::test(flavor = "multi_thread")]
async fn no_access_token_slips_through_a_change_of_role() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    for round in 0..4 {
        let email = format!("bob{round}@example.com");
        let bob = member(&service, acme, &email, Role::Admin).await;
        let id = ada.id_of(&email).await;
        let key = bob.make_key("sync", &["members:read", "api_keys:manage"]).await.unwrap();
        let (key, secret) = (key.api_key.unwrap().id, key.client_secret);
        let mut calls = JoinSet::new();
        for _ in 0..24 {
            let mut client = service.running.client();
            let (client_id, client_secret) = (key.clone(), secret.clone());
            let request = IssueTokenRequest { client_id, client_secret, scope: String::new() };
            calls.spawn(async move { client.issue_token(request).await.unwrap().into_inner() });
        }
        let first = calls.join_next().await.unwrap().unwrap();
        ada.change_role(&id, Role::Viewer).await.unwrap();
        let mut issued = calls.join_all().await;
        issued.push(first);
        for token in issued {
            let program = Caller::program(&service.running, acme, token.access_token);
            let refused = program.keys(0, "").await.unwrap_err().code;
            assert!(matches!(refused, Code::TOKEN_REVOKED | Code::PERMISSION_DENIED), "{refused}");
        }
    }
    service.running.stop().await;
}
