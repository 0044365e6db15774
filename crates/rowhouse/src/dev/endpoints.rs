//! Where everything listens, for programs.

use std::path::Path;

use serde::Serialize;

use super::DevError;
use rowhouse_files as files;
use rowhouse_system::{Addresses, url};

const FILE: &str = "endpoints.json";

/// What is in `endpoints.json`, which exists as long as the system is up.
#[derive(Serialize)]
pub(super) struct Endpoints {
    pub(super) gateway: String,
    pub(super) auth: String,
    pub(super) onboarding: String,
    pub(super) orders: String,
    /// As an administrator.
    pub(super) database: String,
}

impl Endpoints {
    pub(super) fn of(addresses: Addresses, database: String) -> Self {
        Self {
            gateway: url(addresses.gateway),
            auth: url(addresses.auth),
            onboarding: url(addresses.onboarding),
            orders: url(addresses.orders),
            database,
        }
    }

    pub(super) fn write(&self, directory: &Path) -> Result<(), DevError> {
        let path = directory.join(FILE);
        let written = serde_json::to_vec_pretty(self)
            .map_err(std::io::Error::from)
            .and_then(|content| files::write_private(&path, &content));
        written.map_err(|source| DevError::Directory { path, source })
    }

    pub(super) fn remove(directory: &Path) -> Result<(), DevError> {
        let path = directory.join(FILE);
        files::remove(&path).map_err(|source| DevError::Directory { path, source })
    }
}
