//! [`Signing`], the keys with which a service signs. They are read again when they change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use rowhouse_tokens::{KeyError, SigningKey, SigningKeys, TokenIssuer, TrustStore};
use zeroize::Zeroizing;

use crate::config::SigningArgs;
use crate::telemetry::meter;

/// The file of the key that signs.
pub const CURRENT: &str = "current.pem";
/// The file of the key that will sign after the next rotation.
pub const NEXT: &str = "next.pem";
/// The file of the key that signed before the last rotation.
pub const PREVIOUS: &str = "previous.pem";

/// The interval at which the directory is read. It has three small files, and a mounted Secret sends no notification.
const INTERVAL: Duration = Duration::from_secs(1);

/// The reason why a service cannot sign.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// A file cannot be read.
    #[error("the signing key {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file contains no key.
    #[error("{path}: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reason why it is invalid.
        source: KeyError,
    },
    /// The trusted keys lack the key that signs, so no verifier would accept the tokens.
    #[error(
        "{issuer}.jwks.json in {directory} does not have the key {kid}, which is to sign: publish it first"
    )]
    Untrusted {
        /// The issuer.
        issuer: &'static str,
        /// The directory of the trusted keys.
        directory: PathBuf,
        /// The key's id.
        kid: String,
    },
}

/// The keys of a service and their directory.
#[derive(Debug)]
pub struct Signing {
    name: &'static str,
    directory: PathBuf,
    issuer: TokenIssuer,
    trust: Arc<TrustStore>,
}

impl Signing {
    /// Reads the keys. The one that signs must be among those that the service itself trusts.
    pub async fn load(
        issuer: &'static str,
        args: SigningArgs,
        trust: Arc<TrustStore>,
    ) -> Result<Self, SigningKeyError> {
        let directory = args.signing_keys;
        let keys = load(&directory).await?;
        check_trusted(issuer, &keys, &trust).await?;
        let signing = Self { name: issuer, directory, issuer: TokenIssuer::new(issuer, keys), trust };
        signing.observe();
        Ok(signing)
    }

    /// Returns the issuer, which always signs with the current keys.
    #[must_use]
    pub fn issuer(&self) -> TokenIssuer {
        self.issuer.clone()
    }

    /// Measures the age of the key that signs.
    fn observe(&self) {
        let (issuer, path, name) = (self.issuer.clone(), self.directory.join(CURRENT), self.name);
        meter()
            .f64_observable_gauge("rowhouse.signing_key.age")
            .with_unit("s")
            .with_description("Age of the key that signs")
            .with_callback(move |observer| {
                let keys = issuer.keys();
                let Some(age) = age(&keys.current, &path) else { return };
                let kid = keys.current.kid().to_owned();
                let attributes = [KeyValue::new("rowhouse.issuer", name), KeyValue::new("rowhouse.key", kid)];
                observer.observe(age.as_secs_f64(), &attributes);
            })
            .build();
    }

    /// Reads the directory again whenever it changes, for ever.
    pub async fn follow(self) {
        let mut complaint = None;
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.reload(&mut complaint).await;
        }
    }

    /// Reads the directory. An invalid state changes nothing and is logged once: `complaint` is the last message.
    async fn reload(&self, complaint: &mut Option<String>) {
        match self.changed().await {
            Ok(None) => *complaint = None,
            Ok(Some(keys)) => {
                let kid = keys.current.kid().to_owned();
                self.issuer.replace(keys);
                *complaint = None;
                tracing::info!(issuer = self.name, kid, "{} signs with the key {kid}", self.name);
            }
            Err(error) => {
                let error = error.to_string();
                if complaint.as_ref() != Some(&error) {
                    tracing::warn!("the signing keys stay as they are: {error}");
                    *complaint = Some(error);
                }
            }
        }
    }

    async fn changed(&self) -> Result<Option<SigningKeys>, SigningKeyError> {
        let keys = load(&self.directory).await?;
        if keys.public_keys() == self.issuer.public_keys() {
            return Ok(None);
        }
        check_trusted(self.name, &keys, &self.trust).await?;
        Ok(Some(keys))
    }
}

async fn check_trusted(
    issuer: &'static str,
    keys: &SigningKeys,
    trust: &TrustStore,
) -> Result<(), SigningKeyError> {
    if trust.trusts(issuer, keys.current.jwk()).await {
        return Ok(());
    }
    let (directory, kid) = (trust.directory().to_owned(), keys.current.kid().to_owned());
    Err(SigningKeyError::Untrusted { issuer, directory, kid })
}

/// Returns the time since the key was created. That of a key whose file does not say it counts from when the file was written, which
/// for a mounted Secret is the start of the pod.
fn age(key: &SigningKey, path: &Path) -> Option<Duration> {
    let written = || std::fs::metadata(path).and_then(|file| file.modified()).ok();
    key.created().or_else(written)?.elapsed().ok()
}

/// Reads the files in the order in which a key moves through them, so that a key that is moved meanwhile is read
/// twice and not missed.
async fn load(directory: &Path) -> Result<SigningKeys, SigningKeyError> {
    let next = read(&directory.join(NEXT)).await?;
    let path = directory.join(CURRENT);
    let Some(current) = read(&path).await? else {
        let source = io::Error::new(io::ErrorKind::NotFound, "there is no key in it");
        return Err(SigningKeyError::Unreadable { path, source });
    };
    let previous = read(&directory.join(PREVIOUS)).await?;
    Ok(SigningKeys { current, next, previous })
}

/// Reads a file. A missing or empty one has no key. The text is wiped from memory.
async fn read(path: &Path) -> Result<Option<SigningKey>, SigningKeyError> {
    match tokio::fs::read_to_string(path).await {
        Ok(pem) if pem.trim().is_empty() => Ok(None),
        Ok(pem) => match SigningKey::from_pem(&Zeroizing::new(pem)) {
            Ok(key) => Ok(Some(key)),
            Err(source) => Err(SigningKeyError::Invalid { path: path.to_owned(), source }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SigningKeyError::Unreadable { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests;
