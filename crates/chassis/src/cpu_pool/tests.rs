//! Tests of admission and order, with work that ends on request.

use std::net::IpAddr;
use std::sync::mpsc;

use super::estimate::Estimate;
use super::queues::{PERSON, QUEUE_PER_THREAD, share_of_network, share_of_wider};
use super::*;

const KNOWN: Asker = Asker { known: true, person: None, network: None, deadline: None };
const STRANGER: Asker = Asker { known: false, person: None, network: None, deadline: None };
const QUICK: Duration = Duration::from_millis(1);

fn from(asker: Asker, address: &str) -> Asker {
    Asker { network: Some(Network::from(address.parse::<IpAddr>().unwrap())), ..asker }
}

/// Work that runs until it is told to end.
struct Blocker(mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), CpuPoolError>>);

impl Blocker {
    /// Starts work, and returns when it has a thread.
    async fn start(pool: &CpuPool, asker: Asker) -> Self {
        let (end, ended) = mpsc::channel();
        let (started, has_started) = oneshot::channel();
        let pool = pool.clone();
        let work = move || {
            started.send(()).unwrap();
            ended.recv().unwrap();
        };
        let run = tokio::spawn(async move { pool.run(asker, work).await });
        has_started.await.unwrap();
        Self(end, run)
    }

    async fn end(self) {
        self.0.send(()).unwrap();
        self.1.await.unwrap().unwrap();
    }
}

async fn waiting(pool: &CpuPool, known: usize, unknown: usize) {
    loop {
        {
            let mut queues = pool.queues();
            queues.forget_gone();
            if (queues.known.len(), queues.unknown.len()) == (known, unknown) {
                return;
            }
        }
        tokio::task::yield_now().await;
    }
}

fn refused<R>(answer: &Result<R, CpuPoolError>) -> bool {
    matches!(answer, Err(CpuPoolError::Busy { retry_after }) if *retry_after >= Duration::from_secs(1))
}

#[tokio::test]
async fn a_thread_is_kept_for_who_is_known() {
    let pool = CpuPool::sized(2, QUICK);
    let stranger = Blocker::start(&pool, STRANGER).await;
    let other = pool.clone();
    let other = tokio::spawn(async move { other.run(STRANGER, || ()).await });
    waiting(&pool, 0, 1).await;
    assert_eq!(
        pool.run(KNOWN, || 7).await.unwrap(),
        7,
        "there is a thread, and the stranger does not get it"
    );
    waiting(&pool, 0, 1).await;
    stranger.end().await;
    other.await.unwrap().unwrap();
}

#[tokio::test]
async fn known_callers_are_served_first() {
    let pool = CpuPool::sized(1, QUICK);
    let blocker = Blocker::start(&pool, STRANGER).await;
    let (order, done) = mpsc::channel();
    let mut runs = Vec::new();
    for (asker, name, known, unknown) in
        [(STRANGER, "stranger", 0, 1), (STRANGER, "another", 0, 2), (KNOWN, "known", 1, 2)]
    {
        let (pool_, order) = (pool.clone(), order.clone());
        runs.push(tokio::spawn(async move { pool_.run(asker, move || order.send(name).unwrap()).await }));
        waiting(&pool, known, unknown).await;
    }
    blocker.end().await;
    for run in runs {
        run.await.unwrap().unwrap();
    }
    assert_eq!(done.try_iter().collect::<Vec<_>>(), ["known", "stranger", "another"]);
}

