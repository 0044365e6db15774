//! Kills at random moments while many onboard.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::checks::check;
use crate::client::{onboard, onboard_once};
use crate::is_thorough;
use crate::world::{Victim, World};

/// The number of concurrent onboardings.
const AT_ONCE: usize = 8;
const KILLS: usize = 20;
const MANY_KILLS: usize = 150;
/// The number of kills after which everything comes to rest and is checked.
const BATCH: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_leaves_complete_tenants() {
    let began = Instant::now();
    let world = Arc::new(World::start().await);
    let number = Arc::new(AtomicUsize::new(0));
    let kills = if is_thorough() { MANY_KILLS } else { KILLS };
    let services = ServiceName::ALL.iter().map(|service| Victim::Service(*service));
    // Each service is killed twice as often as PostgreSQL.
    let victims: Vec<_> = services.clone().chain(services).chain([Victim::Postgres]).collect();
    let (mut killed, mut tenants) = (0, 0);
    while killed < kills {
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (endpoint, number, stop) = (world.endpoint(), Arc::clone(&number), Arc::clone(&stop));
            callers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match number.fetch_add(1, Ordering::Relaxed) {
                        // Some clients cannot repeat their request, and an accepted one is completed all the same.
                        once if once % 8 == 0 => onboard_once(endpoint.clone(), once).await,
                        again => onboard(endpoint.clone(), again).await,
                    }
                }
            });
        }
        for _ in 0..BATCH.min(kills - killed) {
            sleep(Duration::from_millis(random() % 400)).await;
            let victim = *victims.iter().min_by_key(|_| random()).unwrap();
            world.kill(victim).await;
            world.start_again(victim).await;
            killed += 1;
        }
        stop.store(true, Ordering::Relaxed);
        while let Some(caller) = callers.join_next().await {
            caller.unwrap();
        }
        tenants = check(&world).await;
    }
    let asked = number.load(Ordering::Relaxed);
    assert!(tenants <= asked && tenants >= asked - asked.div_ceil(8), "{tenants} of {asked}");
    eprintln!("{killed} kills at random, {tenants} tenants, {:?}", began.elapsed());
}

fn random() -> u64 {
    RandomState::new().hash_one(())
}
