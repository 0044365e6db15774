//! [`TestSystem`], the whole system for one test.

use reqwest::Client;
use rowhouse_auth::MailArgs;
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::config::DatabaseArgs;
use rowhouse_chassis::telemetry::{self, Telemetry};
use rowhouse_keys::KeyDirectory;
use rowhouse_keys::encryption_keys;
use rowhouse_system::mail_directory::MailDirectory;
use rowhouse_system::{Addresses, Parts, System, url};
use tempfile::TempDir;

use crate::{Email, TestDatabase, TestOptions, mail};

/// The services and the gateway, on free ports and with a database of their own.
pub struct TestSystem {
    system: System,
    gateway: String,
    services: PerService<String>,
    http: Client,
    telemetry: Option<Telemetry>,
    keys: KeyDirectory,
    mail_directory: MailDirectory,
    database: TestDatabase,
    _directory: TempDir,
}

impl TestSystem {
    /// Starts a system with the default options.
    pub async fn start() -> Self {
        Self::start_with(TestOptions::default()).await
    }

    /// Starts a system with a new database.
    pub async fn start_with(options: TestOptions) -> Self {
        Self::start_on(TestDatabase::create().await, options).await
    }

    /// Starts a system on an existing database, so that a proxy can be placed in front of it.
    pub async fn start_on(database: TestDatabase, options: TestOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        keys.generate().unwrap();
        let telemetry = options.telemetry.as_ref().map(|args| telemetry::init(args, "rowhouse").unwrap());

        let databases = options.database_urls.clone().map(|service, url| DatabaseArgs {
            pool_size: options.pool_size,
            acquire_timeout: options.acquire_timeout,
            audit_interval: options.audit_interval,
            ..DatabaseArgs::new(url.unwrap_or_else(|| database.url(service)))
        });
        let encryption_keys = directory.path().join("encryption.keys");
        encryption_keys::ensure(&encryption_keys).unwrap();
        let mail = directory.path().join("mail");
        let parts = Parts {
            telemetry: options.telemetry.clone().unwrap_or_default(),
            request_timeout: options.request_timeout,
            admission: options.admission,
            rate_limits: options.rate_limits,
            bcrypt_cost: options.bcrypt_cost,
            token_lifetime: options.token_lifetime,
            sign_ups: options.sign_ups.clone(),
            jobs: options.jobs.clone(),
            ..Parts::new(
                Addresses::free(),
                keys.clone(),
                databases,
                options.mail.clone().unwrap_or_else(|| MailArgs::into_directory(&mail)),
                encryption_keys,
            )
        };
        let system = Box::pin(System::start(parts)).await.unwrap_or_else(|error| panic!("{error}"));
        let addresses = system.addresses();
        Self {
            system,
            gateway: url(addresses.gateway),
            services: addresses.services.map(|_, address| url(address)),
            http: Client::new(),
            telemetry,
            keys,
            mail_directory: MailDirectory::at(mail),
            database,
            _directory: directory,
        }
    }

    /// Returns the gateway's URL, such as `http://127.0.0.1:8080`, without a trailing slash.
    #[must_use]
    pub fn gateway_url(&self) -> &str {
        &self.gateway
    }

    /// Returns the URL of a service's gRPC server.
    #[must_use]
    pub fn endpoint(&self, service: ServiceName) -> &str {
        &self.services[service]
    }

    /// Returns the URL of the admin listener. Panics if the options have none.
    #[must_use]
    pub fn admin_url(&self) -> String {
        url(self.telemetry.as_ref().and_then(Telemetry::admin_address).unwrap())
    }

    /// Returns an HTTP client without special settings.
    #[must_use]
    pub const fn http(&self) -> &Client {
        &self.http
    }

    /// Returns the database.
    #[must_use]
    pub const fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Returns the services' signing keys, for tokens that no service would issue.
    #[must_use]
    pub const fn keys(&self) -> &KeyDirectory {
        &self.keys
    }

    /// Waits for an email to the address whose subject contains the text, and returns the first one.
    pub async fn mail_to(&self, address: &str, subject_contains: &str) -> Email {
        mail::wait_for(&self.mail_directory, address, subject_contains).await
    }

    /// Returns the directory that receives all emails.
    #[must_use]
    pub const fn mail_directory(&self) -> &MailDirectory {
        &self.mail_directory
    }

    /// Stops the gateway, then the services, and exports the last spans. Dropping the system instead aborts everything that is
    /// running. Returns the database.
    pub async fn shutdown(self) -> TestDatabase {
        let Self { system, telemetry, http, database, .. } = self;
        // The shutdown would wait for the client's idle connections.
        drop(http);
        system.stop().await;
        if let Some(telemetry) = telemetry {
            telemetry.shutdown().await;
        }
        database
    }
}
