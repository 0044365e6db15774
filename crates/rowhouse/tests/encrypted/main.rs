//! The whole system over TLS, as in production: HTTPS at the gateway, mutual TLS between the services, `verify-full` to PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod client;
mod files;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rowhouse_testkit::{ProgramName, ServiceName, until};

use crate::client::Client;
use crate::files::Files;
use crate::world::World;

/// Not a test of anything: the programs are started as this.
#[test]
fn as_a_process() {
    rowhouse_testkit::serve_as_a_process();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_is_encrypted_and_both_sides_are_verified() {
    let world = World::start().await;
    let mut client = Client::of(&world, &world.files).await;
    client.sign_up().await;
    client.order().await;
    assert_eq!(client.export().await.lines().count(), 1);

    let plain = world.database_value("count(*) FILTER (WHERE NOT ssl)").await;
    let encrypted = world.database_value("count(*) FILTER (WHERE ssl)").await;
    assert_eq!(plain, "0", "connections to PostgreSQL without TLS");
    assert_ne!(encrypted, "0");

    let stranger = Files::new();
    stranger.trust(&[world.files.authority()]);
    for service in ServiceName::ALL {
        assert!(world.is_serving(*service, &world.files, ProgramName::Gateway).await);
        assert!(
            !world.is_serving(*service, &stranger, ProgramName::Gateway).await,
            "{service}: another authority"
        );
        assert!(
            !world.is_serving(*service, &world.files, ProgramName::Service(ServiceName::Orders)).await,
            "{service}: another caller"
        );
        assert!(!world.is_serving_without_certificate(*service).await, "{service}");
        assert!(!world.is_serving_in_plaintext(*service).await, "{service}");
    }
    assert!(reqwest::get(format!("http://{}/healthz", world.gateway())).await.is_err(), "HTTP without TLS");
    stranger.trust(&[stranger.authority()]);
    assert!(Client::of(&world, &stranger).await.health().await.is_err(), "a client that does not trust it");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_service_is_reached_again() {
    let mut world = World::start().await;
    let mut client = Client::of(&world, &world.files).await;
    client.sign_up().await;
    for service in ServiceName::ALL {
        world.restart(*service).await;
    }
    client.log_in().await;
    until(async || client.try_order().await).await;
    assert_eq!(client.export().await.lines().count(), 1);
    world.stop().await;
}

/// As an operator replaces an authority: first everybody trusts both, then the certificates change, then the old one is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_their_authority_are_replaced_under_load() {
    let mut world = World::start().await;
    // The certificates of a caller that is not renewed, and of one that is renewed first.
    let (old, renewed) = (Files::of(world.files.authority()), Files::new());
    for files in [&old, &renewed] {
        files.trust(&[old.authority(), renewed.authority()]);
    }
    let mut client = Client::of(&world, &renewed).await;
    client.sign_up().await;

    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (client, stop) = (client.clone(), Arc::clone(&stop));
        async move {
            let mut orders = 0;
            while !stop.load(Ordering::Relaxed) {
                client.order().await;
                orders += 1;
            }
            orders
        }
    });
    world.files.trust(&[old.authority(), renewed.authority()]);
    let is_serving =
        async |service, files: &Files| world.is_serving(service, files, ProgramName::Gateway).await;
    for service in ServiceName::ALL {
        until(async || is_serving(*service, &renewed).await).await;
    }
    world.issue_from(renewed.authority()).await;
    renewed.trust(&[renewed.authority()]);
    for service in ServiceName::ALL {
        until(async || is_serving(*service, &renewed).await).await;
    }
    let with_next = Client::of(&world, &renewed).await;
    until(async || with_next.health().await.is_ok()).await;

    world.files.trust(&[renewed.authority()]);
    for service in ServiceName::ALL {
        until(async || !is_serving(*service, &old).await).await;
        assert!(is_serving(*service, &renewed).await);
    }
    stop.store(true, Ordering::Relaxed);
    let orders = load.await.expect("no request fails meanwhile");
    assert!(orders > 0);

    // New connections everywhere: to PostgreSQL, and from the gateway to a service.
    world.end_database_connections().await;
    world.restart(ServiceName::Orders).await;
    until(async || client.try_order().await).await;
    assert_eq!(client.export().await.lines().count(), orders + 1);
    tokio::time::timeout(Duration::from_secs(30), world.stop()).await.expect("it stops");
}
