//! Guessing is slowed down, and strangers lock nobody out.

use rowhouse_chassis::client::FORWARDED_FOR;
use rowhouse_chassis::error::{Code, Fault, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{LoginRequest, Tokens};
use tokio::task::JoinSet;
use tonic::Request;

use crate::support::{PASSWORD, Service};

const EMAIL: &str = "ada@example.com";

fn request(
    email: &str,
    password: &str,
    address: &str,
    device_token: Option<String>,
) -> Request<LoginRequest> {
    let (email, password) = (email.to_owned(), password.to_owned());
    let mut request = Request::new(LoginRequest { email, password, tenant: None, device_token });
    // The service trusts the proxies of its own machine, which the test acts as.
    request.metadata_mut().insert(FORWARDED_FOR, address.parse().unwrap());
    request
}

async fn attempt(
    service: &Service,
    email: &str,
    password: &str,
    address: &str,
    device_token: Option<String>,
) -> Result<Tokens, Fault> {
    let answer = service.running.client().login(request(email, password, address, device_token)).await;
    answer.map(|answer| answer.into_inner().tokens.unwrap()).map_err(|status| fault(&status, ERROR_CODES))
}

async fn world() -> Service {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_guessed_at_a_few_times_from_one_address() {
    let service = world().await;
    for email in [EMAIL, "nobody@example.com"] {
        for _ in 0..6 {
            let refused = attempt(&service, email, "wrong horse", "203.0.113.1", None).await.unwrap_err();
            assert_eq!(refused.code, error_code::INVALID_CREDENTIALS, "{email}");
        }
        let refused = attempt(&service, email, "wrong horse", "203.0.113.1", None).await.unwrap_err();
        assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS, "known or not: {email}");
        assert!(refused.retry_after.is_some_and(|after| after.as_secs() >= 1));
    }
    // Otherwise the right password could be distinguished from a wrong one.
    let refused = attempt(&service, EMAIL, PASSWORD, "203.0.113.1", None).await.unwrap_err();
    assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
    // Elsewhere nothing was counted.
    attempt(&service, EMAIL, PASSWORD, "203.0.113.2", None).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wait_grows_and_ends() {
    let service = world().await;
    let mut waits = Vec::new();
    for _ in 0..5 {
        loop {
            match attempt(&service, EMAIL, "wrong horse", "203.0.113.1", None).await {
                Err(Fault { code: Code::TOO_MANY_ATTEMPTS, retry_after, .. }) => {
                    waits.push(retry_after.unwrap().as_secs());
                    break;
                }
                Err(Fault { code: error_code::INVALID_CREDENTIALS, .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        // As if the wait were over.
        service.sql("UPDATE auth.attempts SET blocked_until = '-infinity'").await;
    }
    assert!(waits.is_sorted() && waits[4] >= 8 && waits[0] <= 2, "{waits:?}");
    attempt(&service, EMAIL, PASSWORD, "203.0.113.1", None).await.unwrap();
    // A successful login clears them.
    for _ in 0..6 {
        let refused = attempt(&service, EMAIL, "wrong horse", "203.0.113.1", None).await.unwrap_err();
        assert_eq!(refused.code, error_code::INVALID_CREDENTIALS);
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_count_as_well_as_one_after_the_other() {
    let service = world().await;
    let mut calls = JoinSet::new();
    for _ in 0..40 {
        let mut client = service.running.client();
        let request = request(EMAIL, "wrong horse", "203.0.113.1", None);
        calls.spawn(async move { fault(&client.login(request).await.unwrap_err(), ERROR_CODES).code });
    }
    let codes = calls.join_all().await;
    let looked_at = codes.iter().filter(|code| **code == error_code::INVALID_CREDENTIALS).count();
    assert!(looked_at <= 6, "{looked_at} of 40 were looked at");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stranger_locks_an_account_out() {
    let service = world().await;
    let home = "203.0.113.7";
    let device = attempt(&service, EMAIL, PASSWORD, home, None).await.unwrap().device_token;
    assert!(device.is_some());
    // From everywhere.
    let mut refused = Vec::new();
    for n in 0..40 {
        let address = format!("198.51.100.{n}");
        refused.push(attempt(&service, EMAIL, "wrong horse", &address, None).await.unwrap_err().code);
    }
    assert_eq!(refused.last(), Some(&Code::TOO_MANY_ATTEMPTS), "strangers are slowed down together");
    // The person can log in from a familiar network, whatever strangers do,
    attempt(&service, EMAIL, PASSWORD, home, None).await.unwrap();
    // and on their device from anywhere.
    attempt(&service, EMAIL, PASSWORD, "192.0.2.1", device.clone()).await.unwrap();
    // Even from an address that the attacker shares.
    for _ in 0..8 {
        attempt(&service, EMAIL, "wrong horse", home, None).await.unwrap_err();
    }
    let refused = attempt(&service, EMAIL, PASSWORD, home, None).await.unwrap_err();
    assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
    attempt(&service, EMAIL, PASSWORD, home, device.clone()).await.unwrap();

    // A device's token allows no more guesses than an address, and none on another account.
    for _ in 0..6 {
        let refused = attempt(&service, EMAIL, "wrong horse", "192.0.2.2", device.clone()).await.unwrap_err();
        assert_eq!(refused.code, error_code::INVALID_CREDENTIALS);
    }
    let refused = attempt(&service, EMAIL, "wrong horse", "192.0.2.3", device.clone()).await.unwrap_err();
    assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_try_all_accounts() {
    let service = world().await;
    let mut codes = Vec::new();
    for n in 0..70 {
        let email = format!("person{n}@example.com");
        codes.push(attempt(&service, &email, "wrong horse", "203.0.113.9", None).await.unwrap_err().code);
    }
    assert_eq!(codes[30], error_code::INVALID_CREDENTIALS);
    assert_eq!(codes.last(), Some(&Code::TOO_MANY_ATTEMPTS));
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_of_the_persons_tenants_tell_of_it() {
    let service = world().await;
    for _ in 0..9 {
        attempt(&service, EMAIL, "wrong horse", "203.0.113.1", None).await.unwrap_err();
    }
    attempt(&service, "nobody@example.com", "wrong horse", "203.0.113.1", None).await.unwrap_err();
    let logged =
        "SELECT string_agg(DISTINCT outcome || ' ' || ip_address, ',') || ' ' || count(*) FROM auth.audit_log
         WHERE action = 'sign_in'";
    service.until(logged, "denied 203.0.113.1,failure 203.0.113.1 7").await;
    service.running.stop().await;
}

/// A new address for each attempt belongs to the same network.
#[tokio::test(flavor = "multi_thread")]
async fn an_ipv6_network_is_one_client() {
    let service = world().await;
    let mut codes = Vec::new();
    for n in 0..8 {
        let address = format!("2001:db8::{n:x}:{n:x}");
        codes.push(attempt(&service, EMAIL, "wrong horse", &address, None).await.unwrap_err().code);
    }
    assert_eq!(codes.last(), Some(&Code::TOO_MANY_ATTEMPTS), "an account is guessed at as from one address");
    // Elsewhere nothing was counted.
    let device = attempt(&service, EMAIL, PASSWORD, "2001:db8:0:1::1", None).await.unwrap().device_token;
    let mut codes = Vec::new();
    for n in 0..70 {
        let (email, address) = (format!("person{n}@example.com"), format!("2001:db8::1:{n:x}"));
        codes.push(attempt(&service, &email, "wrong horse", &address, None).await.unwrap_err().code);
    }
    assert_eq!((codes[30], codes[69]), (error_code::INVALID_CREDENTIALS, Code::TOO_MANY_ATTEMPTS));
    // Nor in a network where the person is known, with any of its addresses, nor on their device in this one.
    attempt(&service, EMAIL, PASSWORD, "2001:db8:0:1:abcd::1", None).await.unwrap();
    attempt(&service, EMAIL, PASSWORD, "2001:db8::2", device).await.unwrap();
    service.running.stop().await;
}

/// A /48 does not have 65,536 times as many attempts, and its known neighbours are not affected.
#[tokio::test(flavor = "multi_thread")]
async fn a_wider_network_is_allowed_more_and_not_all() {
    let service = world().await;
    attempt(&service, EMAIL, PASSWORD, "2001:db8:0:ffff::1", None).await.unwrap();
    let mut looked_at = 0;
    loop {
        let (email, address) = (format!("p{looked_at}@example.com"), format!("2001:db8:0:{looked_at:x}::1"));
        match attempt(&service, &email, "wrong horse", &address, None).await.unwrap_err().code {
            error_code::INVALID_CREDENTIALS => looked_at += 1,
            code => break assert_eq!(code, Code::TOO_MANY_ATTEMPTS),
        }
    }
    assert_eq!(looked_at, 240);
    service
        .sql("UPDATE auth.attempts SET blocked_until = now() + interval '1 hour' WHERE failures > 200")
        .await;
    let stranger = attempt(&service, "q@example.com", "wrong horse", "2001:db8:0:aaaa::1", None).await;
    assert_eq!(stranger.unwrap_err().code, Code::TOO_MANY_ATTEMPTS);
    attempt(&service, EMAIL, PASSWORD, "2001:db8:0:ffff::2", None).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_attempt_writes_no_row() {
    let service = world().await;
    // The first refusal is recorded in the logs of the person's tenants, by a task that soon ends.
    let rows =
        "SELECT concat_ws(' ', (SELECT count(*) FROM auth.attempts), (SELECT count(*) FROM jobs.global_jobs),
        (SELECT count(*) FROM auth.audit_log), (SELECT count(*) FROM auth.allowances))";
    for n in 0..7 {
        let answer = attempt(&service, EMAIL, "wrong horse", "203.0.113.8", None).await.unwrap_err();
        assert_eq!(answer.code == Code::TOO_MANY_ATTEMPTS, n == 6);
    }
    let denied = "SELECT count(*) FROM auth.audit_log WHERE action = 'sign_in' AND outcome = 'denied'";
    service.until(denied, "1").await;
    loop {
        let email = format!("person{}@example.com", uuid::Uuid::now_v7());
        let refused = attempt(&service, &email, "wrong horse", "203.0.113.9", None).await.unwrap_err();
        if refused.code == Code::TOO_MANY_ATTEMPTS {
            break;
        }
    }
    service.sql("UPDATE auth.attempts SET blocked_until = now() + interval '1 hour' WHERE refused").await;
    service.until("SELECT count(*) FROM jobs.global_jobs", "0").await;
    let before = service.value(rows).await;
    for n in 0..100 {
        let email = format!("someone{n}@example.com");
        let refused = attempt(&service, &email, "wrong horse", "203.0.113.9", None).await.unwrap_err();
        assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
        // Also for somebody whose tenants would be notified.
        let refused = attempt(&service, EMAIL, "wrong horse", "203.0.113.8", None).await.unwrap_err();
        assert_eq!(refused.code, Code::TOO_MANY_ATTEMPTS);
        assert_eq!(service.value(rows).await, before, "after {n} more");
    }
    service.running.stop().await;
}
