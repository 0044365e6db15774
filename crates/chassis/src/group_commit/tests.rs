use std::ops::ControlFlow;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

/// A group that tells its test what it commits, and waits for the test.
struct Steered(UnboundedSender<Begun>);

/// The works of a group, and the sender that makes it continue, or panic.
type Begun = (Vec<u32>, oneshot::Sender<ControlFlow<()>>);

/// Work that fails, and with it its group.
const FAILS: u32 = 7;

impl Group for Steered {
    type Work = u32;
    type Outcome = String;

    fn rows(work: &u32) -> usize {
        usize::try_from(*work).unwrap()
    }

    async fn commit(&self, works: &[u32]) -> Option<Vec<String>> {
        let (go_on, told) = oneshot::channel();
        self.0.send((works.to_vec(), go_on)).unwrap();
        assert_eq!(told.await, Ok(ControlFlow::Continue(())), "the test wants a panic");
        match works {
            [FAILS] => Some(vec!["failed".to_owned()]),
            works if works.contains(&FAILS) => None,
            works => Some(works.iter().map(|work| format!("committed {work}")).collect()),
        }
    }
}

struct World {
    groups: Arc<GroupCommit<Steered>>,
    begun: UnboundedReceiver<Begun>,
}

type Answer = JoinHandle<Result<String, GroupPanicked>>;

impl World {
    fn new() -> Self {
        let (begun, beginnings) = unbounded_channel();
        Self { groups: Arc::new(GroupCommit::new(Steered(begun), 100)), begun: beginnings }
    }

    /// Calls, and returns when the work has begun or waits.
    async fn call(&self, tenant: TenantId, work: u32) -> Answer {
        let before = self.waiting(tenant);
        let groups = Arc::clone(&self.groups);
        let answer = tokio::spawn(async move { groups.run(tenant, work).await });
        while self.waiting(tenant) == before {
            tokio::task::yield_now().await;
        }
        answer
    }

    /// Returns the number of waiting calls, or `None` if nothing runs.
    fn waiting(&self, tenant: TenantId) -> Option<usize> {
        self.groups.0.waiting().get(&tenant).map(Vec::len)
    }

    async fn begins(&mut self) -> Begun {
        timeout(Duration::from_secs(30), self.begun.recv()).await.unwrap().unwrap()
    }

    async fn is_idle(&self, tenant: TenantId) {
        while self.waiting(tenant).is_some() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_comes_meanwhile_is_committed_together() {
    let (mut world, tenant) = (World::new(), TenantId::generate());
    let first = world.call(tenant, 1).await;
    let (works, go_on) = world.begins().await;
    assert_eq!(works, [1]);
    let others = [world.call(tenant, 2).await, world.call(tenant, 3).await, world.call(tenant, 4).await];
    assert!(world.begun.is_empty(), "one transaction at a time");
    go_on.send(ControlFlow::Continue(())).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), "committed 1");

    let (works, go_on) = world.begins().await;
    assert_eq!(works, [2, 3, 4]);
    go_on.send(ControlFlow::Continue(())).unwrap();
    for (number, other) in (2..).zip(others) {
        assert_eq!(other.await.unwrap().unwrap(), format!("committed {number}"));
    }
    world.is_idle(tenant).await;
}

#[tokio::test]
async fn no_tenant_waits_for_another() {
    let (mut world, acme, globex) = (World::new(), TenantId::generate(), TenantId::generate());
    let of_acme = world.call(acme, 1).await;
    let (_, acme_goes_on) = world.begins().await;
    let of_globex = world.call(globex, 2).await;
    let (works, globex_goes_on) = world.begins().await;
    assert_eq!(works, [2]);
    globex_goes_on.send(ControlFlow::Continue(())).unwrap();
    assert_eq!(of_globex.await.unwrap().unwrap(), "committed 2");
    acme_goes_on.send(ControlFlow::Continue(())).unwrap();
    assert_eq!(of_acme.await.unwrap().unwrap(), "committed 1");
}

