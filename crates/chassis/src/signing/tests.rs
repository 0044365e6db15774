//! Tests of keys that change while a service runs.

use std::fs;
use std::os::unix::fs::symlink;

use rowhouse_tokens::{JwkSet, issuer};
use tempfile::TempDir;

use super::*;

/// The time limit for what happens in the background.
const LIMIT: Duration = Duration::from_secs(20);

struct World {
    directory: TempDir,
    trust: Arc<TrustStore>,
}

impl World {
    /// Creates a service whose trust has these keys, of which the first one signs.
    async fn trusting(keys: &[&SigningKey]) -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("keys")).unwrap();
        fs::create_dir(directory.path().join("trust")).unwrap();
        publish(&directory, keys);
        let trust = Arc::new(TrustStore::load(directory.path().join("trust")).await.unwrap());
        let world = Self { directory, trust };
        world.put(CURRENT, keys[0]);
        world
    }

    fn keys(&self) -> PathBuf {
        self.directory.path().join("keys")
    }

    fn put(&self, name: &str, key: &SigningKey) {
        let beside = self.keys().join("beside");
        fs::write(&beside, key.to_pem().unwrap()).unwrap();
        fs::rename(beside, self.keys().join(name)).unwrap();
    }

    async fn load(&self) -> Result<Signing, SigningKeyError> {
        let args = SigningArgs { signing_keys: self.keys() };
        Signing::load(issuer::AUTH, args, Arc::clone(&self.trust)).await
    }
}

fn publish(directory: &TempDir, keys: &[&SigningKey]) {
    let set = JwkSet { keys: keys.iter().map(|key| key.jwk().clone()).collect() };
    let path = directory.path().join("trust").join(format!("{}.jwks.json", issuer::AUTH));
    fs::write(path, serde_json::to_vec(&set).unwrap()).unwrap();
}

fn key() -> SigningKey {
    SigningKey::generate().unwrap()
}

fn published(issuer: &TokenIssuer) -> Vec<String> {
    issuer.public_keys().keys.into_iter().map(|key| key.kid).collect()
}

#[tokio::test]
async fn a_set_is_published_from_the_key_that_signs() {
    let (current, next, previous) = (key(), key(), key());
    let world = World::trusting(&[&current]).await;
    assert_eq!(published(&world.load().await.unwrap().issuer()), [current.kid()]);
    for name in [NEXT, PREVIOUS] {
        fs::write(world.keys().join(name), "").unwrap();
    }
    assert_eq!(published(&world.load().await.unwrap().issuer()), [current.kid()], "empty is none");
    world.put(NEXT, &next);
    world.put(PREVIOUS, &previous);
    let all = [current.kid(), next.kid(), previous.kid()];
    assert_eq!(published(&world.load().await.unwrap().issuer()), all);
    world.put(PREVIOUS, &current);
    assert_eq!(published(&world.load().await.unwrap().issuer()), [current.kid(), next.kid()], "once");
}

#[tokio::test]
async fn errors_name_the_file() {
    let (current, stranger) = (key(), key());
    let world = World::trusting(&[&current]).await;
    world.put(CURRENT, &stranger);
    let error = world.load().await.unwrap_err();
    assert!(matches!(&error, SigningKeyError::Untrusted { kid, .. } if kid == stranger.kid()), "{error}");
    assert!(error.to_string().contains("rowhouse-auth.jwks.json"), "{error}");
    world.put(CURRENT, &current);
    fs::write(world.keys().join(NEXT), "a key").unwrap();
    let error = world.load().await.unwrap_err().to_string();
    assert!(error.contains(NEXT) && error.contains("Ed25519"), "{error}");
    for content in [None, Some("")] {
        fs::remove_file(world.keys().join(NEXT)).ok();
        fs::remove_file(world.keys().join(CURRENT)).ok();
        if let Some(content) = content {
            fs::write(world.keys().join(CURRENT), content).unwrap();
        }
        let error = world.load().await.unwrap_err();
        assert!(
            matches!(&error, SigningKeyError::Unreadable { path, .. } if path.ends_with(CURRENT)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_bad_change_changes_nothing() {
    let (current, next, stranger) = (key(), key(), key());
    let world = World::trusting(&[&current, &next]).await;
    let signing = world.load().await.unwrap();
    let issuer = signing.issuer();
    let mut complaint = None;

    fs::write(world.keys().join(CURRENT), "half a k").unwrap();
    signing.reload(&mut complaint).await;
    assert!(complaint.take().unwrap().contains(CURRENT));
    assert_eq!(published(&issuer), [current.kid()]);

    fs::remove_file(world.keys().join(CURRENT)).unwrap();
    signing.reload(&mut complaint).await;
    assert!(complaint.take().unwrap().contains(CURRENT));
    assert_eq!(published(&issuer), [current.kid()]);

    world.put(CURRENT, &stranger);
    signing.reload(&mut complaint).await;
    assert!(complaint.as_ref().unwrap().contains(stranger.kid()));
    assert_eq!(published(&issuer), [current.kid()]);

    world.put(CURRENT, &next);
    world.put(PREVIOUS, &current);
    signing.reload(&mut complaint).await;
    assert_eq!(complaint, None);
    assert_eq!(published(&issuer), [next.kid(), current.kid()]);
}

/// A mounted Secret changes in this way: all its files at once, by one link.
#[tokio::test]
async fn a_swapped_link_is_followed_until_a_stop() {
    let (current, next) = (key(), key());
    let world = World::trusting(&[&current, &next]).await;
    let root = world.directory.path();
    for (version, keys) in
        [("1", [(CURRENT, &current), (NEXT, &next)]), ("2", [(CURRENT, &next), (PREVIOUS, &current)])]
    {
        fs::create_dir(root.join(version)).unwrap();
        for (name, key) in keys {
            fs::write(root.join(version).join(name), key.to_pem().unwrap()).unwrap();
        }
    }
    let mounted = root.join("mounted");
    symlink("1", &mounted).unwrap();
    let args = SigningArgs { signing_keys: mounted.clone() };
    let signing = Signing::load(issuer::AUTH, args, Arc::clone(&world.trust)).await.unwrap();
    let issuer = signing.issuer();
    assert_eq!(published(&issuer), [current.kid(), next.kid()]);

    let following = signing.follow();
    symlink("2", root.join("swap")).unwrap();
    fs::rename(root.join("swap"), &mounted).unwrap();
    let followed = async {
        while published(&issuer) != [next.kid(), current.kid()] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        followed = tokio::time::timeout(LIMIT, followed) => followed.unwrap(),
        () = following => panic!("it ends by itself"),
    }
}

/// A mounted Secret is written when its pod starts.
#[tokio::test]
async fn a_key_keeps_its_age_in_a_file_that_is_written_afresh() {
    const DAY: Duration = Duration::from_secs(86_400);
    let current = key();
    let world = World::trusting(&[&current]).await;
    let path = world.keys().join(CURRENT);
    let read = async || age(&world.load().await.unwrap().issuer().keys().current, &path).unwrap();
    assert!(read().await < DAY);

    let pem = fs::read_to_string(&path).unwrap();
    let (_, without) = pem.split_once('\n').unwrap();
    let created = chrono::Utc::now() - 100 * DAY;
    fs::write(&path, format!("Created: {}\n{without}", created.to_rfc3339())).unwrap();
    assert!((100 * DAY..101 * DAY).contains(&read().await), "{:?}", read().await);

    fs::write(&path, without).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::SystemTime::now() - 10 * DAY).unwrap();
    assert!((10 * DAY..11 * DAY).contains(&read().await), "without a time of its own: {:?}", read().await);
}
