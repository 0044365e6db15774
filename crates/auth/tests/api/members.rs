//! Members and their roles.

use rowhouse_chassis::error::Code;
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{DeleteMemberRequest, LoginRequest, Role, UpdateMemberRequest};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{PASSWORD, Service};
use crate::team::{logged, login, member, refresh};

const OWNERS: &str = "SELECT count(*) FROM auth.memberships WHERE role = 'owner'";

#[tokio::test(flavor = "multi_thread")]
async fn members_are_listed_page_by_page() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let expected: Vec<_> = (0..5).map(|number| format!("member{number}@example.com")).collect();
    for email in &expected {
        service.create_membership(acme, email, PASSWORD, Role::Viewer).await.unwrap();
    }
    service.create_membership(globex, "else@example.com", PASSWORD, Role::Owner).await.unwrap();

    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let (members, next) = ada.members(2, &page_token).await.unwrap();
        assert!(members.len() <= 2);
        seen.extend(members);
        if next.is_empty() {
            break;
        }
        page_token = next;
    }
    let emails: Vec<_> = seen.iter().map(|member| member.email.clone()).collect();
    assert_eq!(emails, [vec!["ada@example.com".to_owned()], expected].concat());
    assert_eq!((seen[0].role(), seen[1].role()), (Role::Owner, Role::Viewer));
    assert!(seen.iter().all(|member| member.created_at.is_some() && !member.user_id.is_empty()));
    assert_eq!(ada.members(0, "").await.unwrap().0.len(), 6);

    for (size, token, field) in [(-1, "", "page_size"), (0, "x", "page_token")] {
        let refused = ada.members(size, token).await.unwrap_err();
        assert_eq!((refused.code, refused.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, field));
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_role_holds_at_once() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let mut bob = member(&service, acme, "bob@example.com", Role::Admin).await;
    let elsewhere = login(&service, acme, "bob@example.com").await;
    let id = ada.id_of("bob@example.com").await;

    for (role, audited) in [
        (Role::Viewer, "success viewer"),
        (Role::Member, "success viewer,success member"),
        (Role::Owner, "success viewer,success member,success owner"),
    ] {
        let changed = ada.set_role(&id, role).await.unwrap();
        assert_eq!((changed.role(), changed.id.as_str()), (role, id.as_str()));
        assert_eq!(bob.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
        assert_eq!(elsewhere.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
        // Also within the same second.
        let tokens = refresh(&service.running, &bob.refresh_token).await.unwrap();
        (bob.token, bob.refresh_token) = (tokens.access_token, tokens.refresh_token);
        assert_eq!(bob.role().await.unwrap(), role);
        assert_eq!(logged(&service, "member.update", "to").await, audited);
    }
    // A change without effect ends nothing.
    ada.set_role(&id, Role::Owner).await.unwrap();
    assert_eq!(bob.role().await.unwrap(), Role::Owner);
    assert_eq!(ada.role().await.unwrap(), Role::Owner);
    let nothing = ada.set_role(&id, Role::Unspecified).await.unwrap_err();
    assert_eq!((nothing.code, nothing.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, "role"));
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_roles_above_their_own() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    service.create_membership(acme, "olga@example.com", PASSWORD, Role::Owner).await.unwrap();
    let bob = member(&service, acme, "bob@example.com", Role::Admin).await;
    service.create_membership(acme, "eve@example.com", PASSWORD, Role::Viewer).await.unwrap();
    let (own, owner, other) = (
        bob.id_of("bob@example.com").await,
        bob.id_of("olga@example.com").await,
        bob.id_of("eve@example.com").await,
    );
    for (id, role) in
        [(&own, Role::Owner), (&other, Role::Owner), (&owner, Role::Viewer), (&owner, Role::Owner)]
    {
        assert_eq!(bob.set_role(id, role).await.unwrap_err().code, Code::PERMISSION_DENIED, "{role:?}");
    }
    assert_eq!(bob.remove(&owner).await.unwrap_err().code, Code::PERMISSION_DENIED);
    assert_eq!(service.value(OWNERS).await, "2");
    assert_eq!(logged(&service, "member.update", "to").await, "");

    bob.set_role(&other, Role::Admin).await.unwrap();
    bob.set_role(&other, Role::Member).await.unwrap();
    bob.remove(&other).await.unwrap();
    ada.set_role(&owner, Role::Member).await.unwrap();
    ada.set_role(&own, Role::Owner).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_one() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let bob = member(&service, acme, "bob@example.com", Role::Admin).await;
    let (own, other) = (ada.id_of("ada@example.com").await, ada.id_of("bob@example.com").await);
    assert_eq!(ada.set_role(&own, Role::Admin).await.unwrap_err().code, error_code::LAST_OWNER);
    assert_eq!(ada.remove(&own).await.unwrap_err().code, error_code::LAST_OWNER);
    ada.set_role(&own, Role::Owner).await.unwrap();
    assert_eq!(ada.role().await.unwrap(), Role::Owner);

    ada.set_role(&other, Role::Owner).await.unwrap();
    ada.remove(&own).await.unwrap();
    assert_eq!(ada.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
    let bob = refresh(&service.running, &bob.refresh_token).await.unwrap().access_token;
    assert_eq!(service.get_me(acme, &bob).await.unwrap().role(), Role::Owner);
    service.running.stop().await;
}

/// There are more calls at once than connections in the pool.
#[tokio::test(flavor = "multi_thread")]
async fn one_owner_stays_when_all_leave_at_once() {
    const MANY: usize = 12;
    let service = Service::start().await;
    for leaving in [true, false] {
        let tenant = service.tenant(if leaving { "leaving" } else { "stepping-down" }).await;
        let mut owners = Vec::new();
        for number in 0..MANY {
            let email = format!("owner{number}-{leaving}@example.com");
            let owner = member(&service, tenant, &email, Role::Owner).await;
            owners.push((owner.id_of(&email).await, owner));
        }
        let mut calls = JoinSet::new();
        for (id, owner) in &owners {
            let (mut client, id) = (owner.running.members(), id.clone());
            if leaving {
                let request = owner.request(DeleteMemberRequest { id });
                calls.spawn(async move { client.delete_member(request).await.map(drop) });
            } else {
                let request = owner.request(UpdateMemberRequest { id, role: Role::Viewer.into() });
                calls.spawn(async move { client.update_member(request).await.map(drop) });
            }
        }
        let answers = calls.join_all().await;
        let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(rowhouse_chassis::error::fault(&refused[0], ERROR_CODES).code, error_code::LAST_OWNER);
        assert_eq!(service.value(&format!("{OWNERS} AND tenant_id = '{tenant}'")).await, "1");
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_remove_each_other_one_stays() {
    let service = Service::start().await;
    for round in 0..5 {
        let tenant = service.tenant(&format!("tenant-{round}")).await;
        let (one, other) = (format!("one{round}@example.com"), format!("other{round}@example.com"));
        let ada = member(&service, tenant, &one, Role::Owner).await;
        let bob = member(&service, tenant, &other, Role::Owner).await;
        let (one, other) = (ada.id_of(&one).await, ada.id_of(&other).await);
        let (first, second) = tokio::join!(ada.remove(&other), bob.remove(&one));
        assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
        assert_eq!(service.value(&format!("{OWNERS} AND tenant_id = '{tenant}'")).await, "1");
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_loses_access_to_this_tenant_at_once() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let bob = member(&service, acme, "bob@example.com", Role::Admin).await;
    let there = member(&service, globex, "bob@example.com", Role::Viewer).await;
    let id = ada.id_of("bob@example.com").await;
    let key = bob.make_key("export", &["members:read"]).await.unwrap();

    ada.remove(&id).await.unwrap();
    assert_eq!(bob.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
    let refused = refresh(&service.running, &bob.refresh_token).await.unwrap_err();
    assert_eq!(refused.code, error_code::REFRESH_TOKEN_INVALID);
    let tenant = Some(acme.to_string());
    let request = service.running.login("bob@example.com", PASSWORD, tenant.as_deref()).await;
    assert_eq!(crate::support::refused(request), error_code::INVALID_CREDENTIALS);
    assert_eq!(ada.remove(&id).await.unwrap_err().code, error_code::MEMBER_NOT_FOUND);

    assert_eq!(there.role().await.unwrap(), Role::Viewer);
    refresh(&service.running, &there.refresh_token).await.unwrap();
    // So are the programs that they set up.
    let key_id = key.api_key.unwrap().id;
    let exchanged = crate::team::exchange(&service.running, &key_id, &key.client_secret, "").await;
    assert_eq!(exchanged.unwrap_err().code, error_code::INVALID_CLIENT);
    let ended =
        "SELECT string_agg(end_reason, ',') FROM auth.sessions WHERE tenant_id = (SELECT id FROM tenancy.tenants
         WHERE slug = 'acme') AND ended_at IS NOT NULL";
    assert_eq!(service.value(ended).await, "removed");
    assert_eq!(logged(&service, "member.remove", "role").await, "success admin");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_leave() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    for role in [Role::Viewer, Role::Member, Role::Admin] {
        let bob = member(&service, acme, "bob@example.com", role).await;
        let id = bob.id_of("bob@example.com").await;
        bob.remove(&id).await.unwrap();
        assert_eq!(bob.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
        assert_eq!(ada.members(0, "").await.unwrap().0.len(), 1);
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_member_is_not_there() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let eve = member(&service, globex, "eve@example.com", Role::Owner).await;
    let viewer = member(&service, acme, "viewer@example.com", Role::Viewer).await;
    let foreign = eve.id_of("eve@example.com").await;
    let nobodys = Uuid::now_v7().to_string();
    for (caller, id) in [(&ada, &*nobodys), (&ada, "x"), (&viewer, &*nobodys)] {
        let unknown = caller.set_role(id, Role::Viewer).await.unwrap_err();
        let answer = caller.set_role(&foreign, Role::Viewer).await.unwrap_err();
        assert_eq!((answer.code, &answer.detail), (unknown.code, &unknown.detail));
        let unknown = caller.remove(id).await.unwrap_err();
        let answer = caller.remove(&foreign).await.unwrap_err();
        assert_eq!((answer.code, &answer.detail), (unknown.code, &unknown.detail));
    }
    assert_eq!(ada.remove(&foreign).await.unwrap_err().code, error_code::MEMBER_NOT_FOUND);
    assert_eq!(eve.role().await.unwrap(), Role::Owner);
    service.running.stop().await;
}

/// A login whose password was checked before the removal begins no session after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_during_a_removal_begins_no_session() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    for round in 0..3 {
        let email = format!("bob{round}@example.com");
        service.create_membership(acme, &email, PASSWORD, Role::Admin).await.unwrap();
        let id = ada.id_of(&email).await;
        let mut calls = JoinSet::new();
        for _ in 0..16 {
            let (mut client, email) = (service.running.client(), email.clone());
            let request =
                LoginRequest { email, password: PASSWORD.to_owned(), tenant: None, device_token: None };
            calls.spawn(async move { client.login(request).await.ok() });
        }
        let first = calls.join_next().await;
        assert!(first.is_some());
        ada.remove(&id).await.unwrap();
        for tokens in calls.join_all().await.into_iter().flatten() {
            let token = tokens.into_inner().tokens.unwrap().access_token;
            let refused = crate::support::refused(service.get_me(acme, &token).await);
            assert_eq!(refused, Code::TOKEN_REVOKED);
        }
        let live = "SELECT count(*) FROM auth.sessions WHERE ended_at IS NULL";
        assert_eq!(service.value(live).await, "1", "the owner's");
    }
    service.running.stop().await;
}
