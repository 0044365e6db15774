//! The keys with which a service signs, read again when they change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rowhouse_tokens::{KeyError, SigningKey, SigningKeys, TokenIssuer, TrustStore};
use zeroize::Zeroizing;

use crate::config::SigningArgs;

/// The file of the key that signs.
pub const CURRENT: &str = "current.pem";
/// The file of the key that will sign after the next rotation.
pub const NEXT: &str = "next.pem";
/// The file of the key that signed before the last rotation.
pub const PREVIOUS: &str = "previous.pem";

/// How often the directory is looked at. It has three small files, and a mounted Secret tells of no change.
const INTERVAL: Duration = Duration::from_secs(1);

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// A file cannot be read.
    #[error("the signing key {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// A file holds no key.
    #[error("{path}: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// Nobody would believe the tokens.
    #[error(
        "{issuer}.jwks.json in {directory} does not have the key {kid}, which is to sign: publish it first"
    )]
    Untrusted {
        /// Who signs.
        issuer: &'static str,
        /// Where the trusted keys are.
        directory: PathBuf,
        /// The name of the key.
        kid: String,
    },
}

/// The keys of a service, and where they come from.
#[derive(Debug)]
pub struct Signing {
    name: &'static str,
    directory: PathBuf,
    issuer: TokenIssuer,
    trust: Arc<TrustStore>,
}

impl Signing {
    /// Reads the keys. The one that signs has to be among those that the service itself believes.
    pub async fn load(
        issuer: &'static str,
        args: SigningArgs,
        trust: Arc<TrustStore>,
    ) -> Result<Self, SigningKeyError> {
        let directory = args.signing_keys;
        let keys = load(&directory).await?;
        believed(issuer, &keys, &trust).await?;
        Ok(Self { name: issuer, directory, issuer: TokenIssuer::new(issuer, keys), trust })
    }

    /// What signs with the keys, whatever they are at the moment.
    #[must_use]
    pub fn issuer(&self) -> TokenIssuer {
        self.issuer.clone()
    }

    /// Takes over what changes in the directory, for ever.
    pub async fn follow(self) {
        let mut complaint = None;
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.look(&mut complaint).await;
        }
    }

    /// What cannot be used changes nothing, and is said once: `complaint` is what was said last.
    async fn look(&self, complaint: &mut Option<String>) {
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
        believed(self.name, &keys, &self.trust).await?;
        Ok(Some(keys))
    }
}

async fn believed(
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

/// Reads the files in the order in which a key goes through them: one that is moved on meanwhile is met twice, and not
/// missed.
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

/// A file that is missing or empty has no key. The text does not stay in memory.
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
