//! Changing a password, and setting a new one by email.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::client::FORWARDED_FOR;
use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{
    ChangePasswordRequest, ChangePasswordResponse, LoginRequest, RefreshSessionRequest,
    RequestPasswordResetRequest, RequestPasswordResetResponse, ResetPasswordRequest, ResetPasswordResponse,
};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use rowhouse_testkit::mail::emails_to;
use tokio::task::JoinSet;
use tonic::{Request, Status};

use crate::stale_checks::WAITING;
use crate::support::{PASSWORD, Service, refused};

const ADA: &str = "ada@example.com";
const NEW: &str = "battery staple";

async fn change(
    service: &Service,
    tenant: TenantId,
    token: &str,
    current: &str,
    new: &str,
) -> Result<ChangePasswordResponse, Status> {
    let (current_password, new_password) = (current.to_owned(), new.to_owned());
    let mut request = Request::new(ChangePasswordRequest { current: current_password, new: new_password });
    carry_token(request.metadata_mut(), tenant, token);
    Ok(service.running.client().change_password(request).await?.into_inner())
}

async fn forgot(service: &Service, email: &str) -> Result<RequestPasswordResetResponse, Status> {
    let request = RequestPasswordResetRequest { email: email.to_owned() };
    Ok(service.running.client().request_password_reset(request).await?.into_inner())
}

async fn reset(service: &Service, token: &str, password: &str) -> Result<ResetPasswordResponse, Status> {
    let request = ResetPasswordRequest { token: token.to_owned(), password: password.to_owned() };
    Ok(service.running.client().reset_password(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_ends_every_session_everywhere() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, ADA).await;
    service.member(globex, ADA).await;
    service.member(acme, "bob@example.com").await;
    let bob = service.access_token("bob@example.com", None).await;
    let here = service.running.login(ADA, PASSWORD, Some("acme")).await.unwrap().tokens.unwrap();
    let there = service.running.login(ADA, PASSWORD, Some("globex")).await.unwrap().tokens.unwrap();

    change(&service, acme, &here.access_token, PASSWORD, NEW).await.unwrap();
    for (tenant, tokens) in [(acme, &here), (globex, &there)] {
        assert_eq!(refused(service.get_me(tenant, &tokens.access_token).await), Code::TOKEN_REVOKED);
        let request = RefreshSessionRequest { refresh_token: tokens.refresh_token.clone() };
        let refreshed = service.running.client().refresh_session(request).await;
        assert_eq!(refused(refreshed), error_code::REFRESH_TOKEN_INVALID);
    }
    service.get_me(acme, &bob).await.unwrap();
    assert_eq!(refused(service.running.login(ADA, PASSWORD, None).await), error_code::INVALID_CREDENTIALS);
    service.running.login(ADA, NEW, Some("acme")).await.unwrap();
    service.mail_to(ADA, "Your password was changed").await;
    let logged = "SELECT string_agg(actor_type || ' ' || outcome, ',') FROM auth.audit_log
        WHERE action = 'password.change'";
    assert_eq!(service.value(logged).await, "user success");
    let ended = "SELECT count(*) FROM auth.audit_log
        WHERE action = 'session.end' AND details->>'reason' = 'password_changed'";
    assert_eq!(service.value(ended).await, "2");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_password_is_asked_for_and_cannot_be_guessed() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    let token = service.access_token(ADA, None).await;
    for (current, new, code, fields) in [
        ("wrong horse", NEW, error_code::INVALID_CREDENTIALS, vec![]),
        ("short", NEW, error_code::INVALID_CREDENTIALS, vec![]),
        ("", NEW, Code::INVALID_ARGUMENT, vec!["current"]),
        (PASSWORD, "short", Code::INVALID_ARGUMENT, vec!["new"]),
        (PASSWORD, "password1", Code::INVALID_ARGUMENT, vec!["new"]),
        (PASSWORD, ADA, Code::INVALID_ARGUMENT, vec!["new"]),
        ("", "", Code::INVALID_ARGUMENT, vec!["current", "new"]),
    ] {
        let answer = fault(&change(&service, acme, &token, current, new).await.unwrap_err(), ERROR_CODES);
        assert_eq!(answer.code, code, "{current} {new}");
        let named: Vec<_> = answer.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(named, fields);
    }
    while refused(change(&service, acme, &token, "wrong horse", NEW).await) != Code::TOO_MANY_ATTEMPTS {}
    service.sql("UPDATE auth.attempts SET blocked_until = now() + interval '1 hour'").await;
    assert_eq!(refused(change(&service, acme, &token, PASSWORD, NEW).await), Code::TOO_MANY_ATTEMPTS);
    let logged = "SELECT string_agg(DISTINCT details->>'reason' || ' ' || outcome, ',') FROM auth.audit_log
        WHERE action = 'password.change'";
    assert_eq!(service.value(logged).await, "too_many_attempts denied,wrong_password failure");
    let anonymous = ChangePasswordRequest { current: PASSWORD.into(), new: NEW.into() };
    let answer = service.running.client().change_password(anonymous).await;
    assert_eq!(refused(answer), Code::TOKEN_MISSING);
    service.running.stop().await;
}

/// Strangers use up the account's attempts from everywhere; the person still changes the password, from a new
/// network.
#[tokio::test(flavor = "multi_thread")]
async fn no_stranger_keeps_a_person_from_changing_the_password() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    let token = service.access_token(ADA, None).await;
    let from = |address: String| {
        let (email, password) = (ADA.to_owned(), "wrong horse".to_owned());
        let mut guess = Request::new(LoginRequest { email, password, tenant: None, device_token: None });
        guess.metadata_mut().insert(FORWARDED_FOR, address.parse().unwrap());
        guess
    };
    for n in 0.. {
        let guess = from(format!("198.51.100.{n}"));
        if refused(service.running.client().login(guess).await) == Code::TOO_MANY_ATTEMPTS {
            break;
        }
    }
    service
        .sql("UPDATE auth.attempts SET blocked_until = now() + interval '1 hour' WHERE failures >= 30")
        .await;
    assert_eq!(
        refused(service.running.client().login(from("192.0.2.1".to_owned())).await),
        Code::TOO_MANY_ATTEMPTS,
        "from all networks that are not known"
    );
    let (current_password, new_password) = (PASSWORD.to_owned(), NEW.to_owned());
    let mut request = Request::new(ChangePasswordRequest { current: current_password, new: new_password });
    request.metadata_mut().insert(FORWARDED_FOR, "192.0.2.1".parse().unwrap());
    carry_token(request.metadata_mut(), acme, &token);
    service.running.client().change_password(request).await.unwrap();
    service.running.stop().await;
}

