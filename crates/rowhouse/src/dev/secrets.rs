//! The passwords of the database's roles, generated once.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rowhouse_catalog::{PerService, ServiceName};
use serde::{Deserialize, Serialize};

use super::DevError;
use rowhouse_files as files;
use rowhouse_migrator::RolePasswords;
use rowhouse_postgres::{NoRandomness, random_password};

pub(super) struct Secrets {
    /// The password of the private cluster's superuser.
    pub(super) postgres: String,
    services: PerService<String>,
}

/// The contents of `secrets.json`.
#[derive(Serialize, Deserialize)]
struct Content {
    postgres: String,
    /// The passwords by the services' names.
    #[serde(flatten)]
    services: BTreeMap<String, String>,
}

impl Secrets {
    /// Reads the passwords, or generates those that are missing. With `private`, they belong to a cluster in this directory.
    pub(super) fn load_or_create(directory: &Path, private: bool) -> Result<Self, DevError> {
        let path = directory.join("secrets.json");
        let (mut content, there) = match std::fs::read(&path) {
            Ok(content) => match serde_json::from_slice(&content) {
                Ok(content) => (content, true),
                Err(source) => return Err(DevError::Secrets { path, source }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if private && directory.join("postgres").exists() {
                    return Err(DevError::SecretsLost(path));
                }
                (Content { postgres: random_password()?, services: BTreeMap::new() }, false)
            }
            Err(source) => return Err(DevError::Directory { path, source }),
        };
        let known = content.services.len();
        let services = PerService::try_from_fn(|service| {
            let password = match content.services.get(service.as_str()) {
                Some(password) => password.clone(),
                None => random_password()?,
            };
            content.services.insert(service.as_str().to_owned(), password.clone());
            Ok::<_, NoRandomness>(password)
        })?;
        if !there || known < content.services.len() {
            let written = serde_json::to_vec_pretty(&content)
                .map_err(|source| DevError::Secrets { path: path.clone(), source })?;
            files::write_private(&path, &written).map_err(|source| DevError::Directory { path, source })?;
        }
        Ok(Self { postgres: content.postgres, services })
    }

    /// The password of a service's role.
    pub(super) fn of(&self, service: ServiceName) -> &str {
        &self.services[service]
    }

    pub(super) fn role_passwords(&self) -> RolePasswords {
        RolePasswords::new(self.services.clone().map(|_, password| Some(password)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn passwords_are_generated_once() {
        let directory = tempfile::tempdir().unwrap();
        let made = Secrets::load_or_create(directory.path(), true).unwrap();
        let loaded = Secrets::load_or_create(directory.path(), true).unwrap();
        assert_eq!(made.postgres, loaded.postgres);
        assert_eq!(made.of(ServiceName::Orders), loaded.of(ServiceName::Orders));
        assert_ne!(made.of(ServiceName::Orders), made.of(ServiceName::Auth));
    }

    #[test]
    fn a_service_that_is_new_gets_a_password_and_the_others_keep_theirs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets.json");
        fs::write(&path, r#"{"postgres": "p", "auth": "a", "onboarding": "o", "gone": "g"}"#).unwrap();
        let made = Secrets::load_or_create(directory.path(), true).unwrap();
        assert_eq!((made.postgres.as_str(), made.of(ServiceName::Auth)), ("p", "a"));
        let loaded = Secrets::load_or_create(directory.path(), true).unwrap();
        assert_eq!(made.of(ServiceName::Orders), loaded.of(ServiceName::Orders));
        assert!(fs::read_to_string(&path).unwrap().contains("gone"));
    }

    #[test]
    fn without_them_a_cluster_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("postgres")).unwrap();
        let lost = Secrets::load_or_create(directory.path(), true).err().unwrap();
        assert!(matches!(lost, DevError::SecretsLost(_)), "{lost}");
        fs::write(directory.path().join("secrets.json"), "{").unwrap();
        let broken = Secrets::load_or_create(directory.path(), true).err().unwrap();
        assert!(matches!(broken, DevError::Secrets { .. }), "{broken}");
    }
}
