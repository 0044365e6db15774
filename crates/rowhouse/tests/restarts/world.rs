//! [`World`]: the processes, two of each program, and their database.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::grpc::channel;
use rowhouse_chassis::health::is_serving;
use rowhouse_keys::{KeyDirectory, encryption_keys};
use rowhouse_migrator::RolePasswords;
use rowhouse_postgres::{Cluster, ClusterOptions, Programs, random_password};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use crate::forwarder::Forwarder;
use crate::front::Front;
use crate::process::{Part, spawn, stop};

pub(crate) const DATABASE: &str = "rowhouse";
const INSTANCES: usize = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// The settings of the servers: a commit survives the server's processes, though not the machine.
const SETTINGS: &[(&str, &str)] =
    &[("fsync", "off"), ("full_page_writes", "off"), ("max_connections", "150"), ("shared_buffers", "32MB")];

pub(crate) struct World {
    pub(crate) front: Arc<Front>,
    pub(crate) database: Forwarder,
    pub(crate) postgres: Option<Cluster>,
    pub(crate) options: ClusterOptions,
    directory: TempDir,
    keys: KeyDirectory,
    passwords: PerService<String>,
    services: PerService<[SocketAddr; INSTANCES]>,
    gateways: [SocketAddr; INSTANCES],
    running: BTreeMap<(&'static str, usize), Child>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        // PostgreSQL may have to run as another user.
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        keys.generate().unwrap();
        encryption_keys::ensure(&directory.path().join("encryption.keys")).unwrap();
        let programs = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
        let options = ClusterOptions {
            directory: directory.path().to_owned(),
            programs: Programs::find(programs.as_deref()).unwrap(),
            password: random_password().unwrap(),
            settings: SETTINGS,
            sync: false,
        };
        let postgres = Cluster::start(&options).await.unwrap();
        let passwords = PerService::from_fn(|_| random_password().unwrap());
        let roles = RolePasswords::new(passwords.clone().map(|_, password| Some(password)));
        rowhouse_migrator::migrate(&postgres.admin_url(DATABASE), None, &roles).await.unwrap();
        let database = Forwarder::to(local(postgres.port())).await;

        // All at once, so that none is given out twice.
        let listeners: Vec<_> = (0..INSTANCES * (ServiceName::ALL.len() + 1))
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
            .collect();
        let mut addresses = listeners.iter().map(|listener| listener.local_addr().unwrap());
        let mut both = || [addresses.next().unwrap(), addresses.next().unwrap()];
        let services = PerService::from_fn(|_| both());
        let gateways = both();
        drop(listeners);

        let front = Arc::new(Front::of(gateways.iter().map(|address| format!("http://{address}"))));
        let mut world = Self {
            front,
            database,
            postgres: Some(postgres),
            options,
            directory,
            keys,
            passwords,
            services,
            gateways,
            running: BTreeMap::new(),
        };
        for part in parts() {
            for number in 0..INSTANCES {
                world.start_instance(part, number).await;
            }
        }
        world
    }

    /// Restarts one instance after the other, of each program.
    pub(crate) async fn restart_all(&mut self) {
        for part in parts() {
            for number in 0..INSTANCES {
                if part == Part::Gateway {
                    self.front.drain(number).await;
                }
                stop(self.running.remove(&(part.name(), number)).unwrap()).await;
                self.start_instance(part, number).await;
            }
        }
    }

    /// Starts an instance, and waits until it is ready.
    async fn start_instance(&mut self, part: Part, number: usize) {
        let child = spawn(part, &self.settings(part, number), &self.log(part, number));
        self.running.insert((part.name(), number), child);
        let ready = timeout(PATIENCE, self.until_ready(part, number, true)).await;
        assert!(ready.is_ok(), "{} is not ready: {}", part.name(), self.said(part, number));
        if part == Part::Gateway {
            self.front.admit(number);
        }
    }

