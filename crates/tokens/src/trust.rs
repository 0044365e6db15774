//! Whose signatures are believed.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Jwk, JwkSet, ed25519};

/// The least time between the beginnings of two readings of the directory, so that made-up key ids cost nothing. Nor
/// do they hide a published key for longer.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// How long a key that is no longer published is believed at most.
const LONGEST_AGE: Duration = Duration::from_mins(1);

/// A file name's ending; what stands before it is the issuer.
const SUFFIX: &str = ".jwks.json";

/// The public keys of the issuers, each read from `<issuer>.jwks.json` in one directory. A key is trusted for
/// its own issuer only.
#[derive(Debug)]
pub struct TrustStore {
    shared: Arc<Shared>,
    /// When the last reading for a missing key began. Locked while one goes on.
    refreshed: Arc<Mutex<Option<Instant>>>,
    interval: Duration,
    longest_age: Duration,
}

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    keys: RwLock<Arc<Keys>>,
}

#[derive(Debug)]
pub(crate) struct Keys {
    by_id: HashMap<String, Trusted>,
    /// When the reading began.
    read: Instant,
}

#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) issuer: String,
    pub(crate) key: DecodingKey,
    x: String,
}

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
        Self::load_throttled(directory, REFRESH_INTERVAL, LONGEST_AGE).await
    }

    async fn load_throttled(
        directory: PathBuf,
        interval: Duration,
        longest_age: Duration,
    ) -> Result<Self, TrustError> {
        let keys = RwLock::new(Arc::new(read(&directory, BTreeSet::new()).await?));
        let shared = Arc::new(Shared { directory, keys });
        Ok(Self { shared, refreshed: Arc::default(), interval, longest_age })
    }

    /// Where the keys are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.shared.directory
    }

    /// Reads the directory again, unless that was done within the last five seconds. Who comes while it is read waits
    /// for that reading. What cannot be read changes nothing and is logged.
    pub async fn refresh(&self) {
        let mut refreshed = Arc::clone(&self.refreshed).lock_owned().await;
        if refreshed.is_some_and(|last| last.elapsed() < self.interval) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        // A task of its own: a caller who goes away would otherwise take the reading along, and leave the next to wait
        // for an interval.
        let reading = tokio::spawn(async move {
            *refreshed = Some(Instant::now());
            match read(&shared.directory, shared.issuers()).await {
                Ok(keys) => *shared.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys),
                Err(error) => tracing::warn!(%error, "the trusted keys stay as they are"),
            }
        });
        if let Err(error) = reading.await {
            tracing::error!(%error, "the trusted keys were not read");
        }
    }

    /// Reads the directory again when that was not done for a minute, so that a key that was taken away is not believed
    /// for much longer.
    pub(crate) async fn refresh_old(&self) {
        if self.keys().read.elapsed() > self.longest_age {
            self.refresh().await;
        }
    }

    /// Whether this key is the issuer's. One that is not known is looked for as a token's is: see
    /// [`TrustStore::refresh`].
    pub async fn trusts(&self, issuer: &str, key: &Jwk) -> bool {
        let known =
            || self.keys().get(&key.kid).is_some_and(|known| known.issuer == issuer && known.x == key.x);
        if !known() {
            self.refresh().await;
        }
        known()
    }

    pub(crate) fn keys(&self) -> Arc<Keys> {
        self.shared.keys()
    }
}

impl Keys {
    pub(crate) fn get(&self, kid: &str) -> Option<&Trusted> {
        self.by_id.get(kid)
    }
}

impl Shared {
    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn issuers(&self) -> BTreeSet<String> {
        self.keys().by_id.values().map(|known| known.issuer.clone()).collect()
    }
}

/// `known`: the issuers that had a file before. While a file is being replaced, a listing of its directory may not have
/// it.
async fn read(directory: &Path, known: BTreeSet<String>) -> Result<Keys, TrustError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| TrustError::Unreadable { path, source }
    };
    ed25519::install();
    let began = Instant::now();
    let mut issuers = known;
    let mut entries = tokio::fs::read_dir(directory).await.map_err(unreadable(directory))?;
    while let Some(entry) = entries.next_entry().await.map_err(unreadable(directory))? {
        let name = entry.file_name();
        issuers.extend(name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).map(str::to_owned));
    }
    let mut keys = HashMap::new();
    for issuer in issuers {
        let path = directory.join(format!("{issuer}{SUFFIX}"));
        let text = match tokio::fs::read(&path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read.map_err(unreadable(&path))?,
        };
        let invalid = |reason: String| TrustError::Invalid { path: path.clone(), reason };
        let set: JwkSet = serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
        for Jwk { kty, crv, alg, kid, x, .. } in set.keys {
            if (kty.as_str(), crv.as_str(), alg.as_str()) != ("OKP", "Ed25519", "EdDSA") {
                return Err(invalid(format!("the key {kid} is of another kind")));
            }
            let key = DecodingKey::from_ed_components(&x).map_err(|error| invalid(error.to_string()))?;
            if let Some(other) = keys.insert(kid.clone(), Trusted { issuer: issuer.clone(), key, x })
                && other.issuer != issuer
            {
                return Err(invalid(format!("the key {kid} is also {}'s", other.issuer)));
            }
        }
    }
    if keys.is_empty() {
        return Err(TrustError::Empty(directory.to_owned()));
    }
    Ok(Keys { by_id: keys, read: began })
}

#[cfg(test)]
mod tests;
