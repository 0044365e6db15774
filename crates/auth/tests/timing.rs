//! How long a refused login takes, and a sign-up, says nothing about the account.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

/// What takes the time of a processor beside it would be measured along: this test has a program of its own.
#[path = "api/support/mod.rs"]
mod support;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::auth::v1::Role;
use rowhouse_tenancy::TenantId;
use rustix::time::{ClockId, clock_gettime};
use support::{NewMember, PASSWORD, Running, Service, config, prepare};
use tonic::Status;

/// A hash takes some 15 milliseconds, which everything else in a login is small against.
const COST: u32 = 8;
/// So many of each are enough on an idle machine, within three seconds.
const FEWEST: usize = 15;
/// On a busy one it takes more of them; after this time there are no more.
const LONGEST: Duration = Duration::from_secs(30);
/// What an answer usually takes of a processor may differ by this part of a hash: one without a hash is off by five
/// times as much.
const WORK: u32 = 5;
/// The same for the time until it comes, which on a busy machine has little to do with the work.
const WAIT: u32 = 2;

/// Each with a password that is as wrong, or as right, as an attacker could wish.
const KINDS: [(&str, &str); 6] = [
    ("nobody@example.com", PASSWORD),
    ("ada@example.com", "wrong horse"),
    ("cheap-hash@example.com", "wrong horse"),
    ("disabled@example.com", PASSWORD),
    ("no-password@example.com", PASSWORD),
    ("unverified@example.com", PASSWORD),
];

/// Sign-ups without a password, which hash nothing: with an address that somebody has, and with one that nobody has.
const SIGN_UPS: [&str; 2] = ["ada@example.com", "nobody@example.com"];

/// How long something took.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// By the clock, as a caller sees it.
    wait: Duration,
    /// Of this process's processor time.
    work: Duration,
}

impl Sample {
    async fn of<T>(something: impl Future<Output = T>) -> (T, Self) {
        let (started, worked) = (Instant::now(), processor_time());
        let result = something.await;
        (result, Self { wait: started.elapsed(), work: processor_time().saturating_sub(worked) })
    }
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap()
}

/// The lower quartile: a median that is not moved by what else a busy machine does.
fn usual(samples: &[Sample], of: fn(&Sample) -> Duration) -> Duration {
    let mut sorted: Vec<_> = samples.iter().map(of).collect();
    sorted.sort_unstable();
    sorted[sorted.len() / 4]
}

/// Whether nothing can be told from the times of the answers, each kind's on its own, by what a hash takes.
fn alike(answers: &[Vec<Sample>], hashes: &[Sample]) -> bool {
    let near = |of: fn(&Sample) -> Duration, tolerance| {
        let usual: Vec<_> = answers.iter().map(|samples| usual(samples, of)).collect();
        let (shortest, longest) = (usual.iter().min().unwrap(), usual.iter().max().unwrap());
        longest.abs_diff(*shortest) * tolerance < self::usual(hashes, of)
    };
    near(|sample| sample.work, WORK) && near(|sample| sample.wait, WAIT)
}

#[allow(clippy::disallowed_methods, reason = "what the service's own hashes are measured against")]
async fn hash() {
    let hashing = tokio::task::spawn_blocking(|| bcrypt::non_truncating_hash(PASSWORD, COST).unwrap());
    hashing.await.unwrap();
}

/// Has auth look at somebody who signs up without a password.
async fn looked_at(running: &Running, tenant: TenantId, token: &str, email: &str) {
    let new = NewMember { email, password: None, access_token: None, role: Role::Owner };
    prepare(running.client(), tenant, token, new).await.unwrap();
}

