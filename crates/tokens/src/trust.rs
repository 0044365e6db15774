//! Whose signatures are believed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use tokio::time::Instant;

use crate::JwkSet;

/// The least time between two readings of the directory, so that made-up key ids cost nothing.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// A file name's ending; what stands before it is the issuer.
const SUFFIX: &str = ".jwks.json";

/// The public keys of the issuers, each read from `<issuer>.jwks.json` in one directory. A key is trusted for
/// its own issuer only.
#[derive(Debug)]
pub struct TrustStore {
    directory: PathBuf,
    keys: RwLock<Arc<Keys>>,
    /// When the directory was last read for a missing key.
    refreshed: tokio::sync::Mutex<Option<Instant>>,
    interval: Duration,
}

/// The keys by key id, and whose they are.
type Keys = HashMap<String, (String, DecodingKey)>;

/// Why the trusted keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The directory or a file in it cannot be read.
    #[error("the trusted keys in {path} cannot be read: {source}")]
    Unreadable {
        /// The directory or file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// A file is not a JWK set of Ed25519 keys.
    #[error("{path} is not a set of Ed25519 public keys (JSON, RFC 7517): {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing to trust.
    #[error("there is no <issuer>{SUFFIX} in {0}; `rowhouse keys generate` makes them")]
    Empty(PathBuf),
}

impl TrustStore {
    /// Reads the directory.
    pub async fn load(directory: PathBuf) -> Result<Self, TrustError> {
        Self::load_throttled(directory, REFRESH_INTERVAL).await
    }

    async fn load_throttled(directory: PathBuf, interval: Duration) -> Result<Self, TrustError> {
        let keys = RwLock::new(Arc::new(read(&directory).await?));
        Ok(Self { directory, keys, refreshed: tokio::sync::Mutex::default(), interval })
    }

    /// Reads the directory again, unless that was done within the last five seconds. What cannot be read
    /// changes nothing and is logged.
    pub async fn refresh(&self) {
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.is_some_and(|last| last.elapsed() < self.interval) {
            return;
        }
        *refreshed = Some(Instant::now());
        match read(&self.directory).await {
            Ok(keys) => *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys),
            Err(error) => tracing::warn!(%error, "the trusted keys stay as they are"),
        }
    }

    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn read(directory: &Path) -> Result<Keys, TrustError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| TrustError::Unreadable { path, source }
    };
    let mut keys = Keys::new();
    let mut entries = tokio::fs::read_dir(directory).await.map_err(unreadable(directory))?;
    while let Some(entry) = entries.next_entry().await.map_err(unreadable(directory))? {
        let path = entry.path();
        let Some(issuer) =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX))
        else {
            continue;
        };
        let text = tokio::fs::read(&path).await.map_err(unreadable(&path))?;
        let invalid = |reason: String| TrustError::Invalid { path: path.clone(), reason };
        let set: JwkSet = serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
        for key in set.keys {
            if (key.kty.as_str(), key.crv.as_str(), key.alg.as_str()) != ("OKP", "Ed25519", "EdDSA") {
                return Err(invalid(format!("the key {} is of another kind", key.kid)));
            }
            let decoding =
                DecodingKey::from_ed_components(&key.x).map_err(|error| invalid(error.to_string()))?;
            if let Some((other, _)) = keys.insert(key.kid.clone(), (issuer.to_owned(), decoding))
                && other != issuer
            {
                return Err(invalid(format!("the key {} is also {other}'s", key.kid)));
            }
        }
    }
    if keys.is_empty() {
        return Err(TrustError::Empty(directory.to_owned()));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{Accepts, Role, SigningKey, TokenError, TokenIssuer, Verifier, issuer};

    fn publish(directory: &TempDir, keys: &[&SigningKey]) {
        let set = JwkSet { keys: keys.iter().map(|key| key.jwk().clone()).collect() };
        let path = directory.path().join("rowhouse-auth.jwks.json");
        std::fs::write(path, serde_json::to_vec(&set).unwrap()).unwrap();
    }

    fn token_of(key: SigningKey) -> String {
        let (user, tenant) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
        let issuer = TokenIssuer::new(issuer::AUTH, key);
        issuer.access_token(user, tenant, Role::Member, Duration::from_mins(10)).unwrap().token
    }

    async fn verifier(directory: &TempDir, interval: Duration) -> Verifier {
        let trust = TrustStore::load_throttled(directory.path().to_owned(), interval).await.unwrap();
        Verifier::new(Arc::new(trust), Accepts::default())
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
    async fn made_up_key_ids_do_not_make_it_read_again_and_again() {
        let directory = TempDir::new().unwrap();
        let (current, next) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        publish(&directory, &[&current]);
        let verifier = verifier(&directory, Duration::from_hours(1)).await;
        let made_up = token_of(SigningKey::generate().unwrap());
        assert_eq!(verifier.verify(&made_up).await.unwrap_err(), TokenError::UnknownKey);

        publish(&directory, &[&current, &next]);
        assert_eq!(verifier.verify(&token_of(next)).await.unwrap_err(), TokenError::UnknownKey);
    }
}
