//! Repeating an onboarding by its idempotency key.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use rowhouse_chassis::error::Code;
use rowhouse_chassis::grpc::set_deadline;
use support::{PASSWORD, Running, With, World, auth_config, refused, request};
use tokio::io::{copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic::Request;

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
        assert_eq!(refused(world.onboard(other).await), Code::IdempotencyKeyReused);
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
    // With the address as well, the password is still missing.
    for guess in ["wrong horse", "correct horsf"] {
        let guessed = world.onboard(request("Acme", "ada@example.com").key("k").password(guess)).await;
        assert_eq!(refused(guessed), Code::IdempotencyKeyReused);
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
        assert_eq!(refused(answer), Code::EmailMismatch);
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

/// The tenant gets its owner, whichever of them comes first.
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
            assert_eq!(refused(refusal), Code::IdempotencyKeyReused);
        }
    }
    assert_eq!(world.value("SELECT count(*) FROM tenancy.tenants WHERE status = 'active'").await, "11");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_interrupted_goes_on() {
    let mut world = World::without_auth().await;
    let interrupted = request("Acme", "ada@example.com").slug("acme").key("k");
    for _ in 0..2 {
        assert_eq!(refused(world.onboard(interrupted.clone()).await), Code::Unavailable);
        assert_eq!(world.counts().await, "1 0 0 1", "kept for the repeat");
    }
    let tenant = world.value("SELECT id FROM tenancy.tenants WHERE status = 'provisioning'").await;

    world.start_auth().await;
    let answer = world.onboard(interrupted.clone()).await.unwrap();
    assert_eq!(answer.tenant.as_ref().unwrap().id, tenant);
    assert_eq!(world.onboard(interrupted).await.unwrap(), answer);
    world.login("ada@example.com", PASSWORD, None).await.unwrap();
    assert_eq!(world.counts().await, "1 1 1 1");
    world.stop().await;
}

/// Auth has done its part, but onboarding does not hear of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_auth_that_was_lost_is_asked_for_again() {
    for key in [None, Some("k")] {
        let mut world = World::without_auth().await;
        let listen = "127.0.0.1:0".parse().unwrap();
        let auth = Running::auth(auth_config(&world.database, &world.keys, listen)).await;
        let proxy = TcpListener::bind(world.auth_address).await.unwrap();
        let mut request = request("Acme", "ada@example.com").slug("acme");
        request.idempotency_key = key.map(str::to_owned);

        let call = world.onboard(request.clone());
        let lose_then_forward = async {
            let (mut onboarding, _) = proxy.accept().await.unwrap();
            let mut lost = TcpStream::connect(auth.address).await.unwrap();
            let (mut from_onboarding, _) = onboarding.split();
            let (_, mut to_auth) = lost.split();
            let done = async {
                while world.value("SELECT count(*) FROM auth.memberships").await == "0" {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! {
                () = done => {}
                copied = copy(&mut from_onboarding, &mut to_auth) => panic!("{copied:?}"),
            }
            drop((onboarding, lost));
            let (mut onboarding, _) = proxy.accept().await.unwrap();
            let mut forwarded = TcpStream::connect(auth.address).await.unwrap();
            copy_bidirectional(&mut onboarding, &mut forwarded).await.unwrap();
        };
        let answer = tokio::select! {
            answer = call => answer,
            () = lose_then_forward => panic!("onboarding has hung up"),
        };
        drop(proxy);

        if key.is_some() {
            assert_eq!(refused(answer), Code::Unavailable);
            assert_eq!(world.value("SELECT status FROM tenancy.tenants").await, "provisioning");
            auth.stop().await;
            world.start_auth().await;
            world.onboard(request).await.unwrap();
        } else {
            answer.unwrap();
            world.auth = Some(auth);
        }
        assert_eq!(world.value("SELECT status FROM tenancy.tenants").await, "active");
        world.login("ada@example.com", PASSWORD, None).await.unwrap();
        world.stop().await;
    }
}

/// Nobody could ask for it again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_interrupted_without_a_key_is_taken_back() {
    let mut world = World::without_auth().await;
    let interrupted = request("Acme", "ada@example.com").slug("acme");
    assert_eq!(refused(world.onboard(interrupted.clone()).await), Code::Unavailable);
    assert_eq!(world.counts().await, "0 0 0 0");
    world.start_auth().await;
    world.onboard(interrupted).await.unwrap();
    world.stop().await;
}

/// Interrupted, and then repeated with what auth refuses: nothing stays in the way.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_on_is_taken_back_by_the_repeat() {
    let mut world = World::start().await;
    world.onboard(request("Acme", "ada@example.com")).await.unwrap();
    world.auth.take().unwrap().stop().await;
    let wrong = request("Globex", "ada@example.com").slug("globex").key("k").password("password1");
    assert_eq!(refused(world.onboard(wrong.clone()).await), Code::Unavailable);
    assert_eq!(world.counts().await, "2 1 1 1");
    world.start_auth().await;
    assert_eq!(refused(world.onboard(wrong).await), Code::InvalidArgument);
    assert_eq!(world.counts().await, "1 1 1 0");
    world.stop().await;
}

/// Callers who go away at any moment leave a tenant with an owner, or none.
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
    assert_eq!(refused(world.onboard(first).await), Code::TenantSuspended);
    assert_eq!(world.value("SELECT status FROM tenancy.tenants").await, "suspended");
    world.stop().await;
}