#[tokio::test]
async fn a_network_has_a_share_of_the_queue() {
    let pool = CpuPool::sized(1, QUICK);
    let blocker = Blocker::start(&pool, STRANGER).await;
    let share = share_of_network(QUEUE_PER_THREAD);
    let mut runs = Vec::new();
    for n in 0..share {
        let asker = from(STRANGER, &format!("2001:db8::{n:x}"));
        let pool = pool.clone();
        runs.push(tokio::spawn(async move { pool.run(asker, || ()).await }));
    }
    waiting(&pool, 0, share).await;
    assert!(refused(&pool.run(from(STRANGER, "2001:db8::ffff"), || ()).await));
    for (asker, known, unknown) in
        [(from(STRANGER, "2001:db8:0:1::1"), 0, share + 1), (from(KNOWN, "2001:db8::1"), 1, share + 1)]
    {
        let other = pool.clone();
        runs.push(tokio::spawn(async move { other.run(asker, || ()).await }));
        waiting(&pool, known, unknown).await;
    }
    blocker.end().await;
    for run in runs {
        run.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn work_beyond_the_deadline_is_refused_at_once() {
    let pool = CpuPool::sized(1, Duration::from_secs(2));
    let soon = Asker { deadline: Some(Deadline::after(Duration::from_secs(1))), ..STRANGER };
    assert!(refused(&pool.run(soon, || ()).await), "one piece takes two seconds");
    let later = Asker { deadline: Some(Deadline::after(Duration::from_secs(3))), ..STRANGER };
    pool.queues().estimate = Estimate::new(Duration::from_secs(2));
    let blocker = Blocker::start(&pool, later).await;
    assert!(refused(&pool.run(later, || ()).await), "it would have to wait for another");
    let patient = Asker { deadline: Some(Deadline::after(Duration::from_mins(1))), ..STRANGER };
    let waits = pool.clone();
    let waits = tokio::spawn(async move { waits.run(patient, || ()).await });
    waiting(&pool, 0, 1).await;
    blocker.end().await;
    waits.await.unwrap().unwrap();
    assert!(pool.queues().estimate.average() < Duration::from_secs(2), "it learns how long work takes");
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_cancelled_caller_frees_its_place() {
    let pool = CpuPool::sized(1, QUICK);
    let blocker = Blocker::start(&pool, STRANGER).await;
    let mut runs = Vec::new();
    for n in 0..QUEUE_PER_THREAD {
        let asker = from(STRANGER, &format!("192.0.2.{n}"));
        let pool = pool.clone();
        runs.push(tokio::spawn(async move { pool.run(asker, || ()).await }));
    }
    waiting(&pool, 0, QUEUE_PER_THREAD).await;
    assert!(refused(&pool.run(from(STRANGER, "198.51.100.1"), || ()).await));
    let gone = runs.pop().unwrap();
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    let next = pool.clone();
    runs.push(tokio::spawn(async move { next.run(from(STRANGER, "198.51.100.1"), || ()).await }));
    waiting(&pool, 0, QUEUE_PER_THREAD).await;
    blocker.end().await;
    for run in runs {
        run.await.unwrap().unwrap();
    }
    assert!(pool.queues().running.is_empty());
}

/// Each caller has an address in another /64 of one /48.
#[tokio::test]
async fn a_wider_network_has_a_share_of_the_queue() {
    let pool = CpuPool::sized(1, QUICK);
    let blocker = Blocker::start(&pool, STRANGER).await;
    let share = share_of_wider(QUEUE_PER_THREAD);
    let mut runs = Vec::new();
    for n in 0..share {
        let asker = from(STRANGER, &format!("2001:db8:0:{n:x}::1"));
        let pool = pool.clone();
        runs.push(tokio::spawn(async move { pool.run(asker, || ()).await }));
    }
    waiting(&pool, 0, share).await;
    assert!(refused(&pool.run(from(STRANGER, "2001:db8:0:ffff::1"), || ()).await));
    for (n, elsewhere) in ["2001:db8:1::1", "203.0.113.1", "203.0.113.2"].into_iter().enumerate() {
        let (asker, other) = (from(STRANGER, elsewhere), pool.clone());
        runs.push(tokio::spawn(async move { other.run(asker, || ()).await }));
        waiting(&pool, 0, share + n + 1).await;
    }
    blocker.end().await;
    for run in runs {
        run.await.unwrap().unwrap();
    }
}

/// The person has a known device in each of many networks.
#[tokio::test]
async fn a_person_has_few_places_and_leaves_the_others_to_others() {
    let pool = CpuPool::sized(1, QUICK);
    let blocker = Blocker::start(&pool, KNOWN).await;
    let (person, another) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2)));
    let mut runs = Vec::new();
    for n in 0..PERSON {
        let (asker, pool) = (from(Asker { person, ..KNOWN }, &format!("2001:db8:{n:x}::1")), pool.clone());
        runs.push(tokio::spawn(async move { pool.run(asker, || ()).await }));
    }
    waiting(&pool, PERSON, 0).await;
    assert!(refused(&pool.run(from(Asker { person, ..KNOWN }, "2001:db8:ffff::1"), || ()).await));
    for (n, asker) in [Asker { person: another, ..KNOWN }, KNOWN].into_iter().enumerate() {
        let other = pool.clone();
        runs.push(tokio::spawn(async move { other.run(asker, || ()).await }));
        waiting(&pool, PERSON + n + 1, 0).await;
    }
    blocker.end().await;
    for run in runs {
        run.await.unwrap().unwrap();
    }
}
