//! The method for the second step of a login.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::CompleteMfaRequest;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_tenancy::TenantId;
use tokio::task::JoinSet;

use crate::mfa_support::{
    EMAIL, Enrolled, code, enrol, first_step, forget_steps, logged, second_step, wrong_code,
};
use crate::support::{PASSWORD, Service, refused};

async fn world() -> (Service, TenantId, Enrolled) {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    let ada = enrol(&service, acme, EMAIL).await;
    (service, acme, ada)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_takes_a_code_and_each_code_is_good_once() {
    let (service, acme, ada) = world().await;
    let token = first_step(&service, EMAIL).await;
    for nonsense in [wrong_code(&ada.secret), code(&ada.secret, 4), code(&ada.secret, -4), "x".into()] {
        let refused = second_step(&service, &token, &nonsense).await.unwrap_err();
        assert_eq!(refused.code, error_code::MFA_CODE_INVALID, "{nonsense}");
    }
    assert_eq!(second_step(&service, &token, "").await.unwrap_err().code, Code::INVALID_ARGUMENT);

    let good = code(&ada.secret, 0);
    let tokens = second_step(&service, &token, &good).await.unwrap();
    assert!(tokens.device_token.is_some());
    let me = service.get_me(acme, &tokens.access_token).await.unwrap();
    assert_eq!(me.user.unwrap().email, EMAIL);
    for replayed in [token.clone(), first_step(&service, EMAIL).await] {
        let refused = second_step(&service, &replayed, &good).await.unwrap_err();
        assert_eq!(refused.code, error_code::MFA_CODE_INVALID);
    }
    // Nor is an older, unused one.
    let older = second_step(&service, &token, &code(&ada.secret, -1)).await.unwrap_err();
    assert_eq!(older.code, error_code::MFA_CODE_INVALID);

    let wrong = "failure wrong_code,".repeat(4);
    let replays = ",failure wrong_code".repeat(3);
    let log = logged(&service, "sign_in").await;
    assert!(log.contains(&format!("{wrong}success{replays}")), "{log}");
    let method =
        "SELECT details->>'method' FROM auth.audit_log WHERE action = 'sign_in' AND outcome = 'success'
        ORDER BY id DESC LIMIT 1";
    assert_eq!(service.value(method).await, "mfa");
    let refusal = service.running.login(EMAIL, "wrong horse", None).await;
    assert_eq!(refused(refusal), error_code::INVALID_CREDENTIALS, "the password comes first");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_with_one_code_one_gets_in() {
    let (service, _, ada) = world().await;
    for code in [code(&ada.secret, 0), ada.recovery_codes[0].clone()] {
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let (mut client, code) = (service.running.client(), code.clone());
            let mfa_token = first_step(&service, EMAIL).await;
            // First steps that were not completed are not successful attempts.
            service.sql("UPDATE auth.attempts SET failures = 0, blocked_until = '-infinity'").await;
            calls.spawn(async move { client.complete_mfa(CompleteMfaRequest { mfa_token, code }).await });
        }
        let answers = calls.join_all().await;
        let (let_in, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(let_in.len(), 1);
        for other in others {
            let code = refused(other);
            assert!(matches!(code, error_code::MFA_CODE_INVALID | Code::TOO_MANY_ATTEMPTS), "{code:?}");
        }
        service.sql("DELETE FROM auth.attempts").await;
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_is_good_once_however_it_is_typed() {
    let (service, acme, ada) = world().await;
    service.member(acme, "bob@example.com").await;
    let bob = enrol(&service, acme, "bob@example.com").await;

    let typed = [
        ada.recovery_codes[0].clone(),
        ada.recovery_codes[1].to_lowercase(),
        ada.recovery_codes[2].replace('-', ""),
        format!(" {} ", ada.recovery_codes[3].replace('-', " ")),
    ];
    for code in &typed {
        let token = first_step(&service, EMAIL).await;
        second_step(&service, &token, code).await.unwrap();
        assert_eq!(second_step(&service, &token, code).await.unwrap_err().code, error_code::MFA_CODE_INVALID);
    }
    let left = "SELECT string_agg(n::text, ',' ORDER BY n) FROM (
        SELECT count(*) AS n FROM auth.recovery_codes GROUP BY user_id) AS counts";
    assert_eq!(service.value(left).await, "6,10");

    let token = first_step(&service, EMAIL).await;
    for theirs in [bob.recovery_codes[0].clone(), code(&bob.secret, 0)] {
        let refused = second_step(&service, &token, &theirs).await.unwrap_err();
        assert_eq!(refused.code, error_code::MFA_CODE_INVALID, "another person's");
    }
    assert_eq!(service.value(left).await, "6,10");
    service.running.stop().await;
}

/// Somebody who can write to the table still cannot put their own secret into another person's row.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_of_no_use_in_another_persons_row() {
    let (service, acme, ada) = world().await;
    service.member(acme, "bob@example.com").await;
    let bob = enrol(&service, acme, "bob@example.com").await;
    service
        .sql(
            "UPDATE auth.totp a SET sealed_secret = b.sealed_secret
             FROM auth.totp b WHERE a.user_id <> b.user_id",
        )
        .await;
    let token = first_step(&service, EMAIL).await;
    for code in [code(&bob.secret, 0), code(&ada.secret, 0)] {
        assert_eq!(second_step(&service, &token, &code).await.unwrap_err().code, Code::INTERNAL);
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_between_the_steps_take_effect() {
    let (service, acme, ada) = world().await;
    let token = first_step(&service, EMAIL).await;
    for (change, undo, expected) in [
        (
            "UPDATE auth.identities SET disabled_at = now()",
            "UPDATE auth.identities SET disabled_at = NULL",
            error_code::MFA_TOKEN_INVALID,
        ),
        (
            "UPDATE auth.identities SET password_hash = password_hash || 'x'",
            "UPDATE auth.identities SET password_hash = left(password_hash, -1)",
            error_code::MFA_TOKEN_INVALID,
        ),
        (
            "UPDATE auth.totp SET confirmed_at = NULL",
            "UPDATE auth.totp SET confirmed_at = now()",
            error_code::MFA_TOKEN_INVALID,
        ),
        (
            "UPDATE tenancy.tenants SET status = 'suspended'",
            "UPDATE tenancy.tenants SET status = 'active'",
            Code::TENANT_SUSPENDED,
        ),
    ] {
        service.sql(change).await;
        let refused = second_step(&service, &token, &code(&ada.secret, 0)).await.unwrap_err();
        assert_eq!(refused.code, expected, "{change}");
        service.sql(undo).await;
    }
    second_step(&service, &token, &code(&ada.secret, 0)).await.unwrap();

    service.sql(&format!("DELETE FROM auth.memberships WHERE tenant_id = '{acme}'")).await;
    let refused = second_step(&service, &token, &ada.recovery_codes[0]).await.unwrap_err();
    assert_eq!(refused.code, error_code::MFA_TOKEN_INVALID);
    let mut forged = token.clone();
    forged.truncate(token.len() - 2);
    for text in ["", "nonsense", "rowhouse_mfa_AAAA", forged.as_str(), &ada.token] {
        let refused = second_step(&service, text, &ada.recovery_codes[0]).await.unwrap_err();
        assert_eq!(refused.code, error_code::MFA_TOKEN_INVALID, "{text:?}");
    }
    assert_eq!(service.value("SELECT count(*) FROM auth.recovery_codes").await, "10");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_guessed_at_slowly_whatever_is_begun_anew() {
    let (service, _, ada) = world().await;
    let wrong = wrong_code(&ada.secret);
    for _ in 0..5 {
        let token = first_step(&service, EMAIL).await;
        assert_eq!(
            second_step(&service, &token, &wrong).await.unwrap_err().code,
            error_code::MFA_CODE_INVALID
        );
    }
    let token = first_step(&service, EMAIL).await;
    for code in [&wrong, &code(&ada.secret, 0), &ada.recovery_codes[0]] {
        let refused = second_step(&service, &token, code).await.unwrap_err();
        assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
        assert!(refused.retry_after.is_some());
    }
    assert!(logged(&service, "sign_in").await.ends_with("failure wrong_code,denied too_many_attempts"));

    service.sql("UPDATE auth.attempts SET blocked_until = '-infinity'").await;
    second_step(&service, &token, &code(&ada.secret, 0)).await.unwrap();
    for _ in 0..5 {
        let refused = second_step(&service, &token, &wrong).await.unwrap_err();
        assert_eq!(refused.code, error_code::MFA_CODE_INVALID, "the good one is forgiven");
    }
    service.running.stop().await;
}

/// Otherwise a person who logs in often would be treated as guessing.
#[tokio::test(flavor = "multi_thread")]
async fn a_completed_login_is_forgiven_once_and_one_that_is_not_counts() {
    let (service, _, ada) = world().await;
    let counted = "SELECT coalesce(sum(failures), 0) FROM auth.attempts";
    for _ in 0..8 {
        let token = first_step(&service, EMAIL).await;
        forget_steps(&service).await;
        second_step(&service, &token, &code(&ada.secret, 0)).await.unwrap();
        assert_eq!(service.value(counted).await, "0");
    }

    // One login's token does not uncount other attempts, however often it is completed.
    let token = first_step(&service, EMAIL).await;
    for _ in 0..3 {
        service.running.login("eve@example.com", "wrong horse", None).await.unwrap_err();
    }
    let before: i64 = service.value(counted).await.parse().unwrap();
    for code in &ada.recovery_codes[..4] {
        second_step(&service, &token, code).await.unwrap();
    }
    // Of the account from the address, and of the address.
    assert_eq!(service.value(counted).await.parse::<i64>().unwrap(), before - 2);

    service.sql("DELETE FROM auth.attempts").await;
    for _ in 0..6 {
        first_step(&service, EMAIL).await;
    }
    let seventh = service.running.login(EMAIL, PASSWORD, None).await;
    assert_eq!(refused(seventh), Code::TOO_MANY_ATTEMPTS, "the password alone opens nothing");
    service.running.stop().await;
}
