//! The whole system for one test.

use reqwest::Client;
use rowhouse_auth::MailArgs;
use rowhouse_chassis::config::{DatabaseArgs, TelemetryArgs};
use rowhouse_chassis::telemetry::{self, Telemetry};
use rowhouse_keys::KeyDirectory;
use rowhouse_keys::encryption_keys;
use rowhouse_migrator::Role;
use rowhouse_system::mailbox::Mailbox;
use rowhouse_system::{Addresses, Databases, Parts, System, url};
use tempfile::TempDir;

use crate::{Letter, TestDatabase, TestOptions, mail};

/// auth, onboarding, orders and the gateway on free ports, on a database of their own.
pub struct TestSystem {
    system: System,
    gateway: String,
    auth: String,
    onboarding: String,
    orders: String,
    http: Client,
    telemetry: Option<Telemetry>,
    keys: KeyDirectory,
    mailbox: Mailbox,
    database: TestDatabase,
    _directory: TempDir,
}

impl TestSystem {
    /// With the default options.
    pub async fn start() -> Self {
        Self::start_with(TestOptions::default()).await
    }

    /// With a new database.
    pub async fn start_with(options: TestOptions) -> Self {
        Self::start_on(TestDatabase::create().await, options).await
    }

    /// On a database that is there, so that a proxy can be put in front of it.
    pub async fn start_on(database: TestDatabase, options: TestOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        keys.generate().unwrap();
        let telemetry_args = TelemetryArgs {
            log: "warn".to_owned(),
            otlp_endpoint: options.otlp_endpoint.clone(),
            ..TelemetryArgs::default()
        };
        let telemetry =
            options.otlp_endpoint.is_some().then(|| telemetry::init(&telemetry_args, "rowhouse").unwrap());

        let of = |role: Role, url: &Option<String>| DatabaseArgs {
            pool_size: options.pool_size,
            acquire_timeout: options.acquire_timeout,
            ..DatabaseArgs::new(url.clone().unwrap_or_else(|| database.url(role)))
        };
        let databases = Databases {
            auth: of(Role::Auth, &options.auth_database_url),
            onboarding: of(Role::Onboarding, &options.onboarding_database_url),
            orders: of(Role::Orders, &options.orders_database_url),
        };
        let encryption_keys = directory.path().join("encryption.keys");
        encryption_keys::ensure(&encryption_keys).unwrap();
        let mail = directory.path().join("mail");
        let parts = Parts {
            telemetry: telemetry_args,
            request_timeout: options.request_timeout,
            rate_limits: options.rate_limits,
            bcrypt_cost: options.bcrypt_cost,
            token_lifetime: options.token_lifetime,
            sign_ups: options.sign_ups.clone(),
            jobs: options.jobs.clone(),
            ..Parts::new(
                Addresses::free(),
                keys.clone(),
                databases,
                MailArgs::into_directory(&mail),
                encryption_keys,
            )
        };
        let system = Box::pin(System::start(parts)).await.unwrap_or_else(|error| panic!("{error}"));
        let addresses = system.addresses();
        Self {
            system,
            gateway: url(addresses.gateway),
            auth: url(addresses.auth),
            onboarding: url(addresses.onboarding),
            orders: url(addresses.orders),
            http: Client::new(),
            telemetry,
            keys,
            mailbox: Mailbox::at(mail),
            database,
            _directory: directory,
        }
    }

    /// `http://127.0.0.1:…`, without a slash at the end; so are the others.
    #[must_use]
    pub fn gateway_url(&self) -> &str {
        &self.gateway
    }

    /// Where the auth service speaks gRPC.
    #[must_use]
    pub fn auth_endpoint(&self) -> &str {
        &self.auth
    }

    /// Where the onboarding service speaks gRPC.
    #[must_use]
    pub fn onboarding_endpoint(&self) -> &str {
        &self.onboarding
    }

    /// Where the orders service speaks gRPC.
    #[must_use]
    pub fn orders_endpoint(&self) -> &str {
        &self.orders
    }

    /// A client with no particular manners.
    #[must_use]
    pub const fn http(&self) -> &Client {
        &self.http
    }

    /// What everything is in.
    #[must_use]
    pub const fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// The services' keys, for tokens that nobody should issue.
    #[must_use]
    pub const fn keys(&self) -> &KeyDirectory {
        &self.keys
    }

    /// The first letter to the address whose subject contains the text, as soon as it is there.
    pub async fn mail_to(&self, address: &str, subject_contains: &str) -> Letter {
        mail::wait_for(&self.mailbox, address, subject_contains).await
    }

    /// Where letters arrive.
    #[must_use]
    pub const fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Stops the gateway, then the services, and sends the last spans. Dropping the system instead gives up
    /// what is running.
    pub async fn shutdown(self) {
        let Self { system, telemetry, http, .. } = self;
        // Its idle connections would be waited for.
        drop(http);
        system.stop().await;
        if let Some(telemetry) = telemetry {
            telemetry.shutdown().await;
        }
    }
}
