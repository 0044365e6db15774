//! Accepting an invitation by its link.

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{
    AcceptInvitationRequest, RequestPasswordResetRequest, ResetPasswordRequest, Role,
};
use tokio::task::JoinSet;

use crate::support::{PASSWORD, Service};
use crate::team::{Caller, accept, logged, login, member, token_to};

/// Confirms the addresses of all people.
const CONFIRMED: &str = "UPDATE auth.identities SET email_verified_at = now()";

const BOB: &str = "bob@example.com";
const MEMBERSHIPS: &str = "SELECT count(*) FROM auth.memberships";
const INVITATIONS: &str = "SELECT count(*) FROM auth.invitations";

async fn owner(service: &Service) -> Caller<'_> {
    let acme = service.tenant("acme").await;
    member(service, acme, "ada@example.com", Role::Owner).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_creates_an_identity() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let invitation = ada.invite(" Bob@Example.COM ", Role::Member).await.unwrap();
    assert_eq!((invitation.email.as_str(), invitation.role()), (BOB, Role::Member));
    assert_eq!(ada.invitations(0, "").await.unwrap().0, [invitation.clone()]);
    let message = service.mail_to(BOB, "Invitation").await;
    assert!(message.body.contains("\"acme\""), "{}", message.body);
    assert!(message.body.contains("ada@example.com") && message.body.contains("member"), "{}", message.body);
    assert!(message.token.starts_with("rowhouse_inv_"));

    for (password, field) in [(None, "password"), (Some("password1"), "password"), (Some("x"), "password")] {
        let refused = accept(&service.running, &message.token, password, None).await.unwrap_err();
        assert_eq!((refused.code, refused.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, field));
    }
    let accepted = accept(&service.running, &message.token, Some(PASSWORD), None).await.unwrap();
    let (user, tenant) = (accepted.user.as_ref().unwrap(), accepted.tenant.as_ref().unwrap());
    assert_eq!((user.email.as_str(), user.email_verified), (BOB, true));
    assert_eq!((tenant.slug.as_str(), accepted.role()), ("acme", Role::Member));
    let bob = login(&service, ada.tenant, BOB).await;
    assert_eq!(bob.role().await.unwrap(), Role::Member);

    let again = accept(&service.running, &message.token, Some(PASSWORD), None).await.unwrap_err();
    assert_eq!(again.code, error_code::ONE_TIME_TOKEN_INVALID);
    assert_eq!(service.value(INVITATIONS).await, "0");
    assert_eq!(logged(&service, "invitation.create", "role").await, "success member");
    assert_eq!(logged(&service, "invitation.accept", "email").await, "success bob@example.com");
    let added = "SELECT string_agg(details->>'role', ',') FROM auth.audit_log
        WHERE action = 'member.add' AND actor_id = target_id IS NOT TRUE AND details->>'user_id' = ";
    assert_eq!(service.value(&format!("{added}'{}'", user.id)).await, "member");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_does_not_change_an_identity() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let globex = service.tenant("globex").await;
    let bob = member(&service, globex, BOB, Role::Owner).await;
    service.sql(CONFIRMED).await;
    let hash = "SELECT string_agg(password_hash, ',' ORDER BY id) FROM auth.identities";
    let before = service.value(hash).await;

    // Without the password: the link is enough.
    ada.invite(BOB, Role::Viewer).await.unwrap();
    let token = token_to(&service, BOB).await;
    let wrong = accept(&service.running, &token, Some("wrong horse"), None).await.unwrap_err();
    assert_eq!(wrong.code, error_code::INVALID_CREDENTIALS);
    for _ in 0..3 {
        let of_another = accept(&service.running, &token, None, Some(&ada.token)).await.unwrap_err();
        assert_eq!(of_another.code, error_code::EMAIL_MISMATCH);
    }
    let no_token = accept(&service.running, &token, None, Some("not.a.token")).await.unwrap_err();
    assert_eq!(no_token.code, Code::TOKEN_INVALID);
    assert_eq!(
        logged(&service, "invitation.accept", "reason").await,
        "failure wrong_password,denied email_mismatch",
        "the log is not filled by repeating it"
    );
    for (password, access_token) in
        [(None, None), (Some(PASSWORD), None), (None, Some(&bob.token)), (Some(PASSWORD), Some(&bob.token))]
    {
        let token = token_to(&service, BOB).await;
        let access_token = access_token.map(String::as_str);
        let accepted = accept(&service.running, &token, password, access_token).await.unwrap();
        assert_eq!(accepted.role(), Role::Viewer);
        assert!(accepted.user.unwrap().email_verified, "the link was mailed to the address");
        let here = login(&service, ada.tenant, BOB).await;
        here.remove(&here.id_of(BOB).await).await.unwrap();
        ada.invite(BOB, Role::Viewer).await.unwrap();
    }
    assert_eq!(service.value(hash).await, before);
    assert_eq!(bob.role().await.unwrap(), Role::Owner);
    service.running.stop().await;
}

/// The tokens of invitations allow no more guesses of a password than the login.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_cannot_be_guessed_by_accepting() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let globex = service.tenant("globex").await;
    service.create_membership(globex, BOB, PASSWORD, Role::Owner).await.unwrap();
    ada.invite(BOB, Role::Viewer).await.unwrap();
    let token = token_to(&service, BOB).await;
    for _ in 0..6 {
        let refused = accept(&service.running, &token, Some("wrong horse"), None).await.unwrap_err();
        assert_eq!(refused.code, error_code::INVALID_CREDENTIALS);
    }
    let refused = accept(&service.running, &token, Some(PASSWORD), None).await.unwrap_err();
    assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
    assert!(refused.retry_after.is_some());
    service.sql(CONFIRMED).await;
    accept(&service.running, &token, None, None).await.unwrap();
    service.running.stop().await;
}