#[tokio::test]
async fn a_group_has_so_many_rows() {
    let (mut world, tenant) = (World::new(), TenantId::generate());
    let mut answers = vec![world.call(tenant, 1).await];
    let (_, mut go_on) = world.begins().await;
    for work in [60, 40, 1, 500, 2] {
        answers.push(world.call(tenant, work).await);
    }
    for expected in [vec![60, 40], vec![1], vec![500], vec![2]] {
        go_on.send(ControlFlow::Continue(())).unwrap();
        let (works, next) = world.begins().await;
        assert_eq!(works, expected);
        go_on = next;
    }
    go_on.send(ControlFlow::Continue(())).unwrap();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
}

/// The group is halved until the failure is alone, and who is cancelled meanwhile is left out.
#[tokio::test]
async fn a_failure_is_divided_from_the_others() {
    let (mut world, tenant) = (World::new(), TenantId::generate());
    let first = world.call(tenant, 1).await;
    let (_, mut go_on) = world.begins().await;
    let mut answers = Vec::new();
    for work in [2, 3, 4, FAILS, 5, 6, 8] {
        answers.push(world.call(tenant, work).await);
    }
    let cancelled = answers.pop().unwrap();
    for expected in [vec![2, 3, 4, FAILS, 5, 6, 8], vec![2, 3, 4], vec![FAILS, 5, 6], vec![FAILS], vec![5, 6]]
    {
        go_on.send(ControlFlow::Continue(())).unwrap();
        let (works, next) = world.begins().await;
        assert_eq!(works, expected);
        cancelled.abort();
        while !cancelled.is_finished() {
            tokio::task::yield_now().await;
        }
        go_on = next;
    }
    go_on.send(ControlFlow::Continue(())).unwrap();
    first.await.unwrap().unwrap();
    for (answer, work) in answers.into_iter().zip([2, 3, 4, FAILS, 5, 6]) {
        let expected = if work == FAILS { "failed".to_owned() } else { format!("committed {work}") };
        assert_eq!(answer.await.unwrap().unwrap(), expected);
    }
    world.is_idle(tenant).await;
}

#[tokio::test]
async fn a_cancelled_call_cancels_only_itself() {
    let (mut world, tenant) = (World::new(), TenantId::generate());
    let first = world.call(tenant, 1).await;
    let (_, go_on) = world.begins().await;
    let (leaves, stays, leaves_later) =
        (world.call(tenant, 2).await, world.call(tenant, 3).await, world.call(tenant, 4).await);
    leaves.abort();
    assert!(leaves.await.unwrap_err().is_cancelled());
    go_on.send(ControlFlow::Continue(())).unwrap();
    first.await.unwrap().unwrap();

    let (works, go_on) = world.begins().await;
    assert_eq!(works, [3, 4]);
    leaves_later.abort();
    assert!(leaves_later.await.unwrap_err().is_cancelled());
    go_on.send(ControlFlow::Continue(())).unwrap();
    assert_eq!(stays.await.unwrap().unwrap(), "committed 3");
}

#[tokio::test]
async fn a_group_that_all_have_left_is_dropped() {
    let (mut world, tenant) = (World::new(), TenantId::generate());
    let first = world.call(tenant, 1).await;
    let (_, mut dropped) = world.begins().await;
    let next = world.call(tenant, 2).await;
    first.abort();
    timeout(Duration::from_secs(30), dropped.closed()).await.unwrap();
    let (works, go_on) = world.begins().await;
    assert_eq!(works, [2]);
    go_on.send(ControlFlow::Continue(())).unwrap();
    next.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_panic_is_the_groups_own() {
    let (mut world, tenant) = (World::new(), TenantId::generate());
    let first = world.call(tenant, 1).await;
    let (_, go_on) = world.begins().await;
    let next = world.call(tenant, 2).await;
    go_on.send(ControlFlow::Break(())).unwrap();
    assert_eq!(first.await.unwrap(), Err(GroupPanicked));
    let (_, go_on) = world.begins().await;
    go_on.send(ControlFlow::Continue(())).unwrap();
    next.await.unwrap().unwrap();
    world.is_idle(tenant).await;
}