    /// Waits until an instance reports that it is ready, or that it is not.
    pub(crate) async fn until_ready(&self, part: Part, number: usize, ready: bool) {
        let pause = Duration::from_millis(20);
        match part {
            Part::Service(service) => {
                let channel = channel(&format!("http://{}", self.services[service][number])).unwrap();
                while is_serving(&channel, service.health()).await != ready {
                    sleep(pause).await;
                }
            }
            Part::Gateway => {
                let url = format!("http://{}/readyz", self.gateways[number]);
                while reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) != ready {
                    sleep(pause).await;
                }
            }
        }
    }

    /// Returns the number of orders of each customer.
    pub(crate) async fn orders(&self) -> BTreeMap<String, i64> {
        let url = self.postgres.as_ref().unwrap().admin_url(DATABASE);
        let admin = rowhouse_migrator::connect(&url, None).await.unwrap();
        let rows = admin.query("SELECT customer, count(*) FROM orders.orders GROUP BY customer", &[]).await;
        rows.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Prints the end of each instance's output, before a test fails.
    pub(crate) fn print_output(&self) {
        for part in parts() {
            for number in 0..INSTANCES {
                eprintln!("-- {} {number}\n{}", part.name(), self.said(part, number));
            }
        }
    }

    /// Returns the end of an instance's output.
    pub(crate) fn said(&self, part: Part, number: usize) -> String {
        let said = std::fs::read_to_string(self.log(part, number)).unwrap_or_default();
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    fn log(&self, part: Part, number: usize) -> PathBuf {
        self.directory.path().join(format!("{}-{number}.log", part.name()))
    }

    fn settings(&self, part: Part, number: usize) -> Vec<(String, String)> {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        let endpoints = |service: ServiceName| {
            self.services[service].map(|address| format!("http://{address}")).join(",")
        };
        let mut settings = vec![
            ("ROWHOUSE_TRUST_DIR", self.keys.trust().display().to_string()),
            ("ROWHOUSE_ISSUER", "http://127.0.0.1:8080".to_owned()),
            ("ROWHOUSE_ENVIRONMENT", "dev".to_owned()),
            // Channels say which calls they send again, and the services when they are ready.
            ("ROWHOUSE_LOG", "warn,rowhouse_tenancy=info,rowhouse_chassis::grpc::health=info,rowhouse_chassis::grpc::channel=debug".to_owned()),
            ("ROWHOUSE_TENANT_RATE_LIMIT", "0".to_owned()),
        ];
        match part {
            Part::Gateway => settings.push(("ROWHOUSE_HTTP_LISTEN", self.gateways[number].to_string())),
            Part::Service(service) => {
                let (role, password, at) = (service.role(), &self.passwords[service], self.database.address);
                settings.extend([
                    ("ROWHOUSE_LISTEN", self.services[service][number].to_string()),
                    ("DATABASE_URL", format!("postgres://{role}:{password}@{at}/{DATABASE}?sslmode=disable")),
                ]);
                if service.signs() {
                    let keys = self.keys.signing_keys(service.program()).display().to_string();
                    settings
                        .extend([("ROWHOUSE_SIGNING_KEYS", keys), ("ROWHOUSE_BCRYPT_COST", "4".to_owned())]);
                }
                if service != ServiceName::Onboarding {
                    settings.push(("ROWHOUSE_ENCRYPTION_KEYS", path("encryption.keys")));
                }
                if service == ServiceName::Auth {
                    settings.push(("ROWHOUSE_MAIL_DIR", path("mail")));
                }
            }
        }
        let mut settings: Vec<_> =
            settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let callees: Vec<_> = match part {
            Part::Gateway => ServiceName::ALL.to_vec(),
            Part::Service(ServiceName::Onboarding) => vec![ServiceName::Auth, ServiceName::Orders],
            Part::Service(_) => Vec::new(),
        };
        settings.extend(
            callees
                .into_iter()
                .map(|service| (format!("ROWHOUSE_{}_ENDPOINT", service.in_variables()), endpoints(service))),
        );
        settings
    }
}

/// Returns the programs in the order in which they are started: those that others call first.
fn parts() -> impl Iterator<Item = Part> {
    ServiceName::ALL.iter().map(|service| Part::Service(*service)).chain([Part::Gateway])
}

pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
