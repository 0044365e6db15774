//! Listing and ending sessions.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{LogoutRequest, Role};
use uuid::Uuid;

use crate::support::Service;
use crate::team::{logged, login, member, refresh};

#[tokio::test(flavor = "multi_thread")]
async fn one_sees_ones_own_that_are_still_good() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let first = member(&service, acme, "ada@example.com", Role::Viewer).await;
    let second = login(&service, acme, "ada@example.com").await;
    member(&service, acme, "bob@example.com", Role::Owner).await;
    member(&service, globex, "ada@example.com", Role::Owner).await;
    let (one, other) = (first.session().await, second.session().await);

    let (sessions, next) = second.sessions("", 0, "").await.unwrap();
    let seen: Vec<_> = sessions.iter().map(|session| (session.id.as_str(), session.current)).collect();
    assert_eq!((seen, next.as_str()), (vec![(&*other, true), (&*one, false)], ""));
    assert_eq!(sessions[0].ip_address, "127.0.0.1");
    assert!(sessions[0].user_agent.contains("tonic"), "{}", sessions[0].user_agent);
    assert!(sessions[0].expires_at.unwrap().seconds > sessions[0].created_at.unwrap().seconds);
    let used_before = sessions[1].last_used_at.unwrap();
    refresh(&service.running, &first.refresh_token).await.unwrap();
    let (sessions, _) = first.sessions("", 0, "").await.unwrap();
    let used = sessions[1].last_used_at.unwrap();
    assert!((used.seconds, used.nanos) > (used_before.seconds, used_before.nanos));

    let (page, next) = second.sessions("", 1, "").await.unwrap();
    assert_eq!(page[0].id, other);
    let (page, end) = second.sessions("", 1, &next).await.unwrap();
    assert_eq!((page[0].id.as_str(), end.as_str()), (&*one, ""));

    for over in ["idle_expires_at", "expires_at"] {
        service.sql(&format!("UPDATE auth.sessions SET {over} = now() WHERE id = '{one}'")).await;
        assert_eq!(second.sessions("", 0, "").await.unwrap().0.len(), 1, "{over}");
        service
            .sql(&format!("UPDATE auth.sessions SET {over} = now() + interval '1 day' WHERE id = '{one}'"))
            .await;
    }
    let request = LogoutRequest { refresh_token: first.refresh_token.clone() };
    service.running.client().logout(request).await.unwrap();
    assert_eq!(second.sessions("", 0, "").await.unwrap().0.len(), 1);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ends_ones_own() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let lost = member(&service, acme, "ada@example.com", Role::Viewer).await;
    let ada = login(&service, acme, "ada@example.com").await;
    let id = lost.session().await;
    ada.end_session(&id).await.unwrap();
    assert_eq!(lost.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
    let refused = refresh(&service.running, &lost.refresh_token).await.unwrap_err();
    assert_eq!(refused.code, error_code::REFRESH_TOKEN_INVALID);
    assert_eq!(ada.end_session(&id).await.unwrap_err().code, error_code::SESSION_NOT_FOUND);
    assert_eq!(ada.role().await.unwrap(), Role::Viewer);

    ada.end_session(&ada.session().await).await.unwrap();
    assert_eq!(ada.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
    assert_eq!(logged(&service, "session.end", "reason").await, "success revoked,success revoked");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ends_all_of_ones_own_but_the_one_in_use() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Viewer).await;
    let here = login(&service, acme, "ada@example.com").await;
    let there = member(&service, globex, "ada@example.com", Role::Owner).await;
    let bob = member(&service, acme, "bob@example.com", Role::Owner).await;

    assert_eq!(ada.end_other_sessions().await.unwrap(), 2);
    for other in [&here, &there] {
        assert_eq!(other.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
        let refused = refresh(&service.running, &other.refresh_token).await.unwrap_err();
        assert_eq!(refused.code, error_code::REFRESH_TOKEN_INVALID);
    }
    ada.role().await.unwrap();
    bob.role().await.unwrap();
    assert_eq!(ada.end_other_sessions().await.unwrap(), 0);
    refresh(&service.running, &ada.refresh_token).await.unwrap();
    assert_eq!(logged(&service, "session.end", "reason").await, "success revoked,success revoked");
    assert_eq!(logged(&service, "session.end_others", "ended").await, "success 2,success 0");
    assert_eq!(here.end_other_sessions().await.unwrap_err().code, Code::TOKEN_REVOKED);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_and_ends_those_of_whom_they_reach() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let owner = member(&service, acme, "olga@example.com", Role::Owner).await;
    let admin = member(&service, acme, "ada@example.com", Role::Admin).await;
    let bob = member(&service, acme, "bob@example.com", Role::Member).await;
    let user_of = async |email: &str| {
        let (members, _) = admin.members(0, "").await.unwrap();
        members.into_iter().find(|member| member.email == email).unwrap().user_id
    };
    let (olga_id, bob_id) = (user_of("olga@example.com").await, user_of("bob@example.com").await);
    let (of_owner, of_bob) = (owner.session().await, bob.session().await);

    let (sessions, _) = admin.sessions(&bob_id, 0, "").await.unwrap();
    assert_eq!((sessions[0].id.as_str(), sessions[0].current), (&*of_bob, false));
    assert_eq!(admin.sessions(&olga_id, 0, "").await.unwrap().0.len(), 1);
    assert_eq!(bob.sessions(&olga_id, 0, "").await.unwrap_err().code, Code::PERMISSION_DENIED);
    assert_eq!(bob.sessions(&bob_id, 0, "").await.unwrap().0.len(), 1, "one's own by one's own id");
    // Without the permission, other people's sessions are treated as missing.
    assert_eq!(bob.end_session(&of_owner).await.unwrap_err().code, error_code::SESSION_NOT_FOUND);
    assert_eq!(admin.end_session(&of_owner).await.unwrap_err().code, Code::PERMISSION_DENIED);
    assert_eq!(owner.role().await.unwrap(), Role::Owner);

    admin.end_session(&of_bob).await.unwrap();
    assert_eq!(bob.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
    owner.end_session(&admin.session().await).await.unwrap();
    assert_eq!(admin.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
    assert_eq!(logged(&service, "session.end", "user_id").await.split(',').count(), 2);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_session_is_not_there() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let eve = member(&service, globex, "eve@example.com", Role::Viewer).await;
    // So is her own in another tenant.
    let elsewhere = member(&service, globex, "ada@example.com", Role::Owner).await;
    let (foreign, own) = (eve.session().await, elsewhere.session().await);
    for id in [&foreign, &own, &Uuid::now_v7().to_string(), "x"] {
        let refused = ada.end_session(id).await.unwrap_err();
        assert_eq!(
            (refused.code, &*refused.detail),
            (error_code::SESSION_NOT_FOUND, "there is no session with this id")
        );
    }
    assert_eq!(eve.role().await.unwrap(), Role::Viewer);
    assert_eq!(elsewhere.role().await.unwrap(), Role::Owner);

    let eve_id = eve.sessions("", 0, "").await.unwrap().0[0].user_id.clone();
    let stranger = ada.sessions(&Uuid::now_v7().to_string(), 0, "").await.unwrap();
    assert_eq!(ada.sessions(&eve_id, 0, "").await.unwrap(), stranger);
    assert_eq!(stranger, (Vec::new(), String::new()));
    let refused = ada.sessions("x", 0, "").await.unwrap_err();
    assert_eq!((refused.code, refused.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, "user_id"));
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_in_its_own_list() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    login(&service, acme, "ada@example.com").await;
    let bob = member(&service, acme, "bob@example.com", Role::Viewer).await;
    let bob_id = bob.sessions("", 0, "").await.unwrap().0[0].user_id.clone();
    let (_, next) = ada.sessions("", 1, "").await.unwrap();
    let refused = ada.sessions(&bob_id, 1, &next).await.unwrap_err();
    assert_eq!((refused.code, refused.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, "page_token"));
    ada.sessions("", 1, &next).await.unwrap();
    service.running.stop().await;
}
