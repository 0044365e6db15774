//! [`TrustStore`], the public keys that are trusted, by issuer.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Jwk, JwkSet, ed25519};

/// The shortest interval between the beginnings of two reads of the directory, so that invented key ids cost little. It is also the
/// longest time for which they delay a published key.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// The longest time for which a key is trusted after it is no longer published.
const LONGEST_AGE: Duration = Duration::from_mins(1);

/// The suffix of a file's name. The rest is the issuer.
const SUFFIX: &str = ".jwks.json";

/// The public keys of the issuers, read from `<issuer>.jwks.json` in one directory. A key is trusted for
/// its own issuer only.
#[derive(Debug)]
pub struct TrustStore {
    shared: Arc<Shared>,
    /// The time at which the last read for an unknown key began. Locked during a read.
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
    /// The time at which the read began.
    read: Instant,
    /// A number that changes with the keys.
    version: u64,
}

#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) issuer: String,
    pub(crate) key: DecodingKey,
    x: String,
}

impl PartialEq for Trusted {
    fn eq(&self, other: &Self) -> bool {
        // `key` is made of `x`.
        self.issuer == other.issuer && self.x == other.x
    }
}

/// The reason why the trusted keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The directory or a file in it cannot be read.
    #[error("the trusted keys in {path} cannot be read: {source}")]
    Unreadable {
        /// The directory or file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file is not a JWK set of Ed25519 keys.
    #[error("{path} is not a set of Ed25519 public keys (JSON, RFC 7517): {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reason why the file is invalid.
        reason: String,
    },
    /// The directory contains no keys.
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

    /// Returns the directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.shared.directory
    }

    /// Reads the directory again, unless it was read within the last five seconds. Calls during a read wait for
    /// that read. A failure is logged and changes nothing.
    pub async fn refresh(&self) {
        let mut refreshed = Arc::clone(&self.refreshed).lock_owned().await;
        if refreshed.is_some_and(|last| last.elapsed() < self.interval) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        // The read is a task of its own. Otherwise a caller that disconnects would cancel it, and the next one would wait
        // for an interval.
        let reading = tokio::spawn(async move {
            *refreshed = Some(Instant::now());
            match read(&shared.directory, shared.issuers()).await {
                Ok(keys) => shared.replace(keys),
                Err(error) => tracing::warn!(%error, "the trusted keys stay as they are"),
            }
        });
        if let Err(error) = reading.await {
            tracing::error!(%error, "the trusted keys were not read");
        }
    }

    /// Reads the directory again if it was not read for a minute, so that a removed key is not trusted for much
    /// longer.
    pub(crate) async fn refresh_old(&self) {
        if self.keys().read.elapsed() > self.longest_age {
            self.refresh().await;
        }
    }

    /// Returns whether the key belongs to the issuer. For an unknown key the directory is read again as in
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
    #[cfg(test)]
    pub(crate) fn of_version(version: u64) -> Self {
        Self { by_id: HashMap::new(), read: Instant::now(), version }
    }

    /// Returns a number that changes with the keys.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn get(&self, kid: &str) -> Option<&Trusted> {
        self.by_id.get(kid)
    }
}

impl Shared {
    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, new: Keys) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let version = if keys.by_id == new.by_id { keys.version } else { keys.version + 1 };
        *keys = Arc::new(Keys { version, ..new });
    }

    fn issuers(&self) -> BTreeSet<String> {
        self.keys().by_id.values().map(|known| known.issuer.clone()).collect()
    }
}

/// Reads the directory. `known` are the issuers that had a file before: while a file is being replaced, a listing of its
/// directory may lack it.
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
    Ok(Keys { by_id: keys, read: began, version: 0 })
}

#[cfg(test)]
mod tests;
