//! The database: a private one, or an existing one.

use std::path::{Path, PathBuf};

use rowhouse_catalog::PerService;
use rowhouse_chassis::config::DatabaseArgs;
use rowhouse_tenancy::audit;

use super::{DevArgs, DevError, Secrets};
use rowhouse_migrator::{WaitingMigration, connect_diesel, migrate};
use rowhouse_postgres::{Cluster, ClusterOptions, Programs};

/// The name of the database in a private cluster.
const NAME: &str = "rowhouse";

pub(super) struct Database {
    url: String,
    ca_file: Option<PathBuf>,
    /// The private cluster, or `None` for an existing server.
    cluster: Option<Cluster>,
}

impl Database {
    pub(super) async fn start(args: &DevArgs, directory: &Path, secrets: &Secrets) -> Result<Self, DevError> {
        let ca_file = args.database_ca_file.clone();
        if let Some(url) = args.database_url() {
            return Ok(Self { url: url.to_owned(), ca_file, cluster: None });
        }
        let options = ClusterOptions {
            directory: directory.to_owned(),
            programs: Programs::find(args.pg_bin_dir())?,
            password: secrets.postgres.clone(),
            settings: &[],
            sync: true,
        };
        let cluster = Cluster::start(&options).await?;
        Ok(Self { url: cluster.admin_url(NAME), ca_file, cluster: Some(cluster) })
    }

    /// Creates roles and schema, and audits the database.
    pub(super) async fn prepare(&self, secrets: &Secrets) -> Result<(), DevError> {
        let ca_file = self.ca_file.as_deref();
        let report = migrate(&self.url, ca_file, &secrets.role_passwords()).await?;
        for name in report.applied {
            tracing::info!(migration = name, "migrated");
        }
        if let Some(waiting) = report.waiting {
            let WaitingMigration { migration, backfill, .. } = waiting;
            tracing::warn!(migration, backfill, "{migration} needs `rowhouse backfill {backfill}` first");
        }
        let mut admin = connect_diesel(&self.url, ca_file).await?;
        let violations = audit::run(&mut admin, &audit::AuditScope::All).await?;
        if violations.is_empty() { Ok(()) } else { Err(DevError::Violations(violations)) }
    }

    /// Returns each service's login.
    pub(super) fn of_the_services(&self, secrets: &Secrets) -> Result<PerService<DatabaseArgs>, DevError> {
        PerService::try_from_fn(|service| {
            let url = with_login(&self.url, service.role(), secrets.of(service));
            let url = url.ok_or(DevError::DatabaseUrl)?;
            Ok(DatabaseArgs { ca_file: self.ca_file.clone(), ..DatabaseArgs::new(url) })
        })
    }

    pub(super) fn admin_url(&self) -> String {
        self.url.clone()
    }

    pub(super) fn log(&self) -> Option<&Path> {
        self.cluster.as_ref().map(Cluster::log)
    }

    /// Waits until a private server ends by itself.
    pub(super) async fn ended(&mut self) -> DevError {
        match &mut self.cluster {
            Some(cluster) => {
                let reason = cluster.ended().await;
                DevError::PostgresEnded { reason, log: cluster.log().to_owned() }
            }
            None => std::future::pending().await,
        }
    }

    pub(super) async fn stop(self) {
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

/// Returns the URL of the same database with another login, whose password needs no escaping, or `None` for libpq's
/// `key=value` form.
fn with_login(url: &str, user: &str, password: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !["postgres", "postgresql"].contains(&scheme) {
        return None;
    }
    let (authority, path_and_query) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (path, query) = path_and_query.split_at(path_and_query.find('?').unwrap_or(path_and_query.len()));
    // A URL without a database means the one named like the user.
    let admin = login.split(':').next().unwrap_or_default();
    let path = if path.len() > 1 { path.to_owned() } else { format!("/{admin}") };
    Some(format!("{scheme}://{user}:{password}@{hosts}{path}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_replaced_and_nothing_else() {
        for (admin, service) in [
            ("postgres://postgres:secret@127.0.0.1:5432/rowhouse", "postgres://u:p@127.0.0.1:5432/rowhouse"),
            ("postgresql://admin:a%40b@db/x?sslmode=require", "postgresql://u:p@db/x?sslmode=require"),
            ("postgres://one:1,two:2/x", "postgres://u:p@one:1,two:2/x"),
            ("postgres://admin@db", "postgres://u:p@db/admin"),
            ("postgres://admin@db?sslmode=disable", "postgres://u:p@db/admin?sslmode=disable"),
        ] {
            let url = with_login(admin, "u", "p").unwrap();
            assert_eq!(url, service);
            url.parse::<tokio_postgres::Config>().unwrap();
        }
        assert_eq!(with_login("host=db user=postgres", "u", "p"), None);
        assert_eq!(with_login("mysql://db/x", "u", "p"), None);
    }
}
