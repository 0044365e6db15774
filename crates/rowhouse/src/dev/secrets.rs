//! The passwords of the database's roles, made once.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::DevError;
use rowhouse_files as files;
use rowhouse_migrator::{Role, RolePasswords};
use rowhouse_postgres::{NoRandomness, random_password};

/// What is in `secrets.json`.
#[derive(Serialize, Deserialize)]
pub(super) struct Secrets {
    /// Of the private cluster's superuser.
    pub(super) postgres: String,
    auth: String,
    onboarding: String,
    orders: String,
}

impl Secrets {
    /// `private`: whether a cluster in this directory is what they are for.
    pub(super) fn load_or_create(directory: &Path, private: bool) -> Result<Self, DevError> {
        let path = directory.join("secrets.json");
        match std::fs::read(&path) {
            Ok(content) => {
                serde_json::from_slice(&content).map_err(|source| DevError::Secrets { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if private && directory.join("postgres").exists() {
                    return Err(DevError::SecretsLost(path));
                }
                let secrets = Self::random()?;
                let content = serde_json::to_vec_pretty(&secrets)
                    .map_err(|source| DevError::Secrets { path: path.clone(), source })?;
                files::write_private(&path, &content)
                    .map_err(|source| DevError::Directory { path, source })?;
                Ok(secrets)
            }
            Err(source) => Err(DevError::Directory { path, source }),
        }
    }

    fn random() -> Result<Self, NoRandomness> {
        Ok(Self {
            postgres: random_password()?,
            auth: random_password()?,
            onboarding: random_password()?,
            orders: random_password()?,
        })
    }

    pub(super) fn of(&self, role: Role) -> &str {
        match role {
            Role::Auth => &self.auth,
            Role::Onboarding => &self.onboarding,
            Role::Orders => &self.orders,
        }
    }

    pub(super) fn role_passwords(&self) -> RolePasswords {
        RolePasswords {
            auth: Some(self.auth.clone()),
            onboarding: Some(self.onboarding.clone()),
            orders: Some(self.orders.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn they_are_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let made = Secrets::load_or_create(directory.path(), true).unwrap();
        let loaded = Secrets::load_or_create(directory.path(), true).unwrap();
        assert_eq!(made.postgres, loaded.postgres);
        assert_eq!(made.of(Role::Orders), loaded.of(Role::Orders));
        assert_ne!(made.of(Role::Orders), made.of(Role::Auth));
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
