//! [`World`]: PostgreSQL, the services and the gateway, with the settings of production.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::grpc::channel_over;
use rowhouse_chassis::health::is_serving;
use rowhouse_chassis::tls::CallTls;
use rowhouse_testkit::{
    CertificateAuthority, Processes, ProgramName, Settings, TestServer, own_address, stop_process, until,
};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::task::JoinSet;

use crate::files::Files;

pub(crate) struct World {
    pub(crate) files: Files,
    server: TestServer,
    processes: Processes,
    services: PerService<SocketAddr>,
    gateway: SocketAddr,
    running: BTreeMap<ProgramName, Child>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let mut world = Self {
            files: Files::new(),
            server: TestServer::start().await,
            processes: Processes::new(),
            services: PerService::from_fn(|_| own_address()),
            gateway: own_address(),
            running: BTreeMap::new(),
        };
        let of_database = Files::of_database(world.files.authority());
        world.server.present(&of_database, world.files.authority()).await;
        // The server reads its certificate a moment later.
        until(async || world.database_encrypts().await).await;
        for program in ProgramName::all() {
            world.start_program(program).await;
        }
        world
    }

    pub(crate) const fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// Starts a program, and waits until it is ready.
    async fn start_program(&mut self, program: ProgramName) {
        let mut child = self.processes.start(program, 0, &self.settings(program));
        until(async || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{program} does not serve: {}", self.processes.output(program, 0));
            match program {
                ProgramName::Service(service) => {
                    self.is_serving(service, &self.files, ProgramName::Gateway).await
                }
                ProgramName::Gateway => TcpStream::connect(self.gateway).await.is_ok(),
            }
        })
        .await;
        self.running.insert(program, child);
    }

    pub(crate) async fn restart(&mut self, service: ServiceName) {
        let program = ProgramName::Service(service);
        stop_process(self.running.remove(&program).unwrap()).await;
        self.start_program(program).await;
    }

    pub(crate) async fn stop(self) {
        self.running.into_values().map(stop_process).collect::<JoinSet<_>>().join_all().await;
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
        let endpoint = format!("{scheme}://{}", self.services[service]);
        is_serving(&channel_over(&endpoint, tls).unwrap(), service.health()).await
    }

    /// Returns whether a caller with these files reaches a service on a new connection.
    pub(crate) async fn is_serving(&self, service: ServiceName, files: &Files, caller: ProgramName) -> bool {
        self.serves(service, "https", &files.calls(Some(caller))).await
    }

    pub(crate) async fn is_serving_without_certificate(&self, service: ServiceName) -> bool {
        self.serves(service, "https", &self.files.calls(None)).await
    }

    pub(crate) async fn is_serving_in_plaintext(&self, service: ServiceName) -> bool {
        self.serves(service, "http", &CallTls::default()).await
    }

    fn settings(&self, program: ProgramName) -> Settings {
        let listen = match program {
            ProgramName::Service(service) => self.services[service],
            ProgramName::Gateway => self.gateway,
        };
        let ca = self.files.ca().display().to_string();
        let (certificate, key) = (self.files.certificate(program), self.files.key(program));
        let settings = self
            .processes
            .settings(program, listen)
            .without("ROWHOUSE_BCRYPT_COST")
            .with("ROWHOUSE_ENVIRONMENT", "production")
            .with("ROWHOUSE_ISSUER", format!("https://{}", self.gateway))
            .with("ROWHOUSE_TENANT_RATE_LIMIT", 0)
            .with("ROWHOUSE_TLS_CERTIFICATE", certificate.display())
            .with("ROWHOUSE_TLS_KEY", key.display())
            .with("ROWHOUSE_TLS_CA", &ca)
            .with_endpoints(program, |callee| format!("https://{}", self.services[callee]));
        let ProgramName::Service(service) = program else {
            return settings
                .with("ROWHOUSE_HTTP_TLS_CERTIFICATE", certificate.display())
                .with("ROWHOUSE_HTTP_TLS_KEY", key.display());
        };
        let callers = ProgramName::all().filter(|caller| caller.callees().contains(&service));
        let callers: Vec<_> = callers.map(|caller| caller.to_string()).collect();
        let url = self.server.url(service);
        let url = url.replace("sslmode=disable", &format!("sslmode=verify-full&sslrootcert={ca}"));
        let settings = settings
            .with("DATABASE_URL", url)
            .with("ROWHOUSE_TLS_CLIENT_CA", &ca)
            .with("ROWHOUSE_TLS_CLIENT_NAMES", callers.join(","));
        if service != ServiceName::Auth {
            return settings;
        }
        settings
            .without("ROWHOUSE_MAIL_DIR")
            .with("ROWHOUSE_REQUIRE_VERIFIED_EMAIL", false)
            .with("ROWHOUSE_SMTP_URL", "smtps://mail.invalid")
            .with("ROWHOUSE_MAIL_FROM", "rowhouse@example.com")
            .with("ROWHOUSE_PUBLIC_URL", "https://app.example.com")
    }
}