async fn refused(running: &Running, (email, password): (&str, &str)) -> Status {
    running.login(email, password, None).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_alike_in_words_and_in_time() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    for (email, _) in &KINDS[1..] {
        service.member(acme, email).await;
    }
    service
        .sql(
            "UPDATE auth.identities SET email_verified_at = now() WHERE email <> 'unverified@example.com';
             UPDATE auth.identities SET password_hash = NULL WHERE email = 'no-password@example.com'",
        )
        .await;
    let mut dearer = config(&service.database, &service.keys);
    dearer.args.bcrypt_cost = COST;
    let running = Running::start(dearer.clone()).await;
    for email in ["ada@example.com", "disabled@example.com", "unverified@example.com"] {
        // The hash is renewed at the cost of now.
        running.login(email, PASSWORD, None).await.unwrap();
    }
    running.stop().await;
    dearer.args.require_verified_email = Some(true);
    let running = Running::start(dearer).await;
    service.sql("UPDATE auth.identities SET disabled_at = now() WHERE email = 'disabled@example.com'").await;

    let expected = refused(&running, KINDS[0]).await;
    assert_eq!(fault(&expected).code, Code::InvalidCredentials);
    for kind in KINDS {
        let status = refused(&running, kind).await;
        assert_eq!(status.code(), expected.code(), "{kind:?}");
        assert_eq!(status.message(), expected.message(), "{kind:?}");
        assert_eq!(status.details(), expected.details(), "{kind:?}");
    }

    let mut admin = service.database.admin().await;
    let token = service.service_token(acme);
    let started = Instant::now();
    let (mut answers, mut hashes) = (vec![Vec::new(); KINDS.len()], Vec::new());
    let mut sign_ups = vec![Vec::new(); SIGN_UPS.len()];
    let all_alike =
        |answers: &[_], sign_ups: &[_], hashes: &[_]| alike(answers, hashes) && alike(sign_ups, hashes);
    while hashes.len() < FEWEST || (!all_alike(&answers, &sign_ups, &hashes) && started.elapsed() < LONGEST) {
        // Nobody is to be turned away unseen.
        admin.batch_execute("DELETE FROM auth.attempts").await.unwrap();
        // One of each, in any order: what else the machine does, the work that a refusal leaves behind included, meets
        // all of them.
        let mut order: Vec<usize> = (0..KINDS.len() + SIGN_UPS.len()).collect();
        order.sort_by_cached_key(|at| RandomState::new().hash_one(at));
        for at in order {
            if let Some(kind) = KINDS.get(at) {
                answers[at].push(Sample::of(refused(&running, *kind)).await.1);
            } else {
                let at = at - KINDS.len();
                let look = looked_at(&running, acme, &token, SIGN_UPS[at]);
                sign_ups[at].push(Sample::of(look).await.1);
            }
        }
        hashes.push(Sample::of(hash()).await.1);
    }
    let shown = |samples: &[Sample]| (usual(samples, |one| one.work), usual(samples, |one| one.wait));
    let all: Vec<_> = answers.iter().map(|samples| shown(samples)).zip(KINDS).collect();
    assert!(alike(&answers, &hashes), "a hash takes {:?}, the answers {all:?}", shown(&hashes));

    let both: Vec<_> = sign_ups.iter().map(|samples| shown(samples)).zip(SIGN_UPS).collect();
    assert!(alike(&sign_ups, &hashes), "a hash takes {:?}, the sign-ups {both:?}", shown(&hashes));
    // Had one of them been answered with a hash, that would be noticed.
    for at in 0..SIGN_UPS.len() {
        let mut with = sign_ups.clone();
        for (sample, hash) in with[at].iter_mut().zip(&hashes) {
            *sample = Sample { wait: sample.wait + hash.wait, work: sample.work + hash.work };
        }
        assert!(!alike(&with, &hashes), "{:?} with a hash would not be noticed", SIGN_UPS[at]);
    }

    // The same, had any one of them been answered without a hash.
    let (work, wait) = shown(&hashes);
    for at in 0..KINDS.len() {
        let mut without = answers.clone();
        for sample in &mut without[at] {
            sample.work = sample.work.saturating_sub(work);
            sample.wait = sample.wait.saturating_sub(wait);
        }
        assert!(!alike(&without, &hashes), "{:?} without a hash would not be noticed", KINDS[at]);
    }
    running.stop().await;
    service.running.stop().await;
}