/// Status, message and details are the same; only the emails differ.
#[tokio::test(flavor = "multi_thread")]
async fn asking_for_a_link_never_says_whether_there_is_somebody() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    service.member(acme, "disabled@example.com").await;
    service.sql("UPDATE auth.identities SET disabled_at = now() WHERE email LIKE 'disabled%'").await;
    for round in 0..10 {
        for email in [ADA, "nobody@example.com", "disabled@example.com"] {
            assert_eq!(forgot(&service, email).await.unwrap(), RequestPasswordResetResponse {}, "{round}");
        }
    }
    let answer = fault(&forgot(&service, "ada").await.unwrap_err(), ERROR_CODES);
    assert_eq!((answer.code, answer.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, "email"));

    let subjects = service.subjects_to(ADA).await;
    let links = subjects.iter().filter(|subject| *subject == "Set a new password").count();
    assert!((1..=4).contains(&links), "{subjects:?}: who asks often is not flooded");
    assert!(service.subjects_to("nobody@example.com").await.is_empty());
    assert_eq!(service.subjects_to("disabled@example.com").await, ["Confirm your email address"]);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_sets_a_new_password_once() {
    let service = Service::start_with(|config| config.args.require_verified_email = Some(true)).await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    forgot(&service, "Ada@Example.com ").await.unwrap();
    let message = service.mail_to(ADA, "Set a new password").await;
    assert!(message.link.ends_with(&format!("/reset-password?token={}", message.token)), "{}", message.link);
    let lifetime = "SELECT expires_at - created_at BETWEEN interval '29 minutes' AND interval '31 minutes'
        FROM auth.one_time_tokens WHERE purpose = 'set_password'";
    assert_eq!(service.value(lifetime).await, "true");

    // An unacceptable password does not use up the link.
    for password in ["short", "password1", ADA] {
        let answer = fault(&reset(&service, &message.token, password).await.unwrap_err(), ERROR_CODES);
        assert_eq!((answer.code, answer.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, "password"));
    }
    reset(&service, &message.token, NEW).await.unwrap();
    assert_eq!(
        refused(reset(&service, &message.token, "yet another horse").await),
        error_code::ONE_TIME_TOKEN_INVALID
    );
    assert_eq!(refused(service.running.login(ADA, PASSWORD, None).await), error_code::INVALID_CREDENTIALS);
    // A reader of the emails has the address.
    service.running.login(ADA, NEW, None).await.unwrap();
    assert_eq!(service.value("SELECT count(*) FROM auth.one_time_tokens").await, "0");
    service.mail_to(ADA, "Your password was changed").await;
    let logged = "SELECT string_agg(actor_type || ' ' || outcome, ',') FROM auth.audit_log
        WHERE action = 'password.reset'";
    service.until(logged, "user success").await;
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_one_of_many_at_once() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    forgot(&service, ADA).await.unwrap();
    let token = service.mail_to(ADA, "Set a new password").await.token;
    let mut calls = JoinSet::new();
    for number in 0..8 {
        let (mut client, token) = (service.running.client(), token.clone());
        let password = format!("battery staple {number}");
        calls.spawn(async move { client.reset_password(ResetPasswordRequest { token, password }).await });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        assert_eq!(refused(answer), error_code::ONE_TIME_TOKEN_INVALID);
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_last_link_counts_and_not_for_long() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    let session = service.access_token(ADA, None).await;
    let tokens = async |expected: usize| {
        loop {
            let messages = emails_to(&service.mail(), ADA);
            let links: Vec<_> =
                messages.into_iter().filter(|message| message.subject == "Set a new password").collect();
            if links.len() == expected {
                return links.into_iter().map(|message| message.token).collect::<Vec<_>>();
            }
            tokio::task::yield_now().await;
        }
    };
    forgot(&service, ADA).await.unwrap();
    let first = tokens(1).await;
    forgot(&service, ADA).await.unwrap();
    let both = tokens(2).await;
    let second = both.iter().find(|token| !first.contains(token)).unwrap();
    assert_eq!(refused(reset(&service, &first[0], NEW).await), error_code::ONE_TIME_TOKEN_INVALID);
    service.sql("UPDATE auth.one_time_tokens SET expires_at = now()").await;
    assert_eq!(refused(reset(&service, second, NEW).await), error_code::ONE_TIME_TOKEN_INVALID);
    service.sql("UPDATE auth.one_time_tokens SET expires_at = now() + interval '1 minute'").await;
    // Neither a change of the password nor an operator's lock leaves a valid link.
    service.sql("UPDATE auth.identities SET disabled_at = now()").await;
    assert_eq!(refused(reset(&service, second, NEW).await), error_code::ONE_TIME_TOKEN_INVALID);
    service.sql("UPDATE auth.identities SET disabled_at = NULL").await;
    change(&service, acme, &session, PASSWORD, NEW).await.unwrap();
    assert_eq!(
        refused(reset(&service, second, "yet another horse").await),
        error_code::ONE_TIME_TOKEN_INVALID
    );
    for made_up in ["", "rowhouse_otl_", "rowhouse_otl_AAAA", &format!("rowhouse_otl_{}", "A".repeat(43))] {
        assert_eq!(refused(reset(&service, made_up, NEW).await), error_code::ONE_TIME_TOKEN_INVALID);
    }
    service.running.stop().await;
}

/// A stranger has made the account wait; the person, who reads the email, does not have to.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_wait() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    while refused(service.running.login(ADA, "wrong horse", None).await) != Code::TOO_MANY_ATTEMPTS {}
    forgot(&service, ADA).await.unwrap();
    let token = service.mail_to(ADA, "Set a new password").await.token;
    reset(&service, &token, NEW).await.unwrap();
    service.running.login(ADA, NEW, None).await.unwrap();
    service.running.stop().await;
}

