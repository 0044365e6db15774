//! Repeating an onboarding by its idempotency key.

use std::time::{Duration, Instant};

use rowhouse_chassis::error::Code;
use rowhouse_chassis::grpc::set_deadline;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::onboarding::v1::TenantStatus;
use tokio::task::JoinSet;
use tonic::Request;

use crate::support::{PASSWORD, With, World, refused, request, with_token};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_first_answer() {
    let world = World::start().await;
    let first = world.onboard(request("Acme", "ada@example.com").key("k1")).await.unwrap();
    let again = world.onboard(request(" Acme ", "ADA@example.com").key("k1")).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(world.counts().await, "1 1 1 1");
    let other = world.onboard(request("Acme", "ada@example.com").key("k2")).await.unwrap();
    assert_ne!(other.tenant.unwrap().id, first.tenant.unwrap().id, "another key is another tenant");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_at_once_are_one() {
    let world = World::start().await;
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let (mut client, request) = (world.client(), request("Acme", "ada@example.com").key("k"));
        calls.spawn(async move { client.onboard_tenant(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(world.counts().await, "1 1 1 1");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_with_the_same_key_is_refused() {
    let world = World::start().await;
    world.onboard(request("Acme", "ada@example.com").slug("acme").key("k")).await.unwrap();
    let first = request("Acme", "ada@example.com").slug("acme").key("k");
    for other in [
        request("Globex", "ada@example.com").slug("acme").key("k"),
        request("Acme", "ada@example.com").slug("globex").key("k"),
        request("Acme", "ada@example.com").key("k"),
        first.clone().password("another horse"),
        first.clone().without_password(),
    ] {
        assert_eq!(refused(world.onboard(other).await), Code::IDEMPOTENCY_KEY_REUSED);
    }
    world.onboard(first).await.unwrap();
    assert_eq!(world.counts().await, "1 1 1 1");
    world.login("ada@example.com", PASSWORD, None).await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guessed_key_leads_to_nobody_elses_answer() {
    let world = World::start().await;
    let of_ada = world.onboard(request("Acme", "ada@example.com").key("k")).await.unwrap();
    let of_eve = world.onboard(request("Acme", "eve@example.com").key("k")).await.unwrap();
    assert_ne!(of_eve.tenant.unwrap().id, of_ada.tenant.unwrap().id);
    // The password is missing even if the address is known.
    for guess in ["wrong horse", "correct horsf"] {
        let guessed = world.onboard(request("Acme", "ada@example.com").key("k").password(guess)).await;
        assert_eq!(refused(guessed), Code::IDEMPOTENCY_KEY_REUSED);
    }
    assert_eq!(world.counts().await, "2 2 2 2");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refused_at_once_leave_nothing_behind() {
    let world = World::start().await;
    world.onboard(request("Acme", "ada@example.com")).await.unwrap();
    let token = world.login("ada@example.com", PASSWORD, None).await.unwrap().access_token;
    let calls = (0..16).map(|_| world.onboard_as(&token, request("Globex", "bob@example.com").key("k")));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(refused(answer), error_code::EMAIL_MISMATCH);
    }
    assert_eq!(world.counts().await, "1 1 1 0");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invited_many_times_at_once_is_invited_once() {
    let world = World::start().await;
    world.onboard(request("Acme", "ada@example.com")).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let mut client = world.client();
        let request = request("Globex", "ada@example.com").key("k").password("wrong horse");
        calls.spawn(async move { client.onboard_tenant(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(world.counts().await, "2 1 1 1");
    assert_eq!(world.value("SELECT count(*) FROM auth.invitations").await, "1");
    world.stop().await;
}

/// The tenant gets its owner, whichever call comes first.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_and_a_wrong_password_at_once_do_not_hurt_each_other() {
    let world = World::start().await;
    world.onboard(request("Acme", "ada@example.com")).await.unwrap();
    for round in 0..10 {
        let key = format!("k{round}");
        let right = world.onboard(request("Globex", "ada@example.com").key(&key));
        let wrong = world.onboard(request("Globex", "ada@example.com").key(&key).password("wrong horse"));
        let answers: [_; 2] = tokio::join!(right, wrong).into();
        let (first, second): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!((first.len(), second.len()), (1, 1), "the first has the key");
        for refusal in second {
            assert_eq!(refused(refusal), Code::IDEMPOTENCY_KEY_REUSED);
        }
    }
    assert_eq!(world.value("SELECT count(*) FROM tenancy.tenants WHERE status = 'active'").await, "11");
    world.stop().await;
}

/// An onboarding that auth cannot check is not accepted, with or without a key.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_there_before_auth_has_looked_at_the_owner() {
    let mut world = World::alone().await;
    world.start_orders().await;
    for refused_request in
        [request("Acme", "ada@example.com").slug("acme"), request("Acme", "ada@example.com").key("k")]
    {
        assert_eq!(refused(world.onboard(refused_request).await), Code::UNAVAILABLE);
        assert_eq!(world.counts().await, "0 0 0 0");
    }
    world.start_auth().await;
    world.onboard(request("Acme", "ada@example.com").slug("acme").key("k")).await.unwrap();
    assert_eq!(world.counts().await, "1 1 1 1");
    world.stop().await;
}

/// It is refused for the password, and then repeated with another one and the same key.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_does_not_use_its_key_up() {
    let world = World::start().await;
    let wrong = request("Globex", "ada@example.com").slug("globex").key("k").password("password1");
    assert_eq!(refused(world.onboard(wrong).await), Code::INVALID_ARGUMENT);
    assert_eq!(world.counts().await, "0 0 0 0");
    world.onboard(request("Globex", "ada@example.com").slug("globex").key("k")).await.unwrap();
    assert_eq!(world.counts().await, "1 1 1 1");
    world.stop().await;
}

/// A tenant that an earlier version created has no record.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_completes_what_has_no_record() {
    let world = World::start().await;
    let first = world.onboard(request("Acme", "ada@example.com").key("k")).await.unwrap();
    let id = first.tenant.unwrap().id;
    for status in ["active", "provisioning"] {
        world
            .sql(&format!(
                "DELETE FROM onboarding.onboardings; UPDATE tenancy.tenants SET status = '{status}'"
            ))
            .await;
        let again = world.onboard(request("Acme", "ada@example.com").key("k")).await.unwrap();
        let tenant = again.tenant.unwrap();
        assert_eq!((&tenant.id, tenant.status()), (&id, TenantStatus::Active));
        assert_eq!((tenant.onboarding, again.admin), (None, first.admin.clone()));
    }
    assert_eq!(world.counts().await, "1 1 1 1");
    world.stop().await;
}

/// Callers that disconnect at any time leave a tenant with an owner, or none.
#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_call_leaves_nothing_half_done() {
    let world = World::start().await;
    for number in 0..20 {
        let mut request = Request::new(request("Acme", &format!("ada{number}@example.com")));
        set_deadline(&mut request, Duration::from_millis(number));
        drop(world.client().onboard_tenant(request).await);
    }
    let half_done = "SELECT count(*) FROM tenancy.tenants WHERE status = 'provisioning'";
    let settled = async {
        while world.value(half_done).await != "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), settled).await.unwrap();
    let orphans = "SELECT count(*) FROM tenancy.tenants t
        WHERE NOT EXISTS (SELECT FROM auth.memberships m WHERE m.tenant_id = t.id)";
    assert_eq!(world.value(orphans).await, "0");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_not_activated_by_a_repeat() {
    let world = World::start().await;
    let first = request("Acme", "ada@example.com").key("k");
    world.onboard(first.clone()).await.unwrap();
    world.sql("UPDATE tenancy.tenants SET status = 'suspended'").await;
    assert_eq!(refused(world.onboard(first).await), Code::TENANT_SUSPENDED);
    assert_eq!(world.value("SELECT status FROM tenancy.tenants").await, "suspended");
    world.stop().await;
}

/// A repeat hashes the password before any other service is called, so it is counted by its network, with or without
/// a token.
#[tokio::test(flavor = "multi_thread")]
async fn repeats_are_limited_per_network() {
    let world = World::start().await;
    let first = request("Acme", "ada@example.com").key("k");
    world.onboard(first.clone()).await.unwrap();
    let token = world.login("ada@example.com", PASSWORD, None).await.unwrap().access_token;
    let (began, mut looked_at) = (Instant::now(), 0);
    let repeat = async |password: &str, address: &str| {
        let mut repeat = with_token(&token, first.clone().password(password));
        repeat.metadata_mut().insert("x-forwarded-for", address.parse().unwrap());
        world.client().onboard_tenant(repeat).await
    };
    loop {
        match refused(repeat("wrong horse", "203.0.113.1").await) {
            Code::IDEMPOTENCY_KEY_REUSED => looked_at += 1,
            code => break assert_eq!(code, Code::TOO_MANY_ATTEMPTS),
        }
        assert!(looked_at <= 61 + began.elapsed().as_secs(), "{looked_at} in {:?}", began.elapsed());
    }
    assert!(looked_at >= 60, "{looked_at}");
    // Elsewhere nothing was counted; and without a password nothing is hashed.
    repeat(PASSWORD, "203.0.113.2").await.unwrap();
    for _ in 0..100 {
        let answer = world.onboard(first.clone().without_password()).await;
        assert_eq!(refused(answer), Code::IDEMPOTENCY_KEY_REUSED);
    }
    world.stop().await;
}
