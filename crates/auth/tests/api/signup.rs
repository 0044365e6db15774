//! Signing up: the answers and the emails.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{
    CreateMembershipResponse, ResetPasswordRequest, Role, User, VerifyEmailRequest,
};

use crate::support::{PASSWORD, Service, refused};

const ADA: &str = "ada@example.com";
const MEMBERSHIPS: &str = "SELECT count(*) FROM auth.memberships";

/// Returns an answer without the parts that differ each time.
fn shape(answer: CreateMembershipResponse) -> CreateMembershipResponse {
    let user = answer.user.unwrap();
    assert_eq!((user.id.len(), user.id.as_bytes()[14]), (36, b'7'), "{} is a UUID of version 7", user.id);
    let user = User { id: String::new(), email: String::new(), ..user };
    CreateMembershipResponse { user: Some(user), ..answer }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_address_is_answered_like_an_unknown_one() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    service.sign_up(acme, "nopassword@example.com", None, None).await.unwrap();
    service.member(acme, "disabled@example.com").await;
    service.sql("UPDATE auth.identities SET disabled_at = now() WHERE email LIKE 'disabled%'").await;
    service.sql("UPDATE auth.identities SET email_verified_at = now() WHERE email LIKE 'ada%'").await;
    let before =
        service.value("SELECT string_agg(password_hash, ' ' ORDER BY id) FROM auth.identities").await;

    for (number, password) in [Some("wrong horse"), None].into_iter().enumerate() {
        let slug = |who: &str| format!("{who}-{number}");
        let nobody = service.tenant(&slug("nobody")).await;
        let new = format!("new{number}@example.com");
        let expected = shape(service.sign_up(nobody, &new, password, None).await.unwrap());
        for known in [ADA, "nopassword@example.com", "disabled@example.com"] {
            let tenant = service.tenant(&slug(known.split('@').next().unwrap())).await;
            let answer = service.sign_up(tenant, known, password, None).await.unwrap();
            assert_eq!(shape(answer), expected, "{known} {password:?}");
        }
    }
    // Nothing has happened to existing accounts, except for the email.
    let known =
        "SELECT string_agg(password_hash, ' ' ORDER BY id) FROM auth.identities WHERE email NOT LIKE 'new%'";
    assert_eq!(service.value(known).await, before);
    let members = "SELECT count(*) FROM auth.memberships m JOIN auth.identities i ON i.id = m.user_id
        WHERE i.email = 'ada@example.com'";
    assert_eq!(service.value(members).await, "1");
    let invitations = "SELECT string_agg(role || ' ' || (invited_by IS NULL), ',') FROM auth.invitations
        WHERE email = 'ada@example.com'";
    assert_eq!(service.value(invitations).await, "owner true,owner true");
    let message = service.mail_to(ADA, "Invitation").await;
    assert!(message.body.contains("\"ada-0\""), "{}", message.body);
    assert!(message.link.contains("/accept-invitation?token=rowhouse_inv_"), "{}", message.link);
    assert_eq!(service.subjects_to("new0@example.com").await, ["Confirm your email address"]);
    assert_eq!(service.subjects_to("new1@example.com").await, ["Set your password"]);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_proof_joins_at_once() {
    let service = Service::start().await;
    let (acme, globex, initech) =
        (service.tenant("acme").await, service.tenant("globex").await, service.tenant("initech").await);
    service.member(acme, ADA).await;
    let token = service.access_token(ADA, None).await;
    let id = service.value("SELECT id FROM auth.identities").await;

    let by_password = service.sign_up(globex, ADA, Some(PASSWORD), None).await.unwrap();
    let by_token = service.sign_up(initech, ADA, None, Some(&token)).await.unwrap();
    for answer in [by_password, by_token] {
        assert_eq!(answer.role(), Role::Owner);
        assert_eq!(answer.user.unwrap().id, id);
    }
    assert_eq!(service.value(MEMBERSHIPS).await, "3");
    assert_eq!(service.value("SELECT count(*) FROM auth.invitations").await, "0");
    service.access_token(ADA, Some("initech")).await;
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_proves_only_its_own_person_and_while_its_session_lasts() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, ADA).await;
    service.member(acme, "bob@example.com").await;
    let token = service.access_token(ADA, None).await;
    for email in ["bob@example.com", "nobody@example.com"] {
        let answer = service.sign_up(globex, email, Some(PASSWORD), Some(&token)).await;
        assert_eq!(refused(answer), error_code::EMAIL_MISMATCH, "{email}");
    }
    let answer = service.sign_up(globex, ADA, None, Some("not.a.token")).await;
    assert_eq!(refused(answer), Code::TOKEN_INVALID);
    service.sql("SELECT auth.end_sessions_of(id, 'disabled') FROM auth.identities").await;
    let answer = service.sign_up(globex, ADA, None, Some(&token)).await;
    assert_eq!(refused(answer), Code::TOKEN_REVOKED);
    assert_eq!(service.value(MEMBERSHIPS).await, "2");
    service.running.stop().await;
}

