//! Tests of rotations while they wait, and after interruptions.

use std::fs;
use std::future::{pending, ready};
use std::sync::Arc;

use rowhouse_chassis::config::SigningArgs;
use rowhouse_chassis::signing::{CURRENT, PREVIOUS, Signing};
use rowhouse_tokens::{TrustStore, issuer};
use tempfile::TempDir;

use super::*;

const AT_ONCE: Rotation =
    Rotation { issuer: None, publish_for: LEAST_TIME_PUBLISHED, retire_after: Duration::ZERO, step: None };

struct World {
    keys: KeyDirectory,
    _directory: TempDir,
}

impl World {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let keys = KeyDirectory::at(directory.path());
        keys.generate().unwrap();
        Self { keys, _directory: directory }
    }

    fn kid(&self, issuer: &'static str, name: &str) -> Option<String> {
        self.keys.set(issuer).read(name).unwrap().map(|key| key.kid().to_owned())
    }

    fn current(&self, issuer: &'static str) -> String {
        self.kid(issuer, CURRENT).unwrap()
    }

    fn published(&self, issuer: &'static str) -> Vec<String> {
        self.keys.set(issuer).published().unwrap().keys.into_iter().map(|key| key.kid).collect()
    }

    /// Rotates without waiting and returns how long it would have waited.
    async fn rotate(&self, rotation: &Rotation) -> Result<Option<Duration>, RotationError> {
        let mut waited = None;
        let wait = |time| {
            waited = Some(time);
            ready(())
        };
        self.keys.rotate_waiting(rotation, |_| {}, wait).await.map(|()| waited)
    }

    /// Asserts that services would start with these files and sign.
    async fn assert_usable(&self) {
        let trust = Arc::new(TrustStore::load(self.keys.trust()).await.unwrap());
        for issuer in issuers() {
            let args = SigningArgs { signing_keys: self.keys.signing_keys(issuer) };
            Signing::load(issuer, args, Arc::clone(&trust)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_after() {
    let world = World::new();
    let first = issuers().map(|issuer| world.current(issuer)).collect::<Vec<_>>();
    let mut told = Vec::new();
    let wait = |time| {
        assert_eq!(time, LEAST_TIME_PUBLISHED);
        for (issuer, first) in issuers().zip(&first) {
            let next = world.kid(issuer, NEXT).unwrap();
            assert_eq!(world.current(issuer), *first);
            assert_eq!(world.published(issuer), [first.clone(), next]);
        }
        ready(())
    };
    world.keys.rotate_waiting(&AT_ONCE, |progress| told.push(progress), wait).await.unwrap();
    for (issuer, first) in issuers().zip(&first) {
        let second = world.current(issuer);
        assert_ne!(second, *first);
        assert_eq!((world.kid(issuer, NEXT), world.kid(issuer, PREVIOUS)), (None, Some(first.clone())));
        assert_eq!(world.published(issuer), [second.clone(), first.clone()]);
        let published =
            told.iter().position(|one| *one == RotationProgress::Published { issuer, kid: second.clone() });
        let signs = RotationProgress::Signs { issuer, kid: second, previous: Some(first.clone()) };
        let signs = told.iter().position(|one| *one == signs);
        let waiting = told
            .iter()
            .position(|one| *one == RotationProgress::Waiting { time: LEAST_TIME_PUBLISHED, expiring: None });
        assert!(published.is_some() && published < waiting && waiting < signs, "{told:?}");
    }
}

#[tokio::test]
async fn the_key_before_last_is_dropped_when_its_tokens_have_expired() {
    let world = World::new();
    let first = world.current(issuer::AUTH);
    world.rotate(&AT_ONCE).await.unwrap();
    let second = world.current(issuer::AUTH);

    let patient = Rotation { retire_after: Duration::from_hours(1), ..AT_ONCE };
    let wait = |time| {
        assert!(time > Duration::from_mins(50) && time <= Duration::from_hours(1), "{time:?}");
        let third = world.kid(issuer::AUTH, NEXT).unwrap();
        assert_eq!(world.published(issuer::AUTH), [second.clone(), third, first.clone()]);
        ready(())
    };
    let mut told = String::new();
    let report = |progress: RotationProgress| told += &format!("{progress}\n");
    world.keys.rotate_waiting(&patient, report, wait).await.unwrap();
    assert_eq!(world.published(issuer::AUTH), [world.current(issuer::AUTH), second]);
    // The operator learns what the wait is for, and how to do without.
    let waiting = told.lines().find(|line| line.starts_with("waiting ")).unwrap();
    // Of the two services, the one whose key was replaced last, as far as the clock can tell.
    let named = [issuer::AUTH, issuer::ONBOARDING]
        .map(|issuer| waiting.contains(&format!("the tokens of {issuer}'s previous key")));
    assert!(named.contains(&true), "{waiting}");
    assert!(waiting.contains("--retire-after 0"), "{waiting}");
}

/// After each change of a file the services can start, and the next rotation continues the same one.
#[tokio::test]
async fn an_interrupted_rotation_is_continued() {
    for stop in 0..=4 {
        let world = World::new();
        // Creates an old key to be dropped.
        world.rotate(&AT_ONCE).await.unwrap();
        let (of_auth, of_onboarding) = (world.current(issuer::AUTH), world.current(issuer::ONBOARDING));
        let set = world.keys.set(issuer::AUTH);
        let mut next = None;
        let changes: [&mut dyn FnMut(); 4] = [
            &mut || next = Some(set.make(NEXT).unwrap().kid().to_owned()),
            &mut || set.publish().unwrap(),
            &mut || set.keep_current().unwrap(),
            &mut || set.promote_next().unwrap(),
        ];
        for change in changes.into_iter().take(stop) {
            change();
            world.assert_usable().await;
        }
        assert_eq!(
            set.stage().unwrap(),
            [Stage::Settled, Stage::Begun, Stage::Begun, Stage::Begun, Stage::Signing][stop]
        );

        world.rotate(&AT_ONCE).await.unwrap();
        world.assert_usable().await;
        let now = world.current(issuer::AUTH);
        assert!(next.is_none_or(|next| next == now), "interrupted after {stop} changes: another key");
        assert_ne!(now, of_auth);
        assert_eq!(world.kid(issuer::AUTH, PREVIOUS), Some(of_auth.clone()), "after {stop} changes");
        assert_eq!(world.published(issuer::AUTH), [now, of_auth], "after {stop} changes");
        assert_eq!(world.current(issuer::ONBOARDING) == of_onboarding, stop == 4, "rotated once");
        assert_eq!(set.stage().unwrap(), Stage::Settled);
    }
}

#[tokio::test]
async fn a_rotation_cancelled_while_it_waits_is_resumed() {
    let world = World::new();
    let first = world.current(issuer::AUTH);
    let cancelled = world.keys.rotate_waiting(&AT_ONCE, |_| {}, |_| pending::<()>());
    assert!(tokio::time::timeout(Duration::ZERO, cancelled).await.is_err());
    let next = world.kid(issuer::AUTH, NEXT).unwrap();
    assert_eq!(world.rotate(&AT_ONCE).await.unwrap(), Some(LEAST_TIME_PUBLISHED), "the whole time again");
    assert_eq!(world.published(issuer::AUTH), [next, first]);
}

#[tokio::test]
async fn two_steps_equal_a_whole_rotation() {
    let world = World::new();
    let (publish, sign) = (
        Rotation { step: Some(RotationStep::Publish), ..AT_ONCE },
        Rotation { step: Some(RotationStep::Sign), ..AT_ONCE },
    );
    let error = world.rotate(&sign).await.unwrap_err();
    assert!(matches!(error, RotationError::NotPublished { issuer: issuer::AUTH }), "{error}");
    let first = world.current(issuer::AUTH);
    assert_eq!(world.rotate(&publish).await.unwrap(), None);
    let next = world.kid(issuer::AUTH, NEXT).unwrap();
    assert_eq!(world.rotate(&publish).await.unwrap(), None);
    assert_eq!(world.kid(issuer::AUTH, NEXT), Some(next.clone()), "once");
    assert_eq!(world.rotate(&sign).await.unwrap(), None);
    assert_eq!(world.published(issuer::AUTH), [next, first]);
    assert!(world.rotate(&sign).await.is_err());

    let one = Rotation { issuer: Some(issuer::ONBOARDING.to_owned()), ..AT_ONCE };
    let before = issuers().map(|issuer| world.current(issuer)).collect::<Vec<_>>();
    world.rotate(&one).await.unwrap();
    assert_eq!(
        issuers().zip(&before).map(|(issuer, before)| world.current(issuer) == *before).collect::<Vec<_>>(),
        [true, false]
    );
}

#[tokio::test]
async fn a_made_up_next_key_does_not_sign() {
    let world = World::new();
    world.keys.set(issuer::AUTH).make(NEXT).unwrap();
    let sign = Rotation { step: Some(RotationStep::Sign), issuer: Some(issuer::AUTH.to_owned()), ..AT_ONCE };
    let error = world.rotate(&sign).await.unwrap_err();
    assert!(error.to_string().contains("--step publish"), "{error}");
}

#[tokio::test]
async fn one_at_a_time() {
    let world = World::new();
    let before = world.current(issuer::AUTH);
    let lock = world.keys.lock().unwrap();
    let error = world.rotate(&AT_ONCE).await.unwrap_err();
    assert!(matches!(error, RotationError::Running(_)), "{error}");
    assert!(error.to_string().contains("already"), "{error}");
    assert_eq!(world.current(issuer::AUTH), before);
    drop(lock);
    world.rotate(&AT_ONCE).await.unwrap();
}

#[tokio::test]
async fn a_refused_rotation_changes_nothing() {
    let world = World::new();
    let short = Rotation { publish_for: Duration::from_secs(5), ..AT_ONCE };
    assert!(matches!(world.rotate(&short).await.unwrap_err(), RotationError::TooShort));
    let unknown = Rotation { issuer: Some("rowhouse-orders".to_owned()), ..AT_ONCE };
    let error = world.rotate(&unknown).await.unwrap_err().to_string();
    assert!(error.contains("rowhouse-orders") && error.contains("rowhouse-auth"), "{error}");
    let nowhere = KeyDirectory::at(world.keys.trust().join("nowhere"));
    let error = nowhere.rotate(&AT_ONCE, |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("rowhouse-auth/current.pem is not there"), "{error}");
    fs::write(world.keys.set(issuer::ONBOARDING).path(NEXT), "a key").unwrap();
    let error = world.rotate(&AT_ONCE).await.unwrap_err().to_string();
    assert!(error.contains("rowhouse-onboarding/next.pem"), "{error}");
    assert_eq!(world.kid(issuer::AUTH, NEXT), None);
    // An empty file means no key, as in a Secret that is made from a fixed list of files.
    for issuer in issuers() {
        for name in [NEXT, PREVIOUS] {
            fs::write(world.keys.set(issuer).path(name), "").unwrap();
        }
    }
    world.rotate(&AT_ONCE).await.unwrap();
}
