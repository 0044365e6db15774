//! Requests for another copy of a lost message, and what they reveal.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{
    ResendEmailVerificationRequest, ResendEmailVerificationResponse, Role, VerifyEmailRequest,
};
use rowhouse_testkit::mail::emails_to;
use uuid::Uuid;

use crate::support::{PASSWORD, Service, refused};
use crate::team::{accept, logged, member, token_to};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const CONFIRM: &str = "Confirm your email address";
const TASKS: &str = "SELECT count(*) FROM jobs.global_jobs";

async fn in_production() -> Service {
    Service::start_with(|config| config.args.require_verified_email = Some(true)).await
}

async fn resend(service: &Service, email: &str) {
    let request = ResendEmailVerificationRequest { email: email.to_owned() };
    let answer = service.running.client().resend_email_verification(request).await.unwrap().into_inner();
    assert_eq!(answer, ResendEmailVerificationResponse {}, "{email}");
    service.until(TASKS, "0").await;
}

async fn verify(service: &Service, token: &str) -> Result<(), Code> {
    let request = VerifyEmailRequest { token: token.to_owned() };
    let answer = service.running.client().verify_email(request).await;
    if answer.is_ok() { Ok(()) } else { Err(refused(answer)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_is_sent_again_and_either_link_is_good() {
    let service = in_production().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    let first = token_to(&service, ADA).await;
    resend(&service, ADA).await;
    let tokens: Vec<String> = emails_to(&service.mail(), ADA).into_iter().map(|one| one.token).collect();
    let second = tokens.iter().find(|token| **token != first).unwrap();
    verify(&service, second).await.unwrap();
    service.access_token(ADA, None).await;
    // The first one may only be delayed.
    verify(&service, &first).await.unwrap();
    for used in [&first, second] {
        assert_eq!(verify(&service, used).await, Err(error_code::ONE_TIME_TOKEN_INVALID));
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_reveal_whose_address_is_confirmed() {
    let service = in_production().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    service.sign_up(acme, "nopassword@example.com", None, None).await.unwrap();
    for other in ["verified@example.com", "disabled@example.com"] {
        service.member(acme, other).await;
    }
    service
        .sql(
            "UPDATE auth.identities SET email_verified_at = now() WHERE email LIKE 'verified%';
             UPDATE auth.identities SET disabled_at = now() WHERE email LIKE 'disabled%'",
        )
        .await;
    for (email, expected) in [
        (ADA, &[CONFIRM, CONFIRM][..]),
        ("nopassword@example.com", &["Set your password", "Set your password"]),
        ("verified@example.com", &[CONFIRM]),
        ("disabled@example.com", &[CONFIRM]),
        ("nobody@example.com", &[]),
    ] {
        resend(&service, email).await;
        assert_eq!(service.subjects_to(email).await, expected, "{email}");
    }
    service.running.stop().await;
}

/// The message is sent to somebody with the right password, and the answer does not reveal it.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_fails_only_for_the_address_leads_to_a_new_message() {
    let service = in_production().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    let wrong = service.running.login(ADA, "wrong horse", None).await.unwrap_err();
    service.until(TASKS, "0").await;
    assert_eq!(service.subjects_to(ADA).await, [CONFIRM]);
    let right = service.running.login(ADA, PASSWORD, None).await.unwrap_err();
    assert_eq!(
        (right.code(), right.message(), right.details()),
        (wrong.code(), wrong.message(), wrong.details())
    );
    service.until(TASKS, "0").await;
    assert_eq!(service.subjects_to(ADA).await, [CONFIRM, CONFIRM]);
    assert_eq!(
        logged(&service, "sign_in", "reason").await,
        "failure wrong_credentials,failure email_not_verified"
    );

    // Any number of times: a stranger may do this until the address is confirmed.
    for _ in 0..10 {
        service.running.login(ADA, PASSWORD, None).await.unwrap_err();
        service.sql("UPDATE auth.attempts SET blocked_until = '-infinity' WHERE failures > 5").await;
    }
    service.until(TASKS, "0").await;
    assert_eq!(service.subjects_to(ADA).await, [CONFIRM; 5]);
    verify(&service, &token_to(&service, ADA).await).await.unwrap();
    service.access_token(ADA, None).await;
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_sent_again_with_a_new_link() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, ADA, Role::Owner).await;
    let admin = member(&service, acme, "admin@example.com", Role::Admin).await;
    let invited = ada.invite(BOB, Role::Member).await.unwrap();
    let lost = token_to(&service, BOB).await;
    // An expired one can be sent again as well.
    service.sql("UPDATE auth.invitations SET expires_at = now() - interval '1 day'").await;

    let resent = admin.resend(&invited.id).await.unwrap();
    assert_eq!((resent.id.as_str(), resent.email.as_str(), resent.role()), (&*invited.id, BOB, Role::Member));
    assert!(resent.expires_at.unwrap().seconds >= invited.expires_at.unwrap().seconds);
    assert_eq!(logged(&service, "invitation.resend", "email").await, format!("success {BOB}"));
    service.until("SELECT count(*) FROM jobs.jobs WHERE status <> 'succeeded'", "0").await;
    let messages = emails_to(&service.mail(), BOB);
    let token = &messages.iter().find(|message| message.token != lost).unwrap().token;
    let refused = accept(&service.running, &lost, Some(PASSWORD), None).await.unwrap_err();
    assert_eq!(refused.code, error_code::ONE_TIME_TOKEN_INVALID);
    let accepted = accept(&service.running, token, Some(PASSWORD), None).await.unwrap();
    assert_eq!(accepted.role(), Role::Member);

    let gone = admin.resend(&invited.id).await.unwrap_err();
    assert_eq!(gone.code, error_code::INVITATION_NOT_FOUND);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_sent_again_by_whom_and_as_often_as_it_may_be_sent() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, ADA, Role::Owner).await;
    let admin = member(&service, acme, "admin@example.com", Role::Admin).await;
    let viewer = member(&service, acme, "viewer@example.com", Role::Viewer).await;
    let stranger = member(&service, globex, "eve@example.com", Role::Owner).await;
    let invited = ada.invite(BOB, Role::Owner).await.unwrap();

    assert_eq!(admin.resend(&invited.id).await.unwrap_err().code, Code::PERMISSION_DENIED);
    assert_eq!(viewer.resend(&invited.id).await.unwrap_err().code, Code::PERMISSION_DENIED);
    let unknown = stranger.resend(&Uuid::now_v7().to_string()).await.unwrap_err();
    for id in [invited.id.as_str(), "x"] {
        let foreign = stranger.resend(id).await.unwrap_err();
        assert_eq!((foreign.code, &foreign.detail), (error_code::INVITATION_NOT_FOUND, &unknown.detail));
    }
    for _ in 0..4 {
        ada.resend(&invited.id).await.unwrap();
    }
    let refused = ada.resend(&invited.id).await.unwrap_err();
    assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
    assert!(refused.retry_after.is_some(), "{refused:?}");
    // The last link that was sent is still valid.
    service.until("SELECT count(*) FROM jobs.jobs WHERE status <> 'succeeded'", "0").await;
    let messages = emails_to(&service.mail(), BOB);
    assert_eq!(messages.len(), 5);
    let mut good = 0;
    for message in messages {
        good += usize::from(accept(&service.running, &message.token, Some(PASSWORD), None).await.is_ok());
    }
    assert_eq!(good, 1);
    service.running.stop().await;
}
