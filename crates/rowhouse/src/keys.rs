//! The keys that services sign with, and what others need to believe them.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rowhouse_tokens::{JwkSet, KeyError, SigningKey, issuer};

use crate::files;

/// Everybody who signs.
const ISSUERS: [&str; 2] = [issuer::AUTH, issuer::ONBOARDING];

/// A directory of keys: `<issuer>.pem`, readable by the owner alone, and `trust/<issuer>.jwks.json`.
#[derive(Clone, Debug)]
pub struct KeyDirectory {
    path: PathBuf,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// What is signed with a lost key is worth nothing, so none is overwritten.
    #[error("{} is there already: remove it if its key is not in use any more, or choose another directory", .0.display())]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A public key cannot be written as JSON.
    #[error("the public keys cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

impl KeyDirectory {
    /// The directory at `path`, whatever is in it.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The private key of an issuer, in PEM.
    #[must_use]
    pub fn signing_key(&self, issuer: &str) -> PathBuf {
        self.path.join(format!("{issuer}.pem"))
    }

    /// The public keys of all issuers.
    #[must_use]
    pub fn trust(&self) -> PathBuf {
        self.path.join("trust")
    }

    /// The files that make it complete.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        ISSUERS.into_iter().flat_map(|issuer| [self.signing_key(issuer), self.public_keys(issuer)])
    }

    fn public_keys(&self, issuer: &str) -> PathBuf {
        self.trust().join(format!("{issuer}.jwks.json"))
    }

    /// Makes all keys. Nothing is overwritten: if there is one of them, none is made.
    pub fn generate(&self) -> Result<(), KeysError> {
        if let Some(path) = self.files().find(|path| path.exists()) {
            return Err(KeysError::Exists(path));
        }
        let trust = self.trust();
        let in_trust = |source| KeysError::Io { path: trust.clone(), source };
        DirBuilder::new().recursive(true).mode(0o755).create(&trust).map_err(in_trust)?;
        for issuer in ISSUERS {
            let key = SigningKey::generate()?;
            let path = self.signing_key(issuer);
            files::create_private(&path, key.to_pem()?.as_bytes())
                .map_err(|source| KeysError::Io { path, source })?;
            let path = self.public_keys(issuer);
            let mut json = serde_json::to_vec_pretty(&JwkSet { keys: vec![key.jwk().clone()] })?;
            json.push(b'\n');
            fs::write(&path, json).map_err(|source| KeysError::Io { path, source })?;
        }
        Ok(())
    }

    /// Makes the directory with all keys, unless it is there. It appears whole or not at all.
    pub fn ensure(&self) -> Result<(), KeysError> {
        if self.path.exists() {
            return Ok(());
        }
        let workshop = self.path.with_extension("new");
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| KeysError::Io { path, source }
        };
        files::remove_directory(&workshop).map_err(failed(&workshop))?;
        Self::at(&workshop).generate()?;
        fs::rename(&workshop, &self.path).map_err(failed(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rowhouse_tokens::TrustStore;

    use super::*;

    #[tokio::test]
    async fn the_keys_are_private_and_the_trust_can_be_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        keys.generate().unwrap();
        for issuer in ISSUERS {
            let path = keys.signing_key(issuer);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            SigningKey::from_pem(&fs::read_to_string(path).unwrap()).unwrap();
        }
        TrustStore::load(keys.trust()).await.unwrap();
    }

    #[test]
    fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path());
        let path = keys.signing_key(issuer::ONBOARDING);
        fs::write(&path, "a key").unwrap();
        let error = keys.generate().unwrap_err();
        assert!(matches!(&error, KeysError::Exists(found) if *found == path), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a key");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn they_are_made_once_and_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        fs::create_dir(directory.path().join("keys.new")).unwrap();
        keys.ensure().unwrap();
        assert!(keys.files().all(|path| path.is_file()));
        let before = fs::read(keys.signing_key(issuer::AUTH)).unwrap();
        keys.ensure().unwrap();
        assert_eq!(fs::read(keys.signing_key(issuer::AUTH)).unwrap(), before);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
