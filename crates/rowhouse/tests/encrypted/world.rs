//! [`World`]: PostgreSQL, the services and the gateway, with the settings of production.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use clap::Parser;
use rowhouse_auth::Auth;
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::grpc::channel_over;
use rowhouse_chassis::health::is_serving;
use rowhouse_chassis::program::Program;
use rowhouse_chassis::shutdown::{Shutdown, Trigger};
use rowhouse_chassis::tls::CallTls;
use rowhouse_gateway::Gateway;
use rowhouse_keys::{KeyDirectory, encryption_keys};
use rowhouse_onboarding::Onboarding;
use rowhouse_orders::Orders;
use rowhouse_testkit::{CertificateAuthority, TestServer};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::files::{Files, GATEWAY};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) files: Files,
    server: TestServer,
    services: PerService<SocketAddr>,
    gateway: SocketAddr,
    running: BTreeMap<&'static str, (Trigger, JoinHandle<()>)>,
    directory: TempDir,
    keys: KeyDirectory,
}

impl World {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        keys.generate().unwrap();
        encryption_keys::ensure(&directory.path().join("encryption.keys")).unwrap();
        let listeners: Vec<_> = (0..=ServiceName::ALL.len())
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
            .collect();
        let mut addresses = listeners.iter().map(|listener| listener.local_addr().unwrap());
        let services = PerService::from_fn(|_| addresses.next().unwrap());
        let gateway = addresses.next().unwrap();
        drop(listeners);
        let mut world = Self {
            files: Files::new(),
            server: TestServer::start().await,
            services,
            gateway,
            running: BTreeMap::new(),
            directory,
            keys,
        };
        let of_database = Files::of_database(world.files.authority());
        world.server.present(&of_database, world.files.authority()).await;
        // The server reads its certificate a moment later.
        until(async || world.database_encrypts().await).await;
        for service in ServiceName::ALL {
            world.start_service(*service).await;
        }
        world.start_program::<Gateway>(world.of_gateway());
        until(async || tokio::net::TcpStream::connect(world.gateway).await.is_ok()).await;
        world
    }

    pub(crate) const fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    fn start_program<P>(&mut self, arguments: Vec<String>)
    where
        P: Program + 'static,
        P::Config: Send,
    {
        let config = P::Config::try_parse_from([vec![P::NAME.to_owned()], arguments].concat());
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let (trigger, shutdown) = Shutdown::new();
        let serving = tokio::spawn(async move {
            P::serve(config, shutdown).await.unwrap_or_else(|error| panic!("{}: {error}", P::NAME));
        });
        self.running.insert(P::NAME, (trigger, serving));
    }

    /// Starts a service, and waits until it is ready.
    async fn start_service(&mut self, service: ServiceName) {
        let arguments = self.of_service(service);
        match service {
            ServiceName::Auth => self.start_program::<Auth>(arguments),
            ServiceName::Onboarding => self.start_program::<Onboarding>(arguments),
            ServiceName::Orders => self.start_program::<Orders>(arguments),
        }
        until(async || {
            let (_, serving) = &self.running[service.program()];
            assert!(!serving.is_finished(), "{service} does not serve");
            self.is_serving(service, &self.files, GATEWAY).await
        })
        .await;
    }

    pub(crate) async fn restart(&mut self, service: ServiceName) {
        let (trigger, serving) = self.running.remove(service.program()).unwrap();
        trigger.request();
        serving.await.unwrap();
        self.start_service(service).await;
    }

    pub(crate) async fn stop(self) {
        let (triggers, serving): (Vec<_>, Vec<_>) = self.running.into_values().unzip();
        for trigger in triggers {
            trigger.request();
        }
        for serving in serving {
            serving.await.unwrap();
        }
    }

    /// Replaces the certificates of all programs and of PostgreSQL.
    pub(crate) async fn issue_from(&self, authority: &CertificateAuthority) {
        self.files.issue_from(authority);
        self.server.present(&Files::of_database(authority), authority).await;
    }

    /// Returns the value of an aggregate over the services' connections.
    pub(crate) async fn database_value(&self, aggregate: &str) -> String {
        let query = format!(
            "SELECT ({aggregate})::text FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename ~ '^rowhouse_'"
        );
        self.server.admin().await.query_one(&query, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn end_database_connections(&self) {
        self.database_value("bool_and(pg_terminate_backend(pid))").await;
    }

    async fn database_encrypts(&self) -> bool {
        let setting = "SELECT setting FROM pg_settings WHERE name = 'ssl'";
        self.server.admin().await.query_one(setting, &[]).await.unwrap().get::<_, String>(0) == "on"
    }

    async fn serves(&self, service: ServiceName, scheme: &str, tls: &CallTls) -> bool {
        let endpoint = format!("{scheme}://localhost:{}", self.services[service].port());
        is_serving(&channel_over(&endpoint, tls).unwrap(), service.health()).await
    }

    /// Returns whether a caller with these files reaches a service on a new connection.
    pub(crate) async fn is_serving(&self, service: ServiceName, files: &Files, caller: &str) -> bool {
        self.serves(service, "https", &files.calls(Some(caller))).await
    }

    pub(crate) async fn is_serving_without_certificate(&self, service: ServiceName) -> bool {
        self.serves(service, "https", &self.files.calls(None)).await
    }

    pub(crate) async fn is_serving_in_plaintext(&self, service: ServiceName) -> bool {
        self.serves(service, "http", &CallTls::default()).await
    }

    fn of_service(&self, service: ServiceName) -> Vec<String> {
        let ca = self.files.ca().display().to_string();
        let at = format!("localhost:{}", self.server.address().rsplit_once(':').unwrap().1);
        let url = self.server.url_at(service, &at);
        let url = url.replace("sslmode=disable", &format!("sslmode=verify-full&sslrootcert={ca}"));
        let mut arguments = self.of_program(service.program());
        let mut add = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
        add("listen", self.services[service].to_string());
        add("database-url", url);
        add("tls-client-ca", ca);
        add("tls-client-names", format!("{GATEWAY},{}", ServiceName::Onboarding.program()));
        if service.signs() {
            add("signing-keys", self.keys.signing_keys(service.program()).display().to_string());
        }
        if service != ServiceName::Onboarding {
            add("encryption-keys", self.directory.path().join("encryption.keys").display().to_string());
        }
        if service == ServiceName::Auth {
            add("require-verified-email", "false".to_owned());
            add("smtp-url", "smtps://mail.invalid".to_owned());
            add("mail-from", "rowhouse@example.com".to_owned());
            add("public-url", "https://app.example.com".to_owned());
        }
        if service == ServiceName::Onboarding {
            arguments.extend(self.endpoints(&[ServiceName::Auth, ServiceName::Orders]));
        }
        arguments
    }

    fn of_gateway(&self) -> Vec<String> {
        let mut arguments = self.of_program(GATEWAY);
        arguments.extend(self.endpoints(ServiceName::ALL));
        let mut add = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
        add("listen", self.gateway.to_string());
        add("http-tls-certificate", self.files.certificate(GATEWAY).display().to_string());
        add("http-tls-key", self.files.key(GATEWAY).display().to_string());
        arguments
    }

    fn of_program(&self, name: &str) -> Vec<String> {
        let arguments = [
            ("environment", "production".to_owned()),
            ("issuer", format!("https://localhost:{}", self.gateway.port())),
            ("tenant-rate-limit", "0".to_owned()),
            ("trust-dir", self.keys.trust().display().to_string()),
            ("tls-certificate", self.files.certificate(name).display().to_string()),
            ("tls-key", self.files.key(name).display().to_string()),
        ];
        arguments.into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect()
    }

    fn endpoints(&self, services: &[ServiceName]) -> Vec<String> {
        let endpoints = services.iter().flat_map(|&service| {
            [format!("--{service}-endpoint"), format!("https://localhost:{}", self.services[service].port())]
        });
        endpoints.chain(["--tls-ca".to_owned(), self.files.ca().display().to_string()]).collect()
    }
}

/// Waits until the condition is true.
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let met = async {
        while !condition().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, met).await.expect("in time");
}
