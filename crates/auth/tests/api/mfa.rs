//! Activating and removing a second factor.

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{LoginRequest, Role};
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::issuer;
use tokio::task::JoinSet;

use crate::mfa_support::{
    Caller, EMAIL, code, enrol, first_step, forget_steps, log_in, logged, second_step, wrong_code,
};
use crate::support::{PASSWORD, Service};
use crate::team;

async fn world() -> (Service, TenantId) {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    (service, acme)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_counts_once_a_code_has_shown_that_it_arrived() {
    let (service, acme) = world().await;
    let ada = log_in(&service, acme, EMAIL).await;
    assert_eq!(ada.confirm("123456").await.unwrap_err().code, error_code::MFA_NOT_ENABLED);
    assert_eq!(ada.delete("123456").await.unwrap_err().code, error_code::MFA_NOT_ENABLED);

    let first = ada.create().await.unwrap().secret;
    let answer = ada.create().await.unwrap();
    let secret = answer.secret;
    assert_eq!(secret.len(), 32, "160 bits");
    assert_ne!(secret, first);
    assert_eq!(
        answer.otpauth_url,
        format!("otpauth://totp/Rowhouse:ada%40example.com?secret={secret}&issuer=Rowhouse")
    );
    // It is not confirmed yet: a secret that never arrived locks nobody out.
    log_in(&service, acme, EMAIL).await;
    assert_eq!(ada.delete(&code(&secret, 0)).await.unwrap_err().code, error_code::MFA_NOT_ENABLED);

    assert_eq!(ada.confirm("").await.unwrap_err().violations[0].field, "code");
    for wrong in [&wrong_code(&secret), &code(&first, 0), "abc", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"] {
        assert_eq!(ada.confirm(wrong).await.unwrap_err().code, error_code::MFA_CODE_INVALID, "{wrong}");
    }
    let good = code(&secret, 0);
    assert_eq!(ada.confirm(&good).await.unwrap().len(), 10);
    assert_eq!(ada.create().await.unwrap_err().code, error_code::MFA_ENABLED);
    assert_eq!(ada.confirm(&code(&secret, 1)).await.unwrap_err().code, error_code::MFA_ENABLED);

    let wrong = "failure wrong_code,".repeat(4);
    assert_eq!(logged(&service, "mfa.enable").await, format!("{wrong}success"));
    service.mail_to(EMAIL, "Your second factor is on").await;

    // The code that confirmed is used up.
    let token = first_step(&service, EMAIL).await;
    let replayed = second_step(&service, &token, &good).await;
    assert_eq!(replayed.unwrap_err().code, error_code::MFA_CODE_INVALID);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_neither_secret_nor_codes() {
    let (service, acme) = world().await;
    let ada = enrol(&service, acme, EMAIL).await;
    let rows = service
        .value(
            "SELECT string_agg(t::text, ' ') || (SELECT string_agg(c::text, ' ') FROM auth.recovery_codes c)
             || (SELECT string_agg(a::text, ' ') FROM auth.audit_log a) FROM auth.totp t",
        )
        .await;
    let secret = totp_rs::Secret::try_from_base32(&ada.secret).unwrap();
    for hidden in [ada.secret.clone(), secret.to_string(), ada.recovery_codes[0].clone()] {
        assert!(!rows.contains(&hidden), "{hidden}");
    }
    assert_eq!(service.value("SELECT count(*) FROM auth.recovery_codes").await, "10");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_the_factor_requires_a_code() {
    let (service, acme) = world().await;
    for recovery in [false, true] {
        let enrolled = enrol(&service, acme, EMAIL).await;
        let ada = enrolled.caller(&service, acme);
        let wrong = wrong_code(&enrolled.secret);
        assert_eq!(ada.delete(&wrong).await.unwrap_err().code, error_code::MFA_CODE_INVALID);
        assert_eq!(ada.delete("").await.unwrap_err().code, Code::INVALID_ARGUMENT);
        let token = first_step(&service, EMAIL).await;

        let good = if recovery { enrolled.recovery_codes[3].clone() } else { code(&enrolled.secret, 0) };
        ada.delete(&good).await.unwrap();
        assert_eq!(ada.delete(&good).await.unwrap_err().code, error_code::MFA_NOT_ENABLED);
        assert_eq!(service.value("SELECT count(*) FROM auth.recovery_codes").await, "0");
        service.running.login(EMAIL, PASSWORD, None).await.unwrap();
        // Logins that began with it have to begin again.
        let late = second_step(&service, &token, &enrolled.recovery_codes[0]).await;
        assert_eq!(late.unwrap_err().code, error_code::MFA_TOKEN_INVALID);
    }
    assert_eq!(
        logged(&service, "mfa.disable").await,
        "failure wrong_code,success,failure wrong_code,success"
    );
    service.mail_to(EMAIL, "Your second factor is off").await;
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_confirmations_at_once_one_gets_codes() {
    let (service, acme) = world().await;
    let ada = log_in(&service, acme, EMAIL).await;
    let secret = ada.create().await.unwrap().secret;
    let code = code(&secret, 0);
    let (one, other) = tokio::join!(ada.confirm(&code), ada.confirm(&code));
    let refused = match (one, other) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused.code,
        both => panic!("{both:?}"),
    };
    assert_eq!(refused, error_code::MFA_ENABLED);
    assert_eq!(service.value("SELECT count(*) FROM auth.recovery_codes").await, "10");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_guesses_slowly_and_only_against_itself() {
    let (service, acme) = world().await;
    let enrolled = enrol(&service, acme, EMAIL).await;
    let ada = enrolled.caller(&service, acme);
    let wrong = wrong_code(&enrolled.secret);
    for _ in 0..5 {
        assert_eq!(ada.delete(&wrong).await.unwrap_err().code, error_code::MFA_CODE_INVALID);
    }
    for _ in 0..2 {
        let refused = ada.delete(&code(&enrolled.secret, 0)).await.unwrap_err();
        assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS, "the right code too");
        assert!(refused.retry_after.is_some_and(|after| after.as_secs() >= 1));
    }
    let denied = logged(&service, "mfa.disable").await;
    assert_eq!(denied, format!("{}denied too_many_attempts", "failure wrong_code,".repeat(5)), "told once");
    let token = first_step(&service, EMAIL).await;
    second_step(&service, &token, &code(&enrolled.secret, 0)).await.unwrap();

    service.sql("UPDATE auth.attempts SET blocked_until = '-infinity'").await;
    forget_steps(&service).await;
    ada.delete(&code(&enrolled.secret, 0)).await.unwrap();
    service.running.stop().await;
}

/// Sessions that began with the password alone, or with a former factor, end in every tenant (OWASP ASVS 5, 7.4.3).
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_second_factor_ends_the_other_sessions() {
    let (service, acme) = world().await;
    let globex = service.tenant("globex").await;
    let bob = team::member(&service, acme, "bob@example.com", Role::Viewer).await;
    let own = team::login(&service, acme, EMAIL).await;
    service.member(globex, EMAIL).await;
    let (here, there) =
        (team::login(&service, acme, EMAIL).await, team::login(&service, globex, EMAIL).await);
    let ada = Caller { running: &service.running, tenant: acme, token: own.token.clone() };
    let secret = ada.create().await.unwrap().secret;
    there.role().await.unwrap();
    assert_eq!(ada.confirm(&wrong_code(&secret)).await.unwrap_err().code, error_code::MFA_CODE_INVALID);
    here.role().await.unwrap();

    ada.confirm(&code(&secret, 0)).await.unwrap();
    for other in [&here, &there] {
        assert_eq!(other.role().await.unwrap_err().code, Code::TOKEN_REVOKED);
        let refused = team::refresh(&service.running, &other.refresh_token).await.unwrap_err();
        assert_eq!(refused.code, error_code::REFRESH_TOKEN_INVALID);
    }
    own.role().await.unwrap();
    bob.role().await.unwrap();
    let ended = "SELECT string_agg(t.slug || ' ' || s.end_reason, ',' ORDER BY t.slug) FROM auth.sessions s
                 JOIN tenancy.tenants t ON t.id = s.tenant_id WHERE s.ended_at IS NOT NULL";
    assert_eq!(service.value(ended).await, "acme factor_changed,globex factor_changed");
    assert_eq!(logged(&service, "session.end").await, "success factor_changed,success factor_changed");

    forget_steps(&service).await;
    let mut tokens = Vec::new();
    for tenant in [acme, globex] {
        let refused = service.running.login(EMAIL, PASSWORD, Some(&tenant.to_string())).await.unwrap_err();
        let first = fault(&refused, ERROR_CODES).metadata["mfa_token"].clone();
        tokens.push(second_step(&service, &first, &code(&secret, 0)).await.unwrap());
        forget_steps(&service).await;
    }
    ada.delete(&code(&secret, 0)).await.unwrap();
    for (tenant, tokens) in [acme, globex].into_iter().zip(tokens) {
        let refused = crate::support::refused(service.get_me(tenant, &tokens.access_token).await);
        assert_eq!(refused, Code::TOKEN_REVOKED);
    }
    own.role().await.unwrap();
    service.running.stop().await;
}

/// A login whose password was checked before begins no session after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_during_the_activation_needs_the_second_factor() {
    let (service, acme) = world().await;
    for _ in 0..3 {
        let ada = log_in(&service, acme, EMAIL).await;
        let secret = ada.create().await.unwrap().secret;
        let mut calls = JoinSet::new();
        for _ in 0..16 {
            let mut client = service.running.client();
            let (email, password) = (EMAIL.to_owned(), PASSWORD.to_owned());
            let request = LoginRequest { email, password, tenant: None, device_token: None };
            calls.spawn(async move { client.login(request).await.is_ok() });
        }
        assert!(calls.join_next().await.is_some());
        ada.confirm(&code(&secret, 0)).await.unwrap();
        calls.join_all().await;
        let live = "SELECT count(*) FROM auth.sessions WHERE ended_at IS NULL";
        assert_eq!(service.value(live).await, "1", "the one in use");
        forget_steps(&service).await;
        ada.delete(&code(&secret, 0)).await.unwrap();
        forget_steps(&service).await;
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_people_have_a_second_factor() {
    let (service, acme) = world().await;
    let token = service.keys.onboarding.service_token(issuer::AUTH, acme.as_uuid()).unwrap();
    let program = Caller { running: &service.running, tenant: acme, token };
    let nobody = Caller { running: &service.running, tenant: acme, token: String::new() };
    for (caller, expected) in [(program, Code::PERMISSION_DENIED), (nobody, Code::TOKEN_INVALID)] {
        assert_eq!(caller.create().await.unwrap_err().code, expected);
        assert_eq!(caller.confirm("123456").await.unwrap_err().code, expected);
        assert_eq!(caller.delete("123456").await.unwrap_err().code, expected);
    }
    service.running.stop().await;
}
