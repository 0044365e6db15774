//! The time of a refused login or a sign-up reveals nothing about the account.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

/// Other work of this process would be measured as well, so this test has a program of its own.
#[path = "api/support/mod.rs"]
mod support;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::error::fault;
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::Role;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_tenancy::TenantId;
use rustix::time::{ClockId, clock_gettime};
use support::{NewMember, PASSWORD, Running, Service, config, prepare};
use tonic::Status;

/// A hash takes some 60 milliseconds, which everything else in a login is small against.
const COST: u32 = 10;
/// So many of each are enough on an idle machine.
const FEWEST: usize = 5;
/// The time after which a busy machine takes no more samples.
const LONGEST: Duration = Duration::from_secs(120);
/// The processor time of an answer may differ by this part of a hash: one without a hash is off by three times as much.
const WORK: u32 = 3;
/// The time until an answer comes may differ by this part of a hash: a busy machine takes more of it.
const WAIT: u32 = 2;

/// The accounts and passwords of attempts that an attacker could compare.
const KINDS: [(&str, &str); 6] = [
    ("nobody@example.com", PASSWORD),
    ("ada@example.com", "wrong horse"),
    ("cheap-hash@example.com", "wrong horse"),
    ("disabled@example.com", PASSWORD),
    ("no-password@example.com", PASSWORD),
    ("unverified@example.com", PASSWORD),
];

/// Sign-ups without a password, which hash nothing: with a known and an unknown address.
const SIGN_UPS: [&str; 2] = ["ada@example.com", "nobody@example.com"];

/// The duration of an answer.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// The elapsed time, as the caller sees it.
    wait: Duration,
    /// The processor time of this process.
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

/// The least of each. What else a machine does only adds, so that the least comes near to what the answer itself takes, however
/// busy the machine is, and stays above it.
fn least(samples: &[Sample]) -> Sample {
    let least = |of: fn(&Sample) -> Duration| samples.iter().map(of).min().unwrap();
    Sample { wait: least(|sample| sample.wait), work: least(|sample| sample.work) }
}

/// Returns whether nothing can be told from the times of the answers, each kind's on its own, by what a hash takes, and each took as
/// many hashes as it should.
fn alike(answers: &[Vec<Sample>], hashes: &[Sample], expected: u32) -> bool {
    let (answers, hash): (Vec<_>, _) = (answers.iter().map(|one| least(one)).collect(), least(hashes));
    let near = |of: fn(&Sample) -> Duration, tolerance: u32| {
        let (shortest, longest) =
            (answers.iter().map(of).min().unwrap(), answers.iter().map(of).max().unwrap());
        longest.abs_diff(shortest) * tolerance < of(&hash)
    };
    let counted = |answer: &Sample| {
        let halves = 2 * answer.work;
        halves < (2 * expected + 1) * hash.work && (expected == 0 || halves > (2 * expected - 1) * hash.work)
    };
    near(|sample| sample.work, WORK) && near(|sample| sample.wait, WAIT) && answers.iter().all(counted)
}

#[allow(clippy::disallowed_methods, reason = "what the service's own hashes are measured against")]
async fn hash() {
    let hashing = tokio::task::spawn_blocking(|| bcrypt::non_truncating_hash(PASSWORD, COST).unwrap());
    hashing.await.unwrap();
}

/// Prepares somebody who signs up without a password.
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
        // The hash is renewed with the current cost.
        running.login(email, PASSWORD, None).await.unwrap();
    }
    running.stop().await;
    dearer.args.require_verified_email = Some(true);
    let running = Running::start(dearer).await;
    service.sql("UPDATE auth.identities SET disabled_at = now() WHERE email = 'disabled@example.com'").await;

    let expected = refused(&running, KINDS[0]).await;
    assert_eq!(fault(&expected, ERROR_CODES).code, error_code::INVALID_CREDENTIALS);
    for kind in KINDS {
        let status = refused(&running, kind).await;
        assert_eq!(status.code(), expected.code(), "{kind:?}");
        assert_eq!(status.message(), expected.message(), "{kind:?}");
        assert_eq!(status.details(), expected.details(), "{kind:?}");
    }

    let mut admin = service.database.admin().await;
    let started = Instant::now();
    let (mut answers, mut hashes) = (vec![Vec::new(); KINDS.len()], Vec::new());
    let mut sign_ups = vec![Vec::new(); SIGN_UPS.len()];
    let all_alike =
        |answers: &[_], sign_ups: &[_], hashes: &[_]| alike(answers, hashes, 1) && alike(sign_ups, hashes, 0);
    while hashes.len() < FEWEST || (!all_alike(&answers, &sign_ups, &hashes) && started.elapsed() < LONGEST) {
        // It lives for a minute.
        let token = service.service_token(acme);
        // No attempt is to be refused before it is checked.
        admin.batch_execute("DELETE FROM auth.attempts").await.unwrap();
        // One of each, at random turns, so that other load, also from refusals, affects all of them.
        let mut turns: Vec<usize> = (0..KINDS.len() + SIGN_UPS.len()).collect();
        turns.sort_by_cached_key(|at| RandomState::new().hash_one(at));
        for at in turns {
            if let Some(kind) = KINDS.get(at) {
                let (status, sample) = Sample::of(refused(&running, *kind)).await;
                assert_eq!(fault(&status, ERROR_CODES).code, error_code::INVALID_CREDENTIALS, "{kind:?}");
                answers[at].push(sample);
            } else {
                let at = at - KINDS.len();
                let look = looked_at(&running, acme, &token, SIGN_UPS[at]);
                sign_ups[at].push(Sample::of(look).await.1);
            }
        }
        hashes.push(Sample::of(hash()).await.1);
    }
    let all: Vec<_> = answers.iter().map(|samples| least(samples)).zip(KINDS).collect();
    assert!(alike(&answers, &hashes, 1), "a hash takes {:?}, the answers {all:#?}", least(&hashes));
    let both: Vec<_> = sign_ups.iter().map(|samples| least(samples)).zip(SIGN_UPS).collect();
    assert!(alike(&sign_ups, &hashes, 0), "a hash takes {:?}, the sign-ups {both:#?}", least(&hashes));
    running.stop().await;
    service.running.stop().await;
}
