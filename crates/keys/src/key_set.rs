//! The keys of one issuer.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use rowhouse_chassis::signing::{CURRENT, NEXT, PREVIOUS};
use rowhouse_tokens::{JwkSet, SigningKey, SigningKeys};
use zeroize::Zeroizing;

use super::{KeysError, io_error};
use rowhouse_files as files;

/// The files of one issuer, private and public. Each change writes one file, atomically and durably.
#[derive(Debug)]
pub(super) struct KeySet {
    pub(super) issuer: &'static str,
    directory: PathBuf,
    trust: PathBuf,
}

impl KeySet {
    pub(super) fn new(issuer: &'static str, directory: PathBuf, trust: PathBuf) -> Self {
        Self { issuer, directory, trust }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn published_path(&self) -> PathBuf {
        self.trust.join(format!("{}.jwks.json", self.issuer))
    }

    /// Reads the key in a file. A missing or empty file has none, as for the services.
    pub(super) fn read(&self, name: &str) -> Result<Option<SigningKey>, KeysError> {
        let path = self.path(name);
        let pem = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => Zeroizing::new(read.map_err(io_error(&path))?),
        };
        if pem.trim().is_empty() {
            return Ok(None);
        }
        SigningKey::from_pem(&pem).map(Some).map_err(|source| KeysError::NoKey { path, source })
    }

    pub(super) fn read_all(&self) -> Result<SigningKeys, KeysError> {
        let current = self.read(CURRENT)?.ok_or_else(|| KeysError::Missing(self.path(CURRENT)))?;
        Ok(SigningKeys { current, next: self.read(NEXT)?, previous: self.read(PREVIOUS)? })
    }

    /// Creates a key in the file of this name.
    pub(super) fn make(&self, name: &str) -> Result<SigningKey, KeysError> {
        let (path, key) = (self.path(name), SigningKey::generate()?);
        files::write_private(&path, key.to_pem()?.as_bytes()).map_err(io_error(&path))?;
        Ok(key)
    }

    /// Returns the published keys, or none without a file.
    pub(super) fn published(&self) -> Result<JwkSet, KeysError> {
        let path = self.published_path();
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(JwkSet::default()),
            read => serde_json::from_slice(&read.map_err(io_error(&path))?)
                .map_err(|source| KeysError::Json { path, source }),
        }
    }

    /// Publishes exactly the existing keys.
    pub(super) fn publish(&self) -> Result<(), KeysError> {
        let path = self.published_path();
        let failed = |source| KeysError::Json { path: path.clone(), source };
        let mut json = serde_json::to_vec_pretty(&self.read_all()?.public_keys()).map_err(failed)?;
        json.push(b'\n');
        files::write_public(&path, &json).map_err(io_error(&path))
    }

    /// Copies the current key to the previous one.
    pub(super) fn keep_current(&self) -> Result<(), KeysError> {
        let (current, previous) = (self.path(CURRENT), self.path(PREVIOUS));
        let pem = Zeroizing::new(fs::read(&current).map_err(io_error(&current))?);
        files::write_private(&previous, &pem).map_err(io_error(&previous))
    }

    /// Makes the next key the current one, atomically.
    pub(super) fn promote_next(&self) -> Result<(), KeysError> {
        let next = self.path(NEXT);
        files::rename(&next, &self.path(CURRENT)).map_err(io_error(&next))
    }

    /// Returns the time at which the previous key stopped signing.
    pub(super) fn retired(&self) -> Result<SystemTime, KeysError> {
        let path = self.path(PREVIOUS);
        fs::metadata(&path).and_then(|metadata| metadata.modified()).map_err(io_error(&path))
    }
}
