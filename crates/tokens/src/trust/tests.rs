//! Tests of reading the directory again for new and removed keys.

use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::{Accepts, Issuers, Principal, Role, SigningKey, TokenError, TokenIssuer, Verifier, issuer};

fn publish(directory: &TempDir, keys: &[&SigningKey]) {
    let set = JwkSet { keys: keys.iter().map(|key| key.jwk().clone()).collect() };
    let path = directory.path().join("rowhouse-auth.jwks.json");
    std::fs::write(path, serde_json::to_vec(&set).unwrap()).unwrap();
}

fn token_of(key: SigningKey) -> String {
    let (id, tenant, session) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let principal = Principal::User { id, role: Role::Member };
    let issuer = TokenIssuer::new(issuer::DEVELOPMENT, key);
    issuer.access_token(&principal, tenant, session, Duration::from_mins(10)).unwrap().token
}

async fn verifier(directory: &TempDir, interval: Duration) -> Verifier {
    let trust = TrustStore::load_throttled(directory.path().to_owned(), interval, LONGEST_AGE).await.unwrap();
    Verifier::new(Arc::new(trust), &Issuers::development(), Accepts::default())
}

#[tokio::test]
async fn a_new_key_is_found_when_its_first_token_comes() {
    let directory = TempDir::new().unwrap();
    let (current, next) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    publish(&directory, &[&current]);
    let verifier = verifier(&directory, Duration::ZERO).await;

    publish(&directory, &[&current, &next]);
    verifier.verify(&token_of(next)).await.unwrap();
    let of_current = token_of(current);

    std::fs::write(directory.path().join("rowhouse-auth.jwks.json"), "{").unwrap();
    let unknown = token_of(SigningKey::generate().unwrap());
    assert_eq!(verifier.verify(&unknown).await.unwrap_err(), TokenError::UnknownKey);
    verifier.verify(&of_current).await.expect("a file that cannot be read changes nothing");
}

#[tokio::test]
async fn invented_key_ids_do_not_cause_a_read_each() {
    let directory = TempDir::new().unwrap();
    let (current, next) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    publish(&directory, &[&current]);
    let verifier = verifier(&directory, Duration::from_hours(1)).await;
    let made_up = token_of(SigningKey::generate().unwrap());
    assert_eq!(verifier.verify(&made_up).await.unwrap_err(), TokenError::UnknownKey);

    publish(&directory, &[&current, &next]);
    assert_eq!(verifier.verify(&token_of(next)).await.unwrap_err(), TokenError::UnknownKey);
}

#[tokio::test]
async fn callers_with_an_unknown_key_wait_for_one_read() {
    let directory = TempDir::new().unwrap();
    let (current, next) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    publish(&directory, &[&current]);
    let verifier = Arc::new(verifier(&directory, Duration::from_hours(1)).await);
    publish(&directory, &[&current, &next]);
    let token = token_of(next);
    let answers = (0..64).map(|_| {
        let (verifier, token) = (Arc::clone(&verifier), token.clone());
        tokio::spawn(async move { verifier.verify(&token).await })
    });
    for answer in answers.collect::<Vec<_>>() {
        answer.await.unwrap().expect("no token is refused while the directory is read");
    }
}

