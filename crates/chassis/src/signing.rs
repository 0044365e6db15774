//! The key with which a service signs.

use std::io;
use std::path::PathBuf;

use rowhouse_tokens::{KeyError, SigningKey};
use zeroize::Zeroizing;

use crate::config::SigningArgs;

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file cannot be read.
    #[error("the signing key {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// The file holds no key.
    #[error("{path}: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
}

/// Reads the key. Its text does not stay in memory.
pub async fn load_key(args: SigningArgs) -> Result<SigningKey, SigningKeyError> {
    let path = args.signing_key;
    match tokio::fs::read_to_string(&path).await {
        Ok(pem) => SigningKey::from_pem(&Zeroizing::new(pem))
            .map_err(|source| SigningKeyError::Invalid { path, source }),
        Err(source) => Err(SigningKeyError::Unreadable { path, source }),
    }
}
