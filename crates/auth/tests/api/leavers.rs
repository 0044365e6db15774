//! The fate of the things that people created, when they leave or lose permissions.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{CreateApiKeyResponse, Role};
use rowhouse_tenancy::TenantId;

use crate::support::{PASSWORD, Service};
use crate::team::{Answer, Caller, accept, exchange, login, member, token_to};

pub(crate) const BOB: &str = "bob@example.com";

/// A key, as its program uses it.
pub(crate) struct Program<'a> {
    service: &'a Service,
    pub(crate) tenant: TenantId,
    id: String,
    secret: String,
}

impl<'a> Program<'a> {
    pub(crate) fn new(service: &'a Service, tenant: TenantId, made: CreateApiKeyResponse) -> Self {
        Self { service, tenant, id: made.api_key.unwrap().id, secret: made.client_secret }
    }

    /// Exchanges the key; returns the scopes of the access token, and a caller with it.
    pub(crate) async fn exchange(&self, scope: &str) -> Answer<(String, Caller<'a>)> {
        let issued = exchange(&self.service.running, &self.id, &self.secret, scope).await?;
        let caller = Caller::program(&self.service.running, self.tenant, issued.access_token);
        Ok((issued.scope, caller))
    }

    pub(crate) async fn scopes(&self) -> Answer<String> {
        self.exchange("").await.map(|(scopes, _)| scopes)
    }
}

