//! A full disk of the server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rowhouse_chassis::grpc::{TracedChannel, channel};
use rowhouse_chassis::health::is_serving;
use rowhouse_testkit::{Forwarder, ServiceName, TestSystem, until};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::load::Load;
use crate::rows::{assert_each_once, connect};
use crate::small_disk::SmallDisk;
use crate::world::start_services;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_is_full_creates_may_be_repeated_and_reads_are_answered() {
    let Some(disk) = SmallDisk::start().await else { return };
    let system = start_services(|service| disk.url(service)).await;
    let (acme, globex) = tokio::join!(system.onboard("Acme"), system.onboard("Globex"));
    let load = Load::start(&system, &[&acme, &globex]);
    load.until_more(30).await;
    assert_eq!(load.refused(), [""; 0]);

    disk.fill().await;
    until(async || !load.refused().is_empty()).await;
    let (unready, asking) = ask_for_readiness(&system);
    until(async || load.refused().len() > 400).await;
    disk.make_room().await;
    load.until_more(30).await;

    asking.abort();
    let refused = load.refused();
    let retryable = |answer: &String| answer.starts_with("503 retry-after=Some");
    assert!(refused.iter().all(retryable), "{refused:#?}");
    assert_eq!(load.unread(), [""; 0]);
    assert_eq!(*unready.lock().unwrap(), []);
    let acknowledged = load.finish().await;
    system.shutdown().await;
    assert_each_once(&connect(disk.admin_url()).await, &acknowledged).await;
    disk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_log_cannot_grow_services_are_not_ready_and_recover_with_the_server() {
    let Some(mut disk) = SmallDisk::start().await else { return };
    let forwarder = Forwarder::start(disk.address().to_owned()).await;
    let system =
        start_services(|service| disk.url(service).replace(disk.address(), &forwarder.address())).await;
    let acme = system.onboard("Acme").await;
    let load = Load::start(&system, &[&acme]);
    load.until_more(30).await;

    disk.fill().await;
    disk.exhaust_log().await;
    timeout(PATIENCE, until_ready(&system, false)).await.expect("services that are not ready");
    disk.make_room_and_restart().await;
    forwarder.lead_to(disk.address().to_owned());
    load.until_more(30).await;
    timeout(PATIENCE, until_ready(&system, true)).await.expect("services that are ready");

    let refused = load.refused();
    let retryable = |answer: &String| answer.starts_with("503 retry-after=Some") || answer.starts_with("504");
    assert!(!refused.is_empty() && refused.iter().all(retryable), "{refused:#?}");
    let acknowledged = load.finish().await;
    system.shutdown().await;
    assert_each_once(&connect(disk.admin_url()).await, &acknowledged).await;
    disk.stop().await;
}

/// Waits until each service reports that it is ready, or that it is not.
async fn until_ready(system: &TestSystem, ready: bool) {
    for (service, channel) in channels(system) {
        while is_serving(&channel, service.health()).await != ready {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn channels(system: &TestSystem) -> Vec<(ServiceName, TracedChannel)> {
    let channel = |service| channel(system.endpoint(service)).unwrap();
    ServiceName::ALL.iter().map(|service| (*service, channel(*service))).collect()
}

/// Asks the services whether they are ready until the task is aborted, and records those that are not.
fn ask_for_readiness(system: &TestSystem) -> (Arc<Mutex<Vec<ServiceName>>>, JoinHandle<()>) {
    let channels = channels(system);
    let unready = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&unready);
    let asking = tokio::spawn(async move {
        loop {
            for (service, channel) in &channels {
                if !is_serving(channel, service.health()).await {
                    record.lock().unwrap().push(*service);
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    (unready, asking)
}