/// Signing up indirectly reveals whether a password was right, so attempts are limited as for a login.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_cannot_be_guessed_by_signing_up() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    for number in 0..30 {
        let tenant = service.tenant(&format!("guess-{number}")).await;
        let guess = format!("wrong horse {number}");
        service.sign_up(tenant, ADA, Some(&guess), None).await.unwrap();
    }
    service.sql("UPDATE auth.attempts SET blocked_until = now() + interval '1 hour'").await;
    let last = service.tenant("right").await;
    service.sign_up(last, ADA, Some(PASSWORD), None).await.unwrap();
    assert_eq!(service.value(MEMBERSHIPS).await, "1", "the right one came too late");
    let logged = "SELECT string_agg(DISTINCT details->>'reason' || ' ' || outcome, ',') FROM auth.audit_log
        WHERE action = 'sign_in' AND outcome <> 'success'";
    service.until(logged, "too_many_attempts denied,wrong_credentials failure").await;
    // The person themselves is not locked out.
    service.access_token(ADA, None).await;
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_password_the_link_sets_the_first_one() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.sign_up(acme, ADA, None, None).await.unwrap();
    assert_eq!(refused(service.running.login(ADA, PASSWORD, None).await), error_code::INVALID_CREDENTIALS);
    let token = service.mail_to(ADA, "Set your password").await.token;
    let lifetime =
        "SELECT expires_at - created_at BETWEEN interval '6 days 23 hours' AND interval '7 days 1 hour'
        FROM auth.one_time_tokens";
    assert_eq!(service.value(lifetime).await, "true");
    let request = ResetPasswordRequest { token, password: PASSWORD.to_owned() };
    service.running.client().reset_password(request).await.unwrap();
    service.access_token(ADA, None).await;
    assert_eq!(service.value("SELECT email_verified_at IS NOT NULL FROM auth.identities").await, "true");
    assert_eq!(service.subjects_to(ADA).await, ["Set your password"], "nothing was changed that was there");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_confirmation_precedes_the_login() {
    let service = Service::start_with(|config| config.args.require_verified_email = Some(true)).await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    let unconfirmed = service.running.login(ADA, PASSWORD, None).await.unwrap_err();
    let unknown = service.running.login("nobody@example.com", PASSWORD, None).await.unwrap_err();
    assert_eq!(
        (unconfirmed.code(), unconfirmed.message(), unconfirmed.details()),
        (unknown.code(), unknown.message(), unknown.details())
    );
    let token = service.mail_to(ADA, "Confirm").await.token;
    let verify = async |token: &str| {
        let request = VerifyEmailRequest { token: token.to_owned() };
        service.running.client().verify_email(request).await
    };
    verify(&token).await.unwrap();
    let token_of_session = service.access_token(ADA, None).await;
    let me = service.get_me(acme, &token_of_session).await.unwrap();
    assert!(me.user.unwrap().email_verified);
    let logged = "SELECT string_agg(actor_type || ' ' || outcome, ',') FROM auth.audit_log
        WHERE action = 'email.verify'";
    service.until(logged, "user success").await;

    for used_or_made_up in [token.as_str(), "", "rowhouse_otl_", "rowhouse_otl_AAAA", &token_of_session] {
        assert_eq!(refused(verify(used_or_made_up).await), error_code::ONE_TIME_TOKEN_INVALID);
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_confirms_nothing_after_its_time_and_sets_no_password() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    let token = service.mail_to(ADA, "Confirm").await.token;
    let request = ResetPasswordRequest { token: token.clone(), password: "another horse".to_owned() };
    let reset = service.running.client().reset_password(request).await;
    assert_eq!(refused(reset), error_code::ONE_TIME_TOKEN_INVALID);
    service.sql("UPDATE auth.one_time_tokens SET expires_at = now()").await;
    let verified = service.running.client().verify_email(VerifyEmailRequest { token }).await;
    assert_eq!(refused(verified), error_code::ONE_TIME_TOKEN_INVALID);
    service.running.stop().await;
}