/// Returns the details of an action's log entries, the newest first.
pub(crate) async fn details(caller: &Caller<'_>, action: &str) -> Vec<serde_json::Value> {
    let entries = caller.audit_log(action, 100, "").await.unwrap().entries;
    let to_json = |details: &std::collections::HashMap<String, String>| serde_json::json!(details);
    entries.iter().map(|entry| to_json(&entry.details)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_member_created_ends_with_the_membership() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let bob = member(&service, acme, BOB, Role::Admin).await;
    let key = Program::new(&service, acme, bob.make_key("sync", &["members:read"]).await.unwrap());
    let hers = Program::new(&service, acme, ada.make_key("hers", &["members:read"]).await.unwrap());
    let invited = bob.invite("carol@example.com", Role::Viewer).await.unwrap();
    let stays = ada.invite("dave@example.com", Role::Viewer).await.unwrap();
    let link = token_to_invited(&service, "carol@example.com").await;
    let (_, program) = key.exchange("").await.unwrap();
    program.members(0, "").await.unwrap();

    let revocations = ada.remove(&ada.id_of(BOB).await).await.unwrap();
    let [revoked] = &revocations.revoked_api_keys[..] else { panic!("{revocations:?}") };
    assert_eq!((revoked.id.as_str(), revoked.name.as_str()), (&*key.id, "sync"));
    assert_eq!(revocations.reduced_api_keys, []);
    let [invitation] = &revocations.revoked_invitations[..] else { panic!("{revocations:?}") };
    assert_eq!((&invitation.id, invitation.email.as_str()), (&invited.id, "carol@example.com"));
    assert_eq!(invitation.role(), Role::Viewer);
    assert_eq!(revocations.kept, ["exports", "webhook_endpoints"]);

    assert_eq!(program.members(0, "").await.unwrap_err().code, Code::TOKEN_REVOKED);
    assert_eq!(key.scopes().await.unwrap_err().code, error_code::INVALID_CLIENT);
    let refused = accept(&service.running, &link, Some(PASSWORD), None).await.unwrap_err();
    assert_eq!(refused.code, error_code::ONE_TIME_TOKEN_INVALID);
    assert_eq!(hers.scopes().await.unwrap(), "members:read");
    assert_eq!(ada.invitations(0, "").await.unwrap().0, [stays]);
    let (keys, _) = ada.keys(0, "").await.unwrap();
    let seen = keys.iter().map(|key| (&*key.name, &*key.revoke_reason, key.revoked_at.is_some()));
    let seen: Vec<_> = seen.collect();
    assert_eq!(seen, [("hers", "", false), ("sync", "member_removed", true)]);

    let log = details(&ada, "member.remove").await;
    assert_eq!(log[0]["revoked_api_keys"], *key.id);
    assert_eq!(log[0]["reduced_api_keys"], "");
    assert_eq!(log[0]["revoked_invitations"], *invited.id);
    assert_eq!(log[0]["kept"], "exports webhook_endpoints");
    let revoked = details(&ada, "api_key.revoke").await;
    assert_eq!(revoked, [serde_json::json!({ "reason": "member_removed", "name": "sync" })]);
    let revoked = details(&ada, "invitation.revoke").await;
    let expected =
        serde_json::json!({ "reason": "member_removed", "email": "carol@example.com", "role": "viewer" });
    assert_eq!(revoked, [expected]);
    // Somebody who comes back finds nothing of it.
    service.create_membership(acme, BOB, PASSWORD, Role::Owner).await.unwrap();
    assert_eq!(key.scopes().await.unwrap_err().code, error_code::INVALID_CLIENT);
    // A revoked key can be deleted like any other.
    ada.delete_key(&key.id).await.unwrap();
    service.running.stop().await;
}

/// Waits for the token in an invitation's email.
async fn token_to_invited(service: &Service, address: &str) -> String {
    service.mail_to(address, "Invitation").await;
    token_to(service, address).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaving_members_keys_are_revoked() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    member(&service, acme, "ada@example.com", Role::Owner).await;
    let bob = member(&service, acme, BOB, Role::Admin).await;
    let key = Program::new(&service, acme, bob.make_key("sync", &["members:read"]).await.unwrap());
    let revocations = bob.remove(&bob.id_of(BOB).await).await.unwrap();
    assert_eq!(revocations.revoked_api_keys.len(), 1);
    assert_eq!(key.scopes().await.unwrap_err().code, error_code::INVALID_CLIENT);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_role_leaves_keys_what_it_may_do() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let bob = member(&service, acme, BOB, Role::Admin).await;
    let id = ada.id_of(BOB).await;
    let made = bob.make_key("mixed", &["orders:read", "members:read", "api_keys:manage"]).await.unwrap();
    let mixed = Program::new(&service, acme, made);
    let high = Program::new(&service, acme, bob.make_key("high", &["api_keys:manage"]).await.unwrap());
    let low = Program::new(&service, acme, bob.make_key("low", &["members:read"]).await.unwrap());
    bob.invite("carol@example.com", Role::Viewer).await.unwrap();
    let (_, broad) = mixed.exchange("").await.unwrap();
    let (_, highest) = high.exchange("").await.unwrap();
    let (_, lowest) = low.exchange("").await.unwrap();
    broad.keys(0, "").await.unwrap();

    let answer = ada.change_role(&id, Role::Viewer).await.unwrap();
    assert_eq!(answer.member.unwrap().role(), Role::Viewer);
    let revocations = answer.revocations.unwrap();
    let [reduced] = &revocations.reduced_api_keys[..] else { panic!("{revocations:?}") };
    assert_eq!((reduced.id.as_str(), reduced.name.as_str()), (&*mixed.id, "mixed"));
    assert_eq!(reduced.scopes, ["orders:read", "members:read"]);
    assert_eq!(reduced.previous_scopes, ["orders:read", "members:read", "api_keys:manage"]);
    assert_eq!(revocations.revoked_api_keys[0].name, "high");
    assert_eq!(revocations.revoked_invitations[0].email, "carol@example.com", "a viewer invites nobody");

    for token in [&broad, &highest] {
        assert_eq!(token.keys(0, "").await.unwrap_err().code, Code::TOKEN_REVOKED);
    }
    lowest.members(0, "").await.unwrap();
    assert_eq!(high.scopes().await.unwrap_err().code, error_code::INVALID_CLIENT);
    // Also within the same second.
    let (scopes, narrow) = mixed.exchange("").await.unwrap();
    assert_eq!(scopes, "orders:read members:read");
    narrow.members(0, "").await.unwrap();
    assert_eq!(narrow.keys(0, "").await.unwrap_err().code, Code::PERMISSION_DENIED);
    assert_eq!(
        mixed.exchange("api_keys:manage").await.map(drop).unwrap_err().code,
        error_code::INVALID_SCOPE
    );

    let log = details(&ada, "api_key.reduce").await;
    assert_eq!(log[0]["from"], "orders:read members:read api_keys:manage");
    assert_eq!(
        (&log[0]["to"], &log[0]["reason"]),
        (&"orders:read members:read".into(), &"role_changed".into())
    );
    let log = details(&ada, "member.update").await;
    assert_eq!(log[0]["reduced_api_keys"], *mixed.id);
    assert_eq!(log[0]["revoked_api_keys"], *high.id);
    assert_eq!(log[0]["kept"], "exports webhook_endpoints");

    // A higher role restores nothing.
    let raised = ada.change_role(&id, Role::Owner).await.unwrap().revocations.unwrap();
    assert_eq!((raised.revoked_api_keys.len(), raised.reduced_api_keys.len()), (0, 0));
    assert_eq!(mixed.scopes().await.unwrap(), "orders:read members:read");
    assert_eq!(high.scopes().await.unwrap_err().code, error_code::INVALID_CLIENT);
    assert_eq!(ada.change_role(&id, Role::Owner).await.unwrap().revocations, None, "nothing has changed");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_above_the_new_role_end() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let bob = member(&service, acme, BOB, Role::Owner).await;
    let id = ada.id_of(BOB).await;
    let key = Program::new(&service, acme, bob.make_key("sync", &["api_keys:manage"]).await.unwrap());
    for (email, role) in [("olga@example.com", Role::Owner), ("alma@example.com", Role::Admin)] {
        bob.invite(email, role).await.unwrap();
    }
    let link = token_to_invited(&service, "olga@example.com").await;
    let (_, program) = key.exchange("").await.unwrap();
    let revocations = ada.change_role(&id, Role::Admin).await.unwrap().revocations.unwrap();
    let ended: Vec<_> = revocations.revoked_invitations.iter().map(|one| one.email.as_str()).collect();
    assert_eq!(ended, ["olga@example.com"]);
    assert_eq!((revocations.revoked_api_keys.len(), revocations.reduced_api_keys.len()), (0, 0));
    // An administrator has all of the key's permissions.
    program.keys(0, "").await.unwrap();
    let refused = accept(&service.running, &link, Some(PASSWORD), None).await.unwrap_err();
    assert_eq!(refused.code, error_code::ONE_TIME_TOKEN_INVALID);
    let link = token_to_invited(&service, "alma@example.com").await;
    accept(&service.running, &link, Some(PASSWORD), None).await.unwrap();
    service.running.stop().await;
}

/// The permissions are the current ones, whatever changed the role.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_never_gets_more_than_its_creator_has() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let key = ada.make_key("sync", &["members:read", "members:write"]).await.unwrap();
    let key = Program::new(&service, acme, key);
    for (change, expected) in [
        ("UPDATE auth.memberships SET role = 'viewer'", Ok("members:read")),
        ("UPDATE auth.memberships SET role = 'owner'", Ok("members:read members:write")),
        ("UPDATE auth.identities SET disabled_at = now()", Err(error_code::INVALID_CLIENT)),
        ("UPDATE auth.identities SET disabled_at = NULL", Ok("members:read members:write")),
        ("DELETE FROM auth.memberships", Err(error_code::INVALID_CLIENT)),
    ] {
        service.sql(change).await;
        let scopes = key.scopes().await.map_err(|refused| refused.code);
        assert_eq!(scopes, expected.map(str::to_owned), "{change}");
    }
    service.running.stop().await;
}