#[tokio::test]
async fn a_flood_of_invented_key_ids_does_not_delay_a_new_key() {
    let interval = Duration::from_millis(200);
    let directory = TempDir::new().unwrap();
    let (current, next) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    publish(&directory, &[&current]);
    let verifier = Arc::new(verifier(&directory, interval).await);
    let made_up = token_of(SigningKey::generate().unwrap());
    let flood = (0..8).map(|_| {
        let (verifier, made_up) = (Arc::clone(&verifier), made_up.clone());
        tokio::spawn(async move {
            loop {
                // Every other caller disconnects before it has an answer.
                tokio::select! {
                    biased;
                    refused = verifier.verify(&made_up) => assert_eq!(refused.unwrap_err(), TokenError::UnknownKey),
                    () = tokio::task::yield_now() => {}
                }
                tokio::task::yield_now().await;
            }
        })
    });
    let flood = flood.collect::<Vec<_>>();
    assert_eq!(verifier.verify(&made_up).await.unwrap_err(), TokenError::UnknownKey);

    publish(&directory, &[&current, &next]);
    let (published, of_next) = (Instant::now(), token_of(next));
    while verifier.verify(&of_next).await.is_err() {
        // A slow machine gets extra time.
        assert!(published.elapsed() < interval * 10, "it is still not seen");
        tokio::task::yield_now().await;
    }
    flood.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_caller_that_disconnects_does_not_cancel_the_read() {
    let directory = TempDir::new().unwrap();
    let (current, next) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    publish(&directory, &[&current]);
    let verifier = verifier(&directory, Duration::from_hours(1)).await;
    publish(&directory, &[&current, &next]);
    let made_up = token_of(SigningKey::generate().unwrap());
    tokio::select! {
        biased;
        _ = verifier.verify(&made_up) => panic!("a file was read at once"),
        () = std::future::ready(()) => {}
    }
    verifier.verify(&token_of(next)).await.unwrap();
}

#[tokio::test]
async fn a_key_is_trusted_for_its_issuer_only() {
    let directory = TempDir::new().unwrap();
    let (current, next) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    publish(&directory, &[&current]);
    let trust =
        TrustStore::load_throttled(directory.path().to_owned(), Duration::ZERO, LONGEST_AGE).await.unwrap();
    assert!(trust.trusts(issuer::AUTH, current.jwk()).await);
    assert!(!trust.trusts(issuer::ONBOARDING, current.jwk()).await);
    assert!(!trust.trusts(issuer::AUTH, next.jwk()).await);
    let forged = Jwk { x: next.jwk().x.clone(), ..current.jwk().clone() };
    assert!(!trust.trusts(issuer::AUTH, &forged).await, "the name of a key is not the key");
    publish(&directory, &[&current, &next]);
    assert!(trust.trusts(issuer::AUTH, next.jwk()).await);
}

#[tokio::test]
async fn a_removed_key_is_soon_refused() {
    let directory = TempDir::new().unwrap();
    let (current, previous) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    publish(&directory, &[&current, &previous]);
    let path = directory.path().to_owned();
    let trust = TrustStore::load_throttled(path, Duration::ZERO, Duration::ZERO).await.unwrap();
    let verifier = Verifier::new(Arc::new(trust), &Issuers::development(), Accepts::default());
    let of_previous = token_of(previous);
    verifier.verify(&of_previous).await.unwrap();
    publish(&directory, &[&current]);
    assert_eq!(verifier.verify(&of_previous).await.unwrap_err(), TokenError::UnknownKey);
    verifier.verify(&token_of(current)).await.unwrap();
}

/// A token that was verified before is known, and its key may be gone since.
#[tokio::test]
async fn a_known_token_of_a_retired_key_is_refused() {
    let directory = TempDir::new().unwrap();
    let (retired, current) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    publish(&directory, &[&retired, &current]);
    let trust = TrustStore::load_throttled(directory.path().to_owned(), Duration::ZERO, Duration::ZERO);
    let trust = Arc::new(trust.await.unwrap());
    let verifier = Verifier::new(Arc::clone(&trust), &Issuers::development(), Accepts::default());
    let without = JwkSet { keys: vec![current.jwk().clone()] };
    let (of_retired, of_current) = (token_of(retired), token_of(current));
    for _ in 0..2 {
        verifier.verify(&of_retired).await.unwrap();
        verifier.verify(&of_current).await.unwrap();
    }
    let before = trust.keys().version();
    trust.refresh().await;
    assert_eq!(trust.keys().version(), before, "the keys are the same");
    let path = directory.path().join("rowhouse-auth.jwks.json");
    std::fs::write(path, serde_json::to_vec(&without).unwrap()).unwrap();
    assert_eq!(verifier.verify(&of_retired).await.unwrap_err(), TokenError::UnknownKey);
    verifier.verify(&of_current).await.unwrap();
    assert_ne!(trust.keys().version(), before);
}
