//! Sessions: the chain of refresh tokens, and everything that ends it.

use std::time::Duration;

use rowhouse_auth::SessionArgs;
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{LogoutRequest, RefreshSessionRequest, SwitchTenantRequest, Tokens};
use rowhouse_tenancy::TenantId;
use tokio::task::JoinSet;
use tonic::Status;

use crate::support::{PASSWORD, Running, Service, config, refused};

const EMAIL: &str = "ada@example.com";

async fn login(service: &Service, tenant: Option<&str>) -> Tokens {
    service.running.login(EMAIL, PASSWORD, tenant).await.unwrap().tokens.unwrap()
}

async fn refresh(running: &Running, refresh_token: &str) -> Result<Tokens, Status> {
    let request = RefreshSessionRequest { refresh_token: refresh_token.to_owned() };
    Ok(running.client().refresh_session(request).await?.into_inner().tokens.unwrap())
}

async fn switch(running: &Running, refresh_token: &str, tenant: &str) -> Result<Tokens, Status> {
    let request = SwitchTenantRequest { refresh_token: refresh_token.to_owned(), tenant: tenant.to_owned() };
    Ok(running.client().switch_tenant(request).await?.into_inner().tokens.unwrap())
}

async fn logout(running: &Running, refresh_token: &str) {
    let request = LogoutRequest { refresh_token: refresh_token.to_owned() };
    running.client().logout(request).await.unwrap();
}

/// Creates a person in one tenant, logged in.
async fn world() -> (Service, TenantId, Tokens) {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    let tokens = login(&service, None).await;
    (service, acme, tokens)
}