/// A stranger who signed up with the person's address knows a password of it, and must not gain access when the
/// person is invited.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gains_no_access_with_the_person() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let evil = service.tenant("evil").await;
    service.create_membership(evil, BOB, "chosen by a stranger", Role::Owner).await.unwrap();
    ada.invite(BOB, Role::Admin).await.unwrap();
    let token = token_to(&service, BOB).await;
    let refused = accept(&service.running, &token, None, None).await.unwrap_err();
    assert_eq!(refused.code, Code::INVALID_ARGUMENT, "{}", refused.detail);
    let refused = accept(&service.running, &token, Some(PASSWORD), None).await.unwrap_err();
    assert_eq!(refused.code, error_code::INVALID_CREDENTIALS);

    // The emailed link makes the account the person's.
    let request = RequestPasswordResetRequest { email: BOB.to_owned() };
    service.running.client().request_password_reset(request).await.unwrap();
    let reset = token_to(&service, BOB).await;
    let request = ResetPasswordRequest { token: reset, password: PASSWORD.to_owned() };
    service.running.client().reset_password(request).await.unwrap();
    accept(&service.running, &token, None, None).await.unwrap();
    service.running.login(BOB, PASSWORD, Some("acme")).await.unwrap();
    let stranger = service.running.login(BOB, "chosen by a stranger", Some("acme")).await;
    assert_eq!(fault(&stranger.unwrap_err(), ERROR_CODES).code, error_code::INVALID_CREDENTIALS);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_with_its_invitation() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let refused =
        async |token: &str| accept(&service.running, token, Some(PASSWORD), None).await.unwrap_err().code;
    ada.invite(BOB, Role::Viewer).await.unwrap();
    let token = token_to(&service, BOB).await;
    service.sql("UPDATE tenancy.tenants SET status = 'suspended'").await;
    assert_eq!(refused(&token).await, Code::TENANT_SUSPENDED);
    service.sql("UPDATE tenancy.tenants SET status = 'active'").await;
    service.sql("UPDATE auth.invitations SET expires_at = now()").await;
    assert_eq!(refused(&token).await, error_code::ONE_TIME_TOKEN_INVALID);
    assert_eq!(ada.invitations(0, "").await.unwrap().0, []);

    let again = ada.invite(BOB, Role::Viewer).await.unwrap();
    let token = token_to(&service, BOB).await;
    ada.take_back(&again.id).await.unwrap();
    assert_eq!(ada.take_back(&again.id).await.unwrap_err().code, error_code::INVITATION_NOT_FOUND);
    assert_eq!(refused(&token).await, error_code::ONE_TIME_TOKEN_INVALID);
    for token in ["", "rowhouse_inv_", &token.replace("_inv_", "_ak_"), &ada.refresh_token] {
        assert_eq!(refused(token).await, error_code::ONE_TIME_TOKEN_INVALID, "{token}");
    }
    // Also that of a disabled person.
    let globex = service.tenant("globex").await;
    service.create_membership(globex, BOB, PASSWORD, Role::Owner).await.unwrap();
    ada.invite(BOB, Role::Viewer).await.unwrap();
    service.sql("UPDATE auth.identities SET disabled_at = now() WHERE email = 'bob@example.com'").await;
    assert_eq!(refused(&token_to(&service, BOB).await).await, error_code::ONE_TIME_TOKEN_INVALID);
    assert_eq!(service.value(MEMBERSHIPS).await, "2");
    service.running.stop().await;
}

/// There are more calls at once than connections in the pool.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_once_however_many_use_it_at_once() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    let globex = service.tenant("globex").await;
    service.create_membership(globex, "known@example.com", PASSWORD, Role::Owner).await.unwrap();
    service.sql(CONFIRMED).await;
    for email in ["new@example.com", "known@example.com"] {
        ada.invite(email, Role::Viewer).await.unwrap();
        let token = token_to(&service, email).await;
        let mut calls = JoinSet::new();
        for number in 0..12 {
            let mut client = service.running.invitations();
            let password = (email == "new@example.com").then(|| format!("password number {number}"));
            let request = AcceptInvitationRequest { token: token.clone(), password, access_token: None };
            calls.spawn(async move { client.accept_invitation(request).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "{lost:?}");
        for refusal in lost {
            assert_eq!(crate::support::refused(refusal), error_code::ONE_TIME_TOKEN_INVALID);
        }
    }
    assert_eq!(service.value(MEMBERSHIPS).await, "4");
    assert_eq!(service.value("SELECT count(*) FROM auth.identities").await, "3");
    service.running.stop().await;
}

/// Somebody who becomes a member in another way while invited keeps the higher role.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_keeps_the_higher_role() {
    let service = Service::start().await;
    let ada = owner(&service).await;
    for (before, invited, after) in
        [(Role::Viewer, Role::Admin, Role::Admin), (Role::Admin, Role::Viewer, Role::Admin)]
    {
        let email = format!("{}@example.com", before.as_str_name().to_lowercase());
        ada.invite(&email, invited).await.unwrap();
        let token = token_to(&service, &email).await;
        let bob = member(&service, ada.tenant, &email, before).await;
        service.sql(CONFIRMED).await;
        let accepted = accept(&service.running, &token, None, None).await.unwrap();
        assert_eq!(accepted.role(), after);
        // The token with the lower role is not valid any more.
        let expected = if before == after { Ok(after) } else { Err(Code::TOKEN_REVOKED) };
        assert_eq!(bob.role().await.map_err(|fault| fault.code), expected);
    }
    service.running.stop().await;
}
