//! The permissions of each role, method by method.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::Role;
use rowhouse_proto::auth::v1::error_code;
use uuid::Uuid;

use crate::support::Service;
use crate::team::{Answer, Caller, login, member};

const ROLES: [Role; 4] = [Role::Owner, Role::Admin, Role::Member, Role::Viewer];
const OK: Result<(), Code> = Ok(());
const DENIED: Result<(), Code> = Err(Code::PERMISSION_DENIED);

const fn missing(code: Code) -> Result<(), Code> {
    Err(code)
}

/// Each method with its answer to an owner, an administrator, a member and a viewer. Ids are missing ones unless
/// stated otherwise, so "not found" means that the permission was granted.
const TABLE: [(&str, [Result<(), Code>; 4]); 15] = {
    let member = missing(error_code::MEMBER_NOT_FOUND);
    let invitation = missing(error_code::INVITATION_NOT_FOUND);
    let key = missing(error_code::API_KEY_NOT_FOUND);
    let session = missing(error_code::SESSION_NOT_FOUND);
    [
        ("GetMe", [OK, OK, OK, OK]),
        ("ListMembers", [OK, OK, OK, OK]),
        ("UpdateMember", [member, member, DENIED, DENIED]),
        ("DeleteMember", [member, member, DENIED, DENIED]),
        ("CreateInvitation", [OK, OK, DENIED, DENIED]),
        ("ListInvitations", [OK, OK, DENIED, DENIED]),
        ("DeleteInvitation", [invitation, invitation, DENIED, DENIED]),
        ("CreateApiKey", [OK, OK, DENIED, DENIED]),
        ("ListApiKeys", [OK, OK, DENIED, DENIED]),
        ("DeleteApiKey", [key, key, DENIED, DENIED]),
        ("ListSessions", [OK, OK, OK, OK]),
        ("ListSessions of another", [OK, OK, DENIED, DENIED]),
        ("DeleteSession", [session, session, session, session]),
        ("DeleteSession of another", [OK, OK, session, session]),
        ("ListAuditLogEntries", [OK, OK, DENIED, DENIED]),
    ]
};

/// A viewer, whose sessions others list.
const OTHER: &str = "other@example.com";

async fn call(service: &Service, caller: &Caller<'_>, method: &str) -> Answer<()> {
    let nothing = Uuid::now_v7().to_string();
    match method {
        "GetMe" => caller.role().await.map(drop),
        "ListMembers" => caller.members(0, "").await.map(drop),
        "UpdateMember" => caller.set_role(&nothing, Role::Viewer).await.map(drop),
        "DeleteMember" => caller.remove(&nothing).await.map(drop),
        "CreateInvitation" => caller.invite("eve@example.com", Role::Viewer).await.map(drop),
        "ListInvitations" => caller.invitations(0, "").await.map(drop),
        "DeleteInvitation" => caller.take_back(&nothing).await,
        "CreateApiKey" => caller.make_key("export", &["orders:read"]).await.map(drop),
        "ListApiKeys" => caller.keys(0, "").await.map(drop),
        "DeleteApiKey" => caller.delete_key(&nothing).await,
        "ListSessions" => caller.sessions("", 0, "").await.map(drop),
        "ListSessions of another" => {
            let user =
                service.value(&format!("SELECT id FROM auth.identities WHERE email = '{OTHER}'")).await;
            caller.sessions(&user, 0, "").await.map(drop)
        }
        "DeleteSession" => caller.end_session(&nothing).await,
        "DeleteSession of another" => {
            let other = login(service, caller.tenant, OTHER).await;
            caller.end_session(&other.session().await).await
        }
        "ListAuditLogEntries" => caller.audit_log("", 0, "").await.map(drop),
        _ => panic!("{method}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_the_table_says() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    member(&service, acme, OTHER, Role::Viewer).await;
    for (number, role) in ROLES.into_iter().enumerate() {
        let email = format!("{}@example.com", role.as_str_name().to_lowercase());
        let caller = member(&service, acme, &email, role).await;
        for (method, expected) in &TABLE {
            let answer = call(&service, &caller, method).await.map_err(|fault| fault.code);
            assert_eq!(answer, expected[number], "{role:?} {method}");
        }
    }
    service.running.stop().await;
}

/// The token still says owner and was not revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_was_lost_changes_nothing_more() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let bob = member(&service, acme, OTHER, Role::Viewer).await;
    let (member, session) = (ada.id_of(OTHER).await, bob.session().await);
    let key = ada.make_key("export", &["orders:read"]).await.unwrap().api_key.unwrap().id;
    let invitation = ada.invite("eve@example.com", Role::Viewer).await.unwrap().id;
    for lost in ["UPDATE auth.memberships SET role = 'viewer'", "DELETE FROM auth.memberships"] {
        service.sql(&format!("{lost} WHERE role = 'owner' OR id <> '{member}'")).await;
        for refused in [
            ada.set_role(&member, Role::Admin).await.map(drop),
            ada.remove(&member).await.map(drop),
            ada.invite("new@example.com", Role::Viewer).await.map(drop),
            ada.take_back(&invitation).await,
            ada.make_key("another", &["orders:read"]).await.map(drop),
            ada.delete_key(&key).await,
            ada.sessions(&bob.sessions("", 0, "").await.unwrap().0[0].user_id, 0, "").await.map(drop),
        ] {
            assert_eq!(refused.unwrap_err().code, Code::PERMISSION_DENIED, "{lost}");
        }
        ada.end_session(&session).await.unwrap_err();
    }
    assert_eq!(bob.role().await.unwrap(), Role::Viewer);
    service.running.stop().await;
}