/// Only rows that were locked are uncounted. A row that others cleared and counted again in between belongs to them:
/// two logins that changed each other's rows deadlocked until one was refused.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_forgiven_that_was_not_locked() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    service.sql("DELETE FROM auth.attempts").await;
    assert_eq!(
        refused(service.running.login(ADA, "wrong horse", None).await),
        error_code::INVALID_CREDENTIALS
    );
    let counted = "SELECT count(*) FROM auth.attempts";
    assert_eq!(service.value(counted).await, "3", "the pair, the network and the account");
    forgot(&service, ADA).await.unwrap();
    let token = service.mail_to(ADA, "Set a new password").await.token;
    let mut other = service.database.admin().await;
    let anew = "BEGIN; CREATE TEMP TABLE before AS TABLE auth.attempts; DELETE FROM auth.attempts;
        INSERT INTO auth.attempts TABLE before";
    other.batch_execute(anew).await.unwrap();
    let committed = async {
        service.until(WAITING, "1").await;
        other.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(reset(&service, &token, NEW), committed).0.unwrap();
    assert_eq!(service.value(counted).await, "3");
    service.running.login(ADA, NEW, None).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_person_is_answered_like_nobody() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, ADA).await;
    service.sql("UPDATE auth.identities SET disabled_at = now()").await;
    let disabled = service.running.login(ADA, PASSWORD, None).await.unwrap_err();
    let unknown = service.running.login("nobody@example.com", PASSWORD, None).await.unwrap_err();
    assert_eq!(
        (disabled.code(), disabled.message(), disabled.details()),
        (unknown.code(), unknown.message(), unknown.details())
    );
    service.sql("UPDATE auth.identities SET disabled_at = NULL").await;
    service.access_token(ADA, None).await;
    service.running.stop().await;
}
