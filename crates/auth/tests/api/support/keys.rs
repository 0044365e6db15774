//! Keys in a directory of their own.

use std::path::PathBuf;
use std::sync::Arc;

use rowhouse_keys::KeyDirectory;
use rowhouse_keys::encryption_keys;
use rowhouse_tokens::{Accepts, Issuers, SigningKey, TokenIssuer, TrustStore, Verifier, issuer};
use tempfile::TempDir;

const ENCRYPTION_KEYS: &str = "encryption.keys";

/// The keys of auth and onboarding, as files, and a directory for emails.
pub(crate) struct Keys {
    directory: TempDir,
    files: KeyDirectory,
    pub(crate) onboarding: TokenIssuer,
}

impl Keys {
    pub(crate) fn generate() -> Self {
        let directory = TempDir::new().unwrap();
        let files = KeyDirectory::at(directory.path());
        files.generate().unwrap();
        encryption_keys::ensure(&directory.path().join(ENCRYPTION_KEYS)).unwrap();
        let key =
            std::fs::read_to_string(files.signing_keys(issuer::ONBOARDING).join("current.pem")).unwrap();
        let onboarding = TokenIssuer::new(issuer::ONBOARDING, SigningKey::from_pem(&key).unwrap());
        Self { directory, files, onboarding }
    }

    /// Publishes another issuer, or another key of an issuer.
    pub(crate) fn publish(&self, name: &str, issuer: &TokenIssuer) {
        let set = serde_json::to_vec(&issuer.public_keys()).unwrap();
        std::fs::write(self.trust_dir().join(format!("{name}.jwks.json")), set).unwrap();
    }

    pub(crate) fn trust_dir(&self) -> PathBuf {
        self.files.trust()
    }

    pub(crate) fn signing_keys(&self) -> PathBuf {
        self.files.signing_keys(issuer::AUTH)
    }

    pub(crate) fn encryption_keys(&self) -> PathBuf {
        self.directory.path().join(ENCRYPTION_KEYS)
    }

    pub(crate) fn mail_dir(&self) -> PathBuf {
        self.directory.path().join("mail")
    }

    /// Returns a verifier of people's tokens, as services have it.
    pub(crate) async fn verifier(&self) -> Verifier {
        let trust = TrustStore::load(self.trust_dir()).await.unwrap();
        Verifier::new(Arc::new(trust), &Issuers::development(), Accepts::default())
    }
}