async fn ended(service: &Service) -> String {
    service.value("SELECT string_agg(coalesce(end_reason, 'live'), ',' ORDER BY id) FROM auth.sessions").await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_is_good_for_one_exchange_and_its_repeat() {
    let (service, acme, first) = world().await;
    let second = refresh(&service.running, &first.refresh_token).await.unwrap();
    assert_ne!(first.refresh_token, second.refresh_token);
    service.get_me(acme, &second.access_token).await.unwrap();

    let repeated = refresh(&service.running, &first.refresh_token).await.unwrap();
    assert_eq!(repeated.refresh_token, second.refresh_token, "the same successor");
    let third = refresh(&service.running, &second.refresh_token).await.unwrap();
    service.get_me(acme, &first.access_token).await.unwrap();

    // The first one again, after its successor was used: somebody has a copy.
    let stolen = refresh(&service.running, &first.refresh_token).await;
    assert_eq!(refused(stolen), error_code::REFRESH_TOKEN_INVALID);
    assert_eq!(ended(&service).await, "token_reused");
    assert_eq!(
        refused(refresh(&service.running, &third.refresh_token).await),
        error_code::REFRESH_TOKEN_INVALID
    );
    for token in [&first.access_token, &second.access_token, &third.access_token] {
        assert_eq!(refused(service.get_me(acme, token).await), Code::TOKEN_REVOKED);
    }
    let logged = service.value(
        "SELECT count(*) FROM auth.audit_log WHERE action = 'session.refresh' AND outcome = 'failure'
         AND details->>'reason' = 'token_reused'",
    );
    assert_eq!(logged.await, "1");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_grace_the_second_use_ends_the_session() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    let mut strict = config(&service.database, &service.keys);
    strict.args.sessions = SessionArgs { refresh_grace: Duration::ZERO, ..SessionArgs::default() };
    let strict = Running::start(strict).await;
    let first = login(&service, None).await;
    refresh(&strict, &first.refresh_token).await.unwrap();
    assert_eq!(refused(refresh(&strict, &first.refresh_token).await), error_code::REFRESH_TOKEN_INVALID);
    assert_eq!(ended(&service).await, "token_reused");
    strict.stop().await;
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_never_part_ways() {
    let (service, _, mut tokens) = world().await;
    for _ in 0..5 {
        let mut calls = JoinSet::new();
        for _ in 0..16 {
            let (mut client, token) = (service.running.client(), tokens.refresh_token.clone());
            calls.spawn(async move {
                client.refresh_session(RefreshSessionRequest { refresh_token: token }).await
            });
        }
        let answers = calls.join_all().await;
        let mut next: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.unwrap().into_inner().tokens.unwrap().refresh_token)
            .collect();
        next.dedup();
        assert_eq!(next.len(), 1, "one session, one successor");
        tokens = refresh(&service.running, &next[0]).await.unwrap();
    }
    assert_eq!(ended(&service).await, "live");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_ends_a_session() {
    for column in ["idle_expires_at", "expires_at"] {
        let (service, _, tokens) = world().await;
        let tokens = refresh(&service.running, &tokens.refresh_token).await.unwrap();
        service.sql(&format!("UPDATE auth.sessions SET {column} = now()")).await;
        assert_eq!(
            refused(refresh(&service.running, &tokens.refresh_token).await),
            error_code::REFRESH_TOKEN_INVALID
        );
        service.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_ends_it_at_once_and_says_nothing() {
    let (service, acme, tokens) = world().await;
    let other = login(&service, None).await;
    for nothing in ["", "nonsense", "rowhouse_rt_AAAA"] {
        logout(&service.running, nothing).await;
    }
    // Invented by somebody who knows the session's id: it does not affect the session.
    let mut forged = tokens.refresh_token.clone().into_bytes();
    let last = forged.len() - 1;
    forged[last] = if forged[last] == b'A' { b'Q' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    logout(&service.running, &forged).await;
    assert_eq!(refused(refresh(&service.running, &forged).await), error_code::REFRESH_TOKEN_INVALID);
    assert_eq!(ended(&service).await, "live,live");

    logout(&service.running, &tokens.refresh_token).await;
    logout(&service.running, &tokens.refresh_token).await;
    assert_eq!(ended(&service).await, "logout,live");
    assert_eq!(
        refused(refresh(&service.running, &tokens.refresh_token).await),
        error_code::REFRESH_TOKEN_INVALID
    );
    assert_eq!(refused(service.get_me(acme, &tokens.access_token).await), Code::TOKEN_REVOKED);
    service.get_me(acme, &other.access_token).await.unwrap();
    refresh(&service.running, &other.refresh_token).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_exchanges_one_session_for_another() {
    let (service, acme, tokens) = world().await;
    let globex = service.tenant("globex").await;
    service.member(globex, EMAIL).await;
    let initech = service.tenant("initech").await;

    for stranger in [initech.to_string(), "initech".to_owned(), "nowhere".to_owned()] {
        let refusal = switch(&service.running, &tokens.refresh_token, &stranger).await;
        assert_eq!(refused(refusal), Code::PERMISSION_DENIED, "{stranger}");
    }
    service.get_me(acme, &tokens.access_token).await.unwrap();

    let there = switch(&service.running, &tokens.refresh_token, "globex").await.unwrap();
    let me = service.get_me(globex, &there.access_token).await.unwrap();
    assert_eq!(me.tenant.unwrap().slug, "globex");
    assert_eq!(refused(service.get_me(acme, &tokens.access_token).await), Code::TOKEN_REVOKED);
    assert_eq!(
        refused(refresh(&service.running, &tokens.refresh_token).await),
        error_code::REFRESH_TOKEN_INVALID
    );
    let back = switch(&service.running, &there.refresh_token, &acme.to_string()).await.unwrap();
    service.get_me(acme, &back.access_token).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_switches_at_once_one_wins() {
    let (service, _, tokens) = world().await;
    let globex = service.tenant("globex").await;
    service.member(globex, EMAIL).await;
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let mut client = service.running.client();
        let request =
            SwitchTenantRequest { refresh_token: tokens.refresh_token.clone(), tenant: "globex".to_owned() };
        calls.spawn(async move { client.switch_tenant(request).await });
    }
    let won = calls.join_all().await.into_iter().flatten().count();
    assert_eq!(won, 1);
    assert_eq!(service.value("SELECT count(*) FROM auth.sessions WHERE ended_at IS NULL").await, "1");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_and_a_disabled_person_get_nothing() {
    let (service, acme, tokens) = world().await;
    service.sql("UPDATE tenancy.tenants SET status = 'suspended'").await;
    assert_eq!(refused(refresh(&service.running, &tokens.refresh_token).await), Code::TENANT_SUSPENDED);
    assert_eq!(refused(service.get_me(acme, &tokens.access_token).await), Code::TENANT_SUSPENDED);
    service.sql("UPDATE tenancy.tenants SET status = 'active'").await;
    let tokens = refresh(&service.running, &tokens.refresh_token).await.unwrap();

    service.sql("UPDATE auth.identities SET disabled_at = now()").await;
    assert_eq!(
        refused(refresh(&service.running, &tokens.refresh_token).await),
        error_code::REFRESH_TOKEN_INVALID
    );
    assert_eq!(refused(service.get_me(acme, &tokens.access_token).await), Code::TOKEN_REVOKED);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_no_token() {
    let (service, _, tokens) = world().await;
    let next = refresh(&service.running, &tokens.refresh_token).await.unwrap();
    let rows = service.value("SELECT string_agg(s::text, ' ') FROM auth.sessions s").await;
    for token in [&tokens.refresh_token, &next.refresh_token] {
        let secret = token.strip_prefix("rowhouse_rt_").unwrap();
        assert!(secret.len() >= 100, "{}", secret.len());
        assert!(!rows.contains(secret));
    }
    service.running.stop().await;
}
