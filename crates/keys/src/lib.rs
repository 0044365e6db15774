//! The signing keys of services, and the public keys that others trust.

pub mod encryption_keys;
mod key_set;
mod rotation;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::signing::CURRENT;
use rowhouse_tokens::KeyError;

pub use rotation::{Rotation, RotationError, RotationProgress, RotationStep};

use key_set::KeySet;

/// The services that sign, by their programs' names.
pub fn issuers() -> impl Iterator<Item = &'static str> {
    ServiceName::ALL.iter().filter(|service| service.signs()).map(|service| service.program())
}

/// A directory of keys: for each issuer `<issuer>/current.pem` and, during a rotation, `next.pem` and `previous.pem`,
/// readable by the owner only; and `trust/<issuer>.jwks.json`.
#[derive(Clone, Debug)]
pub struct KeyDirectory {
    path: PathBuf,
}

/// The errors of key files.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The key exists. It is not overwritten, since tokens of a lost key become invalid.
    #[error("{} is there already: remove it if its key is not in use any more, or choose another directory", .0.display())]
    Exists(PathBuf),
    /// There is no key to rotate.
    #[error("{} is not there: `rowhouse keys generate` makes it", .0.display())]
    Missing(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file does not contain a key.
    #[error("{}: {source}", path.display())]
    NoKey {
        /// The path.
        path: PathBuf,
        /// The reason why it is invalid.
        source: KeyError,
    },
    /// A key cannot be generated.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Public keys are not valid JSON, or cannot be written.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The error.
        source: serde_json::Error,
    },
}

impl KeyDirectory {
    /// Returns the directory at `path` without checking its contents.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the directory of an issuer's private keys, with `current.pem`.
    #[must_use]
    pub fn signing_keys(&self, issuer: &str) -> PathBuf {
        self.path.join(issuer)
    }

    /// Returns the directory of all issuers' public keys.
    #[must_use]
    pub fn trust(&self) -> PathBuf {
        self.path.join("trust")
    }

    /// Returns the files of a complete directory.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        issuers().flat_map(|issuer| {
            let set = self.set(issuer);
            [set.path(CURRENT), set.published_path()]
        })
    }

    /// Generates all keys. If one exists, none is generated.
    pub fn generate(&self) -> Result<(), KeysError> {
        if let Some(path) = self.files().find(|path| path.exists()) {
            return Err(KeysError::Exists(path));
        }
        self.ensure()
    }

    /// Generates the missing keys. Existing sets stay.
    pub fn ensure(&self) -> Result<(), KeysError> {
        directory(&self.trust(), 0o755)?;
        for issuer in issuers() {
            directory(&self.signing_keys(issuer), 0o700)?;
            let set = self.set(issuer);
            let current = match set.read(CURRENT)? {
                Some(current) => current,
                None => set.make(CURRENT)?,
            };
            if !set.published()?.keys.contains(current.jwk()) {
                set.publish()?;
            }
        }
        Ok(())
    }

    fn set(&self, issuer: &'static str) -> KeySet {
        KeySet::new(issuer, self.signing_keys(issuer), self.trust())
    }
}

fn directory(path: &Path, mode: u32) -> Result<(), KeysError> {
    let failed = |source| KeysError::Io { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(failed)
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeysError {
    let path = path.to_owned();
    move |source| KeysError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use rowhouse_chassis::config::SigningArgs;
    use rowhouse_chassis::signing::Signing;
    use rowhouse_tokens::{TrustStore, issuer};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_keys_are_private_and_the_services_can_load_them() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        keys.generate().unwrap();
        let trust = Arc::new(TrustStore::load(keys.trust()).await.unwrap());
        for issuer in issuers() {
            let signing_keys = keys.signing_keys(issuer);
            assert_eq!(mode(&signing_keys), 0o700);
            assert_eq!(mode(&signing_keys.join(CURRENT)), 0o600);
            Signing::load(issuer, SigningArgs { signing_keys }, Arc::clone(&trust)).await.unwrap();
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path());
        let path = keys.signing_keys(issuer::ONBOARDING).join(CURRENT);
        fs::create_dir(keys.signing_keys(issuer::ONBOARDING)).unwrap();
        fs::write(&path, "a key").unwrap();
        let error = keys.generate().unwrap_err();
        assert!(matches!(&error, KeysError::Exists(found) if *found == path), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a key");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let error = keys.ensure().unwrap_err().to_string();
        assert!(error.contains("current.pem") && error.contains("Ed25519"), "{error}");
    }

    #[test]
    fn missing_keys_are_generated_once() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        keys.ensure().unwrap();
        assert!(keys.files().all(|path| path.is_file()));
        let before = keys.files().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
        keys.ensure().unwrap();
        assert_eq!(keys.files().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>(), before);

        let published = keys.set(issuer::AUTH).published_path();
        fs::remove_file(&published).unwrap();
        keys.ensure().unwrap();
        assert_eq!(keys.files().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>(), before);
    }
}
