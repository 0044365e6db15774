//! The file with the addresses of all parts, for programs.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use rowhouse_catalog::PerService;
use serde::{Deserialize, Serialize, Serializer};

use super::DevError;
use rowhouse_files as files;
use rowhouse_system::{Addresses, url};

const FILE: &str = "endpoints.json";

/// The contents of `endpoints.json`, which exists while the system runs.
#[derive(Serialize)]
pub(super) struct Endpoints {
    pub(super) gateway: String,
    /// The services' addresses by their names, in the order of the catalog.
    #[serde(flatten)]
    pub(super) services: Services,
    /// The URL of the database for an administrator.
    pub(super) database: String,
    /// The address of the admin listener, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) admin: Option<String>,
}

/// The address of each service.
pub(super) struct Services(pub(super) PerService<String>);

impl Serialize for Services {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(service, url)| (service.as_str(), url)))
    }
}

/// The member of `endpoints.json` that the other commands need.
#[derive(Deserialize)]
struct Running {
    database: String,
}

/// Returns the URL of the database of the system that runs on a data directory, for an administrator.
pub(crate) fn database_url(directory: &Path) -> Result<String, DevError> {
    let path = directory.join(FILE);
    let read = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DevError::NotRunning(directory.to_owned()));
        }
        read => read.and_then(|content| serde_json::from_slice::<Running>(&content).map_err(io::Error::from)),
    };
    read.map(|running| running.database).map_err(|source| DevError::Endpoints { path, source })
}

impl Endpoints {
    pub(super) fn of(addresses: Addresses, database: String, admin: Option<SocketAddr>) -> Self {
        Self {
            gateway: url(addresses.gateway),
            services: Services(addresses.services.map(|_, address| url(address))),
            database,
            admin: admin.map(url),
        }
    }

    pub(super) fn write(&self, directory: &Path) -> Result<(), DevError> {
        let path = directory.join(FILE);
        let written = serde_json::to_vec_pretty(self)
            .map_err(io::Error::from)
            .and_then(|content| files::write_private(&path, &content));
        written.map_err(|source| DevError::Directory { path, source })
    }

    pub(super) fn remove(directory: &Path) -> Result<(), DevError> {
        let path = directory.join(FILE);
        files::remove(&path).map_err(|source| DevError::Directory { path, source })
    }
}
