//! Keys in a directory of their own.

use std::path::PathBuf;

use rowhouse_keys::KeyDirectory;
use rowhouse_keys::encryption_keys;
use tempfile::TempDir;

const ENCRYPTION_KEYS: &str = "encryption.keys";

/// The keys of auth and onboarding, as files, and a directory for emails.
pub(crate) struct Keys {
    directory: TempDir,
    files: KeyDirectory,
}

impl Keys {
    pub(crate) fn generate() -> Self {
        let directory = TempDir::new().unwrap();
        let files = KeyDirectory::at(directory.path());
        files.generate().unwrap();
        encryption_keys::ensure(&directory.path().join(ENCRYPTION_KEYS)).unwrap();
        Self { directory, files }
    }

    pub(crate) fn encryption_keys(&self) -> PathBuf {
        self.directory.path().join(ENCRYPTION_KEYS)
    }

    pub(crate) fn mail_dir(&self) -> PathBuf {
        self.directory.path().join("mail")
    }

    pub(crate) fn trust_dir(&self) -> PathBuf {
        self.files.trust()
    }

    pub(crate) fn signing_keys(&self, name: &str) -> PathBuf {
        self.files.signing_keys(name)
    }
}