/// The statements of `rowhouse user disable`, with its role.
pub(crate) const DISABLE: &str = "SET ROLE rowhouse_owner;
    BEGIN;
    UPDATE auth.identities SET disabled_at = now() WHERE email = 'bob@example.com';
    SELECT auth.end_sessions_of(id, 'disabled', NULL) FROM auth.identities WHERE email = 'bob@example.com';
    SELECT auth.revoke_grants_of(id) FROM auth.identities WHERE email = 'bob@example.com';
    COMMIT;
    RESET ROLE";

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_person_loses_access_to_all_tenants() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let gus = member(&service, globex, "gus@example.com", Role::Owner).await;
    let here = member(&service, acme, BOB, Role::Admin).await;
    let there = member(&service, globex, BOB, Role::Owner).await;
    let mut programs = Vec::new();
    for bob in [&here, &there] {
        let key = Program::new(&service, bob.tenant, bob.make_key("sync", &["members:read"]).await.unwrap());
        let (_, program) = key.exchange("").await.unwrap();
        programs.push((key, program));
        bob.invite("carol@example.com", Role::Viewer).await.unwrap();
    }
    let kept = Program::new(&service, acme, ada.make_key("hers", &["members:read"]).await.unwrap());
    service.sql(DISABLE).await;
    for (key, program) in &programs {
        assert_eq!(program.members(0, "").await.unwrap_err().code, Code::TOKEN_REVOKED);
        assert_eq!(key.scopes().await.unwrap_err().code, error_code::INVALID_CLIENT);
    }
    for bob in [&here, &there] {
        assert_eq!(bob.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
    }
    service.sql("UPDATE auth.identities SET disabled_at = NULL").await;
    for ((key, _), owner) in programs.iter().zip([&ada, &gus]) {
        assert_eq!(
            key.scopes().await.unwrap_err().code,
            error_code::INVALID_CLIENT,
            "enabled, and still revoked"
        );
        assert_eq!(owner.invitations(0, "").await.unwrap().0, []);
        let log = details(owner, "member.disable").await;
        assert_eq!(log.len(), 1, "one in each tenant's log");
        assert_eq!(log[0]["revoked_api_keys"], *key.id);
        assert_ne!(log[0]["revoked_invitations"], "");
        assert_eq!(log[0]["kept"], "exports webhook_endpoints");
        assert_eq!(details(owner, "api_key.revoke").await[0]["reason"], "user_disabled");
        assert_eq!(details(owner, "invitation.revoke").await[0]["email"], "carol@example.com");
    }
    assert_eq!(kept.scopes().await.unwrap(), "members:read");
    login(&service, acme, BOB).await.make_key("new", &["members:read"]).await.unwrap();
    service.running.stop().await;
}
