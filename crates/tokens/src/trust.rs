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
    refreshed: tokio::sync::Mutex<Instant>,
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
        let keys = read(&directory).await?;
        Ok(Self {
            directory,
            keys: RwLock::new(Arc::new(keys)),
            refreshed: tokio::sync::Mutex::new(Instant::now() - REFRESH_INTERVAL),
        })
    }

    /// Reads the directory again, unless that was done within the last five seconds. What cannot be read
    /// changes nothing and is logged.
    pub async fn refresh(&self) {
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.elapsed() < REFRESH_INTERVAL {
            return;
        }
        *refreshed = Instant::now();
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
