//! Kills at each boundary between two steps: a message is held back, either side is killed, and the message is lost.

use std::time::Instant;

use crate::checks::check;
use crate::client::onboard;
use crate::is_thorough;
use crate::link::{Direction, Link};
use crate::world::{Victim, World};

/// A short run takes one of this many boundaries.
const STRIDE: usize = 4;

/// Each commit before it reaches the server and after it was executed, each call between two services before it
/// arrives and after it was answered; either side is killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_two_steps_leaves_one_complete_tenant() {
    let began = Instant::now();
    let world = World::start().await;
    let stride = if is_thorough() { 1 } else { STRIDE };
    let (mut number, mut killed) = (0, 0);
    for ((client, server), link) in &world.links {
        for direction in Direction::BOTH {
            for victim in [Victim::Service(*client), *server] {
                let mut passes = number % stride;
                while kill_at(&world, link, direction, passes, victim, number).await {
                    (number, killed) = (number + 1, killed + 1);
                    passes += stride;
                }
                number += 1;
            }
        }
    }
    let tenants = check(&world).await;
    assert_eq!(tenants, number);
    eprintln!("{killed} kills at boundaries, {tenants} tenants, {:?}", began.elapsed());
}

/// Onboards a tenant and kills at the message. Returns whether there was such a message.
async fn kill_at(
    world: &World,
    link: &Link,
    direction: Direction,
    passes: usize,
    victim: Victim,
    number: usize,
) -> bool {
    let mut sprung = link.set_trap(direction, passes);
    let mut onboarding = tokio::spawn(onboard(world.endpoint(), number));
    tokio::select! {
        biased;
        held = &mut sprung => {
            let held = held.unwrap();
            world.kill(victim).await;
            drop(held);
            world.start_again(victim).await;
            onboarding.await.unwrap();
            true
        }
        onboarded = &mut onboarding => {
            onboarded.unwrap();
            false
        }
    }
}
